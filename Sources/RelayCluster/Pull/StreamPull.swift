package import RelayCore

/// One pull of one stream on one node: finds a source, keeps it, replaces it before it breaks where that can be known, and
/// keeps viewers waiting while there is none.
///
/// Owned by the hub of a pulled stream. The interpreter reports events, runs ``nextAction()`` until it is nil after each of
/// them, and calls ``timerFired(now:)`` at ``nextDeadline``. After `.end` or `.release` the pull is over: every event is
/// ignored, and a viewer that comes then needs a new one.
///
/// There are never more than two attempts: one that is adopted and one that challenges it, or one that was asked and a hedge.
///
/// ```
/// resolving ──found──▶ connecting ──accepted──▶ flowing ──newer epoch, suspect, parent drains──▶ switching
///     │  ▲                 │                     │   ▲                                              │
///     │  └── retry, news ──┴──── failed ◀────────┘   └───────── first frames of the challenger ─────┘
///     └── not found, unavailable ▶ over            failed, nothing else ▶ holding ─hold passed▶ over
/// ```
package struct StreamPull: Sendable {
    /// One subscription at one source.
    struct Attempt: Hashable, Sendable {
        var number: Int
        var source: PullSource
        /// The epoch that was looked up.
        var target: UInt64
        var began: MonotonicTime
        /// As accepted; nil until then.
        var epoch: UInt64?
        var acceptedAt: MonotonicTime?
        var lastFrames: MonotonicTime?
        /// The link is silent.
        var isSuspect = false
        /// The parent said that it goes down.
        var isLeaving = false

        /// The best known epoch of what it gives.
        var bestEpoch: UInt64 { epoch ?? target }
    }

    /// A change of source, for events and `relayctl why`.
    package struct Failover: Hashable, Sendable {
        /// When the first sign of trouble (or of a newer owner) was seen.
        package var began: MonotonicTime
        /// From the last frames of the one to the first of the other; nil while none came yet.
        package var gap: Duration?
        package var from: PullSource
        package var to: PullSource
    }

    /// How the last lookup ended.
    package enum LastLookup: Hashable, Sendable {
        case found(epoch: UInt64, sources: Int, age: Duration)
        /// Its epoch was older than what was seen here, so it was not followed.
        case stale(epoch: UInt64)
        case notFound, unavailable
    }

    /// How long a source may give no frames before the stream is looked up again (F30: failover without input at 1 s).
    static let stallAfter = Duration.seconds(1)
    /// Distance of rounds through the others beside a source without frames.
    static let besideStallEvery = Duration.seconds(4)
    /// Average distance of subscribe attempts, and how many may come at once (P15: at most 2 pulls/s per stream and edge).
    package static let attemptInterval = Duration.milliseconds(500)
    package static let attemptBurst = 4
    /// The same for lookups.
    static let lookupInterval = Duration.milliseconds(250)
    static let lookupBurst = 8
    /// Over this time pulls of one node look up their streams again when the registry is back.
    static let reachableSpread = Duration.milliseconds(500)

    let settings: PullSettings
    let startedAt: MonotonicTime
    var jitter: Jitter
    var attemptPace: TokenPace
    var lookupPace: TokenPace

    // What is asked of it.
    /// Viewers and children, those that wait included.
    package internal(set) var demand = 1
    var lingerUntil: MonotonicTime?

    // Lookups.
    var isResolving = false
    var resolvesAgain = false
    var resolveAt: MonotonicTime?
    package internal(set) var lastLookup: LastLookup?
    /// Fruitless rounds in a row, for the backoff.
    var retries = 0
    var staleAnswers = 0
    var hasFound = false
    /// Sources of the last lookup, of which those before `cursor` were tried.
    var candidates: [PullSource] = []
    var cursor = 0
    var candidatesEpoch: UInt64 = 0
    /// The highest epoch withdrawn by its owner.
    var goneEpoch: UInt64?

    // Attempts.
    var current: Attempt?
    /// Asked, and perhaps accepted, but not adopted; oldest first.
    var asked: [Attempt] = []
    /// Attempts made so far.
    package internal(set) var attempts = 0
    /// The highest epoch that was looked up or accepted; lower ones are not followed.
    package internal(set) var highestEpoch: UInt64
    var hasFlowed = false
    var lastFlow: MonotonicTime?
    var flowedFrom: PullSource?
    var lastEpoch: UInt64 = 0
    var heldSince: MonotonicTime?
    var troubleSince: MonotonicTime?
    var stallCheckAt: MonotonicTime?
    /// When the others may be tried again beside a source that is there and gives no frames; nil before the first time.
    var nextBesideStall: MonotonicTime?

    /// Changes of source that frames followed.
    package internal(set) var failovers: UInt64 = 0
    package internal(set) var lastFailover: Failover?
    var openFailover: Failover?

    var outcome: RelayCode?
    package internal(set) var isOver = false
    private var actions: [PullAction] = []
    private var firstAction = 0
    private var faults: [PullSource] = []

    /// A pull for a first viewer; starts looking the stream up at once.
    ///
    /// - Parameters:
    ///   - highestEpoch: What the node remembers of the stream (``LastKnownLocations/highestEpoch(of:now:)``).
    ///   - seed: Of the jitter.
    package init(settings: PullSettings, highestEpoch: UInt64 = 0, seed: UInt64, now: MonotonicTime) {
        self.settings = settings
        self.highestEpoch = highestEpoch
        startedAt = now
        jitter = Jitter(seed: seed)
        attemptPace = TokenPace(interval: Self.attemptInterval, burst: Self.attemptBurst, now: now)
        lookupPace = TokenPace(interval: Self.lookupInterval, burst: Self.lookupBurst, now: now)
        resolve(now: now)
    }

    // MARK: Output

    /// What is to be done next, in order.
    package mutating func nextAction() -> PullAction? {
        guard firstAction < actions.count else { return nil }
        let action = actions[firstAction]
        firstAction += 1
        if firstAction == actions.count {
            actions.removeAll(keepingCapacity: true)
            firstAction = 0
        }
        return action
    }

    /// Sources that kept an attempt waiting beyond its time, for ``ParentBreakers/failed(_:now:)``; those that failed or refused
    /// the interpreter knows itself.
    package mutating func nextFault() -> PullSource? { faults.isEmpty ? nil : faults.removeFirst() }

    mutating func emit(_ action: PullAction) { actions.append(action) }
    mutating func blame(_ source: PullSource) { if faults.count < 16 { faults.append(source) } }

    // MARK: Introspection

    /// Where a pull stands; for the API and `relayctl why`.
    package enum Phase: Hashable, Sendable {
        /// The stream is being looked up.
        case resolving
        /// A source was asked.
        case connecting(PullSource)
        /// A source took the subscription and has given no frames (any more): its publisher is away.
        case waiting(PullSource)
        case flowing(PullSource)
        /// Frames flow (or a silent link is given its time), and another source was asked or is looked for.
        case switching(from: PullSource, to: PullSource?)
        /// Viewers wait and there is no source.
        case holding(since: MonotonicTime)
        /// The last viewer left; the stream is kept until then.
        case lingering(until: MonotonicTime)
        /// nil: released.
        case over(RelayCode?)
    }

    package var phase: Phase {
        if isOver { return .over(outcome) }
        if let current {
            if isTroubled(current) { return .switching(from: current.source, to: asked.last?.source) }
            if let lingerUntil { return .lingering(until: lingerUntil) }
            return current.lastFrames == nil ? .waiting(current.source) : .flowing(current.source)
        }
        if let heldSince { return .holding(since: heldSince) }
        if let first = asked.first { return .connecting(first.source) }
        return .resolving
    }

    /// The source whose frames are the stream's; nil while there is none.
    package var source: PullSource? { current?.source }
    /// The source that frames came from last, for ``ParentSelection`` when there is none now.
    package var lastSource: PullSource? { current?.source ?? flowedFrom }
    /// The attempt whose frames are the stream's.
    package var adopted: Int? { current?.number }
    /// The epoch that the adopted source gives.
    package var epoch: UInt64? { current?.epoch }

    /// Whether another source is wanted beside this one.
    func isTroubled(_ attempt: Attempt) -> Bool {
        attempt.isSuspect || attempt.isLeaving || isOutdated(attempt)
    }

    /// Whether a newer epoch is to be had elsewhere; a foreign server has none that could be compared.
    func isOutdated(_ attempt: Attempt) -> Bool {
        if case .foreign = attempt.source { return false }
        return attempt.bestEpoch < candidatesEpoch
    }
}
