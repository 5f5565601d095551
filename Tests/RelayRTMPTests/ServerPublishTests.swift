import NIOCore
import RelayCore
import RelayRTMP
import Testing

@Suite("Server session: publish")
struct ServerPublishTests {
    typealias Harness = SessionHarness

    static func video(_ time: UInt32 = 40, _ payload: [UInt8] = [0x17, 1], streamID: UInt32 = 1) -> [UInt8] {
        message(type: 9, time: time, streamID: streamID, csid: 6, payload)
    }

    @Test("a publish carries name, kind and all queries, and waits for the decision")
    func request() {
        var harness = Harness()
        harness.feed(
            Harness.handshake
                + Harness.connect([
                    "app": .string("live/room?vhost=v"), "tcUrl": .string("rtmp://h/live/room?multitrack=1"),
                ])
                + command("createStream", id: 2)
                + command("publish", id: 3, .string("/key?token=a%26b"), .string("record"), streamID: 1) + Self.video())
        #expect(harness.publishRequest?.name.description == "live/room/key")
        #expect(harness.publishRequest?.query == "token=a%26b&vhost=v&multitrack=1")
        #expect(harness.publishRequest?.kind == .record)
        #expect(harness.media.isEmpty)
        #expect(!harness.session.wantsInput)
        harness.session.acceptPublish(streamID: 1, now: harness.now)
        harness.run()
        #expect(harness.media.count == 1)
        #expect(harness.session.wantsInput)
    }

    @Test(
        "publish without a kind is live, and may be sent on a message stream that was never created",
        arguments: [0, 1, 7] as [UInt32])
    func lenientPublish(streamID: UInt32) throws {
        var harness = Harness()
        harness.feed(
            Harness.handshake + Harness.connect() + command("publish", id: 3, .string("a"), streamID: streamID))
        #expect(harness.publishRequest?.kind == .live)
        harness.session.acceptPublish(streamID: streamID, now: harness.now)
        harness.run()
        let status = try #require(harness.sent.last)
        #expect(status.streamID == streamID)
        #expect(harness.statuses == ["NetStream.Publish.Start"])
    }

    @Test("everything in the application and an empty name is a name")
    func emptyName() {
        var harness = Harness.connected(.init(), ["app": .string("live/key")])
        harness.feed(Harness.publish(""))
        #expect(harness.publishRequest?.name.description == "live/key")
    }

    @Test("an accepted publish is told so once; FMLE-class encoders also by onFCPublish with a transaction id")
    func accept() {
        var harness = Harness.connected()
        harness.feed(Harness.publish())
        harness.session.acceptPublish(streamID: 1, now: harness.now)
        harness.session.acceptPublish(streamID: 1, now: harness.now)
        harness.run()
        #expect(harness.sequence == ["streamBegin(streamID: 1)", "onStatus NetStream.Publish.Start"])

        var fmle = Harness.connected()
        fmle.feed(command("FCPublish", id: 3, .string("a")) + Harness.publish())
        fmle.sent = []
        fmle.session.acceptPublish(streamID: 1, now: fmle.now)
        fmle.run()
        #expect(
            fmle.sequence == [
                "streamBegin(streamID: 1)", "onFCPublish NetStream.Publish.Start", "onStatus NetStream.Publish.Start",
            ])
        #expect(
            fmle.sent[1].payload.bytes.starts(with: AMF0.encode([.string("onFCPublish"), .number(0), .null]).bytes))
    }

    @Test("a refused publish is told why with the code, then closed")
    func refuse() throws {
        var harness = Harness.connected()
        harness.feed(Harness.publish() + Self.video())
        harness.session.reject(streamID: 1, code: .streamBusy, status: .publishBadName, now: harness.now)
        harness.run()
        let status = try #require(Status(harness.commands.last?.argument(0)))
        #expect(status.level == .error)
        #expect(status.code == .publishBadName)
        #expect(status.description.hasPrefix("RLY-4002: "))
        #expect(harness.closeError == .refused(.streamBusy))
        #expect(harness.media.isEmpty)
    }

    @Test(
        "names outside the allow-list are refused before anyone is asked",
        arguments: ["", "a b", "../x", "a\r\nSET evil 1\r\n", "a:b", "x$(touch)", String(repeating: "x", count: 300)])
    func badName(name: String) {
        var harness = Harness.connected()
        harness.feed(Harness.publish(name))
        #expect(harness.publishRequest == nil)
        #expect(harness.statuses == ["NetStream.Publish.BadName"])
        #expect(harness.closeError?.code == .badStreamName)
    }

    @Test("names that are no UTF-8 are refused")
    func notUTF8() {
        var harness = Harness.connected()
        harness.feed(
            message(type: 20, AMF0.encode([.string("publish"), .number(3), .null]).bytes + hex("02 0002 fffe")))
        #expect(harness.closeError?.code == .badStreamName)
    }

    @Test("a query may hold anything; it is only carried")
    func queryIsOpaque() {
        var harness = Harness.connected()
        harness.feed(Harness.publish("x?$(touch${IFS}/tmp/pwn)&token=.."))
        #expect(harness.publishRequest?.name.name == "x")
        #expect(harness.publishRequest?.query == "$(touch${IFS}/tmp/pwn)&token=..")
    }

    @Test("audio, video and data come out with kind, time and body; metadata without its instruction")
    func media() {
        var harness = Harness.publishing()
        let metadata = AMF0.encode([.string("onMetaData"), .ecmaArray(["width": .number(2)])]).bytes
        harness.feed(
            message(type: 18, streamID: 1, csid: 4, AMF0.encode([.string("@setDataFrame")]).bytes + metadata)
                + message(type: 8, time: 23, csid: 4, [0xAF, 0]) + Self.video(0xFFFF_FFFF)
                + message(type: 8, csid: 4, []))
        #expect(harness.media.map(\.type) == [18, 8, 9, 8])
        #expect(harness.media.map(\.timestamp) == [0, 23, 0xFFFF_FFFF, 0])
        #expect(harness.media.first?.payload.bytes == metadata)
        #expect(harness.media.last?.payload.readableBytes == 0)
    }

    @Test("media on message stream 0 belongs to the only publish there is")
    func otherStream() {
        var harness = Harness.publishing()
        harness.feed(Self.video(streamID: 0))
        #expect(harness.media.map(\.streamID) == [1])
        #expect(harness.session.counters.mediaOnOtherStream == 1)
    }

    @Test("two publishes on one connection stay apart")
    func twoPublishes() {
        var harness = Harness.publishing()
        harness.feed(command("createStream", id: 9) + Harness.publish("b", streamID: 2))
        harness.session.acceptPublish(streamID: 2, now: harness.now)
        harness.run()
        harness.feed(Self.video(1, streamID: 2) + Self.video(2, streamID: 1) + Self.video(3, streamID: 0))
        #expect(harness.media.map(\.streamID) == [2, 1])
        #expect(harness.session.counters.mediaOutsideStream == 1)
    }

    @Test("FCUnpublish with two publishes leaves the end to deleteStream")
    func ambiguousUnpublish() {
        var harness = Harness.publishing()
        harness.feed(command("createStream", id: 9) + Harness.publish("b", streamID: 2))
        harness.session.acceptPublish(streamID: 2, now: harness.now)
        harness.run()
        harness.actions = []
        harness.feed(command("FCUnpublish", id: 6, .string("b")))
        #expect(harness.actions.isEmpty)
        harness.feed(command("deleteStream", .number(2)) + Self.video(streamID: 1))
        #expect(harness.actions.count == 2)
        guard case .unpublish(streamID: 2)? = harness.actions.first else {
            Issue.record("\(harness.actions)")
            return
        }
    }

    @Test("media before publish and after its end is counted and dropped")
    func outside() {
        var harness = Harness.connected()
        harness.feed(Self.video())
        #expect(harness.media.isEmpty)
        #expect(harness.session.counters.mediaOutsideStream == 1)
    }

    @Test(
        "each normal end is one unpublish, and the stream can be published again",
        arguments: ["FCUnpublish", "closeStream", "deleteStream"])
    func ends(name: String) {
        var harness = Harness.publishing()
        let end =
            switch name {
            case "FCUnpublish": command(name, id: 6, .string("a"))
            case "closeStream": command(name, id: 0, streamID: 1)
            default: command(name, id: 0, .number(1))
            }
        harness.feed(end + command("closeStream", streamID: 1) + Self.video())
        let unpublished = harness.actions.filter { if case .unpublish(streamID: 1) = $0 { true } else { false } }
        #expect(unpublished.count == 1)
        #expect(harness.media.isEmpty)
        #expect(harness.statuses == ["NetStream.Unpublish.Success"])
        harness.feed(command("createStream", id: 8) + Harness.publish("b"))
        #expect(harness.publishRequest?.name.name == "b")
    }

    @Test("FCPublish clients are told the end by onFCUnpublish")
    func fcUnpublish() {
        var harness = Harness.connected()
        harness.feed(command("FCPublish", id: 3, .string("a")) + Harness.publish())
        harness.session.acceptPublish(streamID: 1, now: harness.now)
        harness.run()
        harness.sent = []
        harness.feed(command("FCUnpublish", id: 6, .string("a")))
        #expect(
            harness.sequence == [
                "_result", "onFCUnpublish NetStream.Unpublish.Success", "onStatus NetStream.Unpublish.Success",
            ])
    }

    @Test("a publisher that lost its stream is told so and closed")
    func endPublish() {
        var harness = Harness.publishing()
        harness.session.endPublish(streamID: 1, code: .takenOver, now: harness.now)
        harness.run()
        #expect(harness.statuses == ["NetStream.Publish.BadName"])
        #expect(harness.closeError == .refused(.takenOver))
    }

    @Test("a reconnect request goes only to clients that announced it")
    func reconnect() throws {
        var legacy = Harness.publishing()
        let refused = legacy.session.reconnectRequest(tcUrl: "rtmp://other/live")
        #expect(!refused)
        var modern = Harness.publishing(.init(), ["capsEx": .number(1)])
        let sent = modern.session.reconnectRequest(tcUrl: "rtmp://other/live", description: "going down")
        #expect(sent)
        modern.run()
        let status = try #require(modern.commands.last)
        #expect(status.name == "onStatus")
        #expect(modern.sent.last?.streamID == 0)
        #expect(
            status.argument(0)?.objectValue == [
                "level": .string("status"), "code": .string("NetConnection.Connect.ReconnectRequest"),
                "tcUrl": .string("rtmp://other/live"), "description": .string("going down"),
            ])
        #expect(modern.closeError == nil)
    }

    @Test("a flood of chunk headers is worked on second by second, and ends the connection when too much waits")
    func throttle() {
        var configuration = RTMPServerSession.Configuration()
        configuration.limits.chunkHeadersPerSecond = 50
        configuration.limits.waitingInputBytes = 1000
        var harness = Harness.publishing(configuration)
        harness.now = harness.now + .seconds(1)
        for _ in 0..<50 { harness.feed(Self.video()) }
        #expect(harness.media.count == 50)
        harness.feed(Self.video() + Self.video())
        #expect(harness.media.count == 50)
        #expect(!harness.session.wantsInput)
        #expect(harness.session.nextDeadline == harness.now + .seconds(1))
        harness.advance(.seconds(1))
        #expect(harness.media.count == 52)
        #expect(harness.session.wantsInput)
        for _ in 0..<130 where harness.closeError == nil { harness.feed(Self.video()) }
        #expect(harness.closeError == .decodeBudget)
    }

    @Test("input that comes during a decision is kept up to a bound")
    func inputDuringDecision() {
        var configuration = RTMPServerSession.Configuration()
        configuration.limits.waitingInputBytes = 1000
        var harness = Harness.connected(configuration)
        harness.feed(Harness.publish())
        harness.feed([UInt8](repeating: 0, count: 1000))
        #expect(harness.closeError == nil)
        harness.feed([0])
        #expect(harness.closeError == .inputOverflow)
    }
}
