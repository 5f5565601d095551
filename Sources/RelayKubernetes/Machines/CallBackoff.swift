package import RelayCore

/// How long to leave the API server alone after failures: 1 s, doubled each time up to 30 s, and never less than the server
/// asked for. The upper half of each wait is random, so that many autoscalers do not come back together.
package struct CallBackoff: Sendable {
    static let first = Duration.seconds(1)
    static let longest = Duration.seconds(30)

    private var jitter: SplitMix
    private var failures = 0
    private var notBefore = MonotonicTime(nanoseconds: .min)

    package init(seed: UInt64) { jitter = SplitMix(seed: seed) }

    /// When the next call may be made; nil when it may be now.
    package func waitsUntil(now: MonotonicTime) -> MonotonicTime? { notBefore > now ? notBefore : nil }

    /// A call was answered.
    package mutating func succeeded() {
        failures = 0
        notBefore = MonotonicTime(nanoseconds: .min)
    }

    /// A call failed. Refusals that no waiting helps against are treated the same: asking them more often helps neither.
    package mutating func failed(_ problem: KubernetesProblem, now: MonotonicTime) {
        failures += 1
        let doubled = Self.first * (1 << min(failures - 1, 5))
        let capped = min(doubled, Self.longest)
        var wait = capped / 2 + jitter.upTo(capped / 2)
        if case .busy(_, let asked?) = problem { wait = max(wait, asked) }
        notBefore = max(notBefore, now + wait)
    }
}

/// SplitMix64 (Steele et al. 2014), seeded, so that a run can be repeated.
struct SplitMix: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    private mutating func next() -> UInt64 {
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
}
