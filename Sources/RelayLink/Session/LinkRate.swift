import RelayCore

/// Counts requests in windows of one second.
struct LinkRate: Sendable {
    static let length = Duration.seconds(1)

    private var start: MonotonicTime?
    private var count: UInt32 = 0

    /// Takes one.
    ///
    /// - Returns: nil, or when the window gives way to an empty one if this one is used up.
    mutating func take(limit: UInt32, now: MonotonicTime) -> MonotonicTime? {
        if let start, now >= start, now < start + Self.length {
            guard count < limit else { return start + Self.length }
            count &+= 1
        } else {
            start = now
            count = 1
        }
        return nil
    }
}
