import NIOCore
import NIOEmbedded
import RelayCore
import Testing

@testable import RelayNode

/// A stream's hub, its fan-out and viewers on one embedded event loop: no socket, no thread, no waiting.
final class HubHarness {
    let loop = EmbeddedEventLoop()
    let directory: StreamDirectory
    let fanout: LoopFanout
    let name: StreamName
    private var nextID: UInt64 = 1
    private(set) var viewers: [TestViewer] = []
    /// Wall time of the media, ms; moves with each frame sent.
    private var time: UInt32 = 0

    init(
        policy: RelayConfiguration.Publish.Policy = .reject, grace: Duration = .seconds(10),
        flush: RelayConfiguration.Flush.Interval = .fixed(.zero),
        _ change: (inout RelayConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = RelayConfiguration()
        configuration.publish.policy = policy
        configuration.publish.grace = grace
        configuration.flush.interval = flush
        change(&configuration)
        directory = StreamDirectory(configuration: configuration)
        fanout = LoopFanout(index: 0, loop: loop, settings: FanoutSettings(configuration))
        name = try StreamName(path: "live/test")
    }

    // MARK: Publishing

    /// A publisher asks for the stream.
    func publish(_ connection: TestPublisher = TestPublisher()) throws -> (hub: StreamHub, publisher: TestPublisher)? {
        connection.id = nextID
        nextID += 1
        let publisher = Publisher(
            id: connection.id, connection: connection, loop: loop, remote: "192.0.2.1:1", encoder: nil)
        connection.decision = try directory.publish(name, publisher, on: fanout).wait()
        guard case .success((let hub, .live))? = connection.decision else { return nil }
        return (hub, connection)
    }

    /// Sends messages as one read of the publisher brings them, and hands them on.
    func send(_ items: [Media], _ hub: StreamHub, from publisher: TestPublisher) {
        for item in items {
            _ = hub.ingest(item.inbound(at: time), from: publisher.id, now: .now())
            if item.isMedia { time += 20 }
        }
        hub.flushOutbound(now: .now())
    }

    // MARK: Viewing

    /// A viewer of a wire form joins.
    @discardableResult
    func view(_ hub: StreamHub, _ form: WireForm = .flvAll, prepare: (TestViewer) throws -> Void = { _ in }) throws
        -> TestViewer
    {
        let viewer = try TestViewer(id: nextID, form: form, loop: loop)
        nextID += 1
        viewers.append(viewer)
        try prepare(viewer)
        viewer.join(hub, fanout)
        return viewer
    }

    /// Everything that the API would tell of all viewers adds up.
    func checkLedger(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(fanout.ledger.balances, sourceLocation: sourceLocation)
    }
}

/// What an encoder sends.
enum Media {
    case metadata, videoHeader, audioHeader, key, inter, disposable, audio
    /// A keyframe or an inter frame of this many bytes more.
    case largeKey(Int), largeInter(Int)

    static let start: [Media] = [.metadata, .videoHeader, .audioHeader]

    var isMedia: Bool {
        switch self {
        case .metadata, .videoHeader, .audioHeader: false
        default: true
        }
    }

    private var body: (kind: MediaKind, bytes: [UInt8]) {
        switch self {
        case .metadata: (.data, [2, 0, 10] + Array("onMetaData".utf8))
        case .videoHeader: (.video, [0x17, 0, 0, 0, 0] + Self.avc)
        case .audioHeader: (.audio, [0xAF, 0, 0x12, 0x10])
        case .key: (.video, [0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88])
        case .inter: (.video, [0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x88])
        case .disposable: (.video, [0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x01, 0x88])
        case .audio: (.audio, [0xAF, 1, 0x21])
        case .largeKey(let size):
            (.video, [0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88] + Array(repeating: 0, count: size))
        case .largeInter(let size):
            (.video, [0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 0x88] + Array(repeating: 0, count: size))
        }
    }

    func inbound(at time: UInt32) -> InboundMedia {
        let (kind, bytes) = body
        return InboundMedia(kind: kind, timestamp: time, body: ByteBuffer(bytes: bytes), isMetadata: kind == .data)
    }

    /// How a viewer's log of received units writes it.
    var mark: String {
        switch self {
        case .metadata: "M"
        case .videoHeader: "V"
        case .audioHeader: "A"
        case .key, .largeKey: "k"
        case .inter, .largeInter: "p"
        case .disposable: "b"
        case .audio: "a"
        }
    }

    /// A High profile record written by ffmpeg 5.1 with libx264.
    private static let avc: [UInt8] = [
        0x01, 0x64, 0x00, 0x28, 0xFF, 0xE1, 0x00, 0x1B, 0x67, 0x64, 0x00, 0x28, 0xAC, 0xD9, 0x40, 0x78, 0x02, 0x27,
        0xE5,
        0xC0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xF0, 0x3C, 0x60, 0xC6, 0x58, 0x01, 0x00,
        0x06,
        0x68, 0xEB, 0xE3, 0xCB, 0x22, 0xC0, 0xFD, 0xF8, 0xF8, 0x00,
    ]
}

extension WireForm {
    static let flvAll = WireForm(container: .flv, selection: .all)
    static let webSocketAll = WireForm(container: .webSocketFLV, selection: .all)
    static let rtmpAll = WireForm(container: .rtmp(messageStreamID: 1, dialect: .legacy), selection: .all)
}

/// A publisher's connection that remembers what it was told.
final class TestPublisher: PublisherConnection, @unchecked Sendable {
    var id: UInt64 = 0
    var decision: Result<(StreamHub, ClaimOutcome), PublishRefusal>?
    private(set) var endings: [RelayCode] = []

    var refusal: RelayCode? {
        if case .failure(let refusal)? = decision { refusal.code } else { nil }
    }

    func endPublishing(_ code: RelayCode, to hub: StreamHub) { endings.append(code) }
    func moveAway(_ code: RelayCode, to url: String?, from hub: StreamHub) { endings.append(code) }
}
