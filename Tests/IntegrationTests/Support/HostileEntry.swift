import RelayCore
import RelayRTMP
import RelayTestKit
import Testing

/// One bad input: what a client does, and what has to come of it.
struct HostileEntry: Sendable, CustomTestStringConvertible {
    /// How far a well-behaved client went before.
    enum Start: Sendable {
        /// A TCP connection.
        case raw
        /// The RTMP handshake is done.
        case handshaken
        /// `connect` is answered.
        case connected
        /// The connection publishes a stream of its own.
        case publishing
        /// The connection plays the reference stream.
        case playing
    }

    /// What has to come of it.
    enum Outcome: Sendable {
        /// The server closes, for this reason if one is given, and counts it.
        case closes(RelayCode?)
        /// The connection goes on working.
        case works
        /// The entry looks itself.
        case judged
    }

    /// Catalogue number.
    let id: String
    let name: String
    let start: Start
    let outcome: Outcome
    /// By how much resident memory may peak above what it was, MiB. Allocators keep pages, and a debug build is not thrifty.
    let memory: Int
    /// How long a close may take: what the catalogue says is 100 ms, the rest is for slow machines.
    let limit: Duration
    let act: @Sendable (HostileClient) throws -> Void

    var testDescription: String { "\(id) \(name)" }

    init(
        _ id: String, _ name: String, _ start: Start, _ outcome: Outcome, memory: Int = 8,
        limit: Duration = .seconds(3),
        act: @escaping @Sendable (HostileClient) throws -> Void
    ) {
        self.id = id
        self.name = name
        self.start = start
        self.outcome = outcome
        self.memory = memory
        self.limit = limit
        self.act = act
    }

    /// An entry that only sends bytes.
    init(
        _ id: String, _ name: String, _ start: Start, _ outcome: Outcome, memory: Int = 8,
        limit: Duration = .seconds(3),
        _ bytes: [UInt8]
    ) {
        self.init(id, name, start, outcome, memory: memory, limit: limit) { $0.rtmp.send(bytes) }
    }

    /// An entry that only sends bytes, in hexadecimal.
    init(_ id: String, _ name: String, _ start: Start, _ outcome: Outcome, hex: String) {
        self.init(id, name, start, outcome, RTMPBytes.hex(hex))
    }
}

/// The client of an entry, on a thread of its own.
final class HostileClient {
    let relay: RelayProcess
    let rtmp: RTMPWire
    /// Name of the stream that a publishing client has, under `live/`.
    let stream: String

    fileprivate init(_ entry: HostileEntry, _ relay: RelayProcess, reference: String) throws {
        self.relay = relay
        stream = "hostile-\(UInt32.random(in: 0 ... .max))"
        rtmp = try RTMPWire(port: relay.rtmpPort)
        switch entry.start {
        case .raw: break
        case .handshaken: try rtmp.handshake()
        case .connected:
            try rtmp.handshake()
            try rtmp.connect()
        case .publishing:
            let code = try rtmp.publish(stream)
            guard code == .publishStart else { throw Unexpected("publish was answered \(code.rawValue)") }
        case .playing:
            let code = try rtmp.play(reference)
            guard code == .playStart else { throw Unexpected("play was answered \(code.rawValue)") }
        }
    }

    /// Fails the entry.
    struct Unexpected: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    func expect(_ condition: Bool, _ what: @autoclosure () -> String) throws {
        guard condition else { throw Unexpected(what()) }
    }

    /// Publishes the sequence headers and a GOP of `frames`, 40 ms apart.
    func publishMedia(frames: UInt64 = 5, from first: UInt64 = 0, timestamp: UInt32 = 0) {
        rtmp.media(9, timestamp, SyntheticMedia.avcHeader)
        rtmp.media(8, timestamp, SyntheticMedia.aacHeader)
        for number in first..<(first + frames) {
            let time = timestamp &+ UInt32(number - first) * 40
            rtmp.media(9, time, SyntheticMedia.video(number, isKeyframe: number == first, at: .zero))
            rtmp.media(8, time, SyntheticMedia.audio(number, at: .zero))
        }
    }

    /// A viewer of the own stream; waits until it can be played.
    func viewer(_ query: String = "") throws -> FLVWire {
        let deadline = ContinuousClock.now + .seconds(5)
        while true {
            let viewer = try FLVWire(port: relay.httpPort, path: "/live/\(stream).flv\(query)")
            if viewer.reply.status == 200 { return viewer }
            guard viewer.reply.status == 404, ContinuousClock.now < deadline else {
                throw Unexpected("the viewer was answered \(viewer.reply.status)")
            }
        }
    }

    fileprivate func judge(_ entry: HostileEntry) throws {
        switch entry.outcome {
        case .judged: break
        case .closes:
            try expect(
                rtmp.wire.readToEnd(within: entry.limit) != nil, "the connection is still open after \(entry.limit)")
        case .works:
            switch entry.start {
            case .raw, .handshaken:
                if entry.start == .raw { try rtmp.handshake() }
                try expect(try rtmp.connect().name == "_result", "connect was refused")
            case .connected, .publishing, .playing: break
            }
            try expect(try rtmp.answersPing(), "a ping was not answered")
        }
    }
}

extension HostileEntry {
    /// The whole procedure: the entry, its outcome, and that nobody and nothing else came to harm.
    func run() async throws {
        let stage = try Stage.shared()
        try await HarmCheck.around(stage, memory: memory) {
            let relay = stage.relay
            let before = try await rejects(relay)
            let reference = stage.reference.name
            try await onThread {
                let client = try HostileClient(self, relay, reference: reference)
                try self.act(client)
                try client.judge(self)
                client.rtmp.wire.close()
            }
            if case .closes(let code?) = outcome {
                try await eventually("\(code) is counted once more than \(before)") {
                    try await rejects(relay) > before
                }
            }
        }
    }

    private func rejects(_ relay: RelayProcess) async throws -> Double {
        guard case .closes(let code?) = outcome else { return 0 }
        return try await onThread {
            try relay.admin.metrics()["relay_rejects_total{transport=\"rtmp\",code=\"\(code)\"}"] ?? 0
        }
    }
}
