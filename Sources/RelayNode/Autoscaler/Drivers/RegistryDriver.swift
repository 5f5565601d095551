import RelayCluster
import RelayCore
import RelayScaling
import Synchronization

/// Without a platform: the nodes in the registry are the workload, and what is decided is offered (`export`) or only shown
/// (`dry`).
///
/// In `export` the count asked for last is what the platform is believed to follow; in `dry` it is the number of nodes that live.
final class RegistryDriver: ScalingDriver {
    static let exportName = "export"

    let name: String
    private let keepsWanted: Bool
    private let minimum: [NodeRole: Int]
    private struct State {
        var nodes: [NodeRole: [NodeEntry]] = [:]
        var wanted: [NodeRole: Int] = [:]
    }
    private let state = Mutex(State())

    /// - Parameter minimum: Fewest nodes of each tier. As long as none has reported, this many are believed to be wanted: whoever
    ///   follows the exported count must not be told 0.
    init(isExport: Bool, minimum: [NodeRole: Int]) {
        name = isExport ? Self.exportName : "dry"
        keepsWanted = isExport
        self.minimum = minimum
    }

    /// The nodes as they were just read.
    func see(_ nodes: [NodeEntry]) {
        state.withLock { $0.nodes = Dictionary(grouping: nodes, by: \.record.role) }
    }

    /// While another leads, its decisions say what the platform was told; with them, this process goes on when it leads.
    func follow(_ stored: [NodeRole: StoredDecision], now: MonotonicTime) {
        guard keepsWanted else { return }
        state.withLock { state in
            for (tier, decision) in stored { state.wanted[tier] = decision.wanted(at: now) ?? state.wanted[tier] }
        }
    }

    func run() async {}

    func observe(_ tier: NodeRole) async throws(PlatformProblem) -> WorkloadStatus {
        let (nodes, wanted) = state.withLock { ($0.nodes[tier] ?? [], $0.wanted[tier]) }
        let pods = nodes.map { entry in
            PodStatus(
                name: entry.record.id.text, machine: entry.record.machine, isReady: entry.record.state == .serving,
                readySince: entry.report.map { -$0.uptimeSeconds }, createdAt: -(entry.report?.uptimeSeconds ?? 0))
        }
        let living = max(nodes.count { $0.record.state != .draining }, minimum[tier] ?? 1)
        return WorkloadStatus(replicas: keepsWanted ? wanted ?? living : living, pods: pods)
    }

    func scale(_ tier: NodeRole, from: Int, to: Int, uid: String) async throws(PlatformProblem) {
        if keepsWanted { state.withLock { $0.wanted[tier] = to } }
    }

    func mark(_ tier: NodeRole, _ costs: [ScalingAction.PodCost]) async throws(PlatformProblem) {}
    func check(_ tier: NodeRole) async throws(PlatformProblem) {}
    func record(_ tier: NodeRole, reason: String, text: String, isWarning: Bool) async {}
}
