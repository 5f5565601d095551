/// Measured times from asking for replicas until their first fresh report; kept over restarts.
package struct LeadStatistics: Hashable, Sendable, Codable {
    /// Newest last, s.
    package private(set) var samples: [Double] = []

    /// Fewer than this say too little; the configured lead holds until then.
    package static let enough = 5
    private static let most = 64
    /// A pod that needs longer waited for something that more lead does not cure: a quota, an image that does not start.
    package static let longest = 900.0

    package init() {}

    /// See ``LearnedState/isSound``.
    var isSound: Bool {
        samples.count <= Self.most && samples.allSatisfy { $0.isFinite && $0 > 0 && $0 <= Self.longest }
    }

    package mutating func add(_ seconds: Double) {
        guard seconds.isFinite, seconds > 0, seconds <= Self.longest else { return }
        samples.append(seconds)
        if samples.count > Self.most { samples.removeFirst(samples.count - Self.most) }
    }

    /// The 90th percentile; nil while too few are known.
    package var p90: Double? {
        guard samples.count >= Self.enough else { return nil }
        let sorted = samples.sorted()
        return sorted[min(sorted.count - 1, sorted.count * 9 / 10)]
    }
}
