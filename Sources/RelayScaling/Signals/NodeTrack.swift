import RealModule
import RelayCluster
import RelayCore

/// What the autoscaler remembers of one node between ticks.
struct NodeTrack: Hashable, Sendable {
    let id: NodeID
    /// Where its pod stood in the list.
    var podHint = 0
    /// Of the process that reported last: another one starts its counters at zero.
    var token: String
    var sequence: UInt64
    /// When the sequence was last seen to move; nil until it has, unless the node is new.
    var movedAt: MonotonicTime?
    /// The last believable load and state.
    var load: Load
    var isDraining: Bool
    var joins: UInt64
    var leaves: UInt64
    var refused: UInt64
    var drops: UInt64
    /// Viewers that leave in a second, smoothed over ``leavingMemory``; and when it was looked at last.
    private(set) var leaving = 0.0
    private var leavingAt: MonotonicTime?
    /// The tick that saw the node last.
    var tick: UInt64
    /// When the node went missing: its lease ended, or its sequence stood still too long.
    var lostAt: MonotonicTime?
    /// Whether the node ever showed a fresh report.
    var wasFresh: Bool

    /// s: a few minutes, as deadlines of drains have.
    private static let leavingMemory = 300.0

    init(id: NodeID, token: String) {
        self.id = id
        self.token = token
        sequence = 0
        load = Load()
        isDraining = false
        joins = 0
        leaves = 0
        refused = 0
        drops = 0
        tick = 0
        wasFresh = false
    }

    /// Another process reports under the name: its counters begin where it says.
    mutating func beginAnew(_ report: NodeReport, token: String) {
        self.token = token
        sequence = report.sequence
        joins = report.joinsTotal
        leaves = report.leavesTotal
        refused = report.rejectsTotal &+ report.joinFailuresTotal
        drops = report.dropsTotal
        leaving = 0
        leavingAt = nil
    }

    /// Notes how many viewers left since it was asked last.
    mutating func noteLeaves(_ count: Double, now: MonotonicTime) {
        defer { leavingAt = now }
        guard let leavingAt, now > leavingAt else { return }
        let seconds = (now - leavingAt).inSeconds
        leaving += (count / seconds - leaving) * min(1, seconds / Self.leavingMemory)
    }

    /// Share of its viewers that are still there after so many seconds by themselves: sessions end as they did lately.
    func staying(for seconds: Double) -> Double {
        guard load.viewers >= 1, leaving > 0 else { return 1 }
        return Double.exp(-leaving / load.viewers * seconds)
    }

    /// Whether the last report is young enough to be believed.
    func isFresh(now: MonotonicTime, within limit: Duration) -> Bool {
        guard let movedAt else { return false }
        return now - movedAt <= limit
    }
}

/// What one report says once impossible figures are cut.
struct BelievedReport {
    var load: Load
    /// Whether a figure was impossible: not a number, negative, or ten times what a node can carry. A node that carries more than
    /// it was planned for is no liar: up to there it is believed, and counted up to ``capacityLimit``.
    var isImpossible: Bool

    /// Above this, a figure is impossible whatever the capacity: 1 Eb/s.
    static let absurd = 1e18
    /// A node's demand never counts for more than this many times its capacity, and is not believed at all from so many times
    /// on (autoscaler.md §2.7).
    static let capacityLimit = 2.0, impossibleLimit = 10.0

    init(_ report: NodeReport, _ settings: TierSettings) {
        var load = Load()
        var isImpossible = false
        func take(_ dimension: ScalingDimension, _ value: Double, limit: Double) {
            guard value.isFinite, value >= 0, value <= Self.absurd else {
                isImpossible = true
                return
            }
            guard limit > 0 else {
                load[dimension] = value
                return
            }
            if value >= limit * Self.impossibleLimit { isImpossible = true }
            load[dimension] = min(value, limit * Self.capacityLimit)
        }
        let capacity = settings.capacity
        take(.viewers, Double(report.viewers), limit: capacity[.viewers])
        take(.egress, report.egressBitrate, limit: Self.egressCapacity(report, settings))
        take(.pulls, Double(report.pulls), limit: capacity[.pulls])
        take(.publishers, Double(report.publishers), limit: capacity[.publishers])
        take(.ingest, report.ingestBitrate, limit: capacity[.ingest])
        // The busiest loop saturates before the cores do when there are more cores than loops.
        take(.cpu, report.cpu, limit: 0)
        let cpu = load.cpu
        take(.cpu, report.busiestLoop, limit: 0)
        load.cpu = min(1, max(cpu, load.cpu))
        if !report.uptimeSeconds.isFinite || report.uptimeSeconds < 0 { isImpossible = true }
        if !report.egressCapacity.isFinite || report.egressCapacity < 0 { isImpossible = true }
        self.load = load
        self.isImpossible = isImpossible
    }

    /// bit/s that a node may send: its own word when that is smaller than the configured one; 0 = unknown.
    static func egressCapacity(_ report: NodeReport, _ settings: TierSettings) -> Double {
        let configured = settings.capacity[.egress]
        let own = report.egressCapacity
        guard own.isFinite, own > 0 else { return configured }
        return configured > 0 ? min(configured, own) : own
    }
}
