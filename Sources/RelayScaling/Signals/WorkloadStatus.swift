/// What the platform says about one tier's workload: a Deployment of edges or a StatefulSet of origins. Made by a driver, once a tick.
package struct WorkloadStatus: Hashable, Sendable, Codable {
    /// Tells a workload from another that was made later under the same name; empty where the platform has no such thing.
    package var uid: String
    /// Replicas asked for.
    package var replicas: Int
    /// Whether all replicas belong to the newest template and the platform has seen that template: no rollout is under way.
    package var isSettled: Bool
    /// All pods of the workload; terminating ones included. A list may be some seconds older than the count.
    package var pods: [PodStatus]
    /// Pods that the platform's controller counts, as of the replicas above; nil where nobody counts. A Deployment's leaves out
    /// those that terminate, a StatefulSet's does not.
    package var countedPods: Int?

    package init(
        uid: String = "", replicas: Int, isSettled: Bool = true, pods: [PodStatus] = [], countedPods: Int? = nil
    ) {
        self.uid = uid
        self.replicas = replicas
        self.isSettled = isSettled
        self.pods = pods
        self.countedPods = countedPods
    }

    package var readyPods: Int { pods.reduce(0) { $0 + ($1.isReady && !$1.isTerminating ? 1 : 0) } }
}

/// One pod, with what the ReplicaSet controller orders deletions by.
package struct PodStatus: Hashable, Sendable, Codable {
    package var name: String
    package var uid: String
    /// The machine that it was put on; nil while it waits for one.
    package var machine: String?
    package var phase: Phase
    package var isReady: Bool
    /// Seconds since 1970 by the platform's clock: compared with each other only.
    package var readySince: Double?
    package var createdAt: Double
    package var restarts: Int
    /// `controller.kubernetes.io/pod-deletion-cost`; nil = not set, which counts as 0.
    package var deletionCost: Int32?
    package var isTerminating: Bool

    package enum Phase: String, Hashable, Sendable, Codable {
        case pending, unknown, running
    }

    package init(
        name: String, uid: String = "", machine: String? = nil, phase: Phase = .running, isReady: Bool = true,
        readySince: Double? = nil, createdAt: Double = 0, restarts: Int = 0, deletionCost: Int32? = nil,
        isTerminating: Bool = false
    ) {
        self.name = name
        self.uid = uid
        self.machine = machine
        self.phase = phase
        self.isReady = isReady
        self.readySince = readySince
        self.createdAt = createdAt
        self.restarts = restarts
        self.deletionCost = deletionCost
        self.isTerminating = isTerminating
    }
}
