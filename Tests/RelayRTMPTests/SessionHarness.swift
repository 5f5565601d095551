import NIOCore
import RelayCore
import RelayRTMP
import Testing

/// A server session with the client's bytes written by hand.
struct SessionHarness {
    var session: RTMPServerSession
    var now: MonotonicTime
    /// Actions other than sends.
    var actions: [RTMPServerSession.Action] = []
    /// Everything sent after the handshake, decoded as a client would.
    var sent: [RTMPMessage] = []
    private var decoder = ChunkDecoder()
    private var handshakeBytes = 0
    var sentBytes = 0

    init(_ configuration: RTMPServerSession.Configuration = .init(), now: MonotonicTime = .at(.seconds(100))) {
        self.now = now
        session = RTMPServerSession(configuration: configuration, digest: .real, now: now)
    }

    static let handshake: [UInt8] = [3] + [UInt8](repeating: 0, count: 1536 * 2)

    mutating func run() {
        while let action = session.nextAction(now: now) {
            guard case .send(var bytes) = action else {
                actions.append(action)
                continue
            }
            sentBytes += bytes.readableBytes
            let skipped = Swift.min(3073 - handshakeBytes, bytes.readableBytes)
            bytes.moveReaderIndex(forwardBy: skipped)
            handshakeBytes += skipped
            let outcome = decode(bytes.bytes, with: &decoder)
            #expect(outcome.error == nil)
            sent += outcome.messages
        }
    }

    mutating func feed(_ bytes: [UInt8], _ feeding: Feeding = .whole) {
        for piece in feeding.pieces(bytes) {
            session.receive(buffer(piece), now: now)
            run()
        }
    }

    mutating func advance(_ duration: Duration) {
        now = now + duration
        session.timerFired(now: now)
        run()
    }

    static func connect(_ fields: AMF0Object = [:], id: Double = 1) -> [UInt8] {
        var object: AMF0Object = [
            "app": .string("live"), "tcUrl": .string("rtmp://h/live"), "flashVer": .string("test"),
        ]
        for property in fields.properties { object[property.key] = property.value }
        return command("connect", id: id, object: .object(object))
    }

    /// Handshaken, connected, one message stream created; what was sent until then is forgotten.
    static func connected(
        _ configuration: RTMPServerSession.Configuration = .init(), _ fields: AMF0Object = [:]
    ) -> SessionHarness {
        var harness = SessionHarness(configuration)
        harness.feed(handshake + connect(fields) + command("createStream", id: 2))
        harness.sent = []
        harness.actions = []
        return harness
    }

    static func publish(_ name: String = "a", streamID: UInt32 = 1) -> [UInt8] {
        command("publish", id: 3, .string(name), .string("live"), streamID: streamID)
    }

    static func play(_ name: String = "a", streamID: UInt32 = 1) -> [UInt8] {
        command("play", id: 3, .string(name), streamID: streamID)
    }

    static func publishing(_ configuration: RTMPServerSession.Configuration = .init(), _ fields: AMF0Object = [:])
        -> SessionHarness
    {
        var harness = connected(configuration, fields)
        harness.feed(publish())
        harness.session.acceptPublish(streamID: 1, now: harness.now)
        harness.run()
        harness.sent = []
        harness.actions = []
        return harness
    }

    static func playing(_ configuration: RTMPServerSession.Configuration = .init(), _ fields: AMF0Object = [:])
        -> SessionHarness
    {
        var harness = connected(configuration, fields)
        harness.feed(play())
        harness.session.acceptPlay(streamID: 1, now: harness.now)
        harness.run()
        harness.sent = []
        harness.actions = []
        return harness
    }

    /// The error of the close action, if there was one.
    var closeError: RTMPError? {
        for case .close(let error) in actions { return error }
        return nil
    }

    var publishRequest: RTMPServerSession.PublishRequest? {
        for case .publish(let request) in actions { return request }
        return nil
    }

    var playRequest: RTMPServerSession.PlayRequest? {
        for case .play(let request) in actions { return request }
        return nil
    }

    var connectInfo: RTMPServerSession.ConnectInfo? {
        for case .connect(let info) in actions { return info }
        return nil
    }

    /// Media actions as (type, time, payload, stream).
    var media: [RTMPMessage] {
        actions.compactMap {
            guard case .media(let kind, let time, let payload, let streamID) = $0 else { return nil }
            return RTMPMessage(type: kind.rawValue, timestamp: time, streamID: streamID, payload: payload)
        }
    }

    /// The commands among what was sent.
    var commands: [Command] { sent.filter { $0.type == 20 }.compactMap { try? Command($0) } }

    /// The status codes of onStatus among what was sent.
    var statuses: [String] {
        commands.filter { $0.name == "onStatus" }.compactMap { Status($0.argument(0))?.code.rawValue }
    }

    /// What was sent, in words: the order of a sequence.
    var sequence: [String] {
        sent.map { message in
            switch message.type {
            case 4: (try? UserControl(message.payload)).flatMap { $0 }.map { "\($0)" } ?? "?"
            case 18: (try? AMF0.decode(message.payload))?.first?.stringValue ?? "?"
            case 20:
                (try? Command(message)).flatMap { $0 }.map { command in
                    Status(command.argument(0)).map { "\(command.name) \($0.code.rawValue)" } ?? command.name
                } ?? "?"
            default: "type \(message.type)"
            }
        }
    }
}
