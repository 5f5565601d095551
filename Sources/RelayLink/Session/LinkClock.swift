import RelayCore

/// What pings tell: the round trip, and how far the peer's link clock is ahead of ours.
struct LinkClock: Sendable {
    /// Samples count an eighth (RFC 6298 section 2.3).
    private static let weight = 8
    /// A difference that no smoothing explains: the peer's clock jumped, and what was known of it is void.
    private static let jump = Duration.seconds(1)

    private let birth: MonotonicTime
    /// The ping that an answer is waited for: when it was sent, as on the wire and here.
    private var outstanding: (wire: UInt64, at: MonotonicTime)?
    private(set) var roundTrip: Duration?
    private(set) var offset: Duration?

    init(birth: MonotonicTime) { self.birth = birth }

    /// The node's own link clock, µs since the session's birth.
    func read(_ now: MonotonicTime) -> UInt64 { UInt64(clamping: (now - birth).wholeNanoseconds / 1_000) }

    mutating func ping(now: MonotonicTime) -> LinkPing {
        let wire = read(now)
        outstanding = (wire, now)
        return LinkPing(sentAt: wire)
    }

    /// Takes in an answer.
    ///
    /// - Returns: False when nothing of the kind was asked; nothing changes then.
    mutating func take(_ pong: LinkPong, now: MonotonicTime) -> Bool {
        guard let outstanding, outstanding.wire == pong.pingSentAt else { return false }
        self.outstanding = nil
        // The peer's numbers are anything at all; the time between our own two instants bounds what they can do.
        let elapsed = max(.zero, now - outstanding.at)
        let held = Duration.microseconds(Int64(clamping: pong.sentAt) &- Int64(clamping: pong.receivedAt))
        let sample = held >= .zero && held <= elapsed ? elapsed - held : elapsed
        roundTrip = roundTrip.map { $0 + (sample - $0) / Self.weight } ?? sample
        let peerThen = Duration.microseconds(Int64(clamping: pong.sentAt))
        let ownThen = Duration.microseconds(Int64(clamping: read(now))) - sample / 2
        let ahead = peerThen - ownThen
        if let known = offset, (ahead - known) < Self.jump, (known - ahead) < Self.jump {
            offset = known + (ahead - known) / Self.weight
        } else {
            offset = ahead
        }
        return true
    }
}
