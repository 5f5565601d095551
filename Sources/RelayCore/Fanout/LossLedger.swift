/// Where frames went: an account that must balance, for one subscriber or summed over many.
package struct LossLedger: Sendable, Hashable {
    /// Frames that entered the log since the subscriber's start, its GOP included.
    package var offered: UInt64
    /// Handed to the socket.
    package var sent: UInt64
    /// Disposable frames left out because the subscriber lagged.
    package var dropped: UInt64
    /// Left out by a skip to a keyframe, or before the first keyframe.
    package var skipped: UInt64
    /// No longer held when the subscriber got to them.
    package var evicted: UInt64
    /// Not yet taken; lost when the subscriber left.
    package var unsent: UInt64

    package init(
        offered: UInt64 = 0, sent: UInt64 = 0, dropped: UInt64 = 0, skipped: UInt64 = 0, evicted: UInt64 = 0,
        unsent: UInt64 = 0
    ) {
        self.offered = offered
        self.sent = sent
        self.dropped = dropped
        self.skipped = skipped
        self.evicted = evicted
        self.unsent = unsent
    }

    /// True when every offered frame is accounted for.
    package var balances: Bool { offered == sent &+ dropped &+ skipped &+ evicted &+ unsent }

    package static func += (lhs: inout Self, rhs: Self) {
        lhs.offered &+= rhs.offered
        lhs.sent &+= rhs.sent
        lhs.dropped &+= rhs.dropped
        lhs.skipped &+= rhs.skipped
        lhs.evicted &+= rhs.evicted
        lhs.unsent &+= rhs.unsent
    }
}
