import RelayCore

/// An average rate with a small burst: a bucket that fills by one per `interval` up to `burst`.
struct TokenPace: Sendable {
    private let interval: Duration
    private let burst: Int
    /// When the bucket would be full; each token taken moves it by one interval.
    private var fullAt: MonotonicTime

    init(interval: Duration, burst: Int, now: MonotonicTime) {
        self.interval = interval
        self.burst = burst
        fullAt = now
    }

    /// When a token can be had; not after `now` = at once.
    func readyAt() -> MonotonicTime { fullAt - interval * (burst - 1) }

    /// Takes a token, if there is one.
    mutating func take(now: MonotonicTime) -> Bool {
        guard readyAt() <= now else { return false }
        fullAt = max(fullAt, now) + interval
        return true
    }
}
