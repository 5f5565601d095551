import Glibc
import RelayCore

/// Times from a viewer's request to its first media, over the last half minute: a histogram of fixed size for each event loop,
/// written once per viewer.
struct FirstFrameTimes: Sendable {
    /// Buckets per doubling: a percentile is read at most 19 % too high.
    private static let perOctave = 4.0
    /// From 1 ms to a little over a minute; what is longer counts as the last.
    private static let buckets = 65
    /// Parts of the window, each cleared as a whole: the window reaches back 25 to 30 s.
    private static let slots = 6
    private static let slotLength = Duration.seconds(5)

    private var counts = [UInt32](repeating: 0, count: buckets * slots)
    private var slot = 0
    private var slotEnd: MonotonicTime?

    /// A viewer got its first media.
    mutating func note(_ time: Duration, now: MonotonicTime) {
        turn(now: now)
        let milliseconds = max(1, time.seconds * 1_000)
        // bounded: the logarithm of a Duration in ms is below 100
        let bucket = min(Self.buckets - 1, Int((log2(milliseconds) * Self.perOctave).rounded(.up)))
        counts[slot * Self.buckets + bucket] &+= 1
    }

    /// Clears what is older than the window; called with each sweep and before reading.
    mutating func turn(now: MonotonicTime) {
        guard var end = slotEnd else {
            slotEnd = now + Self.slotLength
            return
        }
        guard end <= now else { return }
        for _ in 0..<Self.slots where end <= now {
            slot = (slot + 1) % Self.slots
            for bucket in 0..<Self.buckets { counts[slot * Self.buckets + bucket] = 0 }
            end = end + Self.slotLength
        }
        slotEnd = end <= now ? now + Self.slotLength : end
    }

    /// A percentile over several loops; nil without viewers lately.
    ///
    /// - Parameter share: 0...1.
    /// - Returns: Milliseconds: the upper bound of the bucket that it falls into.
    static func percentile(_ share: Double, of loops: [FirstFrameTimes]) -> Double? {
        var sums = [UInt64](repeating: 0, count: buckets)
        for loop in loops {
            for (index, count) in loop.counts.enumerated() { sums[index % buckets] += UInt64(count) }
        }
        let total = sums.reduce(0, +)
        guard total > 0 else { return nil }
        var below: UInt64 = 0
        for (bucket, count) in sums.enumerated() {
            below += count
            if Double(below) >= share * Double(total) { return exp2(Double(bucket) / perOctave) }
        }
        return exp2(Double(buckets - 1) / perOctave)
    }
}
