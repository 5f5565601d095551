/// One node of the cluster as any node shows it; `GET /v1/cluster/nodes` answers `ClusterNodeList`.
public struct ClusterNode: Codable, Sendable, Equatable {
    public var node: String
    /// `origin`, `edge` or `standalone`.
    public var role: String
    /// `starting`, `serving` or `draining`.
    public var state: String
    public var region: String
    public var zone: String
    /// `host:port` of the node's link, nil when it serves no other node.
    public var link: String?
    public var release: String
    /// What is left of the node's lease, ms.
    public var leaseMs: Int64
    /// The newest report; nil before the first.
    public var report: ClusterNodeReport?

    public init(
        node: String, role: String, state: String, region: String, zone: String, link: String?, release: String,
        leaseMs: Int64, report: ClusterNodeReport?
    ) {
        self.node = node
        self.role = role
        self.state = state
        self.region = region
        self.zone = zone
        self.link = link
        self.release = release
        self.leaseMs = leaseMs
        self.report = report
    }
}

/// The load signals of a node; totals since its start, rates over the last seconds.
public struct ClusterNodeReport: Codable, Sendable, Equatable {
    public var sequence: UInt64
    public var uptimeSeconds: Double
    /// bit/s.
    public var egressBitrate: Double
    public var ingestBitrate: Double
    public var viewers: Int
    public var publishers: Int
    public var streams: Int
    /// Streams pulled from other nodes, and subscriptions of other nodes.
    public var pulls: Int
    public var children: Int
    /// 0...1.
    public var busiestLoop: Double
    public var cpu: Double
    public var rejects: UInt64
    public var drops: UInt64

    public init(
        sequence: UInt64, uptimeSeconds: Double, egressBitrate: Double, ingestBitrate: Double, viewers: Int,
        publishers: Int, streams: Int, pulls: Int, children: Int, busiestLoop: Double, cpu: Double, rejects: UInt64,
        drops: UInt64
    ) {
        self.sequence = sequence
        self.uptimeSeconds = uptimeSeconds
        self.egressBitrate = egressBitrate
        self.ingestBitrate = ingestBitrate
        self.viewers = viewers
        self.publishers = publishers
        self.streams = streams
        self.pulls = pulls
        self.children = children
        self.busiestLoop = busiestLoop
        self.cpu = cpu
        self.rejects = rejects
        self.drops = drops
    }
}

/// How the answering node sees the registry; part of every answer about the cluster.
public struct RegistryStatus: Codable, Sendable, Equatable {
    /// `memory`, `connected` or `away`.
    public var state: String
    /// Seconds in that state; with `away`, the age of what is shown.
    public var seconds: Double
    /// Why it is away, in its own words.
    public var reason: String?
    /// Where it is, without its password.
    public var url: String

    public init(state: String, seconds: Double, reason: String?, url: String) {
        self.state = state
        self.seconds = seconds
        self.reason = reason
        self.url = url
    }
}

/// `GET /v1/cluster/nodes`, by name.
public struct ClusterNodeList: Codable, Sendable, Equatable {
    public var registry: RegistryStatus
    public var nodes: [ClusterNode]
    public init(registry: RegistryStatus, nodes: [ClusterNode]) {
        self.registry = registry
        self.nodes = nodes
    }
}

/// One stream as the registry has it.
public struct ClusterStream: Codable, Sendable, Equatable {
    /// `app/name`.
    public var stream: String
    /// `live` or `waiting`.
    public var state: String
    public var owner: String
    public var epoch: UInt64
    /// Hex.
    public var incarnation: String
    /// `host:port` of the owner's link.
    public var link: String
    public var videoCodec: String?
    public var audioCodec: String?
    /// Whether the owner's node lease lives.
    public var ownerLives: Bool
    /// The origin that an operator asked publishers to be sent to, if any.
    public var preferred: String?

    public init(
        stream: String, state: String, owner: String, epoch: UInt64, incarnation: String, link: String,
        videoCodec: String?, audioCodec: String?, ownerLives: Bool, preferred: String?
    ) {
        self.stream = stream
        self.state = state
        self.owner = owner
        self.epoch = epoch
        self.incarnation = incarnation
        self.link = link
        self.videoCodec = videoCodec
        self.audioCodec = audioCodec
        self.ownerLives = ownerLives
        self.preferred = preferred
    }
}

/// `GET /v1/cluster/streams?limit=N`, by name.
public struct ClusterStreamList: Codable, Sendable, Equatable {
    public var registry: RegistryStatus
    public var streams: [ClusterStream]
    public init(registry: RegistryStatus, streams: [ClusterStream]) {
        self.registry = registry
        self.streams = streams
    }
}

/// `GET /v1/cluster/locate/{app}/{name}`: what a viewer of the stream would be led to at the answering node.
public struct ClusterLocation: Codable, Sendable, Equatable {
    public var registry: RegistryStatus
    /// nil when nobody owns the stream.
    public var stream: ClusterStream?
    /// Parents in the order in which the answering node would ask them.
    public var parents: [ClusterParent]
    /// Age of this knowledge, seconds; 0 = asked now.
    public var ageSeconds: Double
    public init(registry: RegistryStatus, stream: ClusterStream?, parents: [ClusterParent], ageSeconds: Double) {
        self.registry = registry
        self.stream = stream
        self.parents = parents
        self.ageSeconds = ageSeconds
    }
}

/// A node that may serve a stream.
public struct ClusterParent: Codable, Sendable, Equatable {
    public var node: String
    public var link: String
    /// From the origin; 0 = the owner.
    public var hops: Int
    /// Of the answering node's breaker: `closed`, `open` or `half-open`.
    public var breaker: String
    public init(node: String, link: String, hops: Int, breaker: String) {
        self.node = node
        self.link = link
        self.hops = hops
        self.breaker = breaker
    }
}

/// What one node does for a stream; part of ``StreamWhy``.
public struct StreamPart: Codable, Sendable, Equatable {
    public var node: String
    public var role: String
    /// `owner`, `standby`, `pulling` or `serving`.
    public var part: String
    public var epoch: UInt64
    public var incarnation: String
    public var viewers: Int
    public var children: Int
    /// Owner and standby: the publisher.
    public var publisher: String?
    public var encoder: String?
    public var bitrate: Double
    public var framesPerSecond: Double
    /// Pulling: the phase of the pull in words, the parent, the hops from the origin, round trip to the parent, ms.
    public var phase: String?
    public var parent: String?
    public var hops: Int?
    public var hopRTTMs: Double?
    /// Frames and bytes that wait for the slowest child.
    public var queueFrames: Int
    public var queueBytes: Int
    /// Pulling: where the frames of all incarnations went.
    public var framesLost: UInt64
    public var duplicates: UInt64
    public var failovers: Int
    public var lastFailover: StreamFailover?
    /// Viewers that are more than a second behind.
    public var slowViewers: Int

    public init(
        node: String, role: String, part: String, epoch: UInt64, incarnation: String, viewers: Int, children: Int = 0,
        publisher: String? = nil, encoder: String? = nil, bitrate: Double = 0, framesPerSecond: Double = 0,
        phase: String? = nil, parent: String? = nil, hops: Int? = nil, hopRTTMs: Double? = nil, queueFrames: Int = 0,
        queueBytes: Int = 0, framesLost: UInt64 = 0, duplicates: UInt64 = 0, failovers: Int = 0,
        lastFailover: StreamFailover? = nil, slowViewers: Int = 0
    ) {
        self.node = node
        self.role = role
        self.part = part
        self.epoch = epoch
        self.incarnation = incarnation
        self.viewers = viewers
        self.children = children
        self.publisher = publisher
        self.encoder = encoder
        self.bitrate = bitrate
        self.framesPerSecond = framesPerSecond
        self.phase = phase
        self.parent = parent
        self.hops = hops
        self.hopRTTMs = hopRTTMs
        self.queueFrames = queueFrames
        self.queueBytes = queueBytes
        self.framesLost = framesLost
        self.duplicates = duplicates
        self.failovers = failovers
        self.lastFailover = lastFailover
        self.slowViewers = slowViewers
    }
}

/// The newest change of source at one node.
public struct StreamFailover: Codable, Sendable, Equatable {
    public var secondsAgo: Double
    /// Without media, ms.
    public var gapMs: Double
    public var framesLost: UInt64
    public var from: String
    public var to: String
    public init(secondsAgo: Double, gapMs: Double, framesLost: UInt64, from: String, to: String) {
        self.secondsAgo = secondsAgo
        self.gapMs = gapMs
        self.framesLost = framesLost
        self.from = from
        self.to = to
    }
}

/// `GET /v1/cluster/why/{app}/{name}`: everything the cluster knows about a stream.
public struct StreamWhy: Codable, Sendable, Equatable {
    public var registry: RegistryStatus
    public var stream: ClusterStream?
    /// What is left of the owner's node lease, ms.
    public var ownerLeaseMs: Int64?
    /// Owner first, then by hops and name.
    public var parts: [StreamPart]
    /// Nodes that the registry says hold the stream and that did not answer.
    public var silent: [String]
    public init(
        registry: RegistryStatus, stream: ClusterStream?, ownerLeaseMs: Int64?, parts: [StreamPart], silent: [String]
    ) {
        self.registry = registry
        self.stream = stream
        self.ownerLeaseMs = ownerLeaseMs
        self.parts = parts
        self.silent = silent
    }
}

/// One line of `GET /v1/cluster/events?after=ID&limit=N`, which answers `ClusterEventList`.
public struct ClusterEventEntry: Codable, Sendable, Equatable {
    public var id: String
    /// ms since 1970.
    public var wallMs: Int64
    public var node: String
    public var kind: String
    public var stream: String?
    public var text: String
    public init(id: String, wallMs: Int64, node: String, kind: String, stream: String?, text: String) {
        self.id = id
        self.wallMs = wallMs
        self.node = node
        self.kind = kind
        self.stream = stream
        self.text = text
    }
}

/// Oldest first.
public struct ClusterEventList: Codable, Sendable, Equatable {
    public var events: [ClusterEventEntry]
    public init(events: [ClusterEventEntry]) { self.events = events }
}

/// The answer to `POST /v1/cluster/nodes/{node}/drain?deadline=SECONDS`, to `…/undrain`, and to
/// `POST /v1/cluster/streams/{app}/{name}/move?to=NODE`.
public struct ClusterOrder: Codable, Sendable, Equatable {
    public var accepted: Bool
    /// What will happen, in a sentence.
    public var text: String
    public init(accepted: Bool, text: String) {
        self.accepted = accepted
        self.text = text
    }
}

/// How far a drain is; `GET /v1/drain` of the node itself, and part of its status.
public struct DrainStatus: Codable, Sendable, Equatable {
    public var isDraining: Bool
    /// Left until viewers are ended; nil when the node does not drain.
    public var secondsLeft: Double?
    public var publishers: Int
    public var children: Int
    public var viewers: Int
    public init(isDraining: Bool, secondsLeft: Double?, publishers: Int, children: Int, viewers: Int) {
        self.isDraining = isDraining
        self.secondsLeft = secondsLeft
        self.publishers = publishers
        self.children = children
        self.viewers = viewers
    }
}
