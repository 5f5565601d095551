import RelayCluster
import RelayCore
import RelayScaling

/// A tier for tests: nodes that report, pods that come and go at once, and a clock that only `tick` moves.
struct ModelTier {
    struct Node {
        var viewers = 0
        var publishers = 0
        var state = NodeRecord.State.serving
        var sequence: UInt64 = 1
        var zone = "a"
        var isReporting = true
        var isReady = true
        var cost: Int32?
        var joins: UInt64 = 0
        var rejects: UInt64 = 0
        var restarts = 0
        var phase = PodStatus.Phase.running
        /// nil: no report of this kind is changed.
        var change: (@Sendable (inout NodeReport) -> Void)?
        /// Whether the registry shows it.
        var isRegistered = true
        /// Whose order the node says it follows.
        var drain: DrainOrigin?
    }

    var settings: TierSettings
    var state = ScalingState()
    var nodes: [String: Node] = [:]
    /// In the registry, but no pod of the workload.
    var foreign: [String: Node] = [:]
    var replicas: Int
    var now = MonotonicTime(nanoseconds: 1_000_000_000_000)
    var wallMilliseconds: Int64 = 1_700_000_000_000
    var events: [AnnouncedEvent] = []
    var controls = ScalingControls()
    var isLeader = true
    var isRegistryAway = false
    var isSettled = true
    var problem: PlatformProblem?
    /// Of each node's viewers; nil: nodes of a release that does not count them.
    var strandedShare: Double?
    /// Whether the actions of a decision happen.
    var isObeying = true
    /// Whether the platform makes and removes pods when the count changes.
    var hasController = true
    /// As ``WorkloadStatus/countedPods``.
    var countedPods: Int?
    var born = 0
    var uid = "w"

    init(_ count: Int, viewersEach: Int = 0, tier: NodeRole = .edge, mode: ScalingMode = .on) {
        settings = TierSettings(tier: tier)
        settings.mode = mode
        settings.capacity.viewers = 1_000
        settings.capacity.publishers = tier == .origin ? 10 : 0
        settings.maximum = 1_000
        replicas = count
        for _ in 0..<count { add(viewers: viewersEach) }
    }

    mutating func add(viewers: Int = 0) {
        let name = settings.tier == .origin ? "origin-\(born)" : "edge-\(born + 100)"
        var node = Node()
        node.viewers = viewers
        nodes[name] = node
        born += 1
    }

    var names: [String] { nodes.keys.sorted() }

    /// Shares viewers among the nodes that serve.
    mutating func spread(_ viewers: Int) {
        let serving = names.filter {
            nodes[$0]?.state == .serving && nodes[$0]?.phase == .running && nodes[$0]?.isReady == true
        }
        guard !serving.isEmpty else { return }
        for (index, name) in serving.enumerated() {
            nodes[name]?.viewers = viewers / serving.count + (index < viewers % serving.count ? 1 : 0)
        }
        for name in names where nodes[name]?.state == .draining { nodes[name]?.viewers = 0 }
    }

    func entry(_ name: String, _ node: Node) -> NodeEntry? {
        guard node.isRegistered, let id = NodeID(name) else { return nil }
        var report = NodeReport()
        report.sequence = node.sequence
        report.state = node.state
        report.viewers = node.viewers
        report.strandedViewers = strandedShare.map { Int((Double(node.viewers) * $0).rounded()) }
        report.publishers = node.publishers
        report.joinsTotal = node.joins
        report.rejectsTotal = node.rejects
        node.change?(&report)
        var record = NodeRecord(id: id, token: "t", role: settings.tier, state: node.state, zone: node.zone)
        record.drain = node.drain
        return NodeEntry(record: record, report: report, leaseMilliseconds: 5_000)
    }

    func observations() -> ScalingObservations {
        var entries: [NodeEntry] = []
        var pods: [PodStatus] = []
        for name in names {
            guard let node = nodes[name] else { continue }
            if node.phase == .running, let entry = entry(name, node) { entries.append(entry) }
            pods.append(
                PodStatus(
                    name: name, uid: "u-\(name)", machine: node.phase == .running ? "m-\(name)" : nil,
                    phase: node.phase,
                    isReady: node.isReady && node.state == .serving && node.phase == .running, readySince: 1,
                    createdAt: 1,
                    restarts: node.restarts, deletionCost: node.cost))
        }
        for (name, node) in foreign.sorted(by: { $0.key < $1.key }) {
            if let entry = entry(name, node) { entries.append(entry) }
        }
        let isThere = if case .away = problem { false } else { true }
        var observations = ScalingObservations(
            registry: isRegistryAway ? .away : .nodes(entries),
            workload: isThere
                ? WorkloadStatus(
                    uid: uid, replicas: replicas, isSettled: isSettled, pods: pods, countedPods: countedPods) : nil,
            wallMilliseconds: wallMilliseconds)
        observations.events = events
        observations.controls = controls
        observations.isLeader = isLeader
        observations.platformProblem = problem
        return observations
    }

    /// One tick of 5 s; what it decides happens before the next.
    @discardableResult
    mutating func tick(seconds: Int64 = 5) -> Decision {
        now = now + .seconds(seconds)
        wallMilliseconds += seconds * 1_000
        for name in names where nodes[name]?.isReporting == true { nodes[name]?.sequence += 1 }
        for name in foreign.keys { foreign[name]?.sequence += 1 }
        let decision: Decision = Autoscaler.decide(&state, observations(), settings, now: now)
        if isObeying { obey(decision) }
        return decision
    }

    /// Ticks for so long; the last decision.
    @discardableResult
    mutating func run(seconds: Int) -> Decision {
        var decision = tick()
        for _ in 1..<max(2, seconds / 5) { decision = tick() }
        return decision
    }

    mutating func obey(_ decision: Decision) {
        for action in decision.actions {
            switch action {
            case .drain(let nodes, _): for node in nodes { self.nodes[node.text]?.state = .draining }
            case .undrain(let nodes): for node in nodes { self.nodes[node.text]?.state = .serving }
            case .mark(let costs): for cost in costs { nodes[cost.pod]?.cost = cost.cost }
            case .scale(let from, let to, _):
                guard from == replicas else { continue }
                setReplicas(to)
            }
        }
    }

    /// What a ReplicaSet, or for origins a StatefulSet, does.
    mutating func setReplicas(_ count: Int) {
        replicas = count
        guard hasController else { return }
        while nodes.count < count { add() }
        guard nodes.count > count else { return }
        if settings.tier == .origin {
            while nodes.count > count {
                born -= 1
                nodes["origin-\(born)"] = nil
            }
            return
        }
        let order = DeletionOrder.sorted(observations().workload?.pods ?? [])
        for pod in order.prefix(nodes.count - count) { nodes[pod.name] = nil }
    }

    var serving: Int { nodes.values.reduce(0) { $0 + ($1.state == .serving ? 1 : 0) } }
}

extension Decision {
    func isBlocked(_ code: String) -> Bool { blocks.contains { $0.code == code } }

    var takesAway: Bool {
        target < current
            && actions.contains { action in
                switch action {
                case .drain: true
                case .scale(let from, let to, _): to < from
                default: false
                }
            }
    }
}
