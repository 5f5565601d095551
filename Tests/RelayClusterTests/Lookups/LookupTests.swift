import RelayCluster
import RelayCore
import Testing

private func name(_ number: Int) -> StreamName { try! StreamName(app: "live", name: "\(number)") }
private func at(_ milliseconds: Int) -> MonotonicTime { .zero + .milliseconds(milliseconds) }

@Suite("Unknown streams")
struct NegativeCacheTests {
    @Test("are remembered for about two seconds, each for a time of its own")
    func ttl() {
        var cache = NegativeCache(seed: 1)
        for number in 0..<500 { cache.note(name(number), now: .zero) }
        #expect((0..<500).allSatisfy { cache.contains(name($0), now: at(1_499)) })
        let left = (0..<500).filter { cache.contains(name($0), now: at(2_000)) }.count
        #expect((200...300).contains(left))
        #expect(!(0..<500).contains { cache.contains(name($0), now: at(2_500)) })
        #expect(!cache.contains(name(1_000), now: .zero))
    }

    @Test("are forgotten when they come into being")
    func forgets() {
        var cache = NegativeCache(seed: 1)
        cache.note(name(1), now: .zero)
        cache.forget(name(1))
        #expect(!cache.contains(name(1), now: .zero))
        cache.note(name(1), now: .zero)
        #expect(cache.contains(name(1), now: .zero))
    }

    @Test("are at most ten thousand, the oldest going first")
    func bounded() {
        var cache = NegativeCache(seed: 1)
        for number in 0..<25_000 {
            cache.note(name(number), now: at(1))
            cache.note(name(24_999), now: at(1))
        }
        #expect(cache.count == NegativeCache.maximumNames)
        #expect(cache.contains(name(24_998), now: at(2)))
        #expect(cache.contains(name(24_999), now: at(2)))
        #expect(!cache.contains(name(14_999), now: at(2)))
        cache.note(name(1), now: at(10_000))
        #expect(cache.count == 1)
    }
}

@Suite("The lookup budget")
struct LookupBudgetTests {
    @Test("admits exactly its limit in every window, whatever the load", arguments: [1, 2, 3])
    func exact(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var window = SlidingWindow(limit: 20, window: .seconds(1))
        var admitted: [MonotonicTime] = []
        var now = MonotonicTime.zero
        var refusedWithRoom = 0
        for _ in 0..<20_000 {
            now = now + .microseconds(random.below(random.chance(20) ? 200_000 : 20_000))
            let inWindow = admitted.reversed().prefix { $0 + .seconds(1) > now }.count
            let isTaken = window.take(now: now)
            if isTaken {
                #expect(inWindow < 20)
                admitted.append(now)
            } else if inWindow < 20 {
                refusedWithRoom += 1
            }
        }
        #expect(refusedWithRoom == 0)
        #expect(admitted.count > 1_000)
    }

    @Test("limits each address, and all of them together")
    func addresses() {
        var budget = LookupBudget(perNode: 100, perAddress: 10)
        let one = (0..<50).filter { _ in budget.take(address: "192.0.2.1", now: .zero) }.count
        #expect(one == 10)
        let others = (0..<500).filter { budget.take(address: "192.0.2.\($0 % 200)", now: .zero) }.count
        #expect(others == 90)
        let (late, next) = (
            budget.take(address: "198.51.100.1", now: at(999)), budget.take(address: "198.51.100.1", now: at(1_000))
        )
        #expect(!late && next)
    }

    @Test("remembers no more addresses than it admits in two windows, whoever asks")
    func bounded() {
        var budget = LookupBudget(perNode: 100, perAddress: 10)
        for index in 0..<200_000 {
            _ = budget.take(address: "a\(index)", now: .zero + .microseconds(index * 100))
            #expect(budget.addressCount <= 200)
        }
    }

    @Test("admits nothing with a limit of none")
    func none() {
        var window = SlidingWindow(limit: 0, window: .seconds(1))
        let isTaken = window.take(now: .zero)
        #expect(!isTaken)
    }
}

@Suite("What was known of streams")
struct LastKnownLocationsTests {
    private func lookup(_ epoch: UInt64) -> StreamLookup {
        let owner = ParentSelectionTests.record("owner")
        return StreamLookup(location: ParentSelectionTests.location(owner, epoch: epoch), lastEpoch: epoch)
    }

    @Test("is given with its age, and never replaced by an answer that says less or older")
    func age() {
        var known = LastKnownLocations()
        #expect(known.last(of: name(1), now: .zero) == nil)
        known.note(lookup(5), of: name(1), now: .zero)
        known.note(StreamLookup(), of: name(1), now: at(500))
        known.note(lookup(4), of: name(1), now: at(600))
        let last = known.last(of: name(1), now: at(1_000))
        #expect(last?.lookup.location?.epoch == 5)
        #expect(last?.age == .seconds(1))
        known.note(lookup(6), of: name(1), now: at(2_000))
        #expect(known.last(of: name(1), now: at(2_000))?.lookup.location?.epoch == 6)
        known.forget(name(1))
        #expect(known.last(of: name(1), now: at(2_000)) == nil)
        #expect(known.highestEpoch(of: name(1), now: at(2_000)) == 6)
    }

    @Test("keeps the highest epoch for a day")
    func epochs() {
        var known = LastKnownLocations()
        known.note(epoch: 9, of: name(1), now: .zero)
        known.note(epoch: 3, of: name(1), now: at(1_000))
        let day = MonotonicTime.zero + .seconds(24 * 3_600)
        #expect(known.highestEpoch(of: name(1), now: day - .milliseconds(1)) == 9)
        #expect(known.highestEpoch(of: name(1), now: day) == 0)
        known.note(lookup(3), of: name(1), now: day)
        #expect(known.last(of: name(1), now: day)?.lookup.location?.epoch == 3)
    }

    @Test("is bounded")
    func bounded() {
        var known = LastKnownLocations(maximumLookups: 10, maximumEpochs: 20)
        for number in 0..<100 { known.note(lookup(5), of: name(number), now: .zero) }
        #expect(known.count == 10)
        #expect((0..<100).filter { known.highestEpoch(of: name($0), now: .zero) == 5 } == Array(80..<100))
    }
}
