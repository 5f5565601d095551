import Logging
import RelayClient
import RelayCore
import RelayKubernetes
import Synchronization

/// Writes changes into Kubernetes' own events, where `kubectl describe` shows them. Best effort: limited, never repeated, and
/// silent after it was told that it may not.
final class EventRecorder: Sendable {
    /// Events in a row, and how often one more: what an operator reads, not what a flapping tier writes.
    static let burst = 10
    static let interval = Duration.seconds(30)
    /// How long nothing is tried after a refusal.
    static let pause = Duration.seconds(600)
    /// Nobody waits for an event.
    static let timeout = Duration.seconds(3)

    private struct State {
        var uids: [WorkloadName: String] = [:]
        var last: [WorkloadName: String] = [:]
        /// When the bucket would be full.
        var fullAt = MonotonicTime(nanoseconds: .min)
        var pausedUntil = MonotonicTime(nanoseconds: .min)
        var count: UInt64 = 0
    }

    private let state = Mutex(State())
    private let client: KubernetesClient
    private let logger: Logger

    init(client: KubernetesClient, logger: Logger) {
        self.client = client
        self.logger = logger
    }

    /// `kubectl describe` finds events by the uid of what they are about.
    func know(uid: String, of workload: WorkloadName) { state.withLock { $0.uids[workload] = uid } }

    func record(_ workload: WorkloadName, reason: String, text: String, isWarning: Bool) async {
        let now = MonotonicTime.now()
        let ticket = state.withLock { state -> (uid: String?, count: UInt64)? in
            let said = "\(isWarning) \(reason) \(text)"
            guard state.pausedUntil <= now, state.last[workload] != said,
                state.fullAt - Self.interval * (Self.burst - 1) <= now
            else { return nil }
            state.fullAt = max(state.fullAt, now) + Self.interval
            state.last[workload] = said
            state.count &+= 1
            return (state.uids[workload], state.count)
        }
        guard let ticket else { return }
        let time = KubernetesTime.now()
        let suffix = String(UInt64(clamping: time.microseconds), radix: 16) + "." + String(ticket.count, radix: 16)
        guard let name = KubernetesName("\(workload.name.text.prefix(200)).\(suffix)") else { return }
        let event = EventObject(
            name: name, about: workload, uid: ticket.uid, reason: reason, note: text, isWarning: isWarning,
            reporter: client.identity, at: time)
        do throws(KubernetesProblem) {
            try await client.send(.createEvent(event, in: workload.namespace), timeout: Self.timeout)
        } catch {
            logger.debug("an event could not be written", metadata: ["reason": "\(error)"])
            guard !error.isTransient else { return }
            state.withLock { $0.pausedUntil = now + Self.pause }
            logger.warning("events cannot be written", metadata: ["reason": "\(error)"])
        }
    }
}
