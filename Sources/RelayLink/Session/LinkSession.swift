import DequeModule
package import NIOCore
package import RelayCore

/// One end of a link, the connection between two nodes that carries all streams that either has from the other. Either end may
/// subscribe; the roles of dialer and listener end with the handshake.
///
/// The interpreter (a channel handler) owns one per connection:
/// 1. it calls ``start(now:)`` once connected; hands over every read with ``receive(_:now:)`` and then runs ``nextAction(now:)``
///    until that is nil; stops reading while ``wantsInput`` is false;
/// 2. while the socket is writable and ``hasOutput`` is true, it writes what ``takeOutput(limit:now:)`` gives; on a `close` action
///    it writes the rest of that and closes;
/// 3. it calls ``timerFired(now:)`` at ``nextDeadline``, and runs the actions and the output again. That deadline moves with every
///    byte, so a timer that fires early and is set anew is better than one that is moved all the time. Early calls are harmless;
///    late ones count as time in which this node stood still, not the peer.
///
/// Everything about a subscription is named by the id that its subscriber chose, which is never used again in a session.
package struct LinkSession: Sendable {
    /// Who connected to whom.
    package enum Role: Sendable, Hashable {
        case dialer
        case listener
    }

    /// idle → hello → auth → open → closed; without keys hello → open; closed from everywhere.
    enum Phase: Sendable {
        /// A dialer that has not said hello.
        case idle
        /// The peer's hello is waited for.
        case hello(deadline: MonotonicTime)
        /// The peer's proof is waited for.
        case auth(deadline: MonotonicTime, Handshake)
        case open
        case closed
    }

    package let role: Role
    package let settings: LinkSettings
    let crypto: LinkCrypto
    /// What was tolerated, ignored or refused.
    package internal(set) var counters = LinkCounters()

    var phase: Phase
    /// Who is at the other end; nil until both sides have proven themselves.
    package internal(set) var peer: LinkPeer?

    // Input.
    var input = ByteBuffer()
    /// Bytes of a message of an unknown type that are still to be thrown away.
    var discarding = 0
    var actions = Deque<LinkAction>()
    /// Frames of one subscription that came one after the other.
    var group: [Frame] = []
    var groupID: UInt64 = 0
    var rate = LinkRate()
    /// Input waits until then.
    var throttledUntil: MonotonicTime?

    // Output.
    /// Control messages, serialised.
    var outbox = ByteBuffer()
    /// Control messages that wait for the handshake.
    var deferred = ByteBuffer()

    // Time.
    var clock: LinkClock
    var lastInput: MonotonicTime
    var lastOutput: MonotonicTime
    var lastPing: MonotonicTime
    var lastPong: MonotonicTime?
    /// The newest instant anyone told the session.
    var lastSeen: MonotonicTime
    var isPingDue = false
    /// The newest ping that is not answered yet, and when it came.
    var pingToAnswer: (ping: LinkPing, at: MonotonicTime)?
    /// Nothing was heard of the peer for so long that it is suspected.
    package internal(set) var isSuspect = false

    // Both kinds of subscriptions.
    var incoming = IncomingSubscriptions()
    var outgoing = OutgoingSubscriptions()
    /// Our questions that wait for an answer.
    var queries: Set<UInt64> = []
    /// Our own hello as sent, for the proofs.
    var ownHello: [UInt8] = []
    var ownNonce: [UInt8] = []

    /// One end of a connection that was just made or accepted. A listener's handshake timeout begins now.
    package init(role: Role, settings: LinkSettings, crypto: LinkCrypto, now: MonotonicTime) {
        self.role = role
        self.settings = settings
        self.crypto = crypto
        phase = role == .dialer ? .idle : .hello(deadline: now + settings.helloTimeout)
        clock = LinkClock(birth: now)
        lastInput = now
        lastOutput = now
        lastPing = now
        lastSeen = now
    }

    /// Begins the handshake: a dialer says hello, a listener waits for it. Called once, when the connection is there.
    package mutating func start(now: MonotonicTime) {
        guard case .idle = phase else { return }
        lastSeen = now
        phase = .hello(deadline: now + settings.helloTimeout)
        sayHello()
    }

    /// Whether the session can make use of more input now. While it is false the interpreter should not read.
    package var wantsInput: Bool { throttledUntil == nil && !isClosed }

    /// A `close` action was or will be given out.
    package var isClosed: Bool {
        if case .closed = phase { true } else { false }
    }

    /// Both sides have proven themselves, and nothing has ended the session.
    package var isOpen: Bool {
        if case .open = phase { true } else { false }
    }

    /// The smoothed round trip (RFC 6298); nil until the first ping was answered.
    package var roundTrip: Duration? { clock.roundTrip }

    /// How far the peer's link clock (µs since the birth of its end of the session) is ahead of ours, smoothed.
    package var clockOffset: Duration? { clock.offset }

    /// What was read from the socket. Run ``nextAction(now:)`` afterwards.
    package mutating func receive(_ bytes: consuming ByteBuffer, now: MonotonicTime) {
        guard !isClosed, bytes.readableBytes > 0 else { return }
        heard(now)
        if input.readableBytes == 0 {
            input = bytes
        } else if input.readerIndex > 0 {
            // The rest of the last read, in a buffer that frames still hold: begin a new one.
            var joined = ByteBuffer()
            joined.reserveCapacity(input.readableBytes &+ bytes.readableBytes)
            joined.writeImmutableBuffer(input)
            joined.writeBuffer(&bytes)
            input = joined
        } else {
            input.writeBuffer(&bytes)
        }
        if throttledUntil != nil, input.readableBytes > settings.maxFrameBytes &+ settings.maxControlBytes {
            fail(.inputOverflow)
        }
    }

    /// The next thing to do, or nil when there is nothing until more input or a deadline.
    package mutating func nextAction(now: MonotonicTime) -> LinkAction? {
        while true {
            if let action = actions.popFirst() { return action }
            do {
                guard try step(now: now) else {
                    flushGroup()
                    return actions.popFirst()
                }
            } catch {
                fail(error)
            }
        }
    }

    /// Ends the session: the peer is told why, `close` is given out behind the actions before it, and every subscription is over.
    mutating func fail(_ error: LinkError) {
        guard !isClosed else { return }
        flushGroup()
        phase = .closed
        if error.isTold {
            LinkFarewell(code: UInt32(clamping: error.code.number), text: error.description).encode(into: &outbox)
        }
        actions.append(.close(error))
        input = ByteBuffer()
        deferred = ByteBuffer()
        throttledUntil = nil
        outgoing = OutgoingSubscriptions()
        incoming = IncomingSubscriptions()
        queries = []
    }

    /// Hands out the frames gathered so far.
    mutating func flushGroup() {
        guard !group.isEmpty else { return }
        actions.append(.frames(groupID, group))
        group = []
    }

    /// Writes a control message, or keeps it until the handshake is done.
    mutating func say(_ write: (inout ByteBuffer) -> Void) {
        switch phase {
        case .idle, .hello, .auth: write(&deferred)
        case .open:
            write(&outbox)
            if outbox.readableBytes > settings.maxControlBacklog { fail(.outputOverflow) }
        case .closed: break
        }
    }
}
