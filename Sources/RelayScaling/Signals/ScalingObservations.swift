package import RelayCluster

/// Everything that one tick of one tier's decision looks at. The interpreter gathers it; nothing in it was decided on.
package struct ScalingObservations: Sendable {
    /// What the registry answered.
    package var registry: RegistryView
    /// nil when the platform did not answer; `platformProblem` says why.
    package var workload: WorkloadStatus?
    package var platformProblem: PlatformProblem?
    package var events: [AnnouncedEvent] = []
    package var controls = ScalingControls()
    /// Whether this process may act; others decide all the same, in the shadow.
    package var isLeader = true
    /// Grows with each change of leader; orders to nodes carry it.
    package var epoch: UInt64 = 0
    /// UTC, ms since 1970: for seasons and announced events only, never for windows.
    package var wallMilliseconds: Int64

    package enum RegistryView: Sendable {
        /// The nodes of this tier with a living lease, freshly read.
        case nodes([NodeEntry])
        case away
    }

    package init(registry: RegistryView, workload: WorkloadStatus?, wallMilliseconds: Int64) {
        self.registry = registry
        self.workload = workload
        self.wallMilliseconds = wallMilliseconds
    }
}

/// Why the platform did not answer or refuses. ``code`` is stable and what operators search for.
package enum PlatformProblem: Error, Hashable, Sendable, Codable {
    /// No connection, 5xx, 429.
    case away(String)
    /// 403, with the missing verb and resource in words. The tier goes on in dry run.
    case denied(String)
    /// The workload does not exist.
    case missing(String)
    /// Somebody else scales the same workload.
    case twoMasters(String)

    package var code: String {
        switch self {
        case .away: "platform_away"
        case .denied: "rbac_denied"
        case .missing: "target_missing"
        case .twoMasters: "conflict_two_masters"
        }
    }
}

/// What operators set while it runs; kept in the registry so that the next leader follows it too.
package struct ScalingControls: Hashable, Sendable, Codable {
    package var isPaused = false
    /// Hot switch of the forecast; it goes on scoring in the shadow.
    package var usesForecast = true

    package init() {}
}

/// Demand that somebody told us of beforehand.
package struct AnnouncedEvent: Hashable, Sendable, Codable {
    /// Chosen by whoever adds it; unique.
    package var name: String
    package var tier: NodeRole
    /// UTC, ms since 1970.
    package var startMilliseconds: Int64
    package var endMilliseconds: Int64
    /// Expected demand at its highest, all of the tier together, in viewers (publishers for origins).
    package var peak: Double
    /// How long before the start the first of it may come, s; capacity is there by then.
    package var rampSeconds: Double

    package init(
        name: String, tier: NodeRole, startMilliseconds: Int64, endMilliseconds: Int64, peak: Double,
        rampSeconds: Double
    ) {
        self.name = name
        self.tier = tier
        self.startMilliseconds = startMilliseconds
        self.endMilliseconds = endMilliseconds
        self.peak = peak
        self.rampSeconds = rampSeconds
    }
}
