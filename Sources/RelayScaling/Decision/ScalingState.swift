import RelayCluster
package import RelayCore

/// What the decision core remembers of one tier. ``learned`` goes into the registry, for the next start and the next leader; the
/// rest is rebuilt from fresh data within a stable window, and until then the tier is held.
package struct ScalingState: Sendable {
    package var learned: LearnedState
    /// For metrics and status.
    package var counters = ScalingCounters()

    var nodes = NodeTracks()
    var pods = PodIndex()
    var window: DemandWindow
    /// Since when most reports, and nearly all, have come fresh without a gap.
    var someFreshSince: MonotonicTime?
    var fullyFreshSince: MonotonicTime?
    /// Whether a stable window of fresh data was seen since the start.
    var isWarm = false
    /// Since when the registry, or most reports, have been away.
    var blindSince: MonotonicTime?
    /// The target of the last tick that had fresh data and was not held.
    var lastGoodTarget: Int?
    var workload: WorkloadStatus?
    /// Replica counts that are no surprise, because we asked for them lately.
    var asked: [(replicas: Int, at: MonotonicTime)] = []
    /// Whether the last tick could act: only then is another count a surprise.
    var couldAct = false
    var manualFloor: (replicas: Int, until: MonotonicTime)?
    var panic: Panic?
    var cliffUntil: MonotonicTime?
    var direction: Direction?
    var lastTurn: MonotonicTime?
    /// Starts of drains lately, for the budget.
    var recentDrains: [(at: MonotonicTime, count: Int)] = []
    /// Pods that have not reported yet, by name: since when, and when the replicas were asked for that it belongs to.
    var waiting: [String: Waiting] = [:]
    var lastGrowth: MonotonicTime?
    var removal: Removal?
    /// Nodes whose drain was taken back lately.
    var takenBack: [NodeID: MonotonicTime] = [:]
    /// Drains whose pods terminate: the orders are taken back once these are gone.
    var endedDrains: [DrainOrder] = []
    /// Pods, by identity, that have been seen to report: whatever befalls them later, they do not wait for their start.
    var reported = Set<String>()
    /// Since when the platform has had fewer pods than it was asked for, and how many.
    var missing: (since: MonotonicTime, pods: Int)?
    /// The newest answer, the minute (of UTC) it was asked in, and the demand that it grows from.
    var forecast: ForecastAnswer?
    var forecastMinute = -Double.infinity
    var forecastDemand = 0.0
    var joins = 0.0
    var leaves = 0.0
    var refused = 0.0
    var drops = 0.0
    var isMismatched = false

    enum Direction: Hashable, Sendable { case out, `in` }

    struct Panic: Hashable, Sendable {
        var since: MonotonicTime
        /// Last instant at which the panic need was too high.
        var lastAlarm: MonotonicTime
        /// Highest target since it began.
        var floor: Int
    }

    struct Waiting: Hashable, Sendable {
        var since: MonotonicTime
        var askedAt: MonotonicTime
        /// Whether it was seen without a machine for longer than placing one takes.
        var hasWaited = false
    }

    /// - Parameter learned: What a former leader stored; nil on the first start ever.
    package init(learned: LearnedState? = nil) {
        self.learned = learned ?? LearnedState()
        window = DemandWindow(span: .seconds(900))
    }

    /// Takes over what a former leader stored, keeping the windows that this process filled while it decided in the shadow. Called
    /// when a process becomes leader.
    package mutating func adopt(_ learned: LearnedState) { self.learned = learned }
}

/// What outlives a restart. Small apart from the forecast's history; versioned, so that another release can skip it.
package struct LearnedState: Hashable, Sendable, Codable {
    /// Of the shape of this document.
    package static let currentVersion = 1

    package var version = LearnedState.currentVersion
    package var forecast = DemandForecast()
    package var lead = LeadStatistics()
    package var accuracy = AccuracyLog()
    /// Drains that we ordered and that are not over: the next leader must tell them from an operator's.
    package var drains: [DrainOrder] = []

    package init() {}

    /// Whether it is one that this release may have written. A document that was tampered with, or that another release wrote in another
    /// shape, decodes all the same; its figures would stop the process in the middle of a decision.
    package var isSound: Bool {
        version == Self.currentVersion && forecast.isSound && lead.isSound && accuracy.isSound
            && drains.count <= mostNodes
    }
}

/// A drain under way that the autoscaler ordered.
package struct DrainOrder: Hashable, Sendable, Codable {
    package var node: NodeID
    /// Of the pod when the order was given; a pod of the same name with another uid is another pod.
    package var uid: String
    /// UTC, ms since 1970, for the next leader; instants of this process are kept beside it.
    package var orderedMilliseconds: Int64
    /// Until when the node may keep its viewers, ms since 1970; nil = until the last has left.
    package var deadlineMilliseconds: Int64?
    /// When the order was given last, by this process's clock.
    var orderedAt: MonotonicTime?
    var deadlineAt: MonotonicTime?
    /// Whether the node said that it drains.
    var isConfirmed = false

    private enum CodingKeys: String, CodingKey { case node, uid, orderedMilliseconds, deadlineMilliseconds }

    init(node: NodeID, uid: String, wallMilliseconds: Int64, now: MonotonicTime, deadline: Double?) {
        self.node = node
        self.uid = uid
        orderedMilliseconds = wallMilliseconds
        orderedAt = now
        if let deadline {
            deadlineAt = now + .seconds(deadline)
            deadlineMilliseconds = wallMilliseconds &+ (Int64(exactly: (deadline * 1_000).rounded()) ?? 0)
        }
    }
}

/// Pods whose removal was asked for by a smaller replica count, until the platform has done it.
struct Removal: Hashable, Sendable {
    var from: Int
    var to: Int
    /// uid or, where the platform has none, name: ours, and pods without viewers that the platform takes first.
    var expected: Set<String>
    /// All pods that lived when it was asked for.
    var before: Set<String>
    var startedAt: MonotonicTime
}

/// Totals since start.
package struct ScalingCounters: Hashable, Sendable {
    package var ticks: UInt64 = 0
    package var scaleOuts: UInt64 = 0
    package var scaleIns: UInt64 = 0
    /// Nodes ordered to drain, and drains taken back.
    package var drains: UInt64 = 0
    package var undrains: UInt64 = 0
    /// Times that the platform would have taken other pods than the drained ones, so that we did not ask.
    package var victimMismatches: UInt64 = 0
    /// Pods that the platform took although they were not drained.
    package var wrongVictims: UInt64 = 0
    package var quarantinedReports: UInt64 = 0
    package var manualOverrides: UInt64 = 0
    package var panics: UInt64 = 0
    package var cliffs: UInt64 = 0

    package init() {}
}
