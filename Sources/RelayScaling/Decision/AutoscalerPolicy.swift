import RelayCluster
import RelayCore

/// ``Autoscaler/decide(_:_:_:now:)`` as a policy on one number, for replay and benchmarks: it is shown a tier of edges that
/// share the demand evenly, report at each tick, and drain at once.
///
/// Pods that start are not shown, since counts do not tell which of them is which: the lead stays as given.
/// What it answers is what SDA-1 counts: replicas asked for and not draining.
package struct AutoscalerPolicy: ScalingPolicy {
    package let name: String
    package let interval: Double
    package private(set) var state: ScalingState
    package private(set) var last: Decision?
    package var events: [AnnouncedEvent] = []
    /// What the policy decides by; edges with viewers as their only dimension.
    package var settings: TierSettings
    /// Viewers that a unit of demand is made into, so that counts are fine enough.
    private let scale: Double
    private let start: Double
    private var sequence: UInt64 = 0
    private var names: [NodeID] = []
    private var born = 0
    /// Drained by the last decision: they report once more, empty.
    private var leaving: [NodeID] = []

    /// Viewers of one node at 100 %: so many that rounding to whole viewers changes nothing.
    static let viewersPerNode = 1_000_000.0

    /// - Parameters:
    ///   - perNode: Demand that one node carries at the planned utilisation.
    ///   - start: UTC of the trace's start, s since 1970.
    package init(
        name: String = "autoscaler", perNode: Double, utilisation: Double, lead: Double, hold: Double,
        metricDelay: Double = 15,
        interval: Double = 15, start: Double = 0, learned: LearnedState? = nil
    ) {
        self.name = name
        self.interval = interval
        self.start = start
        state = ScalingState(learned: learned)
        settings = TierSettings(tier: .edge)
        settings.mode = .on
        settings.utilisation = utilisation
        settings.capacity.viewers = Self.viewersPerNode
        settings.assumedLead = lead
        settings.hold = hold
        settings.reportAge = metricDelay
        settings.minimum = 1
        settings.maximum = mostNodes
        settings.ownsReplicas = false
        settings.staleAfter = interval * 2
        scale = perNode > 0 ? Self.viewersPerNode * settings.utilisation / perNode : 1
    }

    /// What a demand is in the viewers that the policy is shown; announced peaks are given in them.
    package func viewers(of demand: Double) -> Double { demand * scale }

    package mutating func decide(demand: Double, ready: Int, requested: Int, now: Double) -> Int {
        while names.count > ready { names.removeLast() }
        while names.count < ready, let name = NodeID("edge-\(born)") {
            names.append(name)
            born += 1
        }
        sequence &+= 1
        let each = min(demand * scale / Double(max(1, ready)), Self.viewersPerNode * 1.99)
        let viewers = Int(exactly: each.rounded()) ?? 0
        var nodes: [NodeEntry] = []
        var pods: [PodStatus] = []
        nodes.reserveCapacity(names.count)
        pods.reserveCapacity(requested)
        for name in names {
            var report = NodeReport()
            report.sequence = sequence
            report.state = .serving
            report.viewers = viewers
            nodes.append(
                NodeEntry(
                    record: NodeRecord(id: name, token: "", role: .edge, state: .serving), report: report,
                    leaseMilliseconds: 10_000))
            pods.append(PodStatus(name: name.text, machine: "m"))
        }
        for name in leaving {
            var report = NodeReport()
            report.sequence = sequence
            report.state = .draining
            nodes.append(
                NodeEntry(
                    record: NodeRecord(id: name, token: "", role: .edge, state: .draining), report: report,
                    leaseMilliseconds: 10_000))
        }
        var observations = ScalingObservations(
            registry: .nodes(nodes), workload: WorkloadStatus(replicas: requested, pods: pods),
            wallMilliseconds: Int64(exactly: ((start + now) * 1_000).rounded()) ?? 0)
        observations.events = events
        let decision: Decision = Autoscaler.decide(
            &state, observations, settings, now: .zero + .seconds(now))
        last = decision
        var drained = Set<NodeID>()
        for case .drain(let victims, _) in decision.actions { drained.formUnion(victims) }
        leaving = names.filter { drained.contains($0) }
        names.removeAll { drained.contains($0) }
        var replicas = requested - drained.count
        for case .scale(_, let to, _) in decision.actions { replicas = max(replicas, to) }
        return replicas
    }
}
