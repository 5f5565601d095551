import RelayCluster
import RelayCore

/// What one call of ``Autoscaler/decide(_:_:_:now:)`` works with, from step to step.
struct DecisionTick {
    let observations: ScalingObservations
    let settings: TierSettings
    let now: MonotonicTime
    let wallSeconds: Double
    let tier: ScalingTier
    /// The workload, or what was last seen of it.
    let workload: WorkloadStatus?
    let pods: PodIndex
    let minimum: Int
    let maximum: Int
    /// Planned share of capacity, and the factor of readiness at which panic begins.
    let utilisation: Double
    let panicRatio: Double
    let lead: Double
    let hold: Double
    /// May emit actions; may emit actions that take capacity.
    let canAct: Bool
    let canShrink: Bool
    var decision: Decision
    var signals = TierSignals()
    /// Demand now in each dimension, censored demand included, and as scale-in sees it: missing nodes count as full.
    var demand = Load()
    var cautiousDemand = Load()
    /// What the tier wants before anything stops it, and the floor that scale-in keeps.
    var wanted = 0
    var wantedReason = ""
    var cautious = 0
    /// Drains that were ordered and are under way.
    var ordered = 0

    var replicas: Int { workload?.replicas ?? 0 }
    /// Replicas asked for and not draining by our order.
    var serving: Int { max(0, replicas - ordered) }

    init(_ state: inout ScalingState, _ observations: ScalingObservations, _ settings: TierSettings, now: MonotonicTime)
    {
        self.observations = observations
        self.settings = settings
        self.now = now
        wallSeconds = Double(observations.wallMilliseconds) / 1_000
        tier = settings.tier == .origin ? .origins : .edges
        workload = observations.workload ?? state.workload
        state.pods.update(workload?.pods ?? [])
        pods = state.pods
        minimum = min(mostNodes, max(1, settings.minimum))
        maximum = min(mostNodes, max(minimum, settings.maximum))
        let share = settings.utilisation
        utilisation = share.isFinite ? min(1, max(0.05, share)) : 0.75
        // Half of what is left between the planned share and full: at 75 % that is 1.15 or so, at 88 % it must come earlier.
        panicRatio =
            settings.panicRatio >= 10
            ? .infinity : max(1.01, min(settings.panicRatio, (1 + utilisation) / (2 * utilisation)))
        lead = min(LeadStatistics.longest, max(1, state.learned.lead.p90 ?? settings.assumedLead))
        hold = settings.hold.isFinite ? min(86_400, max(0, settings.hold)) : 300
        let isMine =
            observations.isLeader && (settings.mode == .on || settings.mode == .upOnly)
            && !observations.controls.isPaused
        switch observations.platformProblem {
        case nil, .away: canAct = isMine
        case .denied, .missing, .twoMasters: canAct = false
        }
        canShrink =
            canAct && settings.mode == .on && observations.platformProblem == nil && observations.workload != nil
        decision = Decision(
            tier: settings.tier, wallMilliseconds: observations.wallMilliseconds, epoch: observations.epoch,
            mode: settings.mode,
            current: workload?.replicas ?? 0, target: workload?.replicas ?? 0, reason: "hold")
        decision.leadSeconds = lead
        decision.leadSamples =
            state.learned.lead.samples.count >= LeadStatistics.enough ? state.learned.lead.samples.count : 0
        decision.leadPlacedSeconds = state.learned.lead.p90Placed
        decision.leadWaitedSeconds = state.learned.lead.p90Waited
        decision.holdSeconds = hold
        decision.utilisation = utilisation
    }

    /// Capacity of one node at 100 % in a dimension; 0 = it does not count.
    func capacity(_ dimension: ScalingDimension) -> Double {
        if dimension == .egress, signals.egressCapacity > 0 { return signals.egressCapacity }
        return settings.capacity[dimension]
    }

    /// Nodes that carry a demand at the planned share; the cpu is a guard, so it counts at its own limit.
    func nodes(for demand: Double, _ dimension: ScalingDimension) -> Double {
        let capacity = capacity(dimension)
        guard capacity > 0, demand > 0 else { return 0 }
        return demand / (capacity * (dimension == .cpu ? 1 : utilisation))
    }

    /// The dimension that needs most of a load.
    func binding(of load: Load) -> (dimension: ScalingDimension, nodes: Double) {
        var best = (dimension: tier.dimensions.first ?? .viewers, nodes: 0.0)
        for dimension in tier.dimensions {
            let nodes = nodes(for: load[dimension], dimension)
            if nodes > best.nodes { best = (dimension, nodes) }
        }
        return best
    }

    mutating func block(_ code: String, _ text: String) {
        guard !decision.blocks.contains(where: { $0.code == code }) else { return }
        decision.blocks.append(Decision.Block(code: code, text: text))
    }
}
