package import RelayCluster
import RelayKubernetes
package import RelayScaling

extension KubernetesDriver {
    /// Asks for everything that scaling this tier needs, with dry runs for what would change something, and looks for others
    /// that scale the same workload. The optional list of those being denied is a warning only.
    package func check(_ tier: NodeRole) async throws(PlatformProblem) {
        let workload = try watcher(tier).workload
        let scale = try await value(ScaleObject.self, .scale(workload))
        _ = try await value(WorkloadObject.self, .workload(workload))
        try await checkOtherMasters(workload)
        try await checkPods(workload, selector: scale.status?.selector ?? "")
        let request = try await scaleRequest(
            workload, from: scale.replicas, to: scale.replicas, uid: scale.metadata.uid ?? "", isDryRun: true)
        // A guard that did not hold was allowed to be tried.
        try await call(request, tolerates: [.conflict])
    }

    /// List, watch and patch of pods.
    private func checkPods(_ workload: WorkloadName, selector: String) async throws(PlatformProblem) {
        guard let list = KubernetesRequest.pods(in: workload.namespace, selector: selector, continue: nil, limit: 1)
        else { throw .away("the selector of \(workload) is too long") }
        let page = try await value(PodPage.self, list)
        if let version = page.metadata.resourceVersion,
            let watch = KubernetesRequest.watchPods(in: workload.namespace, selector: selector, from: version)
        {
            try await checkWatch(watch)
        }
        // Permission comes before existence: without a pod, one that is not there does.
        let pod = page.items.first?.metadata
        guard let name = KubernetesName(pod?.name ?? "relay-autoscaler-check") else { return }
        try await call(
            .setDeletionCost(
                of: name, uid: pod?.uid ?? "none", in: workload.namespace, to: page.items.first?.cost, isDryRun: true),
            tolerates: [.missing, .conflict])
    }

    /// Refuses to be the second master of a workload.
    private func checkOtherMasters(_ workload: WorkloadName) async throws(PlatformProblem) {
        var pages: [(what: String, make: @Sendable (String?) -> KubernetesRequest)] = []
        pages += KubernetesRequest.autoscalingVersions.map { version in
            (
                "HorizontalPodAutoscaler",
                { .horizontalPodAutoscalers(in: workload.namespace, version: version, continue: $0) }
            )
        }
        var isAnswered = false
        for (what, make) in pages where !isAnswered {
            isAnswered = try await findMaster(what, of: workload, make)
        }
        _ = try await findMaster("ScaledObject", of: workload) { .scaledObjects(in: workload.namespace, continue: $0) }
    }

    /// False when the server does not have such objects.
    private func findMaster(
        _ what: String, of workload: WorkloadName, _ make: (String?) -> KubernetesRequest
    ) async throws(PlatformProblem) -> Bool {
        var next: String?
        for _ in 0..<Self.maximumMasterPages {
            let page: ScalerPage
            do throws(PlatformProblem) { page = try await value(ScalerPage.self, make(next)) } catch {
                switch error {
                case .missing: return false
                case .denied(let words):
                    warn("whether others scale the workload cannot be looked up", workload, words)
                    return true
                default: throw error
                }
            }
            if let other = page.items.first(where: { $0.scales(workload) }) {
                throw .twoMasters("\(what) \(other.metadata.name ?? "?") scales \(workload), too")
            }
            guard let more = page.metadata.continue, !more.isEmpty else { return true }
            next = more
        }
        return true
    }

    /// Pages of 500 that are looked through; a namespace with more is not one of ours.
    private static let maximumMasterPages = 20
}
