import NIOCore
import RelayCore
import RelayRTMP
import Testing

@Suite("Server session: play")
struct ServerPlayTests {
    typealias Harness = SessionHarness

    @Test("a play carries name, query, arguments, buffer length and what the player can take")
    func request() throws {
        var harness = Harness.connected(.init(), ["fourCcList": .strictArray([.string("hvc1")])])
        var bufferLength = ByteBuffer()
        UserControl.setBufferLength(streamID: 1, milliseconds: 0xFFFF_FFFF).encode(into: &bufferLength)
        harness.feed(
            bufferLength.bytes
                + command("play", id: 3, .string("a?t=1"), .number(-2000), .number(-1), .boolean(false), streamID: 1))
        let request = try #require(harness.playRequest)
        #expect(request.name.description == "live/a")
        #expect(request.query == "t=1")
        #expect(request.start == -2000)
        #expect(request.duration == -1)
        #expect(!request.reset)
        #expect(request.bufferLength == 10_000)
        #expect(request.capabilities.acceptsVideo("hvc1"))
    }

    @Test("an accepted play gets the sequence that Flash-class players wait for, on its message stream")
    func accept() {
        var harness = Harness.connected()
        harness.feed(Harness.play())
        harness.session.acceptPlay(streamID: 1, now: harness.now)
        harness.run()
        #expect(
            harness.sequence == [
                "streamBegin(streamID: 1)", "onStatus NetStream.Play.Reset", "onStatus NetStream.Play.Start",
                "onStatus", "|RtmpSampleAccess",
            ])
        #expect(harness.sent.dropFirst().allSatisfy { $0.streamID == 1 })
    }

    @Test("a refused play is told why, then closed", arguments: [StatusCode.playStreamNotFound, .playFailed])
    func refuse(status: StatusCode) {
        var harness = Harness.connected()
        harness.feed(Harness.play())
        harness.session.reject(streamID: 1, code: .streamNotFound, status: status, now: harness.now)
        harness.run()
        #expect(harness.statuses == [status.rawValue])
        #expect(harness.closeError == .refused(.streamNotFound))
    }

    @Test("the end of a stream is UnpublishNotify, StreamEOF and Play.Stop, and the player may play again")
    func end() {
        var harness = Harness.playing()
        harness.session.endPlay(streamID: 1, now: harness.now)
        harness.session.endPlay(streamID: 1, now: harness.now)
        harness.run()
        #expect(
            harness.sequence == [
                "onStatus NetStream.Play.UnpublishNotify", "streamEOF(streamID: 1)", "onStatus NetStream.Play.Stop",
            ])
        #expect(harness.closeError == nil)
        harness.feed(Harness.play("b"))
        #expect(harness.playRequest?.name.name == "b")
    }

    @Test("a player waiting on an empty stream is told when it is published")
    func publishNotify() {
        var harness = Harness.playing()
        harness.session.notifyPublish(streamID: 1)
        harness.run()
        #expect(harness.statuses == ["NetStream.Play.PublishNotify"])
    }

    @Test(
        "closeStream, deleteStream and play(false) stop the play", arguments: ["closeStream", "deleteStream", "play"])
    func stops(name: String) {
        var harness = Harness.playing()
        switch name {
        case "closeStream": harness.feed(command(name, streamID: 1))
        case "deleteStream": harness.feed(command(name, .number(1)))
        default: harness.feed(command(name, .boolean(false), streamID: 1))
        }
        #expect(harness.actions.count == 1)
        guard case .stopPlay(streamID: 1)? = harness.actions.first else {
            Issue.record("\(harness.actions)")
            return
        }
    }

    @Test("a second play on a message stream stops the first")
    func switchStream() {
        var harness = Harness.playing()
        harness.feed(Harness.play("b"))
        guard case .stopPlay(streamID: 1)? = harness.actions.first else {
            Issue.record("\(harness.actions)")
            return
        }
        #expect(harness.playRequest?.name.name == "b")
    }

    @Test("pause is answered and passed on; so are receiveAudio and receiveVideo")
    func wishes() {
        var harness = Harness.playing()
        harness.feed(
            command("pause", .boolean(true), .number(100), streamID: 1)
                + command("pause", .boolean(false), .number(100), streamID: 1)
                + command("receiveAudio", .boolean(false), streamID: 1)
                + command("receiveVideo", .boolean(true), streamID: 1))
        #expect(harness.statuses == ["NetStream.Pause.Notify", "NetStream.Unpause.Notify"])
        #expect(harness.actions.count == 4)
        guard case .pause(streamID: 1, isPaused: true) = harness.actions[0],
            case .pause(streamID: 1, isPaused: false) = harness.actions[1],
            case .receive(streamID: 1, kind: .audio, isWanted: false) = harness.actions[2],
            case .receive(streamID: 1, kind: .video, isWanted: true) = harness.actions[3]
        else {
            Issue.record("\(harness.actions)")
            return
        }
    }

    @Test("seek and play2 are not answered with an error; wishes without a play mean nothing")
    func harmless() {
        var harness = Harness.playing()
        harness.feed(command("seek", .number(1e300), streamID: 1) + command("play2", .object([:]), streamID: 1))
        #expect(harness.sent.isEmpty)
        var idle = Harness.connected()
        idle.feed(
            command("pause", .boolean(true), streamID: 1) + command("receiveAudio", .boolean(true), streamID: 1)
                + command("pause", .number(.nan)))
        #expect(idle.actions.isEmpty)
    }

    @Test("shutting down tells players and publishers in their own way, then closes")
    func shutDown() {
        var player = Harness.playing()
        player.session.shutDown(code: .draining, now: player.now)
        player.run()
        #expect(player.statuses == ["NetStream.Play.UnpublishNotify", "NetStream.Play.Stop"])
        #expect(player.closeError == .refused(.draining))
        var publisher = Harness.publishing()
        publisher.session.shutDown(code: .draining, now: publisher.now)
        publisher.run()
        #expect(publisher.statuses == ["NetStream.Publish.Failed"])
    }

    @Test("a session is small")
    func size() {
        #expect(MemoryLayout<RTMPServerSession>.size < 1024)
    }
}
