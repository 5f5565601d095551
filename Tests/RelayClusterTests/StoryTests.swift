import RelayCluster
import RelayCore
import Testing

/// Stories that broke other clusters, as far as they are told by the machines here.
@Suite("Stories of clusters that broke")
struct StoryTests {
    typealias Pull = PullHarness
    typealias Ownership = OwnershipHarness

    private let name = OwnershipHarness.stream
    private let wall: Int64 = 1_700_000_000_000

    private func node(_ name: String, _ token: String) -> NodeRecord {
        NodeRecord(
            id: NodeID(name)!, token: token, role: .origin, state: .serving,
            link: Endpoint(host: "10.0.0.1", port: 1985))
    }

    private func claim(
        _ node: NodeRecord, in table: inout RegistryTable, _ mode: StreamClaim.Mode = .ifFree, now: MonotonicTime
    ) -> ClaimAnswer {
        let location = StreamLocation(
            stream: name, owner: node.id, token: node.token, incarnation: Incarnation(epoch: 0, id: 7), state: .live,
            link: node.link!, startWallMilliseconds: wall)
        return table.claim(
            StreamClaim(location: location, floor: 0, mode: mode),
            wallMilliseconds: wall + (now - .zero).wholeMilliseconds,
            now: now)
    }

    @Test("a: an edge finds a stream again after its origin restarted and its entry had vanished")
    func vanishedEntry() {
        var harness = Pull.flowing()
        harness.pull.failed(attempt: 1, now: harness.now)
        // The registry knows nothing for the better part of a minute, and no news come.
        for _ in 0..<110 {
            _ = harness.answering(.notFound)
            harness.pass(.milliseconds(500))
        }
        #expect(!harness.pull.isOver)
        var seen = harness.answering(Pull.found(6, Pull.origin))
        for _ in 0..<6 where seen.isEmpty {
            harness.pass(.milliseconds(500))
            seen = harness.answering(Pull.found(6, Pull.origin))
        }
        #expect(seen == [.subscribe(attempt: 2, Pull.origin)])
        harness.pull.accepted(attempt: 2, epoch: 6, now: harness.now)
        harness.pull.frames(attempt: 2, now: harness.now)
        harness.expect(.adopt(attempt: 2))
        #expect(harness.pull.phase == .flowing(Pull.origin))
    }

    @Test("b: two origins do not fight over a stream: the one that lost neither writes nor removes it")
    func twoOrigins() throws {
        var table = RegistryTable()
        let (one, two) = (node("one", "t1"), node("two", "t2"))
        var now = MonotonicTime.zero
        for record in [one, two] {
            _ = table.renew(record, report: nil, ttl: .seconds(10), wallMilliseconds: wall, now: now)
        }
        guard case .granted(let first) = claim(one, in: &table, now: now),
            case .granted(let second) = claim(two, in: &table, .over(epoch: first.epoch), now: now)
        else {
            Issue.record("not granted")
            return
        }
        var loser = StreamOwnership(me: one.id, token: one.token)
        loser.publisherAsks(isBackup: false, now: now)
        loser.claimed(.success(.granted(first)), now: now)
        while loser.nextAction() != nil {}
        var losses = 0
        for _ in 0..<100 {
            now = now + .milliseconds(500)
            for record in [one, two] {
                #expect(
                    table.renew(record, report: nil, ttl: .seconds(10), wallMilliseconds: wall, now: now)
                        == .renewed(wasAbsent: false, wallMilliseconds: wall, wish: nil))
            }
            if let location = loser.location, let standing = table.restore([location], now: now)[name.description] {
                loser.standing(against: standing, now: now)
            }
            while let action = loser.nextAction() {
                switch action {
                case .lose(let owner, let epoch):
                    losses += 1
                    #expect(owner == two.id && epoch == second.epoch)
                case .withdraw, .write: Issue.record("the loser did \(action)")
                default: break
                }
            }
            table.withdraw(name.description, token: one.token, epoch: first.epoch, now: now)
            #expect(table.locate(name.description, now: now).location == second)
        }
        #expect(losses == 1)
    }

    @Test("c: viewing goes on for a day without the registry, and new viewers of a known stream are served")
    func registryAway() {
        var harness = Pull.flowing()
        for minute in 0..<(24 * 60) {
            harness.now = .zero + .seconds(minute * 60)
            harness.pull.frames(attempt: 1, now: harness.now)
            if let due = harness.pull.nextDeadline, due <= harness.now { harness.pull.timerFired(now: harness.now) }
            #expect(harness.answering(.unavailable).allSatisfy { if case .subscribe = $0 { true } else { false } })
            harness.pull.frames(attempt: 1, now: harness.now)
        }
        #expect(harness.pull.phase == .flowing(Pull.origin))

        var known = LastKnownLocations()
        let owner = ParentSelectionTests.record("owner")
        known.note(
            ParentSelectionTests.lookup(owner: owner, []), of: name, now: .zero)
        let later = MonotonicTime.zero + .seconds(3_600)
        let last = known.last(of: name, now: later)
        #expect(last?.age == .seconds(3_600))
        let sources = ParentSelection.order(
            lookup: last?.lookup ?? StreamLookup(), me: ParentSelectionTests.record("me"),
            breakers: ParentBreakers(seed: 1),
            sticky: nil, seen: 5, maxHops: 4, isAllowed: { _ in true }, now: later
        ).map { PullSource.parent($0) }
        var pull = Pull(highestEpoch: known.highestEpoch(of: name, now: later))
        pull.pull.resolved(.found(epoch: 5, sources: sources, age: .seconds(3_600)), now: pull.now)
        #expect(pull.actions().count == 2)
        #expect(pull.pull.attempts == 1)
    }

    @Test("d: a viewer that comes right after the last one left is served at once")
    func nextViewer() {
        for gap in [0, 1, 1_000, 2_500, 29_000] {
            var harness = Pull.flowing()
            harness.pull.demand(0, now: harness.now)
            harness.flow(1, for: .milliseconds(gap))
            harness.pull.demand(1, now: harness.now)
            #expect(harness.pull.phase == .flowing(Pull.origin), "after \(gap) ms")
            harness.expect()
        }
        // Also when the stream was only being looked up as the viewer left.
        var harness = Pull()
        harness.pull.demand(0, now: harness.now)
        harness.pull.demand(1, now: harness.now)
        harness.pull.resolved(Pull.found(5, Pull.origin), now: harness.now)
        harness.expect(.resolve, .subscribe(attempt: 1, Pull.origin))
    }

    @Test("e: an edge notices that a stream was unpublished, whichever way it learns of it")
    func unpublished() {
        var told = Pull.flowing()
        told.pull.ended(attempt: 1, isFinished: true, now: told.now)
        told.expect(.end(.streamEnded))

        var holding = Pull.flowing()
        holding.pull.failed(attempt: 1, now: holding.now)
        _ = holding.actions()
        holding.pull.changed(epoch: 5, isGone: true, now: holding.now)
        holding.expect(.end(.streamEnded))

        var newsFirst = Pull.flowing()
        newsFirst.pull.changed(epoch: 5, isGone: true, now: newsFirst.now)
        newsFirst.expect()
        newsFirst.pull.failed(attempt: 1, now: newsFirst.now)
        newsFirst.expect(.end(.streamEnded))

        // The link lives and is silent: the registry's word is enough.
        var silent = Pull.flowing()
        silent.pull.changed(epoch: 5, isGone: true, now: silent.now)
        silent.pass(.milliseconds(1_000))
        silent.expect(.resolve)
        silent.pull.resolved(.notFound, now: silent.now)
        silent.expect(.cancel(attempt: 1), .end(.streamEnded))

        // No news at all, no link: viewers are not kept for ever.
        var lost = Pull.flowing()
        lost.pull.failed(attempt: 1, now: lost.now)
        for _ in 0..<130 {
            _ = lost.answering(.notFound)
            lost.pass(.milliseconds(500))
        }
        #expect(lost.pull.phase == .over(.sourceLost))
    }

    @Test("f: a stream does not stay busy: neither with a dead publisher, a dead owner, nor a claim nobody waits for")
    func neverBusy() {
        var table = RegistryTable()
        let (one, two) = (node("one", "t1"), node("two", "t2"))
        for record in [one, two] {
            _ = table.renew(record, report: nil, ttl: .seconds(10), wallMilliseconds: wall, now: .zero)
        }
        guard case .granted(var held) = claim(one, in: &table, now: .zero) else {
            Issue.record("not granted")
            return
        }
        // Its publisher is lost: anyone may have it.
        held.state = .waiting
        #expect(table.restore([held], now: .zero).isEmpty)
        guard case .granted(let second) = claim(two, in: &table, now: .zero) else {
            Issue.record("a stream that waits is busy")
            return
        }
        // Its owner is dead: anyone may have it when the lease is over.
        #expect(claim(one, in: &table, now: .zero + .seconds(9)) == .held(second))
        guard case .granted = claim(one, in: &table, now: .zero + .seconds(10)) else {
            Issue.record("a dead owner's stream is busy")
            return
        }
        // And before, when the owner does not answer; the publisher that asked is not told that it is busy.
        var own = Ownership()
        own.own.publisherAsks(isBackup: false, now: own.now)
        own.held(5)
        own.own.probed(.gone, now: own.now)
        own.granted(6)
        #expect(own.own.phase == .owned(epoch: 6))
    }
}
