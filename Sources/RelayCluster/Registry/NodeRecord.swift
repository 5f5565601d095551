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

/// The load signals of a node, written with every few beats of its lease (default each 2 s); scaling and people read them.
/// Rates are over the last seconds, totals since start.
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
    package var joinsTotal: UInt64 = 0
    package var leavesTotal: UInt64 = 0
    /// Distinct streams pulled from parents now.
    package var pulls = 0
    /// Other nodes' subscriptions served now.
    package var children = 0
    package var publishers = 0
    package var streams = 0
    /// Share of the busiest event loop, 0...1, and of all cores the process may use.
    package var busiestLoop = 0.0
    package var cpu = 0.0
    /// Viewers that were refused for lack of room or rate, and joins that failed.
    package var rejectsTotal: UInt64 = 0
    package var joinFailuresTotal: UInt64 = 0
    /// Frames left out for slow viewers.
    package var dropsTotal: UInt64 = 0
    /// 95th percentile of the time from a viewer's request to its first frame, ms; nil without joins lately.
    package var firstFrameP95: Double?
    /// Descriptors: connections open and the most there may be.
    package var connections = 0
    package var maxConnections = 0

    package init() {}
}
