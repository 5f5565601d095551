/// A subscription's queue at one instant; `offered == sent + dropped + skipped + frames` always.
package struct LinkQueueStatus: Sendable, Hashable {
    /// Frames that wait.
    package var frames: Int
    /// Bytes of their bodies.
    package var bytes: Int
    /// How long the oldest of them has waited.
    package var oldestAge: Duration
    /// Frames ever given to the queue.
    package var offered: UInt64
    /// Frames handed to the socket.
    package var sent: UInt64
    /// Disposable frames left out because the link lagged.
    package var dropped: UInt64
    /// Frames left out by a skip to a keyframe, for their age, their size, or by a new incarnation.
    package var skipped: UInt64

    package init(
        frames: Int = 0, bytes: Int = 0, oldestAge: Duration = .zero, offered: UInt64 = 0, sent: UInt64 = 0,
        dropped: UInt64 = 0, skipped: UInt64 = 0
    ) {
        self.frames = frames
        self.bytes = bytes
        self.oldestAge = oldestAge
        self.offered = offered
        self.sent = sent
        self.dropped = dropped
        self.skipped = skipped
    }

    /// True when every offered frame is accounted for.
    package var balances: Bool { offered == sent &+ dropped &+ skipped &+ UInt64(clamping: frames) }
}
