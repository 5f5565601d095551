import RelayCore

/// Spreads what many nodes would do at the same instant. Seeded, so that a run can be repeated (SplitMix64, Steele et al. 2014).
struct Jitter: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 up to, not including, `duration`.
    mutating func upTo(_ duration: Duration) -> Duration {
        let nanoseconds = duration.wholeNanoseconds
        guard nanoseconds > 0 else { return .zero }
        return .nanoseconds(Int64(clamping: next() % UInt64(clamping: nanoseconds)))
    }

    /// The duration, a quarter more or less.
    mutating func around(_ duration: Duration) -> Duration { duration * 3 / 4 + upTo(duration / 2) }
}
