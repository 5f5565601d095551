import RelayCluster
import RelayCore

/// Carries scale-in out, a step a tick: choose, drain, wait, mark, replay the platform's order, remove, check (autoscaler.md §2.6).
///
/// Drains that nobody here ordered (an operator's, or a node that its platform warned) are left alone: such a node is no capacity,
/// is replaced, and is neither removed nor taken back. A drain is ours when it is in ``LearnedState/drains``, or, should that be
/// lost, when the pod carries our mark.
enum DrainPlan {
    /// The deletion cost of the first victim; further ones lie below.
    static let cost: Int32 = -1_000
    /// An order that a node does not follow within this time is given again.
    private static let orderAgain = Duration.seconds(30)
    /// A removal that the platform has not taken within the first time failed; it is over, done or not, after the second.
    private static let removalRetry = Duration.seconds(15)
    private static let removalTimeout = Duration.seconds(120)
    /// What a node gets beyond its deadline to end its viewers itself.
    private static let grace = Duration.seconds(10)

    // MARK: Keeping the books

    /// Forgets drains whose pods are gone, checks removals, gives lost orders again. Runs before anything is decided.
    static func keep(_ state: inout ScalingState, _ tick: inout DecisionTick) -> [ScalingAction] {
        let now = tick.now
        for index in state.learned.drains.indices {
            guard state.learned.drains[index].orderedAt == nil else { continue }
            // A former leader's: neither its instants nor its wall clock are ours, so that the whole time counts again.
            state.learned.drains[index].orderedAt = now
            state.learned.drains[index].deadlineAt = deadline(tick).map { now + .seconds($0) }
        }
        guard tick.observations.workload != nil, !tick.pods.isEmpty else { return [] }
        check(&state, tick)
        var ended: [DrainOrder] = []
        state.learned.drains.removeAll { order in
            let pod = tick.pods[order.node.text]
            let isEnded = pod.map { $0.isTerminating || (!order.uid.isEmpty && $0.uid != order.uid) } ?? true
            if isEnded { ended.append(order) }
            return isEnded
        }
        // A successor of the same name must not find the order; while the pod goes down it must not hear that it may serve again.
        var gone: [NodeID] = []
        for order in state.endedDrains + ended {
            if let pod = tick.pods[order.node.text], pod.isTerminating { continue }
            gone.append(order.node)
        }
        state.endedDrains = (state.endedDrains + ended).filter { order in !gone.contains(order.node) }
        // A mark that outlived its drain, because the call that takes it off was lost or came before it: such a pod would go first.
        let stale = stray(state, tick) { pod in NodeID(pod.name).flatMap { state.nodes[$0] }?.isDraining != true }
        return (gone.isEmpty ? [] : [.undrain(gone)]) + (stale.isEmpty ? [] : [.mark(stale)])
    }

    /// Marks of ours on pods that we do not drain.
    private static func stray(
        _ state: ScalingState, _ tick: DecisionTick, where isMeant: (PodStatus) -> Bool
    ) -> [ScalingAction.PodCost] {
        guard let pods = tick.observations.workload?.pods else { return [] }
        var ordered: Set<String>?
        var stray: [ScalingAction.PodCost] = []
        for pod in pods {
            guard let cost = pod.deletionCost, cost <= DrainPlan.cost, !pod.isTerminating, isMeant(pod) else {
                continue
            }
            let ours = ordered ?? Set(state.learned.drains.map(\.node.text))
            ordered = ours
            if !ours.contains(pod.name) { stray.append(.init(pod: pod.name, uid: pod.uid, cost: nil)) }
        }
        return stray
    }

    /// Drains under way whose pods still count in the replicas: those whose removal the platform was asked for do not, though it
    /// may take its time to begin with it.
    static func ordered(_ state: ScalingState, _ tick: DecisionTick) -> Int {
        guard let removal = state.removal, tick.replicas <= removal.to else { return state.learned.drains.count }
        let asked = state.learned.drains.count { order in
            tick.pods[order.node.text].map { removal.expected.contains($0.identity) } ?? false
        }
        return state.learned.drains.count - min(asked, removal.from - removal.to)
    }

    /// Compares what the platform took with what it was to take.
    private static func check(_ state: inout ScalingState, _ tick: DecisionTick) {
        guard let removal = state.removal, let workload = tick.observations.workload else { return }
        guard tick.now > removal.startedAt else { return }
        let age = tick.now - removal.startedAt
        let living = Set(workload.pods.lazy.filter { !$0.isTerminating }.map(\.identity))
        let gone = removal.before.subtracting(living)
        let asked = removal.from - removal.to
        if workload.replicas == removal.from, age >= removalRetry, gone.isEmpty {
            state.removal = nil
            return
        }
        let taken = gone.intersection(removal.expected).count
        guard taken >= asked || gone.count >= asked || age >= removalTimeout else { return }
        // Pods that were lost meanwhile took the place of ours in the count: only a stray with ours still alive is wrong.
        let strays = gone.count - taken
        if workload.replicas <= removal.to, strays > 0, taken < asked {
            state.counters.wrongVictims &+= UInt64(min(strays, asked - taken))
        }
        state.removal = nil
    }

    static func adopt(_ state: inout ScalingState, _ tick: DecisionTick) {
        state.takenBack = state.takenBack.filter { tick.now - $0.value < orderAgain }
        for node in tick.signals.adoptable {
            // Who was taken back a moment ago may not have heard of it yet: it is about to serve, and nothing to be removed.
            guard state.takenBack[node] == nil, let pod = tick.pods[node.text] else { continue }
            var order = DrainOrder(
                node: node, uid: pod.uid, wallMilliseconds: tick.observations.wallMilliseconds, now: tick.now,
                deadline: deadline(tick))
            order.isConfirmed = true
            state.learned.drains.append(order)
        }
    }

    private static func deadline(_ tick: DecisionTick) -> Double? {
        // An origin is waited for, however long its publishers stay.
        guard tick.tier == .edges, let deadline = tick.settings.drainDeadline, deadline.isFinite else { return nil }
        return max(1, deadline)
    }

    // MARK: Starting and taking back

    /// Orders more drains, within the budget.
    static func start(_ state: inout ScalingState, _ tick: inout DecisionTick, to target: Int) -> [ScalingAction] {
        guard case .nodes(let nodes) = tick.observations.registry else { return [] }
        state.recentDrains.removeAll { tick.now - $0.at >= .seconds(60) }
        let share = tick.settings.shrinkShare.isFinite ? min(1, max(0, tick.settings.shrinkShare)) : 0
        let budget = max(1, Int(exactly: (Double(tick.replicas) * share).rounded(.down)) ?? 1)
        let left = budget - state.recentDrains.reduce(0) { $0 + $1.count }
        let wanted = tick.serving - target
        guard left > 0 else {
            tick.block("budget", "\(budget) nodes a minute may be taken, \(wanted) are to go")
            return []
        }
        let victims =
            tick.tier == .origins
            ? highestOrdinals(min(left, wanted), state, tick) : cheapest(min(left, wanted), nodes, state, tick)
        if victims.count < min(left, wanted) {
            tick.block(
                "no_victim",
                "\(min(left, wanted) - victims.count) more nodes could go, but none may: zones or publishers hold them")
        }
        guard !victims.isEmpty else { return [] }
        for node in victims {
            state.learned.drains.append(
                DrainOrder(
                    node: node, uid: tick.pods[node.text]?.uid ?? "",
                    wallMilliseconds: tick.observations.wallMilliseconds,
                    now: tick.now, deadline: deadline(tick)))
        }
        state.recentDrains.append((tick.now, victims.count))
        state.counters.drains &+= UInt64(victims.count)
        Autoscaler.turn(&state, .in, tick.now)
        return [.drain(victims, deadline: deadline(tick))]
    }

    private static func cheapest(
        _ count: Int, _ nodes: [NodeEntry], _ state: ScalingState, _ tick: DecisionTick
    ) -> [NodeID] {
        let ordered = Set(state.learned.drains.map(\.node))
        let staleAfter = Duration.seconds(max(1, tick.settings.staleAfter))
        var candidates: [VictimChoice.Candidate] = []
        candidates.reserveCapacity(nodes.count)
        for entry in nodes {
            let id = entry.record.id
            guard !ordered.contains(id), let report = entry.report, report.state == .serving,
                let track = state.nodes[id], !track.isDraining, track.isFresh(now: tick.now, within: staleAfter)
            else { continue }
            let pod = tick.pods[id.text]
            // Without a pod of the workload nothing can be removed.
            guard let pod, !pod.isTerminating else { continue }
            candidates.append(
                VictimChoice.Candidate(
                    node: id, zone: entry.record.zone, machine: pod.machine, viewers: track.load.viewers,
                    children: max(0, report.children), publishers: max(0, report.publishers),
                    release: entry.record.release,
                    restarts: pod.restarts, isSpot: entry.record.isSpot,
                    staying: track.staying(for: deadline(tick) ?? .infinity)))
        }
        let survivors = candidates.count - count
        guard survivors > 0 else { return [] }
        return VictimChoice.choose(count, of: candidates, preferring: tick.settings.shrinkFirst).map(\.node)
    }

    /// A StatefulSet takes its highest ordinals, whoever is drained.
    private static func highestOrdinals(_ count: Int, _ state: ScalingState, _ tick: DecisionTick) -> [NodeID] {
        let ordered = Set(state.learned.drains.map(\.node))
        let pods = (tick.workload?.pods ?? []).filter { !$0.isTerminating }
            .compactMap { pod in pod.ordinal.map { (ordinal: $0, pod: pod) } }
            .sorted { $0.ordinal > $1.ordinal }
        var victims: [NodeID] = []
        for (_, pod) in pods.prefix(ordered.count + count) {
            guard let node = NodeID(pod.name), !ordered.contains(node), victims.count < count else { continue }
            victims.append(node)
        }
        return victims
    }

    /// Takes back up to `count` drains, the newest first; none whose removal was asked for.
    static func takeBack(_ state: inout ScalingState, _ tick: inout DecisionTick, _ count: Int) -> [ScalingAction] {
        guard case .nodes = tick.observations.registry, count > 0 else { return [] }
        var back: [NodeID] = []
        var unmark: [ScalingAction.PodCost] = []
        for order in state.learned.drains.reversed() where back.count < count {
            guard let pod = tick.pods[order.node.text] else { continue }
            if let removal = state.removal, removal.expected.contains(pod.identity) { continue }
            // Only what lives comes back at once.
            guard state.nodes[order.node]?.lostAt == nil else { continue }
            back.append(order.node)
            if pod.deletionCost != nil { unmark.append(.init(pod: pod.name, uid: pod.uid, cost: nil)) }
        }
        guard !back.isEmpty else { return [] }
        let set = Set(back)
        state.learned.drains.removeAll { set.contains($0.node) }
        for node in back { state.takenBack[node] = tick.now }
        state.counters.undrains &+= UInt64(back.count)
        return [.undrain(back)] + (unmark.isEmpty ? [] : [.mark(unmark)])
    }

    // MARK: Removing

    /// Follows the drains under way and removes what is drained. Called only when scale-in may act.
    static func remove(_ state: inout ScalingState, _ tick: inout DecisionTick) -> [ScalingAction] {
        guard case .nodes(let nodes) = tick.observations.registry, let workload = tick.workload,
            !state.learned.drains.isEmpty
        else { return [] }
        var actions: [ScalingAction] = []
        let reports = follow(&state, tick, nodes, &actions)
        if let workload = tick.workload, !workload.isSettled { tick.block("rollout", "a rollout is under way") }
        if tick.decision.blocks.contains(where: { Autoscaler.stopsRemoval.contains($0.code) }) { return actions }
        guard Autoscaler.freshShare(tick) >= 0.95, state.isWarm else { return actions }
        guard state.removal == nil else {
            tick.block("batch", "a removal is under way")
            return actions
        }
        let listed = workload.pods.reduce(0) { $0 + ($1.isTerminating ? 0 : 1) }
        guard listed == workload.countedPods ?? listed else {
            // Drained pods that are gone already would be removed once more, and others in their place.
            tick.block(
                "stale_list", "\(listed) pods are listed, \(workload.countedPods ?? 0) are counted: waits for the list")
            return actions
        }
        let done = state.learned.drains.filter { isDone($0, reports[$0.node], tick) }
        guard !done.isEmpty else {
            tick.block("draining", "\(state.learned.drains.count) nodes drain, none of them is empty yet")
            return actions
        }
        let pods = done.compactMap { tick.pods[$0.node.text] }
        return actions
            + (tick.tier == .origins
                ? removeOrdinals(&state, &tick, workload, Set(pods.map(\.identity)))
                : removeMarked(&state, &tick, workload, pods))
    }

    /// Notes which nodes follow their orders; repeats orders that got lost, and drops those that an operator took back.
    private static func follow(
        _ state: inout ScalingState, _ tick: DecisionTick, _ nodes: [NodeEntry], _ actions: inout [ScalingAction]
    ) -> [NodeID: NodeReport] {
        let ordered = Set(state.learned.drains.map(\.node))
        let staleAfter = Duration.seconds(max(1, tick.settings.staleAfter))
        var reports: [NodeID: NodeReport] = [:]
        var takenOver = Set<NodeID>()
        for entry in nodes where ordered.contains(entry.record.id) {
            if let drain = entry.record.drain, !drain.isAutoscalers { takenOver.insert(entry.record.id) }
            guard let report = entry.report, let track = state.nodes[entry.record.id],
                track.isFresh(now: tick.now, within: staleAfter)
            else { continue }
            reports[entry.record.id] = report
        }
        // An operator's order on top of ours: the node and its deadline are the operator's from then on.
        state.learned.drains.removeAll { takenOver.contains($0.node) }
        var again: [NodeID] = []
        var dropped: [NodeID] = []
        for index in state.learned.drains.indices {
            let order = state.learned.drains[index]
            guard let report = reports[order.node] else { continue }
            if report.state == .draining {
                state.learned.drains[index].isConfirmed = true
            } else if order.isConfirmed {
                dropped.append(order.node)
            } else if let at = order.orderedAt, tick.now - at >= orderAgain {
                again.append(order.node)
                state.learned.drains[index].orderedAt = tick.now
            }
        }
        if !dropped.isEmpty {
            let set = Set(dropped)
            state.learned.drains.removeAll { set.contains($0.node) }
            for node in dropped { state.takenBack[node] = tick.now }
            actions.append(.undrain(dropped))
        }
        if !again.isEmpty { actions.append(.drain(again, deadline: deadline(tick))) }
        return reports
    }

    /// Whether a node has nobody left, or its time is over.
    private static func isDone(_ order: DrainOrder, _ report: NodeReport?, _ tick: DecisionTick) -> Bool {
        guard let pod = tick.pods[order.node.text], !pod.isTerminating else { return false }
        // Only then it ranks before every pod that serves, whatever happens to those until the platform acts.
        guard !pod.isReady else { return false }
        if let report {
            guard report.state == .draining else { return false }
            if report.viewers == 0, report.publishers == 0, report.children == 0 { return true }
            guard tick.tier == .edges else { return false }
        } else if tick.tier == .origins {
            return false
        }
        guard let deadline = order.deadlineAt else { return false }
        return tick.now >= deadline + grace
    }

    private static func removeOrdinals(
        _ state: inout ScalingState, _ tick: inout DecisionTick, _ workload: WorkloadStatus, _ done: Set<String>
    ) -> [ScalingAction] {
        let pods = workload.pods.filter { !$0.isTerminating }
            .compactMap { pod in pod.ordinal.map { (ordinal: $0, pod: pod) } }
            .sorted { $0.ordinal > $1.ordinal }
        // Only what the platform would take: the ordinals right below the count, all of them there.
        var count = 0
        var expected = Set<String>()
        for (ordinal, pod) in pods {
            guard ordinal == workload.replicas - 1 - count, done.contains(pod.identity) else { break }
            expected.insert(pod.identity)
            count += 1
        }
        guard count > 0 else {
            tick.block("waiting_for_publishers", "the highest ordinal still has a publisher or viewers")
            return []
        }
        return [shrink(&state, tick, workload, by: count, expected)]
    }

    private static func removeMarked(
        _ state: inout ScalingState, _ tick: inout DecisionTick, _ workload: WorkloadStatus, _ done: [PodStatus]
    ) -> [ScalingAction] {
        var unmarked: [ScalingAction.PodCost] = []
        for (rank, pod) in done.enumerated() {
            if let cost = pod.deletionCost, cost <= DrainPlan.cost { continue }
            unmarked.append(.init(pod: pod.name, uid: pod.uid, cost: DrainPlan.cost - Int32(clamping: rank)))
        }
        guard unmarked.isEmpty else { return [.mark(unmarked)] }

        let strays = stray(state, tick) { _ in true }
        guard strays.isEmpty else {
            tick.block(
                "stale_mark", "\(strays.count) pods that serve still carry the mark of a drain: it is taken off first")
            return [.mark(strays)]
        }
        let ours = Set(done.map(\.identity))
        var expected = Set<String>()
        var count = 0
        for pod in DeletionOrder.sorted(workload.pods) {
            guard count < done.count, ours.contains(pod.identity) || isFree(pod, state, tick) else { break }
            expected.insert(pod.identity)
            count += 1
        }
        guard count > 0 else {
            if !state.isMismatched { state.counters.victimMismatches &+= 1 }
            state.isMismatched = true
            tick.block("victim_mismatch", "the platform would take other pods than the \(done.count) drained ones")
            return []
        }
        state.isMismatched = false
        // Should the pods without viewers become ready meanwhile, ours rank before them: they belong to what may go.
        return [shrink(&state, tick, workload, by: count, expected.union(ours))]
    }

    /// A pod whose removal costs nobody anything: it never reported, and does not run or does not stay up.
    private static func isFree(_ pod: PodStatus, _ state: ScalingState, _ tick: DecisionTick) -> Bool {
        guard !pod.isReady else { return false }
        if let node = NodeID(pod.name), state.nodes[node] != nil { return false }
        return pod.machine == nil || pod.phase == .pending || pod.restarts > 0
    }

    private static func shrink(
        _ state: inout ScalingState, _ tick: DecisionTick, _ workload: WorkloadStatus, by count: Int,
        _ expected: Set<String>
    ) -> ScalingAction {
        let replicas = max(tick.minimum, workload.replicas - count)
        state.removal = Removal(
            from: workload.replicas, to: replicas, expected: expected,
            before: Set(workload.pods.lazy.filter { !$0.isTerminating }.map(\.identity)), startedAt: tick.now)
        state.asked.append((replicas, tick.now))
        state.counters.scaleIns &+= 1
        return .scale(from: workload.replicas, to: replicas, uid: workload.uid)
    }
}
