import RelayCluster
import RelayCore
import Testing

@Suite("What the autoscaler keeps, in memory")
struct ScalingTableTests {
    private let wall: Int64 = 1_700_000_000_000

    private func document(_ epoch: UInt64, _ text: String = "{}") -> ScalingDocument {
        ScalingDocument(epoch: epoch, json: text)
    }

    @Test("a later epoch stands against lower ones for as long as a fence, and not after it")
    func fence() {
        var table = ScalingTable()
        let end = MonotonicTime.zero + ScalingLimits.fence
        #expect(table.store(document(1_000), of: .edge, now: .zero) == true)
        #expect(table.store(document(7), of: .edge, now: end - .milliseconds(1)) == false)
        #expect(table.store(document(7), of: .edge, now: end) == true)
        #expect(table.state(of: .edge)?.epoch == 7)
    }

    @Test("a writer of the higher epoch that goes on keeps the lower one out")
    func renewedFence() {
        var table = ScalingTable()
        var now = MonotonicTime.zero
        for _ in 0..<10 {
            #expect(table.store(document(8), of: .edge, now: now) == true)
            now = now + ScalingLimits.fence * 0.9
            #expect(table.store(document(7), of: .edge, now: now) == false)
        }
    }

    @Test("history is forgotten after a day, by the instant that is asked for, and beyond 20,000 decisions")
    func history() {
        var table = ScalingTable()
        func log(_ text: String, after: Duration) {
            table.log(
                document(1, text), of: .edge, isKept: true, wallMilliseconds: wall + after.wholeMilliseconds,
                now: .zero + after)
        }
        log("first", after: .zero)
        log("second", after: .seconds(3_600))
        let later = MonotonicTime.zero + .seconds(7_200)
        #expect(table.decisions(of: .edge, until: nil, limit: 9, now: later) == ["first", "second"])
        #expect(table.decisions(of: .edge, until: wall + 3_599_999, limit: 9, now: later) == ["first"])
        let nextDay = MonotonicTime.zero + ScalingLimits.history
        #expect(table.decisions(of: .edge, until: nil, limit: 9, now: nextDay) == ["second"])

        for index in 0..<25_000 { log("\(index)", after: .seconds(7_200)) }
        let all = table.decisions(of: .edge, until: nil, limit: .max, now: later)
        #expect(all.count == ScalingLimits.maximumDecisions)
        #expect(all.last == "24999")
    }
}
