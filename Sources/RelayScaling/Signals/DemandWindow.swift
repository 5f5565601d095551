package import RelayCore

/// The last minutes of a tier, one sample a tick; not kept over a restart.
package struct DemandWindow: Sendable {
    package struct Sample: Hashable, Sendable {
        package var at: MonotonicTime
        /// Demand in the dimension that the forecast learns, censored demand included.
        package var demand: Double
        /// What nodes reported, those that went missing a moment ago included.
        package var load: Load
        /// Cumulative counters.
        package var joins: Double
        package var leaves: Double
        package var refused: Double
        package var drops: Double
        /// What was wanted, before anything blocked it.
        package var wanted: Int
        /// Whether first frames took too long in too many nodes.
        package var isSlow: Bool
    }

    package private(set) var samples: [Sample] = []
    /// Samples older than this are forgotten.
    private let span: Duration
    /// A bound for ticks that come much too often.
    private static let most = 4_096

    package init(span: Duration) { self.span = span }

    package var last: Sample? { samples.last }

    package mutating func append(_ sample: Sample) {
        samples.append(sample)
        let oldest = sample.at - span
        guard let first = samples.first, first.at < oldest || samples.count > Self.most else { return }
        var drop = 0
        // One older sample stays, so that a whole span is covered.
        while drop + 1 < samples.count, samples[drop + 1].at <= oldest || samples.count - drop > Self.most { drop += 1 }
        if drop > 0 { samples.removeFirst(drop) }
    }

    package mutating func setWanted(_ wanted: Int) {
        guard let last = samples.indices.last else { return }
        samples[last].wanted = wanted
    }

    package mutating func removeAll() { samples.removeAll() }

    /// Samples not older than `age`, oldest first; at least the newest.
    package func since(_ age: Duration, now: MonotonicTime) -> ArraySlice<Sample> {
        let oldest = now - age
        var start = samples.endIndex
        while start > samples.startIndex, samples[start - 1].at >= oldest { start -= 1 }
        return samples[start...]
    }

    /// The newest sample that is at least `age` old; else the oldest.
    package func sample(before age: Duration, now: MonotonicTime) -> Sample? {
        let limit = now - age
        for sample in samples.reversed() where sample.at <= limit { return sample }
        return samples.first
    }

    /// Whether the samples reach back for `age`.
    package func covers(_ age: Duration, now: MonotonicTime) -> Bool {
        guard let first = samples.first else { return false }
        return now - first.at >= age
    }
}
