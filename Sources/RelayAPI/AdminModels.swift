/// What the admin API says about a node; `GET /v1/status`.
public struct NodeStatus: Codable, Sendable, Equatable {
    /// The node's name, from configuration or the host name.
    public var node: String
    /// `standalone`, later also `origin` and `edge`.
    public var role: String
    /// `starting`, `running` or `draining`.
    public var state: String
    /// The release that runs.
    public var version: String
    /// Seconds since the process was ready.
    public var uptimeSeconds: Double
    /// What listens where, e.g. `rtmp` → `0.0.0.0:1935`.
    public var listeners: [String: String]
    /// Live or waiting streams.
    public var streams: Int
    /// Connected publishers.
    public var publishers: Int
    /// Subscribers that play now.
    public var viewers: Int
    /// Sockets open now, and the most that will be accepted.
    public var connections: Int
    public var maxConnections: Int
    /// Totals since start, in bytes of media.
    public var bytesIn: UInt64
    public var bytesOut: UInt64
    /// Rates over the last seconds, in bit/s.
    public var bitrateIn: Double
    public var bitrateOut: Double
    /// One entry per event loop.
    public var loops: [LoopStatus]

    public init(
        node: String, role: String, state: String, version: String, uptimeSeconds: Double, listeners: [String: String],
        streams: Int, publishers: Int, viewers: Int, connections: Int, maxConnections: Int, bytesIn: UInt64,
        bytesOut: UInt64, bitrateIn: Double, bitrateOut: Double, loops: [LoopStatus]
    ) {
        self.node = node
        self.role = role
        self.state = state
        self.version = version
        self.uptimeSeconds = uptimeSeconds
        self.listeners = listeners
        self.streams = streams
        self.publishers = publishers
        self.viewers = viewers
        self.connections = connections
        self.maxConnections = maxConnections
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.bitrateIn = bitrateIn
        self.bitrateOut = bitrateOut
        self.loops = loops
    }
}

/// One event loop of a node.
public struct LoopStatus: Codable, Sendable, Equatable {
    /// Position in the group, from 0.
    public var index: Int
    /// Share of the last second that the loop's thread was running, 0...1.
    public var busy: Double
    /// The flush interval in force, in ms; 0 = every frame at once.
    public var flushIntervalMs: Double
    /// Subscribers served by the loop.
    public var viewers: Int

    public init(index: Int, busy: Double, flushIntervalMs: Double, viewers: Int) {
        self.index = index
        self.busy = busy
        self.flushIntervalMs = flushIntervalMs
        self.viewers = viewers
    }
}

/// One stream in the list; `GET /v1/streams` answers `StreamList`.
public struct StreamSummary: Codable, Sendable, Equatable {
    /// The application; may have several levels.
    public var app: String
    /// The last segment of the stream's name.
    public var name: String
    /// `live` (a publisher sends), `waiting` (publisher lost, viewers kept until the grace window ends).
    public var state: String
    /// RFC 6381-like short names (`avc`, `hevc`, `av1`, `aac`, `opus`, …), nil when there is no such track.
    public var videoCodec: String?
    public var audioCodec: String?
    /// Picture size in pixels where the codec configuration or metadata tells.
    public var width: Int?
    public var height: Int?
    /// Measured over the last seconds.
    public var framesPerSecond: Double
    /// Inbound, bit/s, measured over the last seconds.
    public var bitrate: Double
    /// Subscribers now.
    public var viewers: Int
    /// Seconds since the stream began (grace windows included).
    public var uptimeSeconds: Double

    public init(
        app: String, name: String, state: String, videoCodec: String?, audioCodec: String?, width: Int?, height: Int?,
        framesPerSecond: Double, bitrate: Double, viewers: Int, uptimeSeconds: Double
    ) {
        self.app = app
        self.name = name
        self.state = state
        self.videoCodec = videoCodec
        self.audioCodec = audioCodec
        self.width = width
        self.height = height
        self.framesPerSecond = framesPerSecond
        self.bitrate = bitrate
        self.viewers = viewers
        self.uptimeSeconds = uptimeSeconds
    }
}

/// `GET /v1/streams`.
public struct StreamList: Codable, Sendable, Equatable {
    public var streams: [StreamSummary]
    public init(streams: [StreamSummary]) { self.streams = streams }
}

/// Who sends a stream.
public struct PublisherStatus: Codable, Sendable, Equatable {
    /// Connection id, unique within the life of the process.
    public var id: UInt64
    /// `address:port`.
    public var remote: String
    /// The encoder's own words (`flashVer`), as sent; escape before showing.
    public var encoder: String?
    public var connectedSeconds: Double
    public var bytesIn: UInt64

    public init(id: UInt64, remote: String, encoder: String?, connectedSeconds: Double, bytesIn: UInt64) {
        self.id = id
        self.remote = remote
        self.encoder = encoder
        self.connectedSeconds = connectedSeconds
        self.bytesIn = bytesIn
    }
}

/// Where every frame of a stream went. For each subscriber `offered = sent + dropped + skipped + evicted + unsent`;
/// these are the sums over all subscribers, past and present.
public struct LedgerStatus: Codable, Sendable, Equatable {
    /// Frames stamped since the stream began.
    public var framesIn: UInt64
    /// Frames offered to subscribers (a frame counts once for each).
    public var offered: UInt64
    /// Written to the subscriber's socket.
    public var sent: UInt64
    /// Disposable frames left out because the subscriber was slow.
    public var dropped: UInt64
    /// Left out by a skip to a keyframe.
    public var skipped: UInt64
    /// No longer held when the subscriber got to them.
    public var evicted: UInt64
    /// Still waiting when the subscriber left, or waiting now.
    public var unsent: UInt64

    public init(
        framesIn: UInt64 = 0, offered: UInt64 = 0, sent: UInt64 = 0, dropped: UInt64 = 0, skipped: UInt64 = 0,
        evicted: UInt64 = 0, unsent: UInt64 = 0
    ) {
        self.framesIn = framesIn
        self.offered = offered
        self.sent = sent
        self.dropped = dropped
        self.skipped = skipped
        self.evicted = evicted
        self.unsent = unsent
    }
}

/// One stream in full; `GET /v1/streams/{app}/{name}`.
public struct StreamDetail: Codable, Sendable, Equatable {
    public var summary: StreamSummary
    /// nil while the stream waits for its publisher.
    public var publisher: PublisherStatus?
    public var ledger: LedgerStatus
    /// What a new subscriber would be given at once.
    public var gopFrames: Int
    public var gopBytes: Int
    public var gopMilliseconds: Int64
    /// Why there is no GOP to give (`waiting for a keyframe`, `GOP longer than the cache`), nil when there is one.
    public var gopNote: String?
    /// Mean distance of the last keyframes in ms; nil before two of them.
    public var keyIntervalMs: Double?
    /// Newest decoding time on the stream's timeline, ms.
    public var lastDts: Int64
    /// Times the publisher's clock jumped and the timeline was carried on.
    public var timestampRebases: UInt64
    /// Tags the publisher sent that were dropped as broken.
    public var brokenTags: UInt64
    /// Times a publisher came back within the grace window, or took the stream over.
    public var republishes: UInt64

    public init(
        summary: StreamSummary, publisher: PublisherStatus?, ledger: LedgerStatus, gopFrames: Int, gopBytes: Int,
        gopMilliseconds: Int64, gopNote: String?, keyIntervalMs: Double?, lastDts: Int64, timestampRebases: UInt64,
        brokenTags: UInt64, republishes: UInt64
    ) {
        self.summary = summary
        self.publisher = publisher
        self.ledger = ledger
        self.gopFrames = gopFrames
        self.gopBytes = gopBytes
        self.gopMilliseconds = gopMilliseconds
        self.gopNote = gopNote
        self.keyIntervalMs = keyIntervalMs
        self.lastDts = lastDts
        self.timestampRebases = timestampRebases
        self.brokenTags = brokenTags
        self.republishes = republishes
    }
}

/// One subscriber; `GET /v1/viewers` answers `ViewerList`.
public struct ViewerStatus: Codable, Sendable, Equatable {
    /// Connection id, unique within the life of the process.
    public var id: UInt64
    /// `app/name`.
    public var stream: String
    /// `rtmp`, `http-flv` or `ws-flv`.
    public var transport: String
    /// `av`, `audio` or `video`.
    public var selection: String
    public var remote: String
    /// The player's own words (`flashVer`, `User-Agent`), as sent; escape before showing.
    public var player: String?
    public var connectedSeconds: Double
    public var bytesSent: UInt64
    public var framesSent: UInt64
    /// Dropped, skipped and evicted together.
    public var framesLost: UInt64
    /// Age of the oldest frame not yet handed to the socket, ms; 0 when it keeps up.
    public var lagMs: Int64
    /// Bytes not yet handed to the socket.
    public var lagBytes: Int

    public init(
        id: UInt64, stream: String, transport: String, selection: String, remote: String, player: String?,
        connectedSeconds: Double, bytesSent: UInt64, framesSent: UInt64, framesLost: UInt64, lagMs: Int64,
        lagBytes: Int
    ) {
        self.id = id
        self.stream = stream
        self.transport = transport
        self.selection = selection
        self.remote = remote
        self.player = player
        self.connectedSeconds = connectedSeconds
        self.bytesSent = bytesSent
        self.framesSent = framesSent
        self.framesLost = framesLost
        self.lagMs = lagMs
        self.lagBytes = lagBytes
    }
}

/// `GET /v1/viewers[?stream=app/name&limit=N]`; slowest first.
public struct ViewerList: Codable, Sendable, Equatable {
    public var viewers: [ViewerStatus]
    /// How many there are in all; `viewers` may be cut by `limit`.
    public var total: Int
    public init(viewers: [ViewerStatus], total: Int) {
        self.viewers = viewers
        self.total = total
    }
}

/// The body of every refusal over HTTP, viewers' port and admin API alike.
public struct Problem: Codable, Sendable, Equatable {
    /// Stable, e.g. `RLY-1001`; `relayctl explain CODE` tells more.
    public var code: String
    /// One sentence: what is wrong.
    public var message: String
    /// What to do next.
    public var hint: String
    public init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}
