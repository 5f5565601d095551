import Foundation
import Logging
import RelayClient
import RelayCore
import RelayFetch
import RelayKubernetes
import Synchronization

/// Keeps the pods of one workload up to date: runs ``PodCache``.
final class PodWatcher: Sendable {
    let workload: WorkloadName
    private let client: KubernetesClient
    private let logger: Logger

    private struct State {
        var cache: PodCache
        /// The watch under way, to break it off from elsewhere.
        var stream: FetchStream?
    }

    private let state: Mutex<State>

    init(workload: WorkloadName, client: KubernetesClient, logger: Logger) {
        self.workload = workload
        self.client = client
        self.logger = logger
        state = Mutex(State(cache: PodCache(seed: .random(in: .min ... .max))))
    }

    /// The pods that the workload's controller made; nil when they are not known well enough.
    ///
    /// - Parameter reported: how many the controller itself counts; a watch that goes on knowing another number is broken off.
    func pods(uid: String, reported: Int?) -> [PodObject]? {
        let (pods, dead) = state.withLock { state -> ([PodObject]?, FetchStream?) in
            let now = MonotonicTime.now()
            guard let all = state.cache.pods(now: now) else { return (nil, nil) }
            let own = all.values.filter { $0.belongs(to: workload, uid: uid) && !$0.isOver }
            let active = own.count { $0.metadata.deletionTimestamp == nil }
            let isDead = reported.map { state.cache.expect($0, known: active, now: now) } ?? false
            return (own, isDead ? state.stream : nil)
        }
        if let dead {
            logger.warning("the watch on pods is behind; listing again", metadata: ["workload": "\(workload)"])
            dead.cancel()
        }
        return pods?.sorted { $0.metadata.name ?? "" < $1.metadata.name ?? "" }
    }

    /// Lists and watches until the surrounding task is cancelled.
    func run() async {
        var selector = ""
        var lastOutcome: KubernetesOutcome?
        while !Task.isCancelled {
            do throws(KubernetesProblem) {
                switch state.withLock({ $0.cache.step(now: .now()) }) {
                case .wait(let until):
                    try? await Task.sleep(for: max(.zero, until - .now()))
                    continue
                case .list(let next):
                    if next == nil { selector = try await readSelector() }
                    try await list(selector, next)
                    // No success yet for a list that goes on, nor for a watch that ended.
                    if lastOutcome != nil {
                        logger.info("the pods are known again", metadata: ["workload": "\(workload)"])
                    }
                    lastOutcome = nil
                case .watch(let version, let until):
                    try await watch(selector, from: version, until: until)
                }
            } catch {
                guard !Task.isCancelled else { break }
                state.withLock { $0.cache.failed(error, now: .now()) }
                if lastOutcome != KubernetesOutcome(error), error != .gone {
                    logger.warning(
                        "the pods cannot be followed", metadata: ["workload": "\(workload)", "reason": "\(error)"])
                    lastOutcome = KubernetesOutcome(error)
                }
            }
        }
    }

    private func readSelector() async throws(KubernetesProblem) -> String {
        let request = KubernetesRequest.scale(workload)
        let selector = try await client.value(ScaleObject.self, of: request).status?.selector
        // Without one the list would be of every pod of the namespace.
        guard let selector, !selector.isEmpty else { throw .unreadable("\(request.words): no selector") }
        return selector
    }

    private func list(_ selector: String, _ next: String?) async throws(KubernetesProblem) {
        guard let request = KubernetesRequest.pods(in: workload.namespace, selector: selector, continue: next) else {
            throw .unreadable("the selector of \(workload) is too long")
        }
        let page = try await client.value(PodPage.self, of: request)
        state.withLock { $0.cache.listed(page, now: .now()) }
    }

    private func watch(
        _ selector: String, from version: String, until: MonotonicTime
    ) async throws(KubernetesProblem) {
        guard let request = KubernetesRequest.watchPods(in: workload.namespace, selector: selector, from: version)
        else {
            throw .unreadable("the version of the pods is too long")
        }
        let stream = try await client.watch(
            request, timeout: until - .now(), idleTimeout: PodCache.Settings().idleTimeout)
        defer { state.withLock { $0.stream = nil } }
        state.withLock { state in
            state.stream = stream
            state.cache.watchOpened(now: .now())
        }
        var lines = FetchLines(stream, maximumBytes: KubernetesClient.maximumLineBytes)
        var isReadable = true
        do throws(FetchError) {
            while let line = try await lines.next() {
                guard let event = try? JSONDecoder().decode(PodEvent.self, from: Data(line)) else {
                    isReadable = false
                    break
                }
                guard state.withLock({ $0.cache.received(event, to: request, now: .now()) }) else { break }
            }
        } catch {
            // Broken off for a full list, by us or by its time: as good an end as any.
            guard until <= .now() || error.kind == .cancelled else { throw KubernetesProblem(error, request) }
        }
        guard isReadable else { throw .unreadable("\(request.words): a line that is no event") }
        state.withLock { $0.cache.watchEnded(now: .now()) }
    }
}
