package import RelayCluster
package import RelayScaling

/// What turns replica counts into nodes. The autoscaler's loop calls it once a tick and tier; a call ends within its own deadline.
package protocol ScalingDriver: Sendable {
    /// `kubernetes`, `export` or `dry`.
    var name: String { get }
    /// Keeps what it watches up to date; returns when the surrounding task is cancelled.
    func run() async
    /// The tier's workload as the platform sees it.
    func observe(_ tier: NodeRole) async throws(PlatformProblem) -> WorkloadStatus
    /// Sets the replicas, if they still are `from` and the workload still is `uid`. A lost race is `.away`: look again.
    func scale(_ tier: NodeRole, from: Int, to: Int, uid: String) async throws(PlatformProblem)
    /// Says which pods may go first.
    func mark(_ tier: NodeRole, _ costs: [ScalingAction.PodCost]) async throws(PlatformProblem)
    /// Proves at start that all of this is allowed, without changing anything, and that nobody else scales the same workload.
    func check(_ tier: NodeRole) async throws(PlatformProblem)
    /// Tells the platform's own log of events; never fails the tick.
    func record(_ tier: NodeRole, reason: String, text: String, isWarning: Bool) async
}
