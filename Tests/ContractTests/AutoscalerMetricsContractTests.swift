import RelayCluster
import RelayScaling
import Testing

@testable import RelayNode

@Suite("Contract: metrics of the autoscaler")
struct AutoscalerMetricsContractTests {
    @Test("Names, types, words and labels of the autoscaler's metrics stay as they are")
    func names() throws {
        var decision = Decision(
            tier: .edge, wallMilliseconds: 0, epoch: 1, mode: .on, current: 2, target: 3, reason: "event.final")
        decision.blocks = [.init(code: "rollout", text: "")]
        decision.accuracy = LiveAccuracy(sda: 97, lastValue: 70, overloadedMinutes: 0, overProvision: 2, epochs: 1_000)
        let text = AutoscalerMetrics.render(
            [
                .init(
                    tier: .edge, desired: 3, decision: decision, ticks: 1, tickSeconds: 0,
                    failures: ["platform_away": 1])
            ],
            isLeader: true, epoch: 1, isRegistryUp: true, nodes: 2, process: ProcessFigures())
        // Values are nobody's contract; what is left of a sample is its name and its labels.
        let lines = text.split(separator: "\n").map { line in
            line.hasPrefix("#") ? line : line.prefix(upTo: line.lastIndex(of: " ") ?? line.endIndex)
        }
        try Golden.expect(lines.joined(separator: "\n") + "\n", matches: "metrics-autoscaler.txt")
    }

    @Test("What an operator called an event never becomes a label")
    func eventNames() {
        #expect(AutoscalerMetrics.label("event.\"}\n") == "event")
        #expect(AutoscalerMetrics.label("reactive.viewers") == "reactive.viewers")
        #expect(AutoscalerMetrics.label("a\"b\\c") == "abc")
    }
}
