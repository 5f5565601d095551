import RelayCluster
package import RelayCore

/// Who decides about a region's replicas in a run.
package protocol FleetPilot {
    mutating func decide(_ observations: ScalingObservations, now: MonotonicTime) -> Decision
    /// Keeps what the next leader starts from; once a minute.
    mutating func save()
    /// The leader died; this is the next one.
    mutating func restart()
}

/// The real thing.
package struct AutoscalerPilot: FleetPilot {
    package let settings: TierSettings
    package private(set) var state: ScalingState
    private var saved: LearnedState?

    package init(_ settings: TierSettings, learned: LearnedState? = nil) {
        self.settings = settings
        state = ScalingState(learned: learned)
        saved = learned
    }

    package mutating func decide(_ observations: ScalingObservations, now: MonotonicTime) -> Decision {
        Autoscaler.decide(&state, observations, settings, now: now)
    }

    package mutating func save() { saved = state.learned }
    package mutating func restart() { state = ScalingState(learned: saved) }
}

/// As many edges as the demand of this moment needs, and at once fewer when it falls: what a plain controller does. It drains nobody
/// and so shows what drains are for.
package struct LastValuePilot: FleetPilot {
    package let settings: TierSettings

    package init(_ settings: TierSettings) { self.settings = settings }

    package mutating func decide(_ observations: ScalingObservations, now: MonotonicTime) -> Decision {
        let current = observations.workload?.replicas ?? 0
        var decision = Decision(
            tier: .edge, wallMilliseconds: observations.wallMilliseconds, epoch: observations.epoch, mode: .on,
            current: current, target: current, reason: "reactive")
        guard case .nodes(let entries) = observations.registry, let workload = observations.workload else {
            return decision
        }
        var viewers = 0.0
        var egress = 0.0
        for entry in entries {
            guard let report = entry.report else { continue }
            viewers += Double(report.viewers)
            egress += report.egressBitrate
        }
        let nodes = max(viewers / settings.capacity.viewers, egress / settings.capacity.egress) / settings.utilisation
        decision.target = min(settings.maximum, max(settings.minimum, nodes.wholeNumber + 1))
        if decision.target != current {
            decision.actions = [.scale(from: current, to: decision.target, uid: workload.uid)]
        }
        return decision
    }

    package mutating func save() {}
    package mutating func restart() {}
}
