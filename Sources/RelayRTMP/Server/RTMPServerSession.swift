package import NIOCore
package import RelayCore

/// The whole server side of one RTMP connection, from its first byte.
///
/// The interpreter (a channel handler) owns one per connection:
/// 1. it hands over every read with ``receive(_:now:)`` and then runs ``nextAction(now:)`` until that is nil;
/// 2. it answers a `publish` or `play` action with ``acceptPublish(streamID:now:)``, ``acceptPlay(streamID:now:)`` or
///    ``reject(streamID:code:status:now:)``, at once or later, and runs the loop again. Until then input is kept, not looked at:
///    stop reading while ``wantsInput`` is false;
/// 3. after each loop it looks at ``nextDeadline``, calls ``timerFired(now:)`` at that time and runs the loop again. Calling
///    too early or too late does no harm.
/// 4. Media to an accepted player is written by the interpreter itself, next to what the session sends.
///
/// Timeouts for the first media and for silence of a publisher are the interpreter's, since it sees the media.
///
/// Commands are handled as they come, in whatever order a client has (librtmp, Flash, Haivision and FFmpeg differ); only what
/// makes no sense before `connect` or on a busy message stream is refused.
package struct RTMPServerSession: Sendable {
    /// handshaking → open → closed
    enum Phase: Sendable {
        case handshaking(RTMPHandshakeServer, deadline: MonotonicTime)
        case open
        case closed
    }

    package let configuration: Configuration
    /// What was tolerated or ignored.
    package internal(set) var counters = Counters()
    /// What the chunk layer tolerated.
    package var chunkCounters: ChunkDecoder.Counters { decoder.counters }
    /// All bytes received, the handshake's included.
    package private(set) var bytesReceived: UInt64 = 0

    var phase: Phase
    package internal(set) var decoder: ChunkDecoder
    /// Bytes to be sent before any further action.
    package internal(set) var outbox = ByteBuffer()
    /// Actions that wait behind the outbox; nearly always empty, and never used for media.
    package internal(set) var queue: [Action] = []
    /// The chunk size we write with; the initial one until ours has been announced.
    package internal(set) var writeChunkSize = ChunkDecoder.initialChunkSize

    /// The application of the connection; nil before `connect`.
    var app: String?
    var connectionQuery = ""
    var capabilities = EnhancedCapabilities()
    var streams: [MessageStream] = []
    /// A publish or play waits for the interpreter's decision.
    var isDeciding = false
    /// The client speaks FCPublish, so it is told things by `onFCPublish` too.
    var speaksFCPublish = false
    var bufferLength: UInt32 = 0

    var acknowledgements = AcknowledgementWindow()
    var sentWindow: UInt32 = 0
    var commandBudget = RateWindow()
    var controlBudget = RateWindow()

    /// When a connection without any stream is closed; nil while there is one.
    var setupDeadline: MonotonicTime?
    var lastInput: MonotonicTime
    /// When the unanswered ping was sent; nil when there is none.
    var pingSent: MonotonicTime?
    var lastPing: MonotonicTime
    /// The peer answered a ping once, so that later silence means something. Some players never do.
    var answersPings = false

    /// A session for a connection that was just accepted.
    package init(configuration: Configuration, digest: RTMPDigest, now: MonotonicTime) {
        self.configuration = configuration
        phase = .handshaking(RTMPHandshakeServer(digest: digest), deadline: now + configuration.handshakeTimeout)
        decoder = ChunkDecoder(limits: configuration.limits)
        lastInput = now
        lastPing = now
    }

    /// Whether the session can make use of more input now. While it is false the interpreter should not read.
    package var wantsInput: Bool { !isDeciding && !decoder.isThrottled && !isClosed }

    /// A `close` action was or will be given out.
    package var isClosed: Bool {
        if case .closed = phase { true } else { false }
    }

    /// What was read from the socket. Run ``nextAction(now:)`` afterwards.
    package mutating func receive(_ bytes: consuming ByteBuffer, now: MonotonicTime) {
        guard !isClosed else { return }
        let count = bytes.readableBytes
        bytesReceived &+= UInt64(clamping: count)
        acknowledgements.received(count)
        lastInput = now
        pingSent = nil
        decoder.append(bytes)
        if !wantsInput, decoder.input.readableBytes > configuration.limits.waitingInputBytes {
            fail(isDeciding ? .inputOverflow : .decodeBudget)
        }
    }

    /// Takes what the session has to say now, without looking at further input: for an interpreter that has to write it before
    /// something of its own. Everything else stays for ``nextAction(now:)``.
    package mutating func takeOutput() -> ByteBuffer? {
        guard outbox.readableBytes > 0 else { return nil }
        defer { outbox = ByteBuffer() }
        return outbox
    }

    /// The next thing to do, or nil when there is nothing until more input, a decision or a deadline.
    package mutating func nextAction(now: MonotonicTime) -> Action? {
        while true {
            if outbox.readableBytes > 0 {
                defer { outbox = ByteBuffer() }
                return .send(outbox)
            }
            if !queue.isEmpty { return queue.removeFirst() }
            do {
                switch phase {
                case .closed:
                    return nil
                case .handshaking(var handshake, let deadline):
                    let step = try handshake.advance(&decoder.input)
                    phase = .handshaking(handshake, deadline: deadline)
                    switch step {
                    case .needMore: return nil
                    case .send(let bytes): outbox.writeBytes(bytes)
                    case .done:
                        phase = .open
                        setupDeadline = now + configuration.setupTimeout
                    }
                case .open:
                    if let acknowledgement = acknowledgements.due() {
                        acknowledgement.encode(into: &outbox)
                        continue
                    }
                    if isDeciding { return nil }
                    guard let message = try decoder.next(now: now) else { return nil }
                    if let action = try handle(message, now: now) { return action }
                }
            } catch {
                fail(error)
            }
        }
    }

    /// Ends the session: what is in the outbox is still sent, then `close` is given out.
    mutating func fail(_ error: RTMPError) {
        guard !isClosed else { return }
        phase = .closed
        isDeciding = false
        queue.append(.close(error))
        decoder.reset()
    }
}

// MARK: - Time

extension RTMPServerSession {
    /// When ``timerFired(now:)`` should be called next; nil when nothing is waited for.
    package var nextDeadline: MonotonicTime? {
        switch phase {
        case .closed: return nil
        case .handshaking(_, let deadline): return deadline
        case .open:
            // While the interpreter decides, nothing that the input could do is late.
            if isDeciding { return pingDeadline }
            return Self.earlier(setupDeadline, Self.earlier(decoder.nextDeadline, pingDeadline))
        }
    }

    private static func earlier(_ lhs: MonotonicTime?, _ rhs: MonotonicTime?) -> MonotonicTime? {
        guard let lhs, let rhs else { return lhs ?? rhs }
        return Swift.min(lhs, rhs)
    }

    /// When a ping is to be sent, or the answer to one is overdue.
    ///
    /// A player is not asked: what it is sent finds out whether it is there, and thousands of answers are work for nothing.
    private var pingDeadline: MonotonicTime? {
        if streams.contains(where: { $0.activity == .playing }) { return nil }
        if let pingSent, answersPings { return pingSent + configuration.pingTimeout }
        return configuration.pingInterval.map { Swift.max(lastInput, lastPing) + $0 }
    }

    /// Acts on whatever deadline has passed; run ``nextAction(now:)`` afterwards. Late and early calls are harmless.
    package mutating func timerFired(now: MonotonicTime) {
        switch phase {
        case .closed: return
        case .handshaking(_, let deadline):
            if now >= deadline { fail(.handshakeTimeout) }
        case .open:
            if !isDeciding {
                do {
                    try decoder.checkDeadline(now: now)
                } catch {
                    return fail(error)
                }
                if let setupDeadline, now >= setupDeadline { return fail(.setupTimeout) }
            }
            guard let pingDeadline, now >= pingDeadline else { return }
            if pingSent != nil, answersPings { return fail(.pingTimeout) }
            pingSent = now
            lastPing = now
            UserControl.pingRequest(UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000)).encode(into: &outbox)
        }
    }
}
