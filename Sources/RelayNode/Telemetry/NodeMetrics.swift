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
    /// `relay_viewer_frames_total`: where every frame offered to a viewer went, by outcome.
    var ledger: LossLedger
    /// `relay_ingest_frames_total`: frames stamped.
    var framesIn: UInt64
    /// `relay_egress_frames_total`: frames handed to viewers' sockets.
    var framesOut: UInt64
    /// `relay_viewer_joins_total`: viewers taken in.
    var joins: UInt64
    /// `relay_viewer_slow_disconnects_total`: viewers disconnected because they did not keep up.
    var slowDisconnects: UInt64
    /// `relay_rejects_total`: refusals and closes for a peer's reason, by transport and code.
    var rejects: [EventCounter.Key: UInt64]
    /// `relay_admission_refusals_total`: connections and viewers refused for lack of room, by code.
    var refused: [Int: UInt64]
    /// `process_*`.
    var process: ProcessFigures
}
