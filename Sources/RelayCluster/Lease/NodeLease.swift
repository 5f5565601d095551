package import RelayCore

/// A node's own claim to its name in the registry: renewed with every beat, and over, whatever the registry thinks, when its
/// time has run out on this node's clock, counted from before the renewal was sent.
///
/// One per process. The interpreter runs the actions, answers each `.renew` with ``renewed(_:now:)`` or ``failed(now:)``
/// exactly once (every call of the registry has a deadline), and calls ``timerFired(now:)`` at ``nextDeadline``.
///
/// ```
/// seeking ──renewed──▶ held ──time ran out──▶ expired ──renewed──▶ held
///    ▲                  │ taken                  │ taken
///    └──── lost ◀───────┴────────────────────────┘
/// ```
package struct NodeLease: Sendable {
    package struct Settings: Sendable, Hashable {
        /// Distance of renewals.
        package var beat = Duration.milliseconds(500)
        /// How long the lease lives without one.
        package var ttl = Duration.seconds(10)
        /// Distance of node reports.
        package var reportEvery = Duration.seconds(2)
        /// How often the streams owned are written again although nothing changed: it finds an owner whose news were lost. Must
        /// not be more than the time within which two owners of a stream have to be one again (P5: 2 s).
        package var auditEvery = Duration.milliseconds(1_500)

        package init() {}
    }

    package enum Action: Hashable, Sendable {
        /// Renew (or claim) at the registry, with a node report or without.
        case renew(includeReport: Bool)
        /// The lease is this node's from here on: first claim, or after it had expired or was lost.
        case becameOwner
        /// Write everything that this node has in the registry: its streams (`restore`), what it holds. Follows `becameOwner`, a
        /// registry that came back empty, and each audit.
        case restoreAll
        /// The lease ran out: nothing may be asserted until `becameOwner`. Streams go on.
        case expired
        /// Another process lives under this name: ``RelayCode/nodeNameTaken``. It is asked for again with each beat.
        case lost
        /// Give the lease up at the registry.
        case release
    }

    /// For readiness and `relayctl`.
    package enum State: String, Hashable, Sendable, Codable {
        /// Not had yet.
        case seeking
        case held
        /// Had, and run out: the registry is away, or this process stood still.
        case expired
        /// Another process has the name.
        case lost
        case released
    }

    private let settings: Settings
    private var jitter: Jitter
    private var position = State.seeking
    private var validUntil = MonotonicTime(nanoseconds: .min)
    private var sentAt: MonotonicTime?
    private var beatAt: MonotonicTime
    private var reportAt: MonotonicTime
    private var auditAt: MonotonicTime
    private var actions: [Action] = []

    /// Claims at once.
    package init(settings: Settings = Settings(), seed: UInt64, now: MonotonicTime) {
        self.settings = settings
        jitter = Jitter(seed: seed)
        beatAt = now
        reportAt = now
        auditAt = now
        beat(now: now)
    }

    /// The state at an instant: a lease whose time ran out is expired even before the timer was told, so that a process that
    /// stood still asserts nothing when it goes on.
    package func state(now: MonotonicTime) -> State { position == .held && validUntil <= now ? .expired : position }

    /// Whether the node may assert that it owns anything.
    package func isHeld(now: MonotonicTime) -> Bool { state(now: now) == .held }

    package mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    package var nextDeadline: MonotonicTime? {
        if position == .released { return nil }
        let next = sentAt == nil ? beatAt : nil
        let end = position == .held ? validUntil : nil
        return [next, end].compactMap { $0 }.min()
    }

    package mutating func timerFired(now: MonotonicTime) {
        noticeExpiry(now: now)
        if beatAt <= now { beat(now: now) }
    }

    /// The registry's answer to the renewal under way.
    package mutating func renewed(_ renewal: NodeRenewal, now: MonotonicTime) {
        noticeExpiry(now: now)
        guard let sentAt, position != .released else { return }
        self.sentAt = nil
        switch renewal {
        case .renewed(let wasAbsent, _, _):
            let until = sentAt + settings.ttl
            // An answer that took as long as the lease lives proves nothing.
            guard now < until else { return }
            validUntil = max(validUntil, until)
            let isNew = position != .held
            position = .held
            if isNew { actions.append(.becameOwner) }
            if isNew || wasAbsent || auditAt <= now {
                auditAt = now + settings.auditEvery
                actions.append(.restoreAll)
            }
        case .taken:
            validUntil = MonotonicTime(nanoseconds: .min)
            if position != .lost { actions.append(.lost) }
            position = .lost
        }
    }

    /// The renewal under way was not done; another follows with the next beat.
    package mutating func failed(now: MonotonicTime) {
        noticeExpiry(now: now)
        sentAt = nil
    }

    /// The connection to the registry stands (again): renew at once.
    package mutating func connected(now: MonotonicTime) {
        noticeExpiry(now: now)
        auditAt = now
        beatAt = now
        beat(now: now)
    }

    /// The node goes down, and has nothing left to own.
    package mutating func release(now: MonotonicTime) {
        guard position != .released else { return }
        if position != .lost { actions.append(.release) }
        position = .released
    }

    private mutating func noticeExpiry(now: MonotonicTime) {
        guard position == .held, validUntil <= now else { return }
        position = .expired
        actions.append(.expired)
    }

    private mutating func beat(now: MonotonicTime) {
        guard sentAt == nil, position != .released else { return }
        sentAt = now
        let includeReport = reportAt <= now
        if includeReport { reportAt = now + settings.reportEvery }
        // A tenth less or more: nodes started together drift apart.
        beatAt = now + settings.beat * 9 / 10 + jitter.upTo(settings.beat / 5)
        actions.append(.renew(includeReport: includeReport))
    }
}
