package import Logging
import RelayClient
package import RelayCluster
import RelayCore
import RelayKubernetes
package import RelayScaling
import Synchronization

/// Replicas through the scale subresource of a Deployment (edges) or StatefulSet (origins), and pods through a list and a watch.
///
/// Nothing is ever sent a second time blindly: what was refused because something changed is reported, and decided anew at the
/// next tick. After failures the server is left alone for a while, and calls report that without asking it.
package final class KubernetesDriver: ScalingDriver {
    package let name = "kubernetes"

    private let client: KubernetesClient
    private let watchers: [NodeRole: PodWatcher]
    private let logger: Logger
    private let backoff = Mutex(CallBackoff(seed: .random(in: .min ... .max)))
    private let recorder: EventRecorder

    /// - Parameter workloads: names checked by the client's settings.
    package init(client: KubernetesClient, workloads: [NodeRole: String], logger: Logger) {
        self.client = client
        self.logger = logger
        var watchers: [NodeRole: PodWatcher] = [:]
        for (role, name) in workloads {
            guard let name = KubernetesName(name) else { continue }
            let workload = WorkloadName(
                kind: KubernetesSettings.kind(of: role), namespace: client.namespace, name: name)
            watchers[role] = PodWatcher(workload: workload, client: client, logger: logger)
        }
        self.watchers = watchers
        recorder = EventRecorder(client: client, logger: logger)
    }

    package func run() async {
        await withDiscardingTaskGroup { group in
            for watcher in watchers.values { group.addTask { await watcher.run() } }
        }
    }

    package func observe(_ tier: NodeRole) async throws(PlatformProblem) -> WorkloadStatus {
        let watcher = try watcher(tier)
        let object = try await value(WorkloadObject.self, .workload(watcher.workload))
        guard let uid = object.metadata.uid, !uid.isEmpty else {
            throw .away("\(watcher.workload) has no uid")
        }
        guard let pods = watcher.pods(uid: uid, reported: object.countedPods) else {
            throw .away("the pods of \(watcher.workload) are not known")
        }
        recorder.know(uid: uid, of: watcher.workload)
        return WorkloadStatus(
            uid: uid, replicas: object.replicas, isSettled: object.isSettled, pods: pods.map { PodStatus($0) },
            countedPods: object.countedPods)
    }

    package func scale(_ tier: NodeRole, from: Int, to: Int, uid: String) async throws(PlatformProblem) {
        let workload = try watcher(tier).workload
        try await call(try await scaleRequest(workload, from: from, to: to, uid: uid, isDryRun: false))
        logger.info(
            "replicas set", metadata: ["workload": "\(workload)", "from": "\(from)", "to": "\(to)"])
    }

    package func mark(_ tier: NodeRole, _ costs: [ScalingAction.PodCost]) async throws(PlatformProblem) {
        let workload = try watcher(tier).workload
        var requests: [KubernetesRequest] = []
        for cost in costs {
            guard let pod = KubernetesName(cost.pod) else { throw .missing("pod \(cost.pod): not a name") }
            requests.append(.setDeletionCost(of: pod, uid: cost.uid, in: workload.namespace, to: cost.cost))
        }
        for batch in stride(from: 0, to: requests.count, by: Self.marksAtOnce) {
            let part = requests[batch..<min(batch + Self.marksAtOnce, requests.count)]
            let problem = await withTaskGroup(of: PlatformProblem?.self) { group -> PlatformProblem? in
                for request in part { group.addTask { await self.markOne(request) } }
                return await group.reduce(nil) { $0 ?? $1 }
            }
            if let problem { throw problem }
        }
    }

    package func record(_ tier: NodeRole, reason: String, text: String, isWarning: Bool) async {
        guard let workload = watchers[tier]?.workload, !isBackingOff else { return }
        await recorder.record(workload, reason: reason, text: text, isWarning: isWarning)
    }

    // MARK: parts

    /// Pods that are marked at the same time.
    private static let marksAtOnce = 8

    /// nil also for a pod that went away or was replaced meanwhile: nobody needs its cost any more.
    private func markOne(_ request: KubernetesRequest) async -> PlatformProblem? {
        do throws(PlatformProblem) {
            try await call(request, tolerates: [.missing, .conflict])
            return nil
        } catch { return error }
    }

    func watcher(_ tier: NodeRole) throws(PlatformProblem) -> PodWatcher {
        guard let watcher = watchers[tier] else { throw .missing("no workload of \(tier.rawValue)s is configured") }
        return watcher
    }

    /// The request that sets the replicas with a guard on what they are now.
    func scaleRequest(
        _ workload: WorkloadName, from: Int, to: Int, uid: String, isDryRun: Bool
    ) async throws(PlatformProblem) -> KubernetesRequest {
        guard (0...Int(Int32.max)).contains(to) else { throw .away("\(to) replicas cannot be asked for") }
        guard from <= 0 else { return .setReplicas(workload, uid: uid, from: from, to: to, isDryRun: isDryRun) }
        let scale = try await value(ScaleObject.self, .scale(workload))
        guard scale.replicas == 0, scale.metadata.uid == uid, let version = scale.metadata.resourceVersion else {
            throw .away("changed meanwhile: \(workload) is at \(scale.replicas)")
        }
        return .setReplicasFromZero(workload, uid: uid, resourceVersion: version, to: to, isDryRun: isDryRun)
    }

    func value<Value: Decodable & Sendable>(
        _ type: Value.Type, _ request: KubernetesRequest
    ) async throws(PlatformProblem) -> Value {
        try checkBackoff()
        do throws(KubernetesProblem) {
            let value = try await client.value(type, of: request)
            backoff.withLock { $0.succeeded() }
            return value
        } catch { throw noted(error) }
    }

    /// - Parameter tolerates: problems that count as success.
    func call(_ request: KubernetesRequest, tolerates: Set<KubernetesOutcome> = []) async throws(PlatformProblem) {
        try checkBackoff()
        do throws(KubernetesProblem) {
            try await client.send(request)
            backoff.withLock { $0.succeeded() }
        } catch {
            let problem = noted(error)
            if !tolerates.contains(KubernetesOutcome(error)) { throw problem }
        }
    }

    /// A watch that is accepted and let go.
    func checkWatch(_ request: KubernetesRequest) async throws(PlatformProblem) {
        try checkBackoff()
        do throws(KubernetesProblem) {
            _ = try await client.watch(
                request, timeout: KubernetesClient.callTimeout, idleTimeout: KubernetesClient.callTimeout)
        } catch {
            // A version that is forgotten already was allowed to be asked for.
            if error != .gone { throw noted(error) }
        }
    }

    func warn(_ text: String, _ workload: WorkloadName, _ reason: String) {
        logger.warning("\(text)", metadata: ["workload": "\(workload)", "reason": "\(reason)"])
    }

    private var isBackingOff: Bool { backoff.withLock { $0.waitsUntil(now: .now()) != nil } }

    private func checkBackoff() throws(PlatformProblem) {
        if let until = backoff.withLock({ $0.waitsUntil(now: .now()) }) {
            throw .away("left alone after failures for another \((until - .now()).wholeMilliseconds) ms")
        }
    }

    private func noted(_ problem: KubernetesProblem) -> PlatformProblem {
        backoff.withLock { backoff in
            switch problem {
            // The server answers; there is nothing that waiting would help.
            case .denied, .missing, .conflict, .gone, .refused: backoff.succeeded()
            case .unauthorised, .busy, .unreachable, .unreadable: backoff.failed(problem, now: .now())
            }
        }
        return PlatformProblem(problem)
    }
}

extension PlatformProblem {
    init(_ problem: KubernetesProblem) {
        self =
            switch problem {
            case .denied(let words): .denied(words)
            case .missing(let words): .missing(words)
            default: .away("\(problem)")
            }
    }
}

extension PodStatus {
    init(_ pod: PodObject) {
        let isReady = pod.ready?.status == "True"
        self.init(
            name: pod.metadata.name ?? "", uid: pod.metadata.uid ?? "", machine: pod.spec?.nodeName,
            phase: pod.status?.phase == "Running" ? .running : pod.status?.phase == "Pending" ? .pending : .unknown,
            isReady: isReady, readySince: isReady ? pod.ready?.lastTransitionTime?.seconds : nil,
            createdAt: pod.metadata.creationTimestamp?.seconds ?? 0, restarts: pod.restarts, deletionCost: pod.cost,
            isTerminating: pod.metadata.deletionTimestamp != nil)
    }
}
