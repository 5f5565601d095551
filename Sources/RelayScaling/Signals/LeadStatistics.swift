/// Measured times from asking for replicas until their first fresh report; kept over restarts.
package struct LeadStatistics: Hashable, Sendable, Codable {
    /// Newest last, s.
    package private(set) var samples: [Double] = []
    /// The same of pods that found a machine at once, and of pods that waited for a new one. nil in what an earlier release stored.
    private var placed: [Double]?
    private var waited: [Double]?

    /// Fewer than this say too little; the configured lead holds until then.
    package static let enough = 5
    private static let most = 64
    /// A pod that needs longer waited for something that more lead does not cure: a quota, an image that does not start.
    package static let longest = 900.0

    package init() {}

    /// See ``LearnedState/isSound``.
    package var isSound: Bool {
        [samples, placed ?? [], waited ?? []].allSatisfy { samples in
            samples.count <= Self.most && samples.allSatisfy { $0.isFinite && $0 > 0 && $0 <= Self.longest }
        }
    }

    /// - Parameter hasWaited: Whether the pod waited for a machine.
    package mutating func add(_ seconds: Double, hasWaited: Bool = false) {
        guard seconds.isFinite, seconds > 0, seconds <= Self.longest else { return }
        Self.append(seconds, to: &samples)
        var ofKind = (hasWaited ? waited : placed) ?? []
        Self.append(seconds, to: &ofKind)
        if hasWaited { waited = ofKind } else { placed = ofKind }
    }

    private static func append(_ seconds: Double, to samples: inout [Double]) {
        samples.append(seconds)
        if samples.count > most { samples.removeFirst(samples.count - most) }
    }

    /// The 90th percentile of all; nil while too few are known. It is decided by: whether the next pod finds a machine is not known
    /// beforehand, and as soon as one in ten waits for one this is that time.
    package var p90: Double? { Self.p90(of: samples) }
    /// Of pods that found a machine at once, for people: what a warm pool would give.
    package var p90Placed: Double? { placed.flatMap(Self.p90) }
    /// Of pods that waited for a machine, for people.
    package var p90Waited: Double? { waited.flatMap(Self.p90) }

    private static func p90(of samples: [Double]) -> Double? {
        guard samples.count >= enough else { return nil }
        let sorted = samples.sorted()
        return sorted[min(sorted.count - 1, sorted.count * 9 / 10)]
    }
}
