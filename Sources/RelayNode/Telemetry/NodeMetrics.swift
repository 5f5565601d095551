import RelayAPI
import RelayCore

/// Everything `/metrics` tells, documented here and rendered by ``MetricsText``. A stream's name is never a label, so the
/// number of series depends on the configuration and not on the audience.
struct NodeMetrics: Sendable {
    /// The node as the API shows it.
    var status: NodeStatus
    /// `relay_ready`: 1 while new work is welcome.
    var isReady: Bool
    /// `relay_viewers`: subscribers playing now, by transport.
    var viewersByTransport: [String: Int]
    /// `relay_viewers_stranded`: of those, whose stream fell silent lately.
    var strandedViewers = 0
    /// `relay_viewer_frames_total`: where every frame offered to a viewer went, by outcome.
    var ledger: LossLedger
    /// `relay_ingest_frames_total`: frames stamped.
    var framesIn: UInt64
    /// `relay_egress_frames_total`: frames handed to viewers' sockets.
    var framesOut: UInt64
    /// `relay_viewer_joins_total`: viewers taken in.
    var joins: UInt64
    /// `relay_viewer_leaves_total`: viewers that left or were ended.
    var leaves: UInt64 = 0
    /// `relay_viewer_join_failures_total`: viewers that waited for a stream of the cluster in vain.
    var joinFailures: UInt64 = 0
    /// `relay_turned_away_total`: connections, viewers and lookups that the node had no room for.
    var turnedAway: UInt64 = 0
    /// `relay_first_frame_p95_seconds`, of the last half minute, here in ms; nil without joins.
    var firstFrameP95: Double?
    /// `relay_egress_capacity_bits_per_second`; 0 = unknown.
    var egressCapacity = 0.0
    /// `relay_cpu_ratio`, `relay_cpu_throttled_ratio`.
    var cpu = CPUShare.Figures()
    /// `relay_viewer_slow_disconnects_total`: viewers disconnected because they did not keep up.
    var slowDisconnects: UInt64
    /// `relay_rejects_total`: refusals and closes for a peer's reason, by transport and code.
    var rejects: [EventCounter.Key: UInt64]
    /// `relay_admission_refusals_total`: connections and viewers refused for lack of room, by code.
    var refused: [Int: UInt64]
    /// `process_*`.
    var process: ProcessFigures
    /// `relay_cluster_*`; nil on a node alone.
    var cluster: ClusterFigures?
}

/// The node's part in the cluster, in numbers.
struct ClusterFigures: Sendable, Hashable {
    /// `relay_cluster_registry_up`: 1 while the registry answers.
    var isRegistryUp = false
    /// `relay_cluster_lease_held`: 1 while the node may assert what it owns.
    var isLeaseHeld = false
    /// `relay_cluster_streams_owned`.
    var owned = 0
    /// `relay_cluster_pulls`: streams pulled from other nodes.
    var pulls = 0
    /// `relay_cluster_children`: subscriptions of other nodes.
    var children = 0
    /// `relay_cluster_failovers_total`: changes of source that frames followed.
    var failovers: UInt64 = 0
    /// `relay_cluster_failover_frames_lost_total`.
    var framesLost: UInt64 = 0
    /// `relay_cluster_pull_attempts_total`: subscriptions asked for at parents.
    var attempts: UInt64 = 0
    /// `relay_cluster_lookups_total`, by result.
    var lookups: [Lookup: UInt64] = [:]

    enum Lookup: String, Sendable, Hashable, CaseIterable {
        case found, unavailable
        case lastKnown = "last_known"
        case notFound = "not_found"
    }
}
