/// An instant on one machine's monotonic clock, in nanoseconds since an origin that only that machine knows.
///
/// Every machine in the pure targets takes `now` as one of these; only interpreters read the clock. It is never
/// sent to another node and never compared with a wall-clock time.
package struct MonotonicTime: Hashable, Comparable, Sendable {
    /// Nanoseconds since the clock's origin.
    package var nanoseconds: Int64

    /// An instant `nanoseconds` after the clock's origin.
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The clock's origin; tests start here.
    package static let zero = MonotonicTime(nanoseconds: 0)

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.nanoseconds < rhs.nanoseconds }

    /// The instant `duration` later; saturates instead of overflowing.
    package static func + (lhs: Self, duration: Duration) -> Self {
        let (sum, overflow) = lhs.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return Self(nanoseconds: overflow ? (duration < .zero ? .min : .max) : sum)
    }

    /// The instant `duration` earlier; saturates instead of overflowing.
    package static func - (lhs: Self, duration: Duration) -> Self { lhs + (.zero - duration) }

    /// How long after `rhs` this instant is; negative when it is before.
    package static func - (lhs: Self, rhs: Self) -> Duration { .nanoseconds(lhs.nanoseconds &- rhs.nanoseconds) }
}

extension Duration {
    /// The duration in whole nanoseconds, saturated to 64 bits (292 years).
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow2) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || overflow2 ? (seconds < 0 ? .min : .max) : sum
    }

    /// The duration in whole milliseconds, truncated towards zero.
    package var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }
}
