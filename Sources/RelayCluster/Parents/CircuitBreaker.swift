package import RelayCore

/// Keeps a node from asking a peer that failed again and again: closed, then open for a while that doubles, then one probe.
///
/// ```
/// closed ──3 failures within 5 s──▶ open ──its time passed──▶ half-open ──success──▶ closed
///                                    ▲                            │
///                                    └──── failure, twice as long ┘
/// ```
package struct CircuitBreaker: Sendable, Hashable {
    /// Bounds (P15).
    package struct Settings: Sendable, Hashable {
        /// Failures within `window` that open it.
        package var failures = 3
        package var window = Duration.seconds(5)
        /// How long it is open at first, and at most; doubles with each probe that fails, a quarter more or less.
        package var floor = Duration.seconds(1)
        package var ceiling = Duration.seconds(30)
        /// A probe without an outcome after this counts as none, so that another may be made.
        package var probeTimeout = Duration.seconds(5)

        package init() {}
    }

    /// For introspection; `halfOpen` from the end of the open time on.
    package enum State: String, Sendable, Hashable, Codable {
        case closed, open, halfOpen
    }

    private enum Position: Sendable, Hashable {
        case closed
        /// Until the instant no attempt is made; from then on one is, which began at `probe`.
        case open(until: MonotonicTime, length: Duration, probe: MonotonicTime?)
    }

    private var position = Position.closed
    /// The newest failures, oldest first; at most as many as open it.
    private var recent: [MonotonicTime] = []

    /// Closed.
    package init() {}

    package func state(now: MonotonicTime) -> State {
        switch position {
        case .closed: .closed
        case .open(let until, _, _): until <= now ? .halfOpen : .open
        }
    }

    /// Whether an attempt may be made now.
    package func allows(_ settings: Settings, now: MonotonicTime) -> Bool {
        switch position {
        case .closed: true
        case .open(let until, _, let probe): until <= now && probe.map { $0 + settings.probeTimeout <= now } ?? true
        }
    }

    /// An attempt begins; when half-open, it is the probe.
    package mutating func began(now: MonotonicTime) {
        if case .open(let until, let length, _) = position, until <= now {
            position = .open(until: until, length: length, probe: now)
        }
    }

    package mutating func succeeded() {
        position = .closed
        recent.removeAll()
    }

    mutating func failed(_ settings: Settings, now: MonotonicTime, jitter: inout Jitter) {
        switch position {
        case .closed:
            recent.removeAll { $0 + settings.window < now }
            recent.append(now)
            if recent.count >= settings.failures { open(for: settings.floor, now: now, jitter: &jitter) }
        case .open(let until, let length, _):
            // What fails while it is open began before, and says nothing new.
            guard until <= now else { return }
            open(for: min(length * 2, settings.ceiling), now: now, jitter: &jitter)
        }
    }

    private mutating func open(for length: Duration, now: MonotonicTime, jitter: inout Jitter) {
        recent.removeAll()
        position = .open(until: now + jitter.around(length), length: length, probe: nil)
    }
}
