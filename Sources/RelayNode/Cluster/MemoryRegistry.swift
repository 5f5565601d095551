package import RelayCluster
package import RelayCore
import Synchronization

/// The registry in one process's memory, for an origin that is alone (`cluster.registry: memory`) and for tests.
package final class MemoryRegistry: ClusterRegistry {
    /// News that a slow listener may leave unread before the oldest go.
    private static let newsBuffered = 4_096

    private struct Contents: Sendable {
        var table = RegistryTable()
        var scaling = ScalingTable()
        var listeners: [UInt64: AsyncStream<RegistryNews>.Continuation] = [:]
        var nextListener: UInt64 = 0
        /// Questions that are waited for, with what was answered so far.
        var answers: [String: [ClusterAnswer]] = [:]
        var isReachable = true
    }

    private let contents = Mutex(Contents())
    private let clock: @Sendable () -> MonotonicTime
    private let wall: @Sendable () -> Int64
    private let sleep: @Sendable (Duration) async -> Void

    /// - Parameters:
    ///   - clock: Of leases.
    ///   - wallMilliseconds: ms since 1970; of epochs and events.
    ///   - sleep: How ``ask(_:within:)`` waits; may return early when the task is cancelled.
    package init(
        clock: @escaping @Sendable () -> MonotonicTime, wallMilliseconds: @escaping @Sendable () -> Int64,
        sleep: @escaping @Sendable (Duration) async -> Void
    ) {
        self.clock = clock
        wall = wallMilliseconds
        self.sleep = sleep
    }

    /// Waits for the end: there is nothing to keep.
    package func run() async {
        let (never, continuation) = AsyncStream.makeStream(of: Void.self)
        await withTaskCancellationHandler {
            for await _ in never {}
        } onCancel: {
            continuation.finish()
        }
    }

    /// Forgets everything, as a registry that came back without its data; for tests.
    package func empty() {
        contents.withLock { contents in
            contents.table = RegistryTable()
            contents.scaling = ScalingTable()
        }
    }

    /// Whether calls are answered; for tests of an absent registry. Listeners are told.
    package func setReachable(_ isReachable: Bool) {
        contents.withLock { contents in
            guard contents.isReachable != isReachable else { return }
            contents.isReachable = isReachable
            let item = isReachable ? RegistryNews.connected : .disconnected("switched off")
            for listener in contents.listeners.values { listener.yield(item) }
        }
    }

    /// One call: the table is changed, then what it has to tell is told, in the order of the changes.
    private func call<Answer: Sendable>(
        _ body: (inout RegistryTable, MonotonicTime, Int64) -> Answer
    ) throws(RegistryError) -> Answer {
        let answer: Answer? = contents.withLock { contents in
            guard contents.isReachable else { return nil }
            let answer = body(&contents.table, clock(), wall())
            for item in contents.table.takeNews() {
                for listener in contents.listeners.values { listener.yield(item) }
            }
            return answer
        }
        guard let answer else { throw .unavailable("switched off") }
        return answer
    }

    /// One call of the autoscaler's.
    func callScaling<Answer: Sendable>(
        _ body: (inout ScalingTable, MonotonicTime, Int64) -> Answer
    ) throws(RegistryError) -> Answer {
        let answer: Answer? = contents.withLock { contents in
            contents.isReachable ? body(&contents.scaling, clock(), wall()) : nil
        }
        guard let answer else { throw .unavailable("switched off") }
        return answer
    }

    // MARK: ClusterRegistry

    package func renew(
        _ node: NodeRecord, report: NodeReport?, ttl: Duration
    ) async throws(RegistryError) -> NodeRenewal {
        try call { $0.renew(node, report: report, ttl: ttl, wallMilliseconds: $2, now: $1) }
    }

    package func release(_ node: NodeRecord) async throws(RegistryError) {
        try call { table, _, _ in table.release(node) }
    }

    package func nodes() async throws(RegistryError) -> [NodeEntry] {
        try call { table, now, _ in table.entries(now: now) }
    }

    package func wish(_ wish: NodeWish?, for node: NodeID) async throws(RegistryError) {
        try call { table, now, _ in table.wish(wish, for: node, now: now) }
    }

    package func claim(_ claim: StreamClaim) async throws(RegistryError) -> ClaimAnswer {
        try call { $0.claim(claim, wallMilliseconds: $2, now: $1) }
    }

    package func restore(_ locations: [StreamLocation]) async throws(RegistryError) -> [String: StreamLocation] {
        try call { table, now, _ in table.restore(locations, now: now) }
    }

    package func withdraw(_ stream: StreamName, token: String, epoch: UInt64) async throws(RegistryError) {
        try call { table, now, _ in table.withdraw(stream.description, token: token, epoch: epoch, now: now) }
    }

    package func locate(_ stream: StreamName) async throws(RegistryError) -> StreamLookup {
        try call { table, now, _ in table.locate(stream.description, now: now) }
    }

    package func streams(limit: Int) async throws(RegistryError) -> [StreamLocation] {
        try call { table, _, _ in table.streams(limit: limit) }
    }

    package func prefer(_ node: NodeID?, for stream: StreamName) async throws(RegistryError) {
        try call { table, _, _ in table.prefer(node, for: stream.description) }
    }

    package func hold(_ stream: StreamName, by node: NodeID, token: String, hops: Int?) async throws(RegistryError) {
        try call { table, _, _ in table.hold(stream.description, by: node, token: token, hops: hops) }
    }

    package func news() -> AsyncStream<RegistryNews> {
        AsyncStream(bufferingPolicy: .bufferingNewest(Self.newsBuffered)) { continuation in
            let id = contents.withLock { contents in
                let id = contents.nextListener
                contents.nextListener &+= 1
                contents.listeners[id] = continuation
                if contents.isReachable { continuation.yield(.connected) }
                return id
            }
            continuation.onTermination = { [weak self] _ in self?.stopListening(id) }
        }
    }

    private func stopListening(_ id: UInt64) { contents.withLock { _ = $0.listeners.removeValue(forKey: id) } }

    package func ask(
        _ question: ClusterQuestion, within time: Duration
    ) async throws(RegistryError) -> [ClusterAnswer] {
        contents.withLock { $0.answers[question.id] = [] }
        defer { contents.withLock { _ = $0.answers.removeValue(forKey: question.id) } }
        try call { table, _, _ in table.tell(.question(question)) }
        await sleep(time)
        return contents.withLock { $0.answers[question.id] ?? [] }
    }

    package func answer(_ answer: ClusterAnswer) async throws(RegistryError) {
        contents.withLock { $0.answers[answer.question]?.append(answer) }
    }

    package func log(_ event: ClusterEvent) async throws(RegistryError) {
        try call { table, _, wall in table.append(event, wallMilliseconds: wall) }
    }

    package func events(after id: String?, limit: Int) async throws(RegistryError) -> [ClusterEvent] {
        try call { table, _, _ in table.events(after: id, limit: limit) }
    }
}
