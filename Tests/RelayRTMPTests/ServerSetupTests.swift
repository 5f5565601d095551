import NIOCore
import RelayCore
import RelayRTMP
import Testing

@Suite("Server session: connect, createStream, order")
struct ServerSetupTests {
    typealias Harness = SessionHarness

    @Test("connect is answered with window, bandwidth and chunk size first, then _result")
    func connect() throws {
        var harness = Harness()
        harness.feed(Harness.handshake + Harness.connect(id: 1))
        #expect(harness.sequence == ["type 5", "type 6", "_result NetConnection.Connect.Success", "onBWDone"])
        #expect(harness.session.writeChunkSize == 60_000)
        #expect(harness.commands.first?.transactionID == 1)
        #expect(harness.connectInfo?.app == "live")
        #expect(harness.connectInfo?.flashVer == "test")
        #expect(harness.closeError == nil)
    }

    @Test("the answers are the same however the bytes arrive")
    func splits() {
        let bytes = Harness.handshake + Harness.connect() + command("createStream", id: 2) + Harness.publish("a?x=1")
        var whole = Harness()
        whole.feed(bytes)
        #expect(whole.publishRequest?.query == "x=1")
        for feeding in [
            Feeding.singly, .split(1536), .split(1537), .split(3073), .split(3100), .random(1), .random(2), .random(3),
        ] {
            var harness = Harness()
            harness.feed(bytes, feeding)
            #expect(harness.sent == whole.sent)
            #expect(harness.publishRequest == whole.publishRequest)
        }
    }

    @Test("a client that says nothing of Enhanced RTMP is told nothing of it; one that does is told ours")
    func enhanced() throws {
        var legacy = Harness()
        legacy.feed(Harness.handshake + Harness.connect())
        let plain = try #require(legacy.commands.first?.argument(0)?.objectValue)
        #expect(EnhancedCapabilities(plain).isLegacy)
        var modern = Harness()
        modern.feed(
            Harness.handshake + Harness.connect(["fourCcList": .strictArray([.string("hvc1")]), "capsEx": .number(1)]))
        let result = try #require(modern.commands.first)
        #expect(EnhancedCapabilities(try #require(result.argument(0)?.objectValue)) == .relay)
        #expect(EnhancedCapabilities(try #require(result.object.objectValue)) == .relay)
        #expect(modern.connectInfo?.capabilities.acceptsVideo("hvc1") == true)
    }

    @Test("AMF3 is answered with AMF0, and its envelopes are read")
    func objectEncoding() throws {
        var harness = Harness()
        harness.feed(Harness.handshake + Harness.connect(["objectEncoding": .number(3)]))
        #expect(harness.commands.first?.argument(0)?.objectValue?["objectEncoding"] == .number(0))
        #expect(harness.connectInfo?.objectEncoding == 3)
        let create = AMF0.encode([.string("createStream"), .number(2), .null]).bytes
        harness.feed(message(type: 17, streamID: 0, [0] + create))
        #expect(harness.commands.last == .result(2, .number(1)))
    }

    @Test("connect as an ECMA array, without tcUrl, or without app is understood as far as it says enough")
    func connectForms() {
        var array = Harness()
        array.feed(Harness.handshake + command("connect", id: 1, object: .ecmaArray(["app": .string("live")])))
        #expect(array.connectInfo?.app == "live")
        var onlyURL = Harness()
        onlyURL.feed(
            Harness.handshake
                + command("connect", id: 1, object: .object(["tcUrl": .string("rtmp://[::1]:19/live/room")])))
        #expect(onlyURL.connectInfo?.app == "live/room")
        var broken = Harness()
        broken.feed(Harness.handshake + Harness.connect(["tcUrl": .string("rtmp://[::1")]))
        #expect(broken.connectInfo?.app == "live")
        var long = Harness()
        long.feed(Harness.handshake + Harness.connect(["tcUrl": .string(String(repeating: "x", count: 60_000))]))
        #expect(long.connectInfo?.app == "live")
    }

    @Test(
        "a connect without a usable app is refused with the reason, then closed",
        arguments: [
            AMF0Value.string(""), .string("/"), .string("live\u{0}x"), .string("../../etc"), .string("live%2f..%2f"),
            .null, .number(.nan),
        ])
    func badApp(app: AMF0Value) {
        var harness = Harness()
        harness.feed(
            Harness.handshake + command("connect", id: 1, object: .object(["app": app, "tcUrl": .string("x")])))
        #expect(harness.commands.first?.name == "_error")
        #expect(harness.commands.first?.argument(0)?.objectValue?["code"] == .string("NetConnection.Connect.Rejected"))
        #expect(harness.closeError?.code == .badStreamName)
        #expect(harness.connectInfo == nil)
    }

    @Test("a second connect, and publish, play or createStream before connect, end the connection")
    func order() {
        for bytes in [
            Harness.connect() + Harness.connect(), Harness.publish(), Harness.play(), command("createStream", id: 1),
        ] {
            var harness = Harness()
            harness.feed(Harness.handshake + bytes)
            #expect(harness.closeError == .commandOrder)
        }
    }

    @Test("publish and play on a busy message stream end the connection")
    func busyStream() {
        for (first, second) in [
            (Harness.publish(), Harness.publish()), (Harness.publish(), Harness.play()),
            (Harness.play(), Harness.publish()),
        ] {
            var harness = Harness.connected()
            harness.feed(first)
            harness.session.acceptPublish(streamID: 1, now: harness.now)
            harness.session.acceptPlay(streamID: 1, now: harness.now)
            harness.run()
            harness.feed(second)
            #expect(harness.closeError == .commandOrder)
        }
    }

    @Test(
        "the orders of librtmp, Flash and Haivision all lead to a publish",
        arguments: [
            ["connect", "releaseStream", "FCPublish", "createStream", "_checkbw", "publish"],
            ["connect", "createStream", "publish"],
            ["connect", "createStream", "FCPublish", "publish"],
            ["_checkbw", "connect", "createStream", "createStream", "publish"],
            ["connect", "publish"],
        ])
    func orders(names: [String]) {
        var harness = Harness()
        harness.feed(Harness.handshake)
        for (index, name) in names.enumerated() {
            switch name {
            case "connect": harness.feed(Harness.connect())
            case "publish": harness.feed(Harness.publish())
            default: harness.feed(command(name, id: Double(index + 10), .string("a")))
            }
        }
        #expect(harness.publishRequest?.name.description == "live/a")
        #expect(harness.closeError == nil)
    }

    @Test("calls that wait for an answer get one with their own transaction id, others get none")
    func answers() {
        for name in ["releaseStream", "FCPublish", "FCUnpublish", "_checkbw", "checkBandwidth", "somethingElse"] {
            var harness = Harness.connected()
            harness.feed(command(name, id: 7, .string("a")))
            #expect(harness.commands == [.result(7, .undefined)], "\(name)")
            var quiet = Harness.connected()
            quiet.feed(command(name, id: 0, .string("a")))
            #expect(quiet.commands.isEmpty, "\(name)")
        }
        var length = Harness.connected()
        length.feed(command("getStreamLength", id: 9, .string("a")))
        #expect(length.commands == [.result(9, .number(0))])
        var subscribe = Harness.connected()
        subscribe.feed(command("FCSubscribe", id: 5, .string("a")))
        #expect(subscribe.sequence == ["_result", "onFCSubscribe NetStream.Play.Start"])
    }

    @Test("answers go back on the message stream that the call came on", arguments: [0, 1, 9] as [UInt32])
    func answerStream(streamID: UInt32) {
        var harness = Harness.connected()
        harness.feed(
            command("createStream", id: 5, streamID: streamID)
                + command("FCPublish", id: 6, .string("a"), streamID: streamID))
        #expect(harness.sent.map(\.streamID) == [streamID, streamID])
    }

    @Test("answers from the client are not answered")
    func noEcho() {
        var harness = Harness.connected()
        for name in ["_result", "_error", "onStatus"] { harness.feed(command(name, id: name == "onStatus" ? 0 : 4)) }
        #expect(harness.sent.isEmpty)
    }

    @Test(
        "a transaction id that is no number anyone counts with comes back bit for bit",
        arguments: [0x7FF8_0000_0000_0005, 0x7FF0_0000_0000_0000, 0x7E37_E43C_8800_759C] as [UInt64])
    func oddTransactionIDs(bits: UInt64) {
        var harness = Harness.connected()
        harness.feed(command("createStream", id: Double(bitPattern: bits)))
        #expect(harness.commands.first?.name == "_result")
        #expect(harness.commands.first?.transactionID.bitPattern == bits)
    }

    @Test("message streams have ids of their own, are reused after deleteStream, and end at 32")
    func messageStreams() {
        var harness = Harness.connected()
        for id in 2...32 {
            harness.feed(command("createStream", id: Double(id)))
            #expect(harness.commands.last == .result(Double(id), .number(Double(id))))
        }
        harness.feed(command("createStream", id: 99))
        #expect(harness.commands.last?.name == "_error")
        harness.feed(command("deleteStream", .number(5)) + command("createStream", id: 100))
        #expect(harness.commands.last == .result(100, .number(5)))
        #expect(harness.closeError == nil)
    }

    @Test(
        "deleteStream of an unknown or impossible id is ignored",
        arguments: [AMF0Value.number(77), .number(.nan), .number(-1), .number(1e300), .string("x"), .null])
    func unknownDelete(id: AMF0Value) {
        var harness = Harness.connected()
        harness.feed(command("deleteStream", id))
        #expect(harness.actions.isEmpty)
        #expect(harness.session.counters.unknownStreams == 1)
    }

    @Test("more than 100 commands in a second end the connection; spread out they do not")
    func commandBudget() {
        var harness = Harness.connected()
        for _ in 0..<98 { harness.feed(command("createStream", id: 5)) }
        #expect(harness.closeError == nil)
        harness.feed(command("createStream", id: 5))
        #expect(harness.closeError == .commandRate)
        var slow = Harness.connected()
        for _ in 0..<8 {
            for _ in 0..<90 { slow.feed(command("x", id: 5)) }
            slow.now = slow.now + .seconds(1)
        }
        #expect(slow.closeError == nil)
    }

    @Test(
        "broken AMF in a command ends the connection",
        arguments: ["02 0007 636f6e6e656374 00 3ff0000000000000 03 0001 61 07", "05", "02 ffff 61"])
    func badAMF(text: String) {
        var harness = Harness()
        harness.feed(Harness.handshake + message(type: 20, streamID: 0, hex(text)))
        #expect(harness.closeError?.code == .badAMF)
    }

    @Test("nothing follows a close")
    func closed() {
        var harness = Harness()
        harness.feed([0x16])
        #expect(harness.closeError == .tlsOnPlainPort)
        #expect(harness.sentBytes == 0)
        harness.feed(Harness.handshake)
        harness.advance(.seconds(60))
        #expect(harness.actions.count == 1)
        #expect(harness.session.nextDeadline == nil)
        #expect(!harness.session.wantsInput)
    }

    @Test("noise after the handshake ends the connection")
    func noise() {
        for seed in 0..<20 as Range<UInt64> {
            var generator = SplitMix(seed)
            var harness = Harness()
            let noise = (0..<1 << 16).map { _ in UInt8.random(in: 0...255, using: &generator) }
            for _ in 0..<16 where harness.closeError == nil {
                harness.feed((harness.session.bytesReceived == 0 ? Harness.handshake : []) + noise)
            }
            #expect(harness.closeError != nil)
        }
    }
}
