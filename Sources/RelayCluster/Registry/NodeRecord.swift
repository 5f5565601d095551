package import RelayCore

/// What a node says about itself in the registry; its node lease is the life of this record.
package struct NodeRecord: Hashable, Sendable, Codable {
    /// Of the shape of the record; readers skip records of another one.
    package static let currentVersion = 1

    package var version = NodeRecord.currentVersion
    package var id: NodeID
    /// 128 random bits in hex, new with each start of the process: proves ownership of the node lease and of its streams.
    package var token: String
    package var role: NodeRole
    package var state: State
    /// Free words of the operator: nodes of one region are near each other.
    package var region: String
    package var zone: String
    /// Where the node's link listens; nil when it serves no other node.
    package var link: Endpoint?
    /// Where its RTMP listens, for publishers that edges forward.
    package var rtmp: Endpoint?
    /// SHA-256 of the link's certificate (DER), hex; nil when the link is plain.
    package var certificate: String?
    /// The release that runs.
    package var release: String
    /// The machine below the node, by the name that the platform has for it; nil when nobody told.
    package var machine: String?
    /// Whether that machine may be taken away at short notice; nil when nobody told.
    package var isSpot: Bool?
    /// The order that the node follows while it drains; nil when nobody ordered it, or it serves.
    package var drain: DrainOrigin?

    /// In the order of a node's life.
    package enum State: String, Sendable, Codable, CaseIterable {
        case starting, serving, draining
    }

    package init(
        id: NodeID, token: String, role: NodeRole, state: State, region: String = "", zone: String = "",
        link: Endpoint? = nil, rtmp: Endpoint? = nil, certificate: String? = nil, release: String = ""
    ) {
        self.id = id
        self.token = token
        self.role = role
        self.state = state
        self.region = region
        self.zone = zone
        self.link = link
        self.rtmp = rtmp
        self.certificate = certificate
        self.release = release
    }
}

/// Whose drain a node follows.
package struct DrainOrigin: Hashable, Sendable, Codable {
    /// Of the ``NodeWish``.
    package var wish: String
    /// nil for an operator's.
    package var author: String?
    package var epoch: UInt64?

    package init(wish: String, author: String? = nil, epoch: UInt64? = nil) {
        self.wish = wish
        self.author = author
        self.epoch = epoch
    }

    package var isAutoscalers: Bool { author == NodeWish.autoscaler }
}

/// The load signals of a node, written with every few beats of its lease (default each 2 s); scaling and people read them.
/// Rates are over the last seconds, totals since start.
///
/// Releases differ within a cluster: a field that came later is optional, and readers leave out what they do not know.
package struct NodeReport: Hashable, Sendable, Codable {
    /// Grows by one with each report of a process; a reader that sees the same twice has a stale one.
    package var sequence: UInt64 = 0
    /// The node's state in words of ``NodeRecord/State``.
    package var state = NodeRecord.State.starting
    package var uptimeSeconds = 0.0
    /// bit/s to viewers and children, and the most the node may send (0 = unknown).
    package var egressBitrate = 0.0
    package var egressCapacity = 0.0
    /// bit/s from publishers and parents.
    package var ingestBitrate = 0.0
    package var viewers = 0
    /// Viewers that were taken in, and those of them that left or were ended.
    package var joinsTotal: UInt64 = 0
    package var leavesTotal: UInt64 = 0
    /// Viewers here of streams that flowed and fell silent lately: their publisher or its origin was lost, and they may be about to
    /// go and to come back. nil from a release that does not count them.
    package var strandedViewers: Int?
    /// Distinct streams pulled from parents now.
    package var pulls = 0
    /// Other nodes' subscriptions served now.
    package var children = 0
    package var publishers = 0
    package var streams = 0
    /// Share of the busiest event loop, 0...1.
    package var busiestLoop = 0.0
    /// Share of the CPU that the node may use, 0...1: of the quota of its control group, or of the cores it may run on.
    package var cpu = 0.0
    /// Share of the scheduling periods in which that quota held the node back, 0...1; nil without one.
    package var throttled: Double?
    /// Connections and viewers that the node had no room for (`limits.*` of the whole node) and streams that it had no lookup
    /// left for. What one address was refused for its own conduct, wrong names and requests do not count, nor does what a
    /// draining node sends elsewhere.
    package var rejectsTotal: UInt64 = 0
    /// Viewers that were let in and waited, and whose stream of the cluster did not come, for no reason of theirs.
    package var joinFailuresTotal: UInt64 = 0
    /// Frames left out for slow viewers.
    package var dropsTotal: UInt64 = 0
    /// 95th percentile of the time from a viewer's request to its first frame, ms, over the last half minute; nil without joins.
    package var firstFrameP95: Double?
    /// Descriptors: connections open and the most there may be.
    package var connections = 0
    package var maxConnections = 0

    package init() {}
}
