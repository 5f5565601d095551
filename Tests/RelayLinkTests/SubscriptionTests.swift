import NIOCore
import RelayCore
import Testing

@testable import RelayLink

@Suite struct SubscriptionTests {
    @Test("frames arrive with their ids, fields and bodies, however the bytes arrive", arguments: Feeding.allCases)
    func wholeLife(_ feeding: Feeding) throws {
        var pair = LinkPair.open(feeding)
        let header = Frame.video(3, [.config, .key], bytes: 40)
        pair.subscribe(1, accept: .life(7, headers: [header]))
        let frames: [Frame] = [
            .video(10, .key, bytes: 5_000), .audio(11), .video(12, .disposable, bytes: 700, dts: -5),
            Frame(
                id: 13, kind: .data, trackID: 2, dts: .max, cts: .min, flags: [.segStart, .partStart],
                body: ByteBuffer()),
        ]
        pair.origin.send(frames, to: 1, now: pair.now)
        pair.origin.end(1, .finished, lastFrameID: 13)
        pair.run()
        #expect(pair.originLog == ["subscribe 1 live/a"])
        #expect(pair.edgeLog.first == "accepted 1 1.7 headers [3]")
        #expect(pair.edgeLog.last == "ended 1 finished 13")
        let got = try #require(pair.edgeFrames[1])
        #expect(got.map(\.id) == frames.map(\.id))
        #expect(got.map(\.body) == frames.map(\.body))
        #expect(got.map(\.dts) == frames.map(\.dts))
        #expect(got.map(\.cts) == frames.map(\.cts))
        #expect(got.map(\.flags) == frames.map(\.flags))
        #expect(got.map(\.trackID) == frames.map(\.trackID))
        #expect(got.map(\.kind) == frames.map(\.kind))
        #expect(pair.origin.queueStatus(of: 1, now: pair.now) == nil)
    }

    @Test func framesOfOneReadComeTogether() {
        var pair = LinkPair.open()
        pair.subscribe(1)
        pair.subscribe(2, "live/b")
        pair.edgeLog = []
        pair.origin.send([.audio(0), .audio(1), .audio(2)], to: 1, now: pair.now)
        pair.origin.send([.audio(0), .audio(1)], to: 2, now: pair.now)
        pair.run()
        #expect(pair.edgeLog == ["frames 1 [0, 1, 2]", "frames 2 [0, 1]"])
    }

    @Test func whatIsAskedBeforeTheHandshakeWaitsForIt() {
        var pair = LinkPair()
        pair.edge.subscribe(.to("live/a", id: 1))
        pair.edge.query(5, stream: name("live/b"))
        pair.connect()
        #expect(pair.originLog == ["established edge 1.0", "subscribe 1 live/a", "query 5 live/b"])
    }

    @Test func bothSidesMaySubscribe() {
        var pair = LinkPair.open()
        pair.origin.subscribe(.to("live/b", id: 1, path: ["origin"]))
        pair.edge.subscribe(.to("live/a", id: 1))
        pair.run()
        #expect(pair.edgeLog == ["subscribe 1 live/b"])
        #expect(pair.originLog == ["subscribe 1 live/a"])
    }

    @Test func refusalsCarryTheirReasonAndWhereToGo() {
        var pair = LinkPair.open()
        for (id, refusal) in LinkRefusal.allCases.enumerated() {
            pair.edge.subscribe(.to("live/a", id: UInt64(id)))
            pair.run()
            pair.origin.refuse(UInt64(id), refusal, redirect: refusal == .moved ? node("o2") : nil)
        }
        pair.run()
        #expect(
            pair.edgeLog == LinkRefusal.allCases.enumerated().map { "refused \($0) \($1) \($1 == .moved ? "o2" : "-")" }
        )
    }

    @Test func everyEndCarriesItsReason() {
        var pair = LinkPair.open()
        for id in LinkEnd.allCases.indices { pair.subscribe(UInt64(id)) }
        pair.edgeLog = []
        for (id, reason) in LinkEnd.allCases.enumerated() { pair.origin.end(UInt64(id), reason, lastFrameID: 99) }
        pair.run()
        #expect(pair.edgeLog == LinkEnd.allCases.enumerated().map { "ended \($0) \($1) 99" })
    }

    @Test func questionsAreAnswered() {
        var pair = LinkPair.open()
        pair.edge.query(5, stream: name("live/a"))
        pair.run()
        #expect(pair.originLog == ["query 5 live/a"])
        let state = LinkStreamState(isOwner: true, hasPublisher: false, epoch: 9, frameAgeMilliseconds: 3)
        pair.origin.answer(5, state)
        pair.origin.answer(5, state)
        pair.run()
        #expect(pair.edgeLog == ["answered 5 epoch 9"])
        #expect(pair.edge.counters.unasked == 1)
    }

    @Test func goAwayIsTold() {
        var pair = LinkPair.open()
        pair.origin.goAway(deadlineMilliseconds: 30_000)
        pair.run()
        #expect(pair.edgeLog == ["goAway 30000"])
    }

    @Test func afterAnUnsubscribeNothingMoreIsHeard() {
        var pair = LinkPair.open()
        pair.subscribe(1)
        pair.edgeLog = []
        pair.origin.send([.audio(0)], to: 1, now: pair.now)
        pair.edge.unsubscribe(1)
        pair.run()
        #expect(pair.edgeLog.isEmpty)
        #expect(pair.originLog.last == "unsubscribe 1")
        #expect(pair.origin.queueStatus(of: 1, now: pair.now) == nil)
        // What the parent still has to say about it goes nowhere.
        pair.origin.send([.audio(1)], to: 1, now: pair.now)
        pair.origin.accept(1, .life(8), now: pair.now)
        pair.origin.refuse(1, .notFound, redirect: nil)
        pair.origin.end(1, .lost, lastFrameID: 1)
        pair.run()
        #expect(pair.edgeLog.isEmpty)
        #expect(pair.origin.counters.unsendable == 1)
    }

    @Test func anUnsubscribeForgetsWhatWasReadAndNotYetHandedOut() {
        var pair = LinkPair.open(.glued)
        pair.subscribe(1)
        pair.subscribe(2, "live/b")
        pair.edgeLog = []
        pair.origin.send([.audio(0)], to: 1, now: pair.now)
        pair.origin.send([.audio(0)], to: 2, now: pair.now)
        let bytes = pair.origin.takeOutput(limit: 9_999, now: pair.now) ?? ByteBuffer()
        pair.edge.receive(bytes, now: pair.now)
        #expect(pair.edge.nextAction(now: pair.now)?.text == "frames 1 [0]")
        pair.edge.unsubscribe(2)
        #expect(pair.edge.nextAction(now: pair.now) == nil)
    }

    @Test func aNewIncarnationBeginsItsIdsAnew() {
        var pair = LinkPair.open()
        pair.subscribe(1, accept: .life(7))
        pair.origin.send([.video(500, .key), .video(501)], to: 1, now: pair.now)
        pair.run()
        pair.edgeLog = []
        pair.origin.send([.video(502)], to: 1, now: pair.now)
        pair.origin.accept(1, .life(8, epoch: 2), now: pair.now)
        pair.origin.send([.video(0, .key), .video(1)], to: 1, now: pair.now)
        let status = pair.origin.queueStatus(of: 1, now: pair.now)
        #expect(status?.skipped == 1 && status?.balances == true)
        pair.run()
        #expect(pair.edgeLog == ["accepted 1 2.8 headers []", "frames 1 [0, 1]"])
    }

    @Test func replacedHeadersKeepTheirPlaceAmongTheFrames() {
        var pair = LinkPair.open()
        pair.subscribe(1, accept: .life(7))
        pair.edgeLog = []
        pair.origin.send([.video(0, .key)], to: 1, now: pair.now)
        pair.origin.accept(1, .life(7, headers: [.video(1, .config)]), now: pair.now)
        pair.origin.send([.video(2, .key)], to: 1, now: pair.now)
        pair.run()
        #expect(pair.edgeLog == ["frames 1 [0]", "accepted 1 1.7 headers [1]", "frames 1 [2]"])
    }

    @Test func aResumedSubscriptionDoesNotTakeWhatItHas() {
        var pair = LinkPair.open()
        pair.edge.subscribe(.to("live/a", id: 1, start: .after(frameID: 4, incarnation: .init(epoch: 1, id: 7))))
        pair.run()
        pair.origin.accept(1, .life(7), now: pair.now)
        pair.origin.send((3..<7).map { .audio($0) }, to: 1, now: pair.now)
        pair.run()
        #expect(pair.edgeLog.last == "frames 1 [5, 6]")
        #expect(pair.edge.counters.outOfOrder == 2)
    }

    @Test func aResumeAtAnotherIncarnationTakesEverything() {
        var pair = LinkPair.open()
        pair.edge.subscribe(.to("live/a", id: 1, start: .after(frameID: 4, incarnation: .init(epoch: 1, id: 6))))
        pair.run()
        pair.origin.accept(1, .life(7), now: pair.now)
        pair.origin.send([.audio(0)], to: 1, now: pair.now)
        pair.run()
        #expect(pair.edgeLog.last == "frames 1 [0]")
    }

    @Test func framesBeforeTheAcceptAreNotSent() {
        var pair = LinkPair.open()
        pair.edge.subscribe(.to("live/a", id: 1))
        pair.run()
        pair.origin.send([.audio(0)], to: 1, now: pair.now)
        pair.run()
        #expect(pair.edgeLog.isEmpty)
        #expect(pair.origin.counters.unsendable == 1)
    }

    @Test func aFrameThatFitsNoMessageIsLeftOutAndTold() {
        var settings = LinkSettings.named("origin")
        settings.maxFrameBytes = 1_000
        var pair = LinkPair(.named("edge"), settings)
        pair.connect()
        pair.subscribe(1)
        pair.edgeLog = []
        pair.origin.send([.video(0, .key), .video(1, bytes: 2_000), .video(2)], to: 1, now: pair.now)
        pair.run()
        #expect(pair.edgeLog == ["frames 1 [0]", "skipped 1 1+1", "frames 1 [2]"])
    }

    @Test func aLargeFrameNeedsNoMoreMemoryThanItsBytes() {
        var pair = LinkPair.open()
        pair.subscribe(1)
        var message = ByteBuffer()
        LinkFrame.encode(.video(0, .key, bytes: 8 << 20), subscription: 1, into: &message)
        // The length alone, and a little of the body.
        pair.toEdge(ByteBuffer(bytes: message.readBytes(length: 100) ?? []))
        #expect(pair.edge.input.storageCapacity < 4_096)
        while message.readableBytes > 0, let piece = message.readBytes(length: min(60_000, message.readableBytes)) {
            pair.toEdge(ByteBuffer(bytes: piece))
        }
        #expect(pair.edgeFrames[1]?.first?.body.readableBytes == 8 << 20)
        // Gone with the frame.
        pair.edgeFrames = [:]
        pair.origin.send([.audio(1)], to: 1, now: pair.now)
        pair.run()
        #expect(pair.edge.input.storageCapacity < 70_000)
    }
}

@Suite struct PathTests {
    private let me = node("me")

    @Test func aPathWithinTheLimitIsServed() {
        #expect(LinkPath.check([node("a")], me: me, maxHops: 4) == nil)
        #expect(LinkPath.check("abcd".map { node(String($0)) }, me: me, maxHops: 4) == nil)
    }

    @Test(
        "a path that is too long, comes back, or is empty is a loop",
        arguments: [["a", "b", "c", "d", "e"], ["a", "me"], ["me"], ["a", "b", "a"], []])
    func loops(_ path: [String]) {
        #expect(LinkPath.check(path.map(node), me: me, maxHops: 4) == .loop)
    }

    @Test(
        "a session refuses a bad path by itself",
        arguments: [
            (["edge", "origin"], "loop"), (["edge", "a", "b", "c", "d"], "loop"), ([], "loop"),
            (Array(repeating: "a", count: 40), "loop"), (["other"], "denied"),
        ] as [([String], String)])
    func sessionRefuses(_ path: [String], _ reason: String) {
        var pair = LinkPair.open()
        pair.edge.subscribe(.to("live/a", id: 1, path: path))
        pair.run()
        #expect(pair.edgeLog == ["refused 1 \(reason) -"])
        #expect(pair.originLog.isEmpty)
        #expect(pair.origin.counters.refused == 1)
    }
}
