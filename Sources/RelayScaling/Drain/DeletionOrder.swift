/// The order in which the ReplicaSet controller deletes pods when the count shrinks: `ActivePodsWithRanks` of Kubernetes'
/// `pkg/controller/controller_utils.go`, with deletion costs as of KEP-2255. Replayed locally, so that a removal is asked for
/// only when it hits the pods that were drained.
///
/// Deviation: the controller compares the logarithms of ages since `ready` and `created` (KEP-2185) and breaks ties by uid. That
/// only reorders pods of equal cost, and drained pods have costs that no other pod has.
package enum DeletionOrder {
    /// All pods that are not terminating, the first to be deleted first.
    package static func sorted(_ pods: [PodStatus]) -> [PodStatus] {
        var perMachine: [String: Int] = [:]
        let living = pods.filter { !$0.isTerminating }
        for pod in living {
            if let machine = pod.machine { perMachine[machine, default: 0] += 1 }
        }
        // Looked up once a pod, not once a comparison.
        let ranked = living.map { (pod: $0, spread: $0.machine.flatMap { perMachine[$0] } ?? 0) }
        return ranked.sorted { first, second in
            switch compare(first.pod, second.pod, first.spread, second.spread) {
            case .some(let isFirst): isFirst
            // Only to be deterministic.
            case nil: (first.pod.name, first.pod.uid) < (second.pod.name, second.pod.uid)
            }
        }.map(\.pod)
    }

    /// Whether `first` goes before `second`; nil when nothing that we see tells them apart.
    ///
    /// - Parameters:
    ///   - firstSpread: Living pods of the workload on the same machine as `first`; likewise `secondSpread`.
    static func compare(_ first: PodStatus, _ second: PodStatus, _ firstSpread: Int, _ secondSpread: Int) -> Bool? {
        if isAssigned(first) != isAssigned(second) { return !isAssigned(first) }
        if rank(first.phase) != rank(second.phase) { return rank(first.phase) < rank(second.phase) }
        if first.isReady != second.isReady { return !first.isReady }
        let firstCost = first.deletionCost ?? 0
        let secondCost = second.deletionCost ?? 0
        if firstCost != secondCost { return firstCost < secondCost }
        if firstSpread != secondSpread { return firstSpread > secondSpread }
        if first.isReady, second.isReady {
            let firstReady = first.readySince ?? 0
            let secondReady = second.readySince ?? 0
            // An unknown time counts as the newest.
            if (firstReady == 0) != (secondReady == 0) { return firstReady == 0 }
            if firstReady != secondReady { return firstReady > secondReady }
        }
        if first.restarts != second.restarts { return first.restarts > second.restarts }
        if (first.createdAt == 0) != (second.createdAt == 0) { return first.createdAt == 0 }
        if first.createdAt != second.createdAt { return first.createdAt > second.createdAt }
        return nil
    }

    private static func isAssigned(_ pod: PodStatus) -> Bool { pod.machine.map { !$0.isEmpty } ?? false }

    private static func rank(_ phase: PodStatus.Phase) -> Int {
        switch phase {
        case .pending: 0
        case .unknown: 1
        case .running: 2
        }
    }
}
