import RelayCluster
import RelayCore
import Testing

@Suite("The registry in memory")
struct RegistryTableTests {
    private let name = "live/one"
    private let wall: Int64 = 1_700_000_000_000
    private let one = ParentSelectionTests.record("one")
    private let two = ParentSelectionTests.record("two")

    private func table() -> RegistryTable {
        var table = RegistryTable()
        for record in [one, two] {
            _ = table.renew(record, report: nil, ttl: .seconds(10), wallMilliseconds: wall, now: .zero)
        }
        _ = table.takeNews()
        return table
    }

    private func claim(
        _ node: NodeRecord, _ mode: StreamClaim.Mode = .ifFree, floor: UInt64 = 0, wall: Int64? = nil
    ) -> (inout RegistryTable) -> ClaimAnswer {
        { table in
            table.claim(
                StreamClaim(location: ParentSelectionTests.location(node, epoch: 0), floor: floor, mode: mode),
                wallMilliseconds: wall ?? self.wall, now: .zero)
        }
    }

    private func granted(_ answer: ClaimAnswer) throws -> StreamLocation {
        guard case .granted(let location) = answer else { throw NotGranted() }
        return location
    }

    private struct NotGranted: Error {}

    @Test("grants epochs above the one remembered, the one that stands, the floor, and the wall clock")
    func epochs() throws {
        var table = table()
        #expect(try granted(claim(one)(&table)).epoch == UInt64(wall) + 1)
        #expect(try granted(claim(one, wall: 0)(&table)).epoch == UInt64(wall) + 2)
        #expect(try granted(claim(one, floor: UInt64(wall) + 100, wall: -5)(&table)).epoch == UInt64(wall) + 101)
        table.withdraw(ParentSelectionTests.stream.description, token: one.token, epoch: UInt64(wall) + 101, now: .zero)
        #expect(try granted(claim(two, wall: 0)(&table)).epoch == UInt64(wall) + 102)
    }

    @Test("gives a stream away only over the epoch that stands")
    func over() throws {
        var table = table()
        let first = try granted(claim(one)(&table))
        #expect(claim(two)(&table) == .held(first))
        #expect(claim(two, .over(epoch: first.epoch - 1))(&table) == .held(first))
        let second = try granted(claim(two, .over(epoch: first.epoch))(&table))
        #expect(claim(one, .over(epoch: first.epoch))(&table) == .held(second))
    }

    @Test("does not take back an epoch that was passed and withdrawn while its owner stood still")
    func passed() throws {
        var table = table()
        let first = try granted(claim(one)(&table))
        let second = try granted(claim(two, .over(epoch: first.epoch))(&table))
        table.withdraw(name, token: two.token, epoch: second.epoch, now: .zero)
        let against = table.restore([first], now: .zero)[name]
        #expect(against?.epoch == second.epoch)
        #expect(against?.token == "")
        #expect(table.locate(name, now: .zero).location == nil)
        // Emptied, it knows of nothing, and believes.
        var empty = RegistryTable()
        #expect(empty.restore([first], now: .zero).isEmpty)
    }

    @Test("believes a location only while its owner's lease lives, under the same token")
    func leases() throws {
        var table = table()
        let location = try granted(claim(one)(&table))
        #expect(table.locate(name, now: .zero + .seconds(9)).location == location)
        let late = table.locate(name, now: .zero + .seconds(10))
        #expect(late.location == nil && late.isOrphaned && late.lastEpoch == location.epoch)
        var namesake = one
        namesake.token = "another life"
        namesake.link?.port = 1
        let rival = table.renew(namesake, report: nil, ttl: .seconds(10), wallMilliseconds: 0, now: .zero + .seconds(9))
        #expect(rival == .taken)
        _ = table.renew(namesake, report: nil, ttl: .seconds(10), wallMilliseconds: 0, now: .zero + .seconds(10))
        #expect(table.locate(name, now: .zero + .seconds(11)).location == nil)
    }

    @Test("gives a name at once to a process that listens where the one before it did")
    func restart() throws {
        var table = table()
        _ = try granted(claim(one)(&table))
        var reborn = one
        reborn.token = "another life"
        let renewal = table.renew(reborn, report: nil, ttl: .seconds(10), wallMilliseconds: 0, now: .zero + .seconds(1))
        #expect(renewal == .renewed(wasAbsent: true, wallMilliseconds: 0, wish: nil))
        #expect(table.locate(name, now: .zero + .seconds(1)).location == nil)
    }

    @Test("tells of claims, changes and ends in order")
    func news() throws {
        var table = table()
        var location = try granted(claim(one)(&table))
        location.state = .waiting
        _ = table.restore([location], now: .zero)
        _ = table.restore([location], now: .zero)
        table.withdraw(name, token: one.token, epoch: location.epoch, now: .zero)
        table.release(one)
        let epoch = location.epoch
        #expect(
            table.takeNews() == [
                .stream(name, epoch: epoch, owner: one.id, isGone: false),
                .stream(name, epoch: epoch, owner: one.id, isGone: false),
                .stream(name, epoch: epoch, owner: one.id, isGone: true), .node(one.id),
            ])
        #expect(table.takeNews().isEmpty)
    }

    @Test("forgets what died a day ago, and not before")
    func sweep() throws {
        var table = table()
        let location = try granted(claim(one)(&table))
        func beat(at now: MonotonicTime) {
            _ = table.renew(two, report: nil, ttl: .seconds(10), wallMilliseconds: 0, now: now)
        }
        let hour = Duration.seconds(3_600)
        for count in 1...23 { beat(at: .zero + hour * count) }
        #expect(table.streams(limit: 10) == [location])
        for count in 24...26 { beat(at: .zero + hour * count) }
        #expect(table.streams(limit: 10).isEmpty)
        #expect(table.locate(name, now: .zero + hour * 26).lastEpoch == location.epoch)
        for count in 27...60 { beat(at: .zero + hour * count) }
        #expect(table.locate(name, now: .zero + hour * 60).lastEpoch == 0)
    }

    @Test("keeps the newest ten thousand events, and finds those after one")
    func events() {
        var table = RegistryTable()
        for number in 0..<25_000 {
            table.append(ClusterEvent(node: one.id, kind: "x", stream: nil, text: "\(number)"), wallMilliseconds: wall)
        }
        let all = table.events(after: nil, limit: 100_000)
        #expect((10_000...11_000).contains(all.count))
        #expect(all.last?.text == "24999")
        #expect(table.events(after: all[all.count - 3].id, limit: 1).map(\.text) == ["24998"])
        #expect(table.events(after: "nonsense", limit: 5).isEmpty)
    }
}
