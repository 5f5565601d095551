import RelayCluster
import RelayCore
import Testing

/// The ownership of one stream at the origin `me`, and what it asked for.
struct OwnershipHarness {
    static let stream = try! StreamName(app: "live", name: "one")
    static let me = NodeID("me")!
    static let other = NodeID("other")!

    var own: StreamOwnership
    var now = MonotonicTime.zero

    init(_ policy: StreamOwnership.Policy = .reject, highestEpoch: UInt64 = 0) {
        var settings = StreamOwnership.Settings()
        settings.policy = policy
        own = StreamOwnership(settings: settings, me: Self.me, token: "mine", highestEpoch: highestEpoch)
    }

    static func location(
        _ epoch: UInt64, owner: NodeID = me, token: String? = nil, state: StreamLocation.State = .live
    ) -> StreamLocation {
        StreamLocation(
            stream: stream, owner: owner, token: token ?? (owner == me ? "mine" : "theirs"),
            incarnation: Incarnation(epoch: epoch, id: epoch), state: state,
            link: Endpoint(host: "10.0.0.1", port: 1985),
            startWallMilliseconds: 0)
    }

    mutating func expect(_ expected: StreamOwnership.Action..., at location: SourceLocation = #_sourceLocation) {
        var got: [StreamOwnership.Action] = []
        while let action = own.nextAction() { got.append(action) }
        #expect(got == expected, sourceLocation: location)
    }

    mutating func granted(_ epoch: UInt64) { own.claimed(.success(.granted(Self.location(epoch))), now: now) }
    mutating func held(_ epoch: UInt64) {
        own.claimed(.success(.held(Self.location(epoch, owner: Self.other))), now: now)
    }
    mutating func away() { own.claimed(.failure(.unavailable("")), now: now) }
    static func sends(_ epoch: UInt64, age: Duration = .milliseconds(40)) -> StreamOwnership.LinkState {
        .alive(hasPublisher: true, epoch: epoch, frameAge: age)
    }

    /// Owned with this epoch.
    static func owning(_ epoch: UInt64 = 5, _ policy: StreamOwnership.Policy = .reject) -> OwnershipHarness {
        var harness = OwnershipHarness(policy)
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.granted(epoch)
        while harness.own.nextAction() != nil {}
        return harness
    }

    /// Standing by for an owner of this epoch.
    static func standing(_ epoch: UInt64 = 5) -> OwnershipHarness {
        var harness = OwnershipHarness()
        harness.own.publisherAsks(isBackup: true, now: harness.now)
        harness.held(epoch)
        harness.own.probed(sends(epoch), now: harness.now)
        while harness.own.nextAction() != nil {}
        return harness
    }
}

@Suite("An origin asks for a stream")
struct OwnershipClaimTests {
    typealias Harness = OwnershipHarness

    @Test("and serves it when nobody has it")
    func free() {
        var harness = Harness(highestEpoch: 3)
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.expect(.claim(mode: .ifFree, floor: 3))
        harness.granted(5)
        harness.expect(.grant(Harness.location(5)))
        #expect(harness.own.phase == .owned(epoch: 5))
        #expect(harness.own.location == Harness.location(5))
        harness.own.ended(now: harness.now)
        harness.expect(.withdraw(epoch: 5))
        #expect(harness.own.isIdle(now: harness.now))
    }

    @Test("and refuses its publisher while the owner's really sends")
    func busy() {
        var harness = Harness()
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.held(5)
        harness.own.probed(Harness.sends(5), now: harness.now)
        harness.expect(
            .claim(mode: .ifFree, floor: 0), .probe(Harness.location(5, owner: Harness.other)), .refuse(.ownedElsewhere)
        )
        #expect(harness.own.isIdle(now: harness.now))
    }

    @Test(
        "and takes over at once from an owner that is gone, waits, or whose publisher fell silent",
        arguments: [
            .gone, .alive(hasPublisher: false, epoch: 5, frameAge: .zero), Harness.sends(5, age: .milliseconds(1_001)),
        ] as [StreamOwnership.LinkState])
    func takesOver(link: StreamOwnership.LinkState) {
        var harness = Harness()
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.held(5)
        harness.own.probed(link, now: harness.now)
        harness.expect(
            .claim(mode: .ifFree, floor: 0), .probe(Harness.location(5, owner: Harness.other)),
            .claim(mode: .over(epoch: 5), floor: 5))
        harness.granted(6)
        harness.expect(.grant(Harness.location(6)))
    }

    @Test("and takes over without asking anyone where the policy says so")
    func policy() {
        var harness = Harness(.takeover)
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.held(5)
        harness.expect(.claim(mode: .ifFree, floor: 0), .claim(mode: .over(epoch: 5), floor: 5))
    }

    @Test("and gives up when others win each time")
    func contested() {
        var harness = Harness()
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        for round in 1...3 {
            harness.held(UInt64(round))
            harness.own.probed(.gone, now: harness.now)
        }
        harness.held(4)
        #expect(harness.own.isIdle(now: harness.now))
        var last: StreamOwnership.Action?
        while let action = harness.own.nextAction() { last = action }
        #expect(last == .refuse(.ownedElsewhere))
    }

    @Test("and gives back what is granted to a publisher that left meanwhile")
    func leftWhileClaiming() {
        var harness = Harness()
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.own.publisherLost(now: harness.now)
        harness.granted(5)
        harness.expect(.claim(mode: .ifFree, floor: 0), .withdraw(epoch: 5))
        #expect(harness.own.isIdle(now: harness.now))
    }

    @Test("and clears up a claim whose answer never came, for a publisher that left")
    func unclear() {
        var harness = Harness()
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.own.publisherLost(now: harness.now)
        harness.away()
        harness.expect(.claim(mode: .ifFree, floor: 0))
        #expect(!harness.own.isIdle(now: harness.now))
        harness.own.registryBack(now: harness.now)
        harness.granted(6)
        harness.expect(.claim(mode: .ifFree, floor: 0), .withdraw(epoch: 6))
        #expect(harness.own.isIdle(now: harness.now))
    }

    @Test("for the publisher that came after the one that left")
    func nextPublisher() {
        var harness = Harness()
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.own.publisherLost(now: harness.now)
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.granted(5)
        harness.expect(.claim(mode: .ifFree, floor: 0), .grant(Harness.location(5)))
    }

    @Test("and serves it without the registry, to register it when that is back")
    func local() {
        var harness = Harness(highestEpoch: 8)
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.away()
        harness.expect(.claim(mode: .ifFree, floor: 8), .grantLocally(epoch: 9))
        #expect(harness.own.location == nil)
        #expect(harness.own.phase == .local(epoch: 9))
        harness.own.registryBack(now: harness.now)
        harness.expect(.claim(mode: .ifFree, floor: 9))
        harness.away()
        harness.own.registryBack(now: harness.now)
        harness.expect(.claim(mode: .ifFree, floor: 9))
        harness.granted(1_000)
        harness.expect(.grant(Harness.location(1_000)))
    }

    @Test("and yields what it served without the registry to an owner whose publisher sends, whatever the epochs")
    func yields() {
        var harness = Harness(highestEpoch: 8)
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.away()
        harness.own.registryBack(now: harness.now)
        harness.held(8)
        #expect(harness.own.isServing)
        harness.own.probed(Harness.sends(8), now: harness.now)
        harness.expect(
            .claim(mode: .ifFree, floor: 8), .grantLocally(epoch: 9), .claim(mode: .ifFree, floor: 9),
            .probe(Harness.location(8, owner: Harness.other)), .lose(to: Harness.other, epoch: 8))
        #expect(!harness.own.isServing)
    }

    @Test("and keeps it when that owner turns out to be gone")
    func keepsLocal() {
        var harness = Harness()
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.away()
        harness.own.registryBack(now: harness.now)
        harness.held(8)
        harness.own.probed(.gone, now: harness.now)
        harness.granted(9)
        #expect(harness.own.phase == .owned(epoch: 9))
    }
}

@Suite("An origin that owns a stream")
struct OwnershipKeepTests {
    typealias Harness = OwnershipHarness

    @Test("waits for a publisher that was lost, and goes on in the same incarnation")
    func waits() {
        var harness = Harness.owning()
        harness.own.publisherLost(now: harness.now)
        harness.expect(.write(Harness.location(5, state: .waiting)))
        #expect(harness.own.isServing)
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.expect(.write(Harness.location(5)))
    }

    @Test("loses it to a higher epoch that it hears of, and never to a lower one or its own")
    func hears() {
        var harness = Harness.owning()
        harness.own.heard(epoch: 4, owner: Harness.other, isGone: false, now: harness.now)
        harness.own.heard(epoch: 5, owner: Harness.me, isGone: false, now: harness.now)
        harness.own.heard(epoch: 6, owner: Harness.me, isGone: false, now: harness.now)
        harness.own.heard(epoch: .max, owner: Harness.other, isGone: false, now: harness.now)
        harness.expect()
        harness.own.heard(epoch: 7, owner: Harness.other, isGone: false, now: harness.now)
        harness.expect(.lose(to: Harness.other, epoch: 7))
        #expect(harness.own.location == nil)
        harness.own.registryBack(now: harness.now)
        harness.own.publisherLost(now: harness.now)
        harness.own.ended(now: harness.now)
        harness.expect()
    }

    @Test("loses it to what stands in the registry against it")
    func stands() {
        var harness = Harness.owning()
        harness.own.standing(against: Harness.location(5), now: harness.now)
        harness.own.standing(against: Harness.location(4, owner: Harness.other), now: harness.now)
        harness.expect()
        harness.own.standing(against: Harness.location(5, owner: Harness.other), now: harness.now)
        harness.expect(.lose(to: Harness.other, epoch: 5))
        harness = Harness.owning()
        // An epoch that was passed and withdrawn while this node stood still.
        harness.own.standing(against: Harness.location(6, token: ""), now: harness.now)
        harness.expect(.lose(to: nil, epoch: 6))
    }

    @Test("takes a newer epoch of its own that it did not hear the grant of")
    func ownClaim() {
        var harness = Harness.owning()
        harness.own.standing(against: Harness.location(6), now: harness.now)
        harness.expect(.grant(Harness.location(6)))
        #expect(harness.own.epoch == 6)
    }

    @Test("asks for a higher epoch when a subscriber saw one, and finds out whether it lost the stream")
    func subscriberSaw() {
        var harness = Harness.owning()
        harness.own.subscriberSaw(epoch: 5, now: harness.now)
        harness.own.subscriberSaw(epoch: .max, now: harness.now)
        harness.expect()
        harness.own.subscriberSaw(epoch: 9, now: harness.now)
        harness.own.subscriberSaw(epoch: 10, now: harness.now)
        harness.expect(.claim(mode: .ifFree, floor: 9))
        #expect(harness.own.isServing)
        harness.granted(10)
        harness.expect(.grant(Harness.location(10)))

        harness = Harness.owning()
        harness.own.subscriberSaw(epoch: 9, now: harness.now)
        harness.held(9)
        harness.expect(.claim(mode: .ifFree, floor: 9), .lose(to: Harness.other, epoch: 9))

        harness = Harness.owning()
        harness.own.subscriberSaw(epoch: 9, now: harness.now)
        harness.away()
        #expect(harness.own.phase == .owned(epoch: 5))
    }

    @Test("withdraws both epochs when the stream ends while a higher one is asked for")
    func endsWhileRaising() {
        var harness = Harness.owning()
        harness.own.subscriberSaw(epoch: 9, now: harness.now)
        harness.own.ended(now: harness.now)
        harness.granted(10)
        harness.expect(.claim(mode: .ifFree, floor: 9), .withdraw(epoch: 5), .withdraw(epoch: 10))
    }

    @Test("does not take the stream back from the one it lost it to because their link is silent")
    func noTurns() {
        var harness = Harness.owning()
        harness.own.heard(epoch: 7, owner: Harness.other, isGone: false, now: harness.now)
        harness.own.publisherAsks(isBackup: false, now: harness.now)
        harness.held(7)
        harness.own.probed(.gone, now: harness.now)
        harness.expect(
            .lose(to: Harness.other, epoch: 7), .claim(mode: .ifFree, floor: 7),
            .probe(Harness.location(7, owner: Harness.other)), .refuse(.ownedElsewhere))
        #expect(!harness.own.isIdle(now: harness.now))
        #expect(harness.own.isIdle(now: harness.now + .seconds(60)))
    }

    @Test("lets go when another process has its name")
    func nameTaken() {
        var harness = Harness.owning()
        harness.own.nodeLost(now: harness.now)
        harness.expect(.lose(to: nil, epoch: 5))
    }
}

@Suite("A backup publisher")
struct OwnershipStandbyTests {
    typealias Harness = OwnershipHarness

    @Test("stands by while the first one sends")
    func standsBy() {
        var harness = Harness()
        harness.own.publisherAsks(isBackup: true, now: harness.now)
        harness.held(5)
        harness.own.probed(Harness.sends(5), now: harness.now)
        let owner = Harness.location(5, owner: Harness.other)
        harness.expect(.claim(mode: .ifFree, floor: 0), .probe(owner), .standBy(owner: owner))
        #expect(harness.own.phase == .standby(Harness.other))
        #expect(!harness.own.isServing)
        harness.own.publisherLost(now: harness.now)
        harness.expect(.standDown)
        #expect(harness.own.isIdle(now: harness.now))
    }

    @Test("is promoted when the owner is gone")
    func promoted() {
        var harness = Harness.standing()
        harness.own.ownerGone(now: harness.now)
        harness.expect(.claim(mode: .over(epoch: 5), floor: 5))
        harness.granted(6)
        harness.expect(.promote(Harness.location(6)))
        #expect(harness.own.phase == .owned(epoch: 6))
    }

    @Test("is promoted without the registry too, for those who are here")
    func promotedLocally() {
        var harness = Harness.standing()
        harness.own.ownerGone(now: harness.now)
        harness.away()
        harness.expect(.claim(mode: .over(epoch: 5), floor: 5), .standDown, .grantLocally(epoch: 6))
    }

    @Test("takes the stream when the owner's publisher leaves, and stands by for the next owner otherwise")
    func news() {
        var harness = Harness.standing()
        harness.own.heard(epoch: 5, owner: Harness.other, isGone: true, now: harness.now)
        harness.expect(.claim(mode: .ifFree, floor: 5))
        harness.held(6)
        harness.own.probed(Harness.sends(6), now: harness.now)
        let next = Harness.location(6, owner: Harness.other)
        harness.expect(.probe(next), .standBy(owner: next))
        harness.own.heard(epoch: 5, owner: Harness.other, isGone: true, now: harness.now)
        harness.expect()
        harness.own.heard(epoch: 6, owner: Harness.other, isGone: true, now: harness.now)
        harness.granted(7)
        harness.expect(.claim(mode: .ifFree, floor: 6), .promote(Harness.location(7)))
    }

    @Test("that leaves while it is promoted gives the stream back")
    func leaves() {
        var harness = Harness.standing()
        harness.own.ownerGone(now: harness.now)
        harness.own.publisherLost(now: harness.now)
        harness.granted(6)
        harness.expect(.claim(mode: .over(epoch: 5), floor: 5), .standDown, .withdraw(epoch: 6))
    }
}
