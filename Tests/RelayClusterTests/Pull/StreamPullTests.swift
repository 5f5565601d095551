import RelayCluster
import RelayCore
import Testing

@Suite("A pull finds a source")
struct StreamPullStartTests {
    typealias Harness = PullHarness

    @Test("is looked up at once, and subscribed at the first source")
    func firstSource() {
        var harness = Harness()
        harness.expect(.resolve)
        #expect(harness.pull.phase == .resolving)
        harness.pull.resolved(Harness.found(5, Harness.origin, Harness.third), now: harness.now)
        harness.expect(.subscribe(attempt: 1, Harness.origin))
        #expect(harness.pull.phase == .connecting(Harness.origin))
        harness.pull.accepted(attempt: 1, epoch: 5, now: harness.now)
        harness.expect(.adopt(attempt: 1))
        #expect(harness.pull.phase == .waiting(Harness.origin))
        harness.pull.frames(attempt: 1, now: harness.now)
        harness.expect()
        #expect(harness.pull.phase == .flowing(Harness.origin))
        #expect(harness.pull.failovers == 0)
    }

    @Test("ends with 'not found' for a stream that the registry does not know")
    func notFound() {
        var harness = Harness()
        harness.expect(.resolve)
        harness.pull.resolved(.notFound, now: harness.now)
        harness.expect(.end(.streamNotFound))
        #expect(harness.pull.isOver)
        #expect(harness.pull.nextDeadline == nil)
    }

    @Test("ends with 'try later' at once when the registry is away and nothing is known")
    func unavailable() {
        var harness = Harness()
        harness.expect(.resolve)
        harness.pull.resolved(.unavailable, now: harness.now)
        harness.expect(.end(.registryAway))
    }

    @Test("ends with 'try later' when a lookup gets no answer at all")
    func noAnswer() {
        var harness = Harness()
        harness.expect(.resolve)
        harness.pass(.milliseconds(4_999))
        harness.expect()
        harness.pass(.milliseconds(1))
        harness.expect(.end(.registryAway))
    }

    @Test("asks a second source beside one that does not answer, and takes whoever accepts first")
    func hedge() {
        var harness = Harness()
        harness.pull.resolved(Harness.found(5, Harness.origin, Harness.third, Harness.other), now: harness.now)
        harness.expect(.resolve, .subscribe(attempt: 1, Harness.origin))
        harness.pass(.milliseconds(299))
        harness.expect()
        harness.pass(.milliseconds(1))
        harness.expect(.subscribe(attempt: 2, Harness.third))
        harness.pass(.milliseconds(600))
        harness.expect()
        harness.pull.accepted(attempt: 2, epoch: 5, now: harness.now)
        harness.expect(.adopt(attempt: 2), .cancel(attempt: 1))
    }

    @Test("gives up a source that never answers, tells of it, and tries the next")
    func timeout() {
        var harness = Harness()
        harness.pull.resolved(Harness.found(5, Harness.origin), now: harness.now)
        _ = harness.actions()
        harness.pass(.seconds(3))
        #expect(harness.actions() == [.cancel(attempt: 1)])
        #expect(harness.pull.nextFault() == Harness.origin)
        #expect(harness.pull.nextFault() == nil)
        harness.pass(.milliseconds(400))
        #expect(harness.answering(Harness.found(5, Harness.origin)) == [.subscribe(attempt: 2, Harness.origin)])
    }

    @Test("goes through the sources when they refuse", arguments: PullRefusal.allCases)
    func refusals(refusal: PullRefusal) {
        var harness = Harness()
        harness.pull.resolved(Harness.found(5, Harness.origin, Harness.other), now: harness.now)
        _ = harness.actions()
        harness.pull.refused(attempt: 1, refusal, now: harness.now)
        #expect(harness.actions().contains(.subscribe(attempt: 2, Harness.other)))
        #expect(!harness.pull.isOver)
    }

    @Test("ignores what comes of attempts that were given up")
    func late() {
        var harness = Harness()
        harness.pull.resolved(Harness.found(5, Harness.origin, Harness.other), now: harness.now)
        harness.pass(.milliseconds(300))
        harness.pull.accepted(attempt: 2, epoch: 5, now: harness.now)
        _ = harness.actions()
        for number in [1, 99] {
            harness.pull.accepted(attempt: number, epoch: 9, now: harness.now)
            harness.pull.frames(attempt: number, now: harness.now)
            harness.pull.failed(attempt: number, now: harness.now)
            harness.pull.refused(attempt: number, .notFound, now: harness.now)
            harness.pull.ended(attempt: number, isFinished: true, now: harness.now)
            harness.pull.goingAway(attempt: number, now: harness.now)
            harness.pull.suspect(attempt: number, now: harness.now)
        }
        harness.expect()
        #expect(harness.pull.adopted == 2)
    }

    @Test("does not follow a location older than what was seen, nor a source that gives an older epoch")
    func stale() {
        var harness = Harness(highestEpoch: 7)
        harness.expect(.resolve)
        harness.pull.resolved(Harness.found(6, Harness.origin), now: harness.now)
        harness.expect()
        #expect(harness.pull.lastLookup == .stale(epoch: 6))
        harness.pass(.milliseconds(400))
        harness.expect(.resolve)
        harness.pull.resolved(Harness.found(7, Harness.origin), now: harness.now)
        harness.expect(.subscribe(attempt: 1, Harness.origin))
        harness.pull.accepted(attempt: 1, epoch: 6, now: harness.now)
        #expect(harness.actions().first == .cancel(attempt: 1))
        #expect(harness.pull.adopted == nil)
    }

    @Test(
        "knocks at the owner when the registry stays behind, so that the owner learns of it, and takes nothing old from it"
    )
    func knock() {
        var harness = Harness(highestEpoch: 7)
        harness.pull.resolved(Harness.found(6, Harness.origin), now: harness.now)
        harness.pass(.milliseconds(400))
        _ = harness.actions()
        harness.pull.resolved(Harness.found(6, Harness.origin), now: harness.now)
        harness.expect(.subscribe(attempt: 1, Harness.origin))
        harness.pull.refused(attempt: 1, .stale, now: harness.now)
        harness.pull.changed(epoch: 8, isGone: false, now: harness.now)
        #expect(
            harness.answering(Harness.found(8, Harness.origin)).contains(.subscribe(attempt: 2, Harness.origin)))
        harness.pull.accepted(attempt: 2, epoch: 8, now: harness.now)
        harness.expect(.adopt(attempt: 2))
    }
}

@Suite("A pull keeps its source")
struct StreamPullSourceTests {
    typealias Harness = PullHarness

    @Test("follows a newer epoch: the old source is let go only after the new one gave frames")
    func newerEpoch() {
        var harness = Harness.flowing()
        harness.pull.changed(epoch: 6, isGone: false, now: harness.now)
        harness.expect(.resolve)
        harness.pull.resolved(Harness.found(6, Harness.other), now: harness.now)
        harness.expect(.subscribe(attempt: 2, Harness.other))
        #expect(harness.pull.phase == .switching(from: Harness.origin, to: Harness.other))
        harness.pull.accepted(attempt: 2, epoch: 6, now: harness.now)
        harness.expect()
        harness.flow(1, for: .milliseconds(500))
        harness.expect()
        harness.pull.frames(attempt: 2, now: harness.now)
        harness.expect(.adopt(attempt: 2), .cancel(attempt: 1))
        #expect(harness.pull.failovers == 1)
        #expect(harness.pull.lastFailover?.from == Harness.origin)
        #expect(harness.pull.lastFailover?.to == Harness.other)
        #expect(harness.pull.lastFailover?.gap == .zero)
    }

    @Test("goes on with a parent that itself goes on in the newer epoch")
    func parentFollows() {
        var harness = Harness.flowing(epoch: 5, [Harness.third])
        harness.pull.changed(epoch: 6, isGone: false, now: harness.now)
        harness.pull.resolved(Harness.found(6, Harness.other), now: harness.now)
        harness.expect(.resolve, .subscribe(attempt: 2, Harness.other))
        harness.pull.accepted(attempt: 1, epoch: 6, now: harness.now)
        harness.expect(.cancel(attempt: 2))
        #expect(harness.pull.source == Harness.third)
    }

    @Test("does not look up news of what it has")
    func oldNews() {
        var harness = Harness.flowing()
        harness.pull.changed(epoch: 5, isGone: false, now: harness.now)
        harness.pull.changed(epoch: 4, isGone: false, now: harness.now)
        harness.pull.changed(epoch: 4, isGone: true, now: harness.now)
        harness.expect()
    }

    @Test("keeps a suspect parent that speaks again before another gave frames")
    func recovers() {
        var harness = Harness.flowing(epoch: 5, [Harness.origin, Harness.third])
        harness.pull.suspect(attempt: 1, now: harness.now)
        #expect(harness.actions() == [.resolve, .subscribe(attempt: 2, Harness.third)])
        harness.pull.accepted(attempt: 2, epoch: 5, now: harness.now)
        harness.expect()
        harness.pull.recovered(attempt: 1, now: harness.now)
        harness.expect(.cancel(attempt: 2))
        #expect(harness.pull.adopted == 1)
        #expect(harness.pull.failovers == 0)
    }

    @Test("moves away from a suspect parent as soon as another gives frames, within the same epoch")
    func suspect() {
        var harness = Harness.flowing(epoch: 5, [Harness.origin, Harness.third])
        harness.pass(.milliseconds(300))
        harness.pull.suspect(attempt: 1, now: harness.now)
        _ = harness.actions()
        harness.pull.accepted(attempt: 2, epoch: 5, now: harness.now)
        harness.now = harness.now + .milliseconds(20)
        harness.pull.frames(attempt: 2, now: harness.now)
        harness.expect(.adopt(attempt: 2), .cancel(attempt: 1))
        #expect(harness.pull.lastFailover?.gap == .milliseconds(320))
    }

    @Test("moves from a parent that drains before it goes")
    func drain() {
        var harness = Harness.flowing()
        harness.pull.goingAway(attempt: 1, now: harness.now)
        harness.expect(.resolve)
        harness.pull.resolved(Harness.found(5, Harness.third, Harness.origin), now: harness.now)
        harness.expect(.subscribe(attempt: 2, Harness.third))
        harness.flow(1, for: .milliseconds(200))
        harness.pull.accepted(attempt: 2, epoch: 5, now: harness.now)
        harness.pull.frames(attempt: 2, now: harness.now)
        harness.expect(.adopt(attempt: 2), .cancel(attempt: 1))
    }

    @Test("holds its viewers when the source dies, tries at once, then ever less often, and within the pace")
    func holding() {
        var harness = Harness.flowing()
        harness.pull.failed(attempt: 1, now: harness.now)
        #expect(harness.actions() == [.hold, .resolve])
        #expect(harness.pull.phase == .holding(since: harness.now))
        var attempts: [MonotonicTime] = []
        func answerAll() {
            for action in harness.answering(Harness.found(5, Harness.origin)) {
                guard case .subscribe(let number, _) = action else { continue }
                attempts.append(harness.now)
                harness.pull.failed(attempt: number, now: harness.now)
                answerAll()
            }
        }
        harness.pull.resolved(Harness.found(5, Harness.origin), now: harness.now)
        answerAll()
        for _ in 0..<500 {
            harness.pass(.milliseconds(100))
            answerAll()
        }
        #expect(attempts.first == .zero)
        #expect(attempts.count >= 20)
        for (index, instant) in attempts.enumerated() {
            #expect(index < 4 + Int((instant - .zero) / .milliseconds(500)) + 1)
        }
        let gaps = zip(attempts.dropFirst(), attempts).map { $0 - $1 }
        #expect(gaps.suffix(10).allSatisfy { $0 >= .milliseconds(1_500) && $0 <= .milliseconds(2_700) })
        #expect(!harness.pull.isOver)
    }

    @Test("follows news at once while it holds, and counts the failover to the first frame")
    func newsWhileHolding() {
        var harness = Harness.flowing()
        harness.pull.failed(attempt: 1, now: harness.now)
        _ = harness.answering(.notFound)
        harness.pass(.seconds(20))
        _ = harness.answering(.notFound)
        harness.pass(.milliseconds(10))
        harness.pull.changed(epoch: 6, isGone: false, now: harness.now)
        harness.expect(.resolve)
        harness.pull.resolved(Harness.found(6, Harness.other), now: harness.now)
        harness.expect(.subscribe(attempt: 2, Harness.other))
        harness.pull.accepted(attempt: 2, epoch: 6, now: harness.now)
        harness.expect(.adopt(attempt: 2))
        harness.now = harness.now + .milliseconds(90)
        harness.pull.frames(attempt: 2, now: harness.now)
        #expect(harness.pull.lastFailover?.gap == .milliseconds(20_100))
        #expect(harness.pull.failovers == 1)
    }

    @Test("looks the stream up again at once when the registry is back")
    func reachable() {
        var harness = Harness.flowing()
        harness.pull.failed(attempt: 1, now: harness.now)
        _ = harness.answering(.unavailable)
        harness.pass(.seconds(10))
        _ = harness.answering(.unavailable)
        harness.pull.reachable(now: harness.now)
        harness.expect(.resolve)
    }

    @Test("ends when no source came within the hold, from the last frame on, whatever accepts and gives nothing")
    func holdPasses() {
        var harness = Harness.flowing()
        harness.pull.failed(attempt: 1, now: harness.now)
        for round in 1...30 {
            _ = harness.answering(Harness.found(5, Harness.origin))
            harness.pull.accepted(attempt: harness.pull.attempts, epoch: 5, now: harness.now)
            harness.pull.failed(attempt: harness.pull.attempts, now: harness.now)
            if round < 30 { harness.pass(.seconds(2)) }
        }
        _ = harness.actions()
        #expect(!harness.pull.isOver)
        harness.pass(.seconds(2))
        #expect(harness.actions().last == .end(.sourceLost))
    }

    @Test("tells viewers that the stream ended when its publisher said goodbye")
    func finished() {
        var harness = Harness.flowing()
        harness.pull.ended(attempt: 1, isFinished: true, now: harness.now)
        harness.expect(.end(.streamEnded))
    }

    @Test("does not end with a source whose epoch was passed")
    func finishedButPassed() {
        var harness = Harness.flowing()
        harness.pull.changed(epoch: 6, isGone: false, now: harness.now)
        harness.pull.resolved(Harness.found(6, Harness.other), now: harness.now)
        _ = harness.actions()
        harness.pull.ended(attempt: 1, isFinished: true, now: harness.now)
        #expect(!harness.pull.isOver)
        harness.pull.accepted(attempt: 2, epoch: 6, now: harness.now)
        #expect(harness.actions().contains(.adopt(attempt: 2)))
    }

    @Test("looks again when the source gives nothing, and takes another that gives")
    func stall() {
        var harness = Harness.flowing()
        harness.pass(.milliseconds(1_000))
        harness.expect(.resolve)
        harness.pull.resolved(Harness.found(5, Harness.origin, Harness.third), now: harness.now)
        harness.expect(.subscribe(attempt: 2, Harness.third))
        harness.pull.accepted(attempt: 2, epoch: 5, now: harness.now)
        harness.expect()
        harness.pull.frames(attempt: 2, now: harness.now)
        harness.expect(.adopt(attempt: 2), .cancel(attempt: 1))
    }

    @Test("plays a foreign server once, whatever epoch each lookup of it has")
    func foreign() {
        let server = PullSource.foreign("rtmp://198.51.100.1/live/one")
        var harness = Harness.flowing(epoch: 5, [server])
        for epoch in 6..<60 {
            harness.pass(.milliseconds(500))
            #expect(harness.answering(Harness.found(UInt64(epoch), server)).isEmpty)
        }
        #expect(harness.pull.phase == .flowing(server))
    }

    @Test("stays with a silent source when the others are silent too, and tries them now and then")
    func silence() {
        var harness = Harness.flowing()
        var asked = 0
        for _ in 0..<100 {
            harness.pass(.milliseconds(100))
            for action in harness.answering(Harness.found(5, Harness.origin, Harness.third)) {
                guard case .subscribe(let number, _) = action else { continue }
                asked += 1
                harness.pull.accepted(attempt: number, epoch: 5, now: harness.now)
            }
        }
        #expect((1...2).contains(asked))
        #expect(harness.pull.source == Harness.origin)
        harness.flow(1, for: .seconds(1))
        #expect(harness.pull.phase == .flowing(Harness.origin))
    }
}

@Suite("A pull and its viewers")
struct StreamPullDemandTests {
    typealias Harness = PullHarness

    @Test("is kept for the linger time after the last viewer, then released without a word")
    func linger() {
        var harness = Harness.flowing()
        harness.pull.demand(0, now: harness.now)
        #expect(harness.pull.phase == .lingering(until: harness.now + .seconds(30)))
        harness.flow(1, for: .milliseconds(29_900))
        harness.expect()
        harness.pass(.milliseconds(100))
        harness.expect(.cancel(attempt: 1), .release)
        #expect(harness.pull.phase == .over(nil))
        harness.pull.demand(1, now: harness.now)
        harness.pull.frames(attempt: 1, now: harness.now)
        harness.expect()
    }

    @Test("goes on when a viewer comes while it lingers")
    func lingerEnds() {
        var harness = Harness.flowing()
        harness.pull.demand(0, now: harness.now)
        harness.flow(1, for: .seconds(20))
        harness.pull.demand(1, now: harness.now)
        harness.flow(1, for: .seconds(40))
        harness.expect()
        #expect(harness.pull.phase == .flowing(Harness.origin))
    }

    @Test("is released while it is looked up, and the late answer is ignored")
    func releasedWhileResolving() {
        var settings = PullSettings()
        settings.linger = .seconds(1)
        var harness = Harness(settings)
        harness.pull.demand(0, now: harness.now)
        harness.expect(.resolve)
        harness.pass(.seconds(1))
        harness.expect(.release)
        harness.pull.resolved(Harness.found(5, Harness.origin), now: harness.now)
        harness.expect()
    }
}
