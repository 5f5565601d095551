import NIOCore
import RelayCore
import Testing

@testable import RelayLink

@Suite struct HostilePeerTests {
    private func message(_ write: (inout ByteBuffer) -> Void) -> ByteBuffer {
        var buffer = ByteBuffer()
        write(&buffer)
        return buffer
    }

    private func frame(_ id: UInt64, of subscription: UInt64) -> ByteBuffer {
        message { LinkFrame.encode(.audio(id), subscription: subscription, into: &$0) }
    }

    // MARK: What was never given

    @Test("messages about subscriptions that nobody has change nothing", arguments: [UInt64(99), .max, 0, 1 << 31])
    func unknownSubscriptions(_ id: UInt64) {
        var pair = LinkPair.open()
        pair.subscribe(1)
        pair.edgeLog = []
        pair.toEdge(frame(0, of: id))
        pair.toEdge(message { LinkSkip(subscription: id, from: 0, count: 1, reason: .disposable).encode(into: &$0) })
        pair.toEdge(message { LinkAccept.life(1).encode(id: id, cap: 1_000, into: &$0) })
        pair.toEdge(message { LinkRefuse(id: id, refusal: .notFound).encode(into: &$0) })
        pair.toEdge(message { LinkEnded(id: id, reason: .lost, lastFrameID: 0).encode(into: &$0) })
        pair.toEdge(
            message {
                LinkAnswer(id: id, state: .init(isOwner: true, hasPublisher: true, epoch: 1, frameAgeMilliseconds: 0))
                    .encode(into: &$0)
            })
        pair.toEdge(message { LinkUnsubscribe(id: id).encode(into: &$0) })
        #expect(pair.edgeLog.isEmpty)
        #expect(pair.edge.counters.unknownSubscription == 2 && pair.edge.counters.unasked == 4)
        #expect(pair.edge.counters.badRequests == 1)
        pair.origin.send([.audio(0)], to: 1, now: pair.now)
        pair.run()
        #expect(pair.edgeLog == ["frames 1 [0]"])
    }

    @Test func aRefusalOfWhatWasAcceptedAndAnEndOfWhatWasNotAreIgnored() {
        var pair = LinkPair.open()
        pair.subscribe(1)
        pair.edge.subscribe(.to("live/b", id: 2))
        pair.run()
        pair.edgeLog = []
        pair.toEdge(message { LinkRefuse(id: 1, refusal: .notFound).encode(into: &$0) })
        pair.toEdge(message { LinkEnded(id: 2, reason: .lost, lastFrameID: 0).encode(into: &$0) })
        pair.toEdge(frame(0, of: 2))
        #expect(pair.edgeLog.isEmpty)
        #expect(pair.edge.counters.unasked == 2 && pair.edge.counters.unknownSubscription == 1)
    }

    // MARK: Ids

    @Test(
        "ids that go back, stand still or jump out of the stream are dropped, from wherever they begin",
        arguments: [0, 1, 127, 128, (1 << 16) - 1, (1 << 31) - 1, (1 << 32) - 1, 1 << 32, (1 << 62) - 4] as [UInt64])
    func ids(_ start: UInt64) {
        var pair = LinkPair.open()
        pair.subscribe(1)
        pair.edgeLog = []
        pair.toEdge(frame(start, of: 1))
        for bad in [start, start &- 1, start &+ 1 &+ (1 << 31), start &+ (1 << 33), .max, 1 << 62]
        where bad != start &+ 1 {
            pair.toEdge(frame(bad, of: 1))
        }
        pair.toEdge(frame(start + 1, of: 1))
        // A gap that a stream can have.
        pair.toEdge(frame(start + 3, of: 1))
        #expect(pair.edgeLog == ["frames 1 [\(start)]", "frames 1 [\(start + 1)]", "frames 1 [\(start + 3)]"])
        #expect(pair.edge.counters.outOfOrder == 6)
    }

    @Test(
        "skips that go back, are empty or endless are dropped",
        arguments: [(4, 1), (0, 0), (5, 0), (5, .max), (.max, 1), (.max, .max), (5, 1 << 31), (1 << 63, 1)]
            as [(UInt64, UInt64)])
    func skips(_ from: UInt64, _ count: UInt64) {
        var pair = LinkPair.open()
        pair.subscribe(1)
        pair.toEdge(frame(4, of: 1))
        pair.edgeLog = []
        pair.toEdge(
            message { LinkSkip(subscription: 1, from: from, count: count, reason: .overflow).encode(into: &$0) })
        #expect(pair.edgeLog.isEmpty)
        #expect(pair.edge.counters.outOfOrder == 1)
        pair.toEdge(frame(5, of: 1))
        #expect(pair.edgeLog == ["frames 1 [5]"])
    }

    @Test func aThousandCopiesOfAFrameAreOneFrame() {
        var pair = LinkPair.open()
        pair.subscribe(1)
        pair.edgeLog = []
        var bytes = ByteBuffer()
        for _ in 0..<1_000 { LinkFrame.encode(.audio(4), subscription: 1, into: &bytes) }
        pair.toEdge(bytes)
        #expect(pair.edgeLog == ["frames 1 [4]"])
        #expect(pair.edge.counters.outOfOrder == 999)
    }

    // MARK: Framing

    @Test("unknown types are skipped by their length, however they arrive", arguments: Feeding.allCases)
    func unknownTypes(_ feeding: Feeding) {
        var pair = LinkPair.open(feeding)
        pair.subscribe(1)
        pair.edgeLog = []
        var bytes = ByteBuffer()
        for (type, length) in [(0, 0), (7, 1), (99, 3_000), (255, 70_000)] as [(UInt8, Int)] {
            bytes.writeInteger(UInt32(length + 1))
            bytes.writeInteger(type)
            bytes.writeRepeatingByte(0xFF, count: length)
        }
        bytes.writeImmutableBuffer(frame(0, of: 1))
        pair.toEdge(bytes)
        #expect(pair.edgeLog == ["frames 1 [0]"])
        #expect(pair.edge.counters.unknownTypes == 4)
    }

    @Test func aMessageOfAnUnknownTypeIsNotKept() {
        var pair = LinkPair.open()
        var bytes = ByteBuffer(integer: UInt32(8 << 20))
        bytes.writeInteger(UInt8(200))
        pair.toEdge(bytes)
        for _ in 0..<127 { pair.toEdge(ByteBuffer(repeating: 1, count: 1 << 16)) }
        #expect(pair.edge.input.readableBytes == 0)
        pair.toEdge(ByteBuffer(repeating: 1, count: (1 << 16) - 1))
        pair.edge.query(1, stream: name("a/b"))
        pair.run()
        #expect(pair.originLog == ["query 1 a/b"])
        #expect(!pair.edge.isClosed)
    }

    @Test(
        "lengths beyond the cap of the type end the link at once",
        arguments: [
            (LinkMessageType.frame.rawValue, (8 << 20) + (64 << 10) + 1),
            (LinkMessageType.accept.rawValue, (1 << 20) + 1),
            (LinkMessageType.subscribe.rawValue, UInt32.max), (LinkMessageType.frame.rawValue, .max), (200, .max),
        ] as [(UInt8, UInt32)])
    func tooLong(_ type: UInt8, _ length: UInt32) {
        var pair = LinkPair.open()
        pair.toEdge(
            message {
                $0.writeInteger(length); $0.writeInteger(type)
            })
        #expect(pair.edgeLog == ["close RLY-7007"])
        pair.run()
        #expect(pair.originLog == ["close RLY-7007"])
    }

    @Test("broken fields end the link, and the peer is told", arguments: MessageVector.all)
    func brokenFields(_ vector: MessageVector) {
        // A frame's first byte is its subscription; what is left is too short for it.
        guard vector.fields.count > 1 else { return }
        var pair = LinkPair.open()
        pair.toEdge(
            message {
                $0.writeInteger(UInt32(2)); $0.writeBytes([vector.bytes[4], 0x80])
            })
        #expect(pair.edgeLog == ["close RLY-7001"])
    }

    @Test func aMessageWithoutATypeEndsTheLink() {
        var pair = LinkPair.open()
        pair.toEdge(ByteBuffer(bytes: [0, 0, 0, 0, 0]))
        #expect(pair.edgeLog == ["close RLY-7001"])
    }

    @Test func aSecondHelloEndsTheLink() {
        var pair = LinkPair.open()
        pair.toOrigin(
            message {
                LinkHello(hasKey: true, node: node("x"), release: "", nonce: Array(repeating: 5, count: 32)).encode(
                    into: &$0)
            })
        #expect(pair.originLog == ["close RLY-7001"])
    }

    // MARK: Rates and numbers

    @Test func moreThan200RequestsInASecondPauseTheReading() {
        var pair = LinkPair.open()
        let start = pair.now
        for id in 0..<500 { pair.edge.subscribe(.to("live/a\(id)", id: UInt64(id))) }
        pair.run()
        #expect(pair.originLog.count == 200)
        #expect(!pair.origin.wantsInput)
        #expect(pair.origin.nextDeadline.map { $0 <= start + .seconds(1) } == true)
        pair.now = start + .milliseconds(999)
        pair.origin.timerFired(now: pair.now)
        pair.look()
        #expect(pair.originLog.count == 200)
        pair.now = start + .seconds(1)
        pair.origin.timerFired(now: pair.now)
        pair.look()
        #expect(pair.originLog.count == 400)
        pair.now = start + .seconds(2)
        pair.look()
        #expect(pair.originLog.count == 500 && pair.origin.wantsInput)
        #expect(pair.origin.counters.throttles == 2)
        #expect(!pair.originLog.contains("suspect"))
    }

    @Test func mediaAndAnswersToWhatWasAskedAreNotCounted() {
        var settings = LinkSettings.named("edge")
        settings.controlPerSecond = 10
        var pair = LinkPair(settings, .named("origin"))
        pair.connect()
        pair.edgeLog = []
        for id in 0..<100 { pair.edge.subscribe(.to("live/a", id: UInt64(id))) }
        pair.run()
        for id in 0..<100 {
            pair.origin.accept(UInt64(id), .life(1), now: pair.now)
            pair.origin.send([.audio(0), .audio(1)], to: UInt64(id), now: pair.now)
            if id % 2 == 0 { pair.origin.end(UInt64(id), .finished, lastFrameID: 1) }
        }
        pair.run()
        #expect(pair.edge.wantsInput && pair.edge.counters.throttles == 0)
        #expect(pair.edgeLog.count == 250)
        // An accept that comes again and again is the parent's own idea.
        for epoch in 2..<40 { pair.origin.accept(1, .life(1, epoch: UInt64(epoch)), now: pair.now); pair.run() }
        #expect(!pair.edge.wantsInput)
    }

    @Test func inputThatGoesOnWhileReadingIsPausedIsBounded() {
        var settings = LinkSettings.named("origin")
        settings.controlPerSecond = 1
        var pair = LinkPair(.named("edge"), settings)
        pair.connect()
        pair.originLog = []
        let request = message { LinkUnsubscribe(id: 1).encode(into: &$0) }
        var read = 0
        while !pair.origin.isClosed, read < 100 << 20 {
            var bytes = ByteBuffer()
            for _ in 0..<5_000 { bytes.writeImmutableBuffer(request) }
            read += bytes.readableBytes
            pair.toOrigin(bytes)
        }
        #expect(read < 12 << 20)
        #expect(pair.originLog == ["close RLY-7007"])
    }

    @Test func endlessUnknownStreamsLeaveNothingBehind() {
        var settings = LinkSettings.named("origin")
        settings.controlPerSecond = .max
        var pair = LinkPair(.named("edge"), settings)
        pair.connect()
        for id in 0..<20_000 as Range<UInt64> {
            var bytes = ByteBuffer()
            LinkSubscribe.to("live/unknown", id: id).encode(into: &bytes)
            pair.origin.receive(bytes, now: pair.now)
            while let action = pair.origin.nextAction(now: pair.now) {
                guard case .subscribe(let request) = action else { continue }
                pair.origin.refuse(request.id, .notFound, redirect: nil)
            }
            _ = pair.origin.takeOutput(limit: 9_999, now: pair.now)
        }
        #expect(pair.origin.outgoing.count == 0)
        #expect(pair.origin.outgoing.places == 1)
    }

    @Test func subscriptionsBeyondTheLimitAreRefused() {
        var settings = LinkSettings.named("origin")
        settings.maxSubscriptions = 3
        var pair = LinkPair(.named("edge"), settings)
        pair.connect()
        pair.edgeLog = []
        for id in 0..<5 { pair.edge.subscribe(.to("live/a", id: UInt64(id))) }
        pair.run()
        #expect(pair.edgeLog == ["refused 3 overloaded -", "refused 4 overloaded -"])
        pair.edge.unsubscribe(0)
        pair.edge.subscribe(.to("live/a", id: 9))
        pair.run()
        #expect(pair.originLog.suffix(2) == ["unsubscribe 0", "subscribe 9 live/a"])
    }

    @Test func subscribingTwiceUnderOneIDDoesNotTouchTheFirst() {
        var pair = LinkPair.open()
        pair.subscribe(1)
        pair.edgeLog = []
        pair.toOrigin(message { LinkSubscribe.to("live/b", id: 1).encode(into: &$0) })
        pair.origin.send([.audio(0)], to: 1, now: pair.now)
        pair.run()
        #expect(pair.originLog == ["subscribe 1 live/a"])
        #expect(pair.edgeLog == ["frames 1 [0]"])
        #expect(pair.origin.counters.badRequests == 1)
    }

    @Test(
        "names that are not allowed are refused or ignored",
        arguments: ["live/../etc", "live//a", "/live/a", "live/a b", "nopath", ""])
    func badNames(_ text: String) {
        var pair = LinkPair.open()
        pair.edge.subscribe(.to("live/a", id: 1))
        _ = pair.edge.takeOutput(limit: 9_999, now: pair.now)
        pair.toOrigin(
            message {
                LinkWire.write(.subscribe, into: &$0) { buffer in
                    for value in [1, 0, 1] as [UInt64] { buffer.writeVarint(value) }
                    buffer.writeText("edge")
                    buffer.writeBytes([0, 0, 0, 0])
                    buffer.writeText(text)
                }
            })
        pair.toOrigin(
            message {
                LinkWire.write(.query, into: &$0) {
                    $0.writeVarint(1); $0.writeText(text)
                }
            })
        pair.run()
        #expect(pair.originLog.isEmpty)
        #expect(pair.edgeLog == ["refused 1 denied -"])
        #expect(pair.origin.counters.badRequests == 1)
    }

    @Test func aPeerThatSendsAndDoesNotReadIsGivenUp() {
        var settings = LinkSettings.named("origin")
        settings.maxControlBacklog = 10_000
        settings.controlPerSecond = .max
        var pair = LinkPair(.named("edge"), settings)
        pair.connect()
        pair.originLog = []
        for id in 0..<3_000 as Range<UInt64> where !pair.origin.isClosed {
            pair.origin.receive(
                message { LinkSubscribe.to("live/a", id: id, path: []).encode(into: &$0) }, now: pair.now)
            pair.originLog += pair.origin.pull(pair.now).map(\.text)
        }
        #expect(pair.originLog == ["close RLY-7007"])
    }

    // MARK: Anything

    /// A step of a valid session: the state of both before it, and what was said then.
    private struct Step: Sendable {
        var pair: LinkPair
        var toEdge: Bool
        var bytes: [UInt8]
    }

    private static let conversation: [Step] = {
        var pair = LinkPair()
        var steps: [Step] = []
        func exchange() {
            for _ in 0..<4 {
                while let bytes = pair.edge.takeOutput(limit: 1 << 16, now: pair.now) {
                    steps.append(Step(pair: pair, toEdge: false, bytes: bytes.bytes))
                    pair.toOrigin(bytes)
                }
                while let bytes = pair.origin.takeOutput(limit: 1 << 16, now: pair.now) {
                    steps.append(Step(pair: pair, toEdge: true, bytes: bytes.bytes))
                    pair.toEdge(bytes)
                }
            }
        }
        pair.edge.start(now: pair.now)
        exchange()
        pair.edge.subscribe(.to("live/a", id: 1, start: .after(frameID: 3, incarnation: .init(epoch: 1, id: 7))))
        pair.edge.subscribe(.to("live/b", id: 2, start: .window(milliseconds: 500)))
        pair.edge.query(1, stream: name("live/c"))
        exchange()
        pair.origin.accept(1, .life(7, headers: [.video(1, .config), .audio(2, .config)]), now: pair.now)
        pair.origin.refuse(2, .moved, redirect: node("o2"))
        pair.origin.answer(1, .init(isOwner: true, hasPublisher: true, epoch: 1, frameAgeMilliseconds: 1))
        pair.origin.send(
            [.video(4, .key, bytes: 60), .audio(5), .video(6, .disposable), .audio(7)], to: 1, now: pair.now)
        exchange()
        pair.origin.goAway(deadlineMilliseconds: 1_000)
        pair.origin.send([.video(8), .audio(9)], to: 1, now: pair.now)
        exchange()
        pair.origin.end(1, .finished, lastFrameID: 9)
        exchange()
        return steps
    }()

    @Test("no mutation of a valid session traps or grows", arguments: 0..<10)
    func mutations(_ seed: UInt64) {
        var generator = SplitMix(seed)
        var (frames, closes, survivors) = (0, 0, 0)
        var worst = 0
        for _ in 0..<2_000 {
            let first = Int.random(in: 0..<Self.conversation.count, using: &generator)
            var pair = Self.conversation[first].pair
            // The step itself, changed, and some after it as they were.
            for (index, step) in Self.conversation.dropFirst(first).prefix(3).enumerated() {
                var bytes = step.bytes
                if index == 0 { mutate(&bytes, &generator) }
                if step.toEdge {
                    pair.edge.receive(ByteBuffer(bytes: bytes), now: pair.now)
                } else {
                    pair.origin.receive(ByteBuffer(bytes: bytes), now: pair.now)
                }
                while let action = pair.edge.nextAction(now: pair.now) {
                    if case .frames = action { frames += 1 }
                    if case .close = action { closes += 1 }
                }
                while let action = pair.origin.nextAction(now: pair.now) {
                    if case .close = action { closes += 1 }
                    guard case .subscribe(let request) = action else { continue }
                    pair.origin.accept(request.id, .life(1), now: pair.now)
                    pair.origin.send([.video(0, .key)], to: request.id, now: pair.now)
                }
                pair.now = pair.now + .milliseconds(40)
                pair.edge.timerFired(now: pair.now)
                pair.origin.timerFired(now: pair.now)
                worst = max(worst, pair.edge.input.storageCapacity, pair.origin.input.storageCapacity)
                _ = pair.edge.takeOutput(limit: 1 << 16, now: pair.now)
                _ = pair.origin.takeOutput(limit: 1 << 16, now: pair.now)
            }
            if !pair.edge.isClosed, !pair.origin.isClosed { survivors += 1 }
        }
        #expect(worst <= 1 << 16)
        // The mutations reach behind the handshake, and some sessions live through theirs.
        #expect(frames > 100 && closes > 100 && survivors > 100, "\(frames) \(closes) \(survivors)")
    }

    private func mutate(_ bytes: inout [UInt8], _ generator: inout SplitMix) {
        for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<7, using: &generator) {
            case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1: bytes[at] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
            case 2: bytes.remove(at: at)
            case 3: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: at)
            case 4: bytes.removeSubrange(at...)
            case 5: bytes.insert(contentsOf: bytes[at...], at: at)
            default: bytes.insert(contentsOf: Self.conversation.randomElement(using: &generator)?.bytes ?? [], at: at)
            }
        }
    }
}
