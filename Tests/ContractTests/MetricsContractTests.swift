import RelayAPI
import RelayCore
import Testing

@testable import RelayNode

@Suite("Contract: metrics")
struct MetricsContractTests {
    @Test("Names, types, words and labels of the metrics stay as they are")
    func names() throws {
        let status = NodeStatus(
            node: "n", role: "standalone", state: "running", version: "0", uptimeSeconds: 0, listeners: [:], streams: 0,
            publishers: 0, viewers: 0, connections: 0, maxConnections: 0, bytesIn: 0, bytesOut: 0, bitrateIn: 0,
            bitrateOut: 0, loops: [LoopStatus(index: 0, busy: 0, flushIntervalMs: 0, viewers: 0)])
        let text = MetricsText.render(
            NodeMetrics(
                status: status, isReady: true, viewersByTransport: [:], ledger: LossLedger(), framesIn: 0, framesOut: 0,
                joins: 0, slowDisconnects: 0, rejects: [.init(transport: .rtmp, code: RelayCode.badAMF.number): 1],
                refused: [RelayCode.tooManyViewers.number: 1], process: ProcessFigures(),
                cluster: ClusterFigures()))
        // Values are nobody's contract; what is left of a sample is its name and its labels.
        let lines = text.split(separator: "\n").map { line in
            line.hasPrefix("#") ? line : line.prefix(upTo: line.lastIndex(of: " ") ?? line.endIndex)
        }
        try Golden.expect(lines.joined(separator: "\n") + "\n", matches: "metrics.txt")
    }
}
