import RelayCluster
import RelayCore
import Testing

@Suite("A pull under any events")
struct StreamPullRandomTests {
    @Test("keeps its bounds in ten thousand random lives", arguments: [1, 2, 3, 4])
    func bounds(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for life in 0..<2_500 {
            var harness = PullHarness(seed: random.next())
            var open: [Int] = []
            var adopted: Int?
            var ended = false
            var subscribed = 0
            for _ in 0..<120 {
                if let gone = event(&harness, open, &random) {
                    open.removeAll { $0 == gone }
                    if adopted == gone { adopted = nil }
                }
                for action in harness.actions() {
                    #expect(!ended, "an action after the end, life \(life)")
                    switch action {
                    case .resolve, .hold: break
                    case .subscribe(let number, _):
                        subscribed += 1
                        #expect(number == subscribed)
                        open.append(number)
                    case .cancel(let number):
                        open.removeAll { $0 == number }
                        if adopted == number { adopted = nil }
                    case .adopt(let number):
                        #expect(open.contains(number) || number == adopted)
                        adopted = number
                    case .end, .release:
                        ended = true
                    }
                }
                #expect(open.count <= 2)
                #expect(adopted == harness.pull.adopted)
                let allowed = 4 + Int((harness.now - .zero) / .milliseconds(500))
                #expect(subscribed <= allowed)
            }
        }
    }

    /// - Returns: The attempt that its source or its link ended.
    private func event(_ harness: inout PullHarness, _ open: [Int], _ random: inout SeededGenerator) -> Int? {
        var gone: Int?
        let number = open.isEmpty ? 1 : open[random.below(open.count)]
        let epoch = UInt64(1 + random.below(6))
        let sources = [PullHarness.origin, PullHarness.other, PullHarness.third]
        switch random.below(15) {
        case 0: harness.pull.demand(random.below(3), now: harness.now)
        case 1, 2:
            harness.pull.resolved(
                .found(
                    epoch: epoch, sources: Array(sources.shuffled(using: &random).prefix(random.below(4))), age: .zero),
                now: harness.now)
        case 3: harness.pull.resolved(random.chance(50) ? .notFound : .unavailable, now: harness.now)
        case 4, 5: harness.pull.accepted(attempt: number, epoch: epoch, now: harness.now)
        case 6:
            gone = number
            harness.pull.refused(attempt: number, PullRefusal.allCases.randomElement(using: &random)!, now: harness.now)
        case 7:
            gone = number
            harness.pull.failed(attempt: number, now: harness.now)
        case 8, 9: harness.pull.frames(attempt: number, now: harness.now)
        case 10: harness.pull.suspect(attempt: number, now: harness.now)
        case 11: harness.pull.recovered(attempt: number, now: harness.now)
        case 12:
            gone = number
            harness.pull.ended(attempt: number, isFinished: random.chance(20), now: harness.now)
        case 13: harness.pull.changed(epoch: epoch, isGone: random.chance(20), now: harness.now)
        default: harness.pass(random.milliseconds(1...900))
        }
        if random.chance(5), gone == nil { harness.pull.goingAway(attempt: number, now: harness.now) }
        if random.chance(5) { harness.pull.reachable(now: harness.now) }
        harness.pass(random.milliseconds(0...20))
        return gone
    }
}
