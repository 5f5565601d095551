package import RelayCore

/// Counts events in windows of one second, for budgets whose breach ends or ignores something.
package struct RateWindow: Sendable, Hashable {
    private var start: MonotonicTime = .zero
    private var count: UInt32 = 0

    package init() {}

    /// Takes one from the window of `now`; false when `limit` were taken already.
    package mutating func take(limit: UInt32, now: MonotonicTime) -> Bool {
        if now - start >= .seconds(1) || now < start {
            start = now
            count = 0
        }
        guard count < limit else { return false }
        count &+= 1
        return true
    }
}
