import NIOCore
import RelayCore
import RelayRTMP
import Testing

/// What the two kinds of client have in common, for the tests.
protocol ClientUnderTest {
    mutating func start(now: MonotonicTime)
    mutating func receive(_ bytes: consuming ByteBuffer, now: MonotonicTime)
    mutating func nextAction(now: MonotonicTime) -> RTMPClientAction?
    mutating func timerFired(now: MonotonicTime)
    mutating func finish()
    var nextDeadline: MonotonicTime? { get }
}

extension RTMPPublishClient: ClientUnderTest {}
extension RTMPPlayClient: ClientUnderTest {}

/// A client with the server's bytes written by hand.
struct ClientHarness<Client: ClientUnderTest> {
    var client: Client
    var actions: [RTMPClientAction] = []
    var sent: [RTMPMessage] = []
    var now = MonotonicTime.at(.seconds(100))
    private var decoder = ChunkDecoder()
    private var handshakeBytes = 0

    init(_ client: Client) {
        self.client = client
        self.client.start(now: now)
        run()
    }

    mutating func run() {
        while let action = client.nextAction(now: now) {
            guard case .send(var bytes) = action else {
                actions.append(action)
                continue
            }
            let skipped = Swift.min(3073 - handshakeBytes, bytes.readableBytes)
            bytes.moveReaderIndex(forwardBy: skipped)
            handshakeBytes += skipped
            sent += decode(bytes.bytes, with: &decoder).messages
        }
    }

    mutating func feed(_ bytes: [UInt8], _ feeding: Feeding = .whole) {
        for piece in feeding.pieces(bytes) {
            client.receive(buffer(piece), now: now)
            run()
        }
    }

    mutating func advance(_ duration: Duration) {
        now = now + duration
        client.timerFired(now: now)
        run()
    }

    /// Handshake, connect answered, stream 5 created.
    static func started(_ client: Client) -> ClientHarness {
        var harness = ClientHarness(client)
        harness.feed(
            SessionHarness.handshake
                + command("_result", id: 1, .object(["code": .string("NetConnection.Connect.Success")])))
        harness.feed(command("_result", id: 4, .number(5)))
        return harness
    }

    var commands: [Command] { sent.filter { $0.type == 20 }.compactMap { try? Command($0) } }
    /// The actions in words, media as its kind.
    var names: [String] {
        actions.map {
            switch $0 {
            case .send: "send"
            case .ready: "ready"
            case .media(let kind, let time, _): "\(kind) \(time)"
            case .rejected(let code, _): "rejected \(code)"
            case .redirect(let url): "redirect \(url)"
            case .reconnectRequested(let url, _): "reconnect \(url ?? "")"
            case .ended: "ended"
            case .close(let error): "close \(error.code)"
            }
        }
    }
}

func onStatus(_ code: String, level: String = "status", _ more: AMF0Object = [:], streamID: UInt32 = 5) -> [UInt8] {
    var object: AMF0Object = ["level": .string(level), "code": .string(code), "description": .string("text")]
    for property in more.properties { object[property.key] = property.value }
    return command("onStatus", .object(object), streamID: streamID)
}

@Suite("Client sessions")
struct ClientTests {
    static let url = RTMPURL(host: "h", app: "live/room", name: "key", query: "t=1")
    static func publisher(_ configure: (inout RTMPClientConfiguration) -> Void = { _ in }) -> RTMPPublishClient {
        var configuration = RTMPClientConfiguration()
        configure(&configuration)
        return RTMPPublishClient(url: url, configuration: configuration, digest: .real)
    }
    static func player(_ configure: (inout RTMPClientConfiguration) -> Void = { _ in }) -> RTMPPlayClient {
        var configuration = RTMPClientConfiguration()
        configure(&configuration)
        return RTMPPlayClient(url: url, configuration: configuration, digest: .real)
    }

    @Test("a publisher connects, announces, creates a stream and publishes live under name and query")
    func publish() throws {
        var harness = ClientHarness.started(Self.publisher())
        #expect(harness.commands.map(\.name) == ["connect", "releaseStream", "FCPublish", "createStream", "publish"])
        let connect = ConnectCommand(try #require(harness.commands.first))
        #expect(connect.app == "live/room")
        #expect(connect.tcUrl == "rtmp://h/live/room")
        #expect(connect.capabilities == .relay)
        #expect(harness.commands.last?.arguments == [.string("key?t=1"), .string("live")])
        #expect(harness.sent.last?.streamID == 5)
        var unsent = ByteBuffer()
        #expect(!harness.client.write(kind: .video, timestamp: 1, payload: buffer([1]), into: &unsent))
        harness.feed(onStatus("NetStream.Publish.Start"))
        #expect(harness.names == ["ready"])
        #expect(harness.client.nextDeadline == nil)
    }

    @Test("media is written on the server's message stream with our chunk size, metadata with its instruction")
    func write() {
        var harness = ClientHarness.started(Self.publisher { $0.chunkSize = 1000 })
        harness.feed(onStatus("NetStream.Publish.Start"))
        var out = ByteBuffer()
        let metadata = AMF0.encode([.string("onMetaData"), .object([:])])
        #expect(harness.client.write(kind: .data, timestamp: 0, payload: metadata, into: &out))
        #expect(
            harness.client.write(
                kind: .video, timestamp: 0x0100_0000, payload: ByteBuffer(repeating: 3, count: 5000), into: &out))
        var decoder = ChunkDecoder()
        let outcome = decode(setChunkSize(1000) + out.bytes, with: &decoder)
        #expect(outcome.messages.map(\.streamID) == [5, 5])
        #expect(
            outcome.messages.first?.payload.bytes.starts(with: AMF0.encode([.string("@setDataFrame")]).bytes) == true)
        #expect(outcome.messages.last?.payload.readableBytes == 5000)
    }

    @Test("a player connects, creates a stream, plays and says how much it buffers")
    func play() {
        var harness = ClientHarness.started(Self.player())
        #expect(harness.commands.map(\.name) == ["connect", "createStream", "play"])
        #expect(harness.commands.last?.arguments == [.string("key?t=1"), .number(-2)])
        #expect(
            harness.sent.last.flatMap { try? UserControl($0.payload) }
                == .setBufferLength(streamID: 5, milliseconds: 3000))
        harness.feed(
            onStatus("NetStream.Play.Reset") + onStatus("NetStream.Play.Start")
                + message(type: 8, time: 7, streamID: 5, csid: 4, [1]))
        #expect(harness.names == ["ready", "audio 7"])
    }

    @Test("media without Play.Start makes the play ready; notices to the player are no data of the stream")
    func mediaFirst() {
        var harness = ClientHarness.started(Self.player())
        harness.feed(
            message(
                type: 18, streamID: 5, csid: 5,
                AMF0.encode([.string("|RtmpSampleAccess"), .boolean(true), .boolean(true)]).bytes)
                + message(type: 18, streamID: 5, csid: 5, AMF0.encode([.string("onStatus"), .object([:])]).bytes))
        #expect(harness.names == [])
        harness.feed(
            message(type: 18, time: 1, streamID: 5, csid: 5, AMF0.encode([.string("onMetaData"), .object([:])]).bytes))
        #expect(harness.names == ["ready", "data 1"])
    }

    @Test("the end is reported once, in whatever ways the server says it")
    func ended() {
        var harness = ClientHarness.started(Self.player())
        var eof = ByteBuffer()
        UserControl.streamEOF(streamID: 5).encode(into: &eof)
        harness.feed(
            onStatus("NetStream.Play.Start") + onStatus("NetStream.Play.UnpublishNotify") + eof.bytes
                + onStatus("NetStream.Play.Stop"))
        #expect(harness.names == ["ready", "ended"])
    }

    @Test(
        "a refusal at any step is reported in the server's words, then closed",
        arguments: ["connect", "createStream", "publish", "later"])
    func refused(step: String) {
        let error = AMF0Value.object([
            "level": .string("error"), "code": .string("Some.Code"), "description": .string("text"),
        ])
        var harness = ClientHarness(Self.publisher())
        harness.feed(SessionHarness.handshake)
        if step == "connect" {
            harness.feed(command("_error", id: 1, error))
        } else {
            harness.feed(command("_result", id: 1))
            // Refused announcements do not matter.
            harness.feed(command("_error", id: 2, error) + command("_error", id: 3, error))
            if step == "createStream" { harness.feed(command("_error", id: 4, error)) }
        }
        if step == "publish" {
            harness.feed(command("_result", id: 4, .number(1)) + onStatus("Some.Code", level: "error"))
        }
        if step == "later" {
            harness.feed(
                command("_result", id: 4, .number(1)) + onStatus("NetStream.Publish.Start")
                    + onStatus("Some.Code", level: "error"))
            harness.actions.removeFirst()
        }
        #expect(harness.names == ["rejected Some.Code", "close \(RTMPError.peerRefused.code)"])
    }

    @Test("a redirection in a refused connect is reported as such, the whole URL first")
    func redirect() {
        for (fields, expected) in [
            (["code": .number(302), "redirect": .string("rtmp://b/live")], "rtmp://b/live"),
            (
                [
                    "code": .number(302), "redirect": .string("rtmp://b/live"),
                    "redirect2": .string("rtmp://b/live/key"),
                ], "rtmp://b/live/key"
            ),
        ] as [(AMF0Object, String)] {
            var harness = ClientHarness(Self.player())
            let error = AMF0Value.object([
                "level": .string("error"), "code": .string("NetConnection.Connect.Rejected"), "ex": .object(fields),
            ])
            harness.feed(SessionHarness.handshake + command("_error", id: 1, error))
            #expect(harness.names.first == "redirect \(expected)")
            #expect(harness.names.count == 2)
        }
    }

    @Test("a reconnect request is passed on and changes nothing")
    func reconnect() {
        var harness = ClientHarness.started(Self.publisher())
        harness.feed(onStatus("NetStream.Publish.Start"))
        harness.feed(
            onStatus("NetConnection.Connect.ReconnectRequest", ["tcUrl": .string("rtmp://b/live")], streamID: 0))
        #expect(harness.names == ["ready", "reconnect rtmp://b/live"])
    }

    @Test("pings are answered, windows acknowledged, bandwidth answered")
    func control() {
        var harness = ClientHarness.started(Self.player())
        harness.sent = []
        harness.feed(
            message(type: 4, streamID: 0, csid: 2, hex("0006 0000002a"))
                + message(type: 6, streamID: 0, csid: 2, hex("00100000 02")))
        harness.feed(message(type: 5, streamID: 0, csid: 2, big32(2000)))
        harness.feed(message(type: 9, streamID: 5, csid: 6, [UInt8](repeating: 1, count: 1200)))
        #expect(harness.sent.map(\.type).contains(4))
        #expect(harness.sent.map(\.type).contains(5))
        #expect(harness.sent.last?.type == 3)
    }

    @Test("handshake and set-up have deadlines, a running stream has none")
    func deadlines() {
        var silent = ClientHarness(Self.player())
        silent.advance(.milliseconds(4_999))
        #expect(silent.names == [])
        silent.advance(.milliseconds(1))
        #expect(silent.names == ["close RLY-2001"])
        var half = ClientHarness(Self.player())
        half.feed(SessionHarness.handshake)
        half.advance(.seconds(10))
        #expect(half.names == ["close RLY-2014"])
        var running = ClientHarness.started(Self.player())
        running.feed(onStatus("NetStream.Play.Start"))
        running.advance(.seconds(3600))
        #expect(running.names == ["ready"])
    }

    @Test(
        "an impossible message stream id ends the connection",
        arguments: [AMF0Value.number(.nan), .number(-1), .string("x"), .null])
    func badStreamID(id: AMF0Value) {
        var harness = ClientHarness(Self.player())
        harness.feed(SessionHarness.handshake + command("_result", id: 1) + command("_result", id: 4, id))
        #expect(harness.names == ["close RLY-2011"])
    }

    @Test("finishing says FCUnpublish and deleteStream")
    func finish() {
        var harness = ClientHarness.started(Self.publisher())
        harness.feed(onStatus("NetStream.Publish.Start"))
        harness.client.finish()
        harness.run()
        #expect(harness.commands.suffix(2).map(\.name) == ["FCUnpublish", "deleteStream"])
    }
}

extension RTMPServerSession {
    /// Something waits to be given out.
    fileprivate var hasOutput: Bool { outbox.readableBytes > 0 || !queue.isEmpty }
}

@Suite("Server against client")
struct PairTests {
    /// Runs both ends with everything cut at random, until neither has anything to say.
    static func pump<Client: ClientUnderTest>(
        _ client: inout Client, _ server: inout RTMPServerSession, generator: inout SplitMix, now: MonotonicTime,
        toServer extra: [UInt8] = [], toClient: [UInt8] = [],
        decide: (inout RTMPServerSession, RTMPServerSession.Action) -> Void
    ) -> (client: [RTMPClientAction], server: [RTMPServerSession.Action]) {
        var upstream = extra
        var downstream = toClient
        var results: (client: [RTMPClientAction], server: [RTMPServerSession.Action]) = ([], [])
        func cut(_ bytes: inout [UInt8], _ generator: inout SplitMix) -> ByteBuffer {
            let count = Int.random(in: 1...Swift.min(bytes.count, 700), using: &generator)
            defer { bytes.removeFirst(count) }
            return ByteBuffer(bytes: bytes.prefix(count))
        }
        while true {
            while let action = client.nextAction(now: now) {
                if case .send(let bytes) = action { upstream += bytes.bytes } else { results.client.append(action) }
            }
            if upstream.isEmpty, downstream.isEmpty, !server.hasOutput { return results }
            if !upstream.isEmpty { server.receive(cut(&upstream, &generator), now: now) }
            while let action = server.nextAction(now: now) {
                if case .send(let bytes) = action {
                    downstream += bytes.bytes
                } else {
                    results.server.append(action)
                    decide(&server, action)
                }
            }
            if !downstream.isEmpty { client.receive(cut(&downstream, &generator), now: now) }
        }
    }

    static func frames(_ generator: inout SplitMix) -> [Frame] {
        (0..<40).map { index in
            let kinds: [MediaKind] = [.audio, .video, .video]
            let sizes = [0, 1, 2, 127, 128, 129, 900, 5000, 70_000]
            let size = sizes.randomElement(using: &generator) ?? 1
            return Frame(
                id: UInt64(index), kind: kinds.randomElement(using: &generator) ?? .video,
                dts: 0xFF_FFF0 + Int64(index) * 2,
                body: ByteBuffer(bytes: (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }))
        }
    }

    @Test(
        "what a publisher writes comes out of the server, with both handshakes and any cut",
        arguments: [HandshakeKind.simple, .digest], [1, 2, 3, 4] as [UInt64])
    func publish(kind: HandshakeKind, seed: UInt64) {
        var generator = SplitMix(seed)
        let now = MonotonicTime.at(.seconds(1))
        var configuration = RTMPClientConfiguration()
        configuration.handshake = kind
        configuration.chunkSize = [128, 4096, 60_000].randomElement(using: &generator) ?? 128
        var client = RTMPPublishClient(
            url: RTMPURL(host: "h", app: "live", name: "a", query: "k=v"), configuration: configuration, digest: .real)
        var server = RTMPServerSession(configuration: .init(), digest: .real, now: now)
        client.start(now: now)
        var requests: [RTMPServerSession.PublishRequest] = []
        let setup = Self.pump(&client, &server, generator: &generator, now: now) { server, action in
            guard case .publish(let request) = action else { return }
            requests.append(request)
            server.acceptPublish(streamID: request.messageStreamID, now: now)
        }
        #expect(requests.map(\.name.description) == ["live/a"])
        #expect(requests.map(\.query) == ["k=v"])
        #expect(setup.client.count == 1)
        #expect(client.serverCapabilities == .relay)
        let frames = Self.frames(&generator)
        var bytes = ByteBuffer()
        for frame in frames {
            client.write(
                kind: frame.kind, timestamp: UInt32(truncatingIfNeeded: frame.dts), payload: frame.body, into: &bytes)
        }
        let run = Self.pump(&client, &server, generator: &generator, now: now, toServer: bytes.bytes) { _, _ in }
        let received = run.server.compactMap {
            if case .media(let kind, let time, let payload, _) = $0 {
                RTMPMessage(type: kind.rawValue, timestamp: time, streamID: 1, payload: payload)
            } else {
                nil
            }
        }
        let expected = frames.map {
            RTMPMessage(type: $0.kind.rawValue, timestamp: UInt32($0.dts), streamID: 1, payload: $0.body)
        }
        #expect(received.count == expected.count)
        #expect(zip(received, expected).allSatisfy { $0 == $1 })
        client.finish()
        let end = Self.pump(&client, &server, generator: &generator, now: now) { _, _ in }
        #expect(end.server.count == 1)
        #expect(end.client.count == 1)
    }

    @Test(
        "what the fan-out writes comes out of a player, with both handshakes and any cut",
        arguments: [HandshakeKind.simple, .digest], [1, 2, 3, 4] as [UInt64])
    func play(kind: HandshakeKind, seed: UInt64) {
        var generator = SplitMix(seed)
        let now = MonotonicTime.at(.seconds(1))
        var configuration = RTMPClientConfiguration()
        configuration.handshake = kind
        var serverConfiguration = RTMPServerSession.Configuration()
        serverConfiguration.chunkSize = [128, 4096, 60_000].randomElement(using: &generator) ?? 128
        var client = RTMPPlayClient(
            url: RTMPURL(host: "h", app: "live", name: "a"), configuration: configuration, digest: .real)
        var server = RTMPServerSession(configuration: serverConfiguration, digest: .real, now: now)
        client.start(now: now)
        let setup = Self.pump(&client, &server, generator: &generator, now: now) { server, action in
            if case .play(let request) = action { server.acceptPlay(streamID: request.messageStreamID, now: now) }
        }
        #expect(setup.client.count == 1)
        let frames = Self.frames(&generator)
        var bytes = ByteBuffer()
        for frame in frames {
            RTMPFrameEncoder.write(frame, chunkSize: serverConfiguration.chunkSize, streamID: 1, into: &bytes)
        }
        let run = Self.pump(&client, &server, generator: &generator, now: now, toClient: bytes.bytes) { _, _ in }
        let received = run.client.compactMap {
            if case .media(let kind, let time, let payload) = $0 {
                RTMPMessage(type: kind.rawValue, timestamp: time, streamID: 1, payload: payload)
            } else {
                nil
            }
        }
        let expected = frames.map {
            RTMPMessage(type: $0.kind.rawValue, timestamp: UInt32($0.dts), streamID: 1, payload: $0.body)
        }
        #expect(received.count == expected.count)
        #expect(zip(received, expected).allSatisfy { $0 == $1 })
        server.endPlay(streamID: 1, now: now)
        let end = Self.pump(&client, &server, generator: &generator, now: now) { _, _ in }
        guard case .ended? = end.client.first else {
            Issue.record("\(end.client)")
            return
        }
    }

    @Test("a refused play reaches the player with the status and the code")
    func refused() {
        var generator = SplitMix(1)
        let now = MonotonicTime.at(.seconds(1))
        var client = RTMPPlayClient(url: RTMPURL(host: "h", app: "live", name: "a"), digest: .real)
        var server = RTMPServerSession(configuration: .init(), digest: .real, now: now)
        client.start(now: now)
        let run = Self.pump(&client, &server, generator: &generator, now: now) { server, action in
            guard case .play(let request) = action else { return }
            server.reject(
                streamID: request.messageStreamID, code: .streamNotFound, status: .playStreamNotFound, now: now)
        }
        guard case .rejected(let code, let description)? = run.client.first else {
            Issue.record("\(run.client)")
            return
        }
        #expect(code == "NetStream.Play.StreamNotFound")
        #expect(description.hasPrefix("RLY-4001"))
        #expect(MemoryLayout<RTMPPlayClient>.size < 1024)
    }
}
