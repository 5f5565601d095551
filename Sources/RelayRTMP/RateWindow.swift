package import RelayCore

/// Counts events in windows of one second, for budgets whose breach delays, ignores or ends something.
package struct RateWindow: Sendable, Hashable {
    /// In nanoseconds, since this is asked for every chunk.
    private static let length: Int64 = 1_000_000_000

    private var start: MonotonicTime = .zero
    private var count: UInt32 = 0

    /// A window that nothing was taken from.
    package init() {}

    /// When the current window gives way to an empty one.
    package var end: MonotonicTime { start + .nanoseconds(Self.length) }

    /// Takes one from the window of `now`; false when `limit` were taken already.
    package mutating func take(limit: UInt32, now: MonotonicTime) -> Bool {
        guard hasRoom(limit: limit, now: now) else { return false }
        spend()
        return true
    }

    /// Takes one without asking, after ``hasRoom(limit:now:)`` said yes.
    package mutating func spend() { count &+= 1 }

    /// Whether ``take(limit:now:)`` would succeed.
    package mutating func hasRoom(limit: UInt32, now: MonotonicTime) -> Bool {
        let age = now.nanoseconds &- start.nanoseconds
        if age >= Self.length || age < 0 {
            start = now
            count = 0
        }
        return count < limit
    }
}
