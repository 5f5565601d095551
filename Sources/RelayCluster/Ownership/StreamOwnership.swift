package import RelayCore

/// Who owns one stream, seen from one origin: asks for it when a publisher comes, holds on to it, finds out whether another
/// owner is real, waits as a backup, and lets go when another has it.
///
/// One per stream that has a publisher, or is owned, at this node; a second publisher at the same node is the hub's matter.
/// The interpreter reports events and runs ``nextAction()`` until it is nil after each of them. Calls and probes have their own
/// deadlines, so the machine has no timer.
///
/// ```
/// idle ──publisher──▶ claiming ──granted──────────────▶ owned ──heard of a higher epoch──▶ idle (lose)
///                      │    ▲  └─registry away─▶ local ──registry back, granted──▲  └──ended──▶ idle (withdraw)
///                 held │    │ gone, waits, silent
///                      ▼    │
///                    probing ──really sends──▶ refuse, or standby ──owner gone──▶ claiming (promote)
/// ```
///
/// **Epochs.** The registry grants max(remembered, current, floor, its wall clock in ms) + 1. With the registry away a stream
/// is served under the provisional epoch max(seen) + 1: newer than what this node's subscribers saw, older than anything a
/// registry grants from then on (whose wall clock is ahead of every count), and registered with it as the floor when the
/// registry is back. A provisional epoch yields to any living owner in the registry, whichever number is higher, if that
/// owner's publisher really sends.
package struct StreamOwnership: Sendable {
    package struct Settings: Sendable, Hashable {
        /// `publish.policy`: what a second publisher may do.
        package var policy = Policy.reject
        /// A publisher whose newest frame is older than this does not really send.
        package var freshness = Duration.seconds(1)
        /// Probes in a row that may end in another owner, before the publisher is refused.
        package var rounds = 3

        package init() {}
    }

    package enum Policy: String, Sendable, Hashable, Codable, CaseIterable {
        /// Refused while the first really sends.
        case reject
        /// Takes over.
        case takeover
    }

    /// What a link said about the owner in the registry.
    package enum LinkState: Hashable, Sendable {
        /// - hasPublisher: As the owner of the stream; false when it does not own it.
        case alive(hasPublisher: Bool, epoch: UInt64, frameAge: Duration)
        /// No connection, or no answer within 500 ms.
        case gone
    }

    package enum Action: Hashable, Sendable {
        /// Claim at the registry; ``StreamOwnership/claimed(_:now:)`` follows.
        case claim(mode: StreamClaim.Mode, floor: UInt64)
        /// Ask the owner over the link whether its publisher still sends; ``StreamOwnership/probed(_:now:)`` follows within 500 ms.
        case probe(StreamLocation)
        /// Serve the stream as this incarnation. Also while it is served already: it goes on under the new epoch.
        case grant(StreamLocation)
        /// The registry is away: serve it under the provisional epoch; `grant` or `lose` follows when it is back.
        case grantLocally(epoch: UInt64)
        /// Keep the publisher without serving it, and watch the owner: a link to it that dies or falls silent is
        /// ``StreamOwnership/ownerGone(now:)``. Sent anew when the owner changes.
        case standBy(owner: StreamLocation)
        /// As `grant`, for the publisher that stood by.
        case promote(StreamLocation)
        /// Do not watch any longer: the publisher that stood by left.
        case standDown
        /// Tell the publisher that asked, and close it.
        case refuse(RelayCode)
        /// Stop serving, tell children that the stream moved and the publisher why (``RelayCode/lostOwnership``), write nothing.
        case lose(to: NodeID?, epoch: UInt64)
        /// Write the location anew (`restore` with this one).
        case write(StreamLocation)
        /// Remove the location.
        case withdraw(epoch: UInt64)
    }

    /// For the API and `relayctl why`.
    package enum Phase: Hashable, Sendable {
        case idle
        case claiming
        case probing(NodeID)
        /// Owned in the registry, as far as this node knows.
        case owned(epoch: UInt64)
        /// Served without the registry's word.
        case local(epoch: UInt64)
        case standby(NodeID)
    }

    enum State: Sendable, Hashable {
        case idle
        /// A publisher waits; `from` is what it becomes again when the claim is not decided.
        case claiming(Wish)
        case probing(StreamLocation, Wish)
        case owned(StreamLocation)
        /// A new epoch is asked for, since someone saw a higher one than ours.
        case raising(StreamLocation)
        case local(epoch: UInt64)
        /// A provisional stream asks to be registered; served all the while.
        case registering(epoch: UInt64)
        /// Another has the name of the owner in the registry; is it real? Served all the while.
        case doubting(StreamLocation, epoch: UInt64)
        case standby(StreamLocation)
        /// A claim nobody needs any more ended without an answer: the registry may show it, which is cleared up when it is back.
        case unclear
    }

    /// What a publisher that is not served yet wants.
    struct Wish: Sendable, Hashable {
        var isBackup: Bool
        /// It stands by; a grant promotes it.
        var isStanding = false
        var rounds = 0
        /// It left: a grant is given back.
        var isGone = false
    }

    let settings: Settings
    let me: NodeID
    let token: String
    var state = State.idle
    /// The highest epoch heard of; floor of claims.
    package internal(set) var highestEpoch: UInt64
    var hasPublisher = false
    /// The epoch this node lost the stream to, and when. Of that owner silence on the link proves nothing: it is the registry that
    /// knows whether it lives, or two origins that cannot reach each other would take the stream in turns.
    var lostTo: UInt64?
    var lostAt: MonotonicTime?
    private var actions: [Action] = []

    /// - Parameters:
    ///   - me, token: Of the node record.
    ///   - highestEpoch: What the node remembers of the stream.
    package init(settings: Settings = Settings(), me: NodeID, token: String, highestEpoch: UInt64 = 0) {
        self.settings = settings
        self.me = me
        self.token = token
        self.highestEpoch = highestEpoch
    }

    package mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }
    mutating func emit(_ action: Action) { actions.append(action) }

    /// The location to be written with `.restoreAll` of ``NodeLease``; nil while none was granted. Of a stream in doubt or
    /// provisional there is none.
    package var location: StreamLocation? {
        switch state {
        case .owned(let location), .raising(let location): location
        default: nil
        }
    }

    /// Whether subscribers are served.
    package var isServing: Bool {
        switch state {
        case .owned, .raising, .local, .registering, .doubting: true
        case .idle, .claiming, .probing, .standby, .unclear: false
        }
    }

    /// Whether the machine can be dropped: nothing is under way, and no loss is so fresh that it matters who won.
    package func isIdle(now: MonotonicTime) -> Bool {
        state == .idle && lostAt.map { $0 + Self.lossMemory <= now } ?? true
    }

    package var phase: Phase {
        switch state {
        case .idle, .unclear: .idle
        case .claiming(let wish): wish.isGone ? .idle : .claiming
        case .probing(let owner, _): .probing(owner.owner)
        case .owned(let location), .raising(let location): .owned(epoch: location.epoch)
        case .local(let epoch), .registering(let epoch), .doubting(_, let epoch): .local(epoch: epoch)
        case .standby(let owner): .standby(owner.owner)
        }
    }

    /// The epoch that subscribers are served; nil while none is.
    package var epoch: UInt64? {
        switch state {
        case .owned(let location), .raising(let location): location.epoch
        case .local(let epoch), .registering(let epoch), .doubting(_, let epoch): epoch
        case .idle, .claiming, .probing, .standby, .unclear: nil
        }
    }

    /// Epochs stay below what Redis scripts count exactly (Lua numbers are doubles, exact to 2^53); whoever names a higher one is
    /// not believed.
    package static let highestPossibleEpoch: UInt64 = 1 << 52

    /// How long a loss is remembered: well above a node lease, after which a dead owner's stream is free anyway.
    static let lossMemory = Duration.seconds(60)

    mutating func see(_ epoch: UInt64) {
        if epoch <= Self.highestPossibleEpoch { highestEpoch = max(highestEpoch, epoch) }
    }
}
