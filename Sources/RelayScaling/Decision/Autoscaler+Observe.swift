import RelayCluster
import RelayCore

extension Autoscaler {
    /// Share of nodes with fresh reports from which growth is decided, and from which anything may be taken away (§2.6.1).
    private static let someShare = 0.5
    private static let fullShare = 0.95
    /// A pod without a machine for so long waits for a new one: where there is room, schedulers place it within a second or two.
    private static let placing = Duration.seconds(5)
    /// How long a count that we asked for is no surprise.
    private static let askedFor = Duration.seconds(60)

    /// Finds a replica count that somebody else set, and pods that went.
    static func noteWorkload(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        guard let workload = tick.observations.workload else { return }
        let now = tick.now
        state.asked.removeAll { now - $0.at > askedFor }
        guard let before = state.workload, before.uid == workload.uid else {
            state.asked.removeAll()
            state.removal = nil
            state.manualFloor = nil
            return
        }
        let isExpected =
            workload.replicas == before.replicas || state.asked.contains { $0.replicas == workload.replicas }
        if !isExpected, state.couldAct, tick.canAct, tick.settings.ownsReplicas, workload.replicas > 0,
            before.replicas > 0
        {
            state.manualFloor = (workload.replicas, now + .seconds(tick.settings.manualHold))
            state.counters.manualOverrides &+= 1
            state.removal = nil
        }
        if let floor = state.manualFloor, now >= floor.until { state.manualFloor = nil }
    }

    static func noteProblem(_ tick: inout DecisionTick) {
        switch tick.observations.platformProblem {
        case nil: break
        case .away(let text):
            tick.block("platform_away", "the platform does not answer (\(text)): growth is still asked for")
        case .denied(let text):
            tick.block("rbac_denied", "the platform refuses: \(text); nothing is done until it is allowed")
        case .missing(let text): tick.block("target_missing", "the workload does not exist: \(text)")
        case .twoMasters(let text):
            tick.block("conflict_two_masters", "somebody else scales the same workload: \(text); nothing is done")
        }
    }

    /// Reads the reports.
    ///
    /// - Returns: Whether enough is known to decide on.
    static func read(_ state: inout ScalingState, _ tick: inout DecisionTick) -> Bool {
        guard case .nodes(let nodes) = tick.observations.registry else {
            state.nodes.skip()
            goBlind(&state, tick.now)
            return false
        }
        let ordered = Set(state.learned.drains.map(\.node))
        tick.signals = state.nodes.read(
            nodes, pods: tick.pods, ordered: ordered, settings: tick.settings, now: tick.now)
        state.counters.quarantinedReports &+= UInt64(tick.signals.quarantined.count)
        if !tick.signals.quarantined.isEmpty {
            let names = tick.signals.quarantined.prefix(TierSignals.namesShown).map(\.text).joined(separator: ", ")
            tick.block(
                "quarantine",
                "\(tick.signals.quarantined.count) node(s) report impossible figures, which do not count: \(names)")
        }
        if tick.canAct { DrainPlan.adopt(&state, tick) }
        let share = freshShare(tick)
        if share >= fullShare {
            state.fullyFreshSince = state.fullyFreshSince ?? tick.now
        } else {
            state.fullyFreshSince = nil
        }
        guard share >= someShare, tick.signals.fresh > 0 else {
            goBlind(&state, tick.now)
            return false
        }
        state.blindSince = nil
        let since = state.someFreshSince ?? tick.now
        state.someFreshSince = since
        if tick.now - since >= .seconds(tick.settings.stableWindow) { state.isWarm = true }
        return true
    }

    private static func goBlind(_ state: inout ScalingState, _ now: MonotonicTime) {
        state.someFreshSince = nil
        state.fullyFreshSince = nil
        state.blindSince = state.blindSince ?? now
    }

    /// Of the nodes that ought to report: those of the registry, or the ready pods if these are more.
    static func freshShare(_ tick: DecisionTick) -> Double {
        let ready = (tick.workload?.readyPods ?? 0) + tick.signals.foreignKnown
        let expected = max(tick.signals.known, ready)
        return expected > 0 ? Double(tick.signals.fresh) / Double(expected) : 0
    }

    /// Follows pods from their start to their first fresh report: the lead is measured by them, and pods that wait for too long
    /// mean that the platform has no more to give.
    static func noteWaiting(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        let now = tick.now
        for node in tick.signals.arrived {
            if let pod = tick.pods[node.text] { state.reported.insert(pod.identity) }
            guard let waiting = state.waiting.removeValue(forKey: node.text) else { continue }
            state.learned.lead.add((now - waiting.askedAt).inSeconds, hasWaited: waiting.hasWaited)
        }
        guard let workload = tick.observations.workload else { return }
        if state.reported.count > workload.pods.count + 100 {
            state.reported.formIntersection(workload.pods.lazy.map(\.identity))
        }
        noteMissing(&state, workload, now)
        var living = Set<String>()
        for pod in workload.pods where !pod.isTerminating && !pod.isReady {
            guard let node = NodeID(pod.name), !state.reported.contains(pod.identity),
                state.nodes[node]?.wasFresh != true
            else { continue }
            living.insert(pod.name)
            if let waiting = state.waiting[pod.name] {
                if pod.machine == nil, now - waiting.since >= placing { state.waiting[pod.name]?.hasWaited = true }
                continue
            }
            var askedAt = now
            if let growth = state.lastGrowth, now - growth < .seconds(60) { askedAt = growth }
            state.waiting[pod.name] = ScalingState.Waiting(since: now, askedAt: askedAt)
        }
        guard state.waiting.count > living.count else { return }
        // A ready pod still waits for its first report.
        for name in state.waiting.keys.sorted() where !living.contains(name) {
            if let pod = tick.pods[name], !pod.isTerminating, pod.isReady { continue }
            state.waiting[name] = nil
        }
    }

    /// Pods that were asked for and not even made: a quota, or a controller that stands still.
    private static func noteMissing(_ state: inout ScalingState, _ workload: WorkloadStatus, _ now: MonotonicTime) {
        let listed = workload.pods.reduce(0) { $0 + ($1.isTerminating ? 0 : 1) }
        // Who lists fewer pods than the controller counts has an old list, and those that it lacks are there.
        let living = max(listed, workload.countedPods ?? 0)
        // A platform that lists no pods says nothing about them.
        guard listed > 0, living < workload.replicas else {
            state.missing = nil
            return
        }
        state.missing = (state.missing?.since ?? now, workload.replicas - living)
    }
}
