import RelayCore
import Synchronization

/// Where a node is in its life; read by the probes, written by the service. Safe from any thread.
final class NodeLifecycle: Sendable {
    enum State: String, Sendable {
        /// Listeners are not bound yet. → `running`
        case starting
        /// New work is welcome. → `draining`
        case running
        /// Going down, or told to drain: no new work. → `running` when the order is taken back
        case draining
    }

    private struct Values {
        var state = State.starting
        var since = MonotonicTime.now()
        var listeners: [String: String] = [:]
    }

    private let values = Mutex(Values())

    var state: State { values.withLock { $0.state } }
    var uptime: Duration { values.withLock { .now() - $0.since } }
    var listeners: [String: String] { values.withLock { $0.listeners } }

    func didBind(_ listener: String, to address: String) { values.withLock { $0.listeners[listener] = address } }

    func didStart() {
        values.withLock { values in
            if values.state == .starting { values.state = .running }
            values.since = .now()
        }
    }

    func beginDrain() { values.withLock { $0.state = .draining } }

    /// The order to drain was taken back.
    func undrain() { values.withLock { if $0.state == .draining { $0.state = .running } } }
}

/// The release.
package enum RelayVersion {
    /// Semantic version of this tree.
    package static let current = "0.1.0"
}
