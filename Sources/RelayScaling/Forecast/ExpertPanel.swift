import RealModule

/// The experts and how much each is believed: hedge on exponentially averaged absolute errors.
struct ExpertPanel: Hashable, Sendable, Codable {
    static let names = [
        "now", "slope over 5 min", "slope over 15 min", "slope over 60 min", "yesterday", "last 3 days", "last week",
        "last hours", "regression over a week", "regression over days", "regression over hours",
    ]
    /// Minutes after which an error counts 1/e.
    private static let memory = 240.0
    /// How much worse experts lose their say: weights go with the error to this power.
    private static let sharpness = 8.0

    private var errors = [Double](repeating: 0.02, count: names.count)
    /// Errors learned from, of each expert, up to the memory: the first ones count for more.
    private var counts = [Double](repeating: 0, count: names.count)
    /// Errors that it takes to have a say; "now" always has one.
    private static let proof = 20.0

    init() {}

    /// See ``LearnedState/isSound``.
    var isSound: Bool {
        errors.count == Self.names.count && counts.count == Self.names.count
            && (errors + counts).allSatisfy { $0.isFinite && $0 >= 0 }
    }

    /// Estimates in the order of ``names``; nil for who has nothing to say.
    static func estimates(_ outlook: ForecastOutlook, regressions: [Double], span: ForecastSpan) -> [Double?] {
        [
            0, outlook.slope5 * damped(span.end, 5), outlook.slope15 * damped(span.end, 15),
            outlook.slope60 * damped(span.end, 60), outlook.yesterday, outlook.threeDays, outlook.lastWeek,
            outlook.threeHours,
        ].map { $0.map(ForecastOutlook.limited) } + regressions.map(ForecastOutlook.limited)
    }

    /// Minutes that a slope goes on: each one counts less than the one before, the shorter it was measured the faster.
    private static func damped(_ minutes: Double, _ measured: Double) -> Double {
        measured * (1 - Double.exp(-minutes / measured))
    }

    /// Weights, adding up to 1.
    func weights(_ estimates: [Double?]) -> [Double] {
        var least = Double.infinity
        for (index, error) in errors.enumerated() where hasSay(index) { least = min(least, max(error, 1e-5)) }
        var weights = zip(estimates, errors).enumerated().map { index, known in
            known.0 == nil || !hasSay(index) ? 0 : Double.pow(least / max(known.1, 1e-5), Self.sharpness)
        }
        let sum = weights.reduce(0, +)
        guard sum > 0 else { return weights }
        for index in weights.indices { weights[index] /= sum }
        return weights
    }

    private func hasSay(_ index: Int) -> Bool {
        index == 0 || (counts.indices.contains(index) && counts[index] >= Self.proof)
    }

    /// Learns what came of estimates.
    mutating func score(_ estimates: [Double?], growth: Double) {
        guard estimates.count == errors.count, counts.count == errors.count else { return }
        for (index, estimate) in estimates.enumerated() {
            guard let estimate else { continue }
            counts[index] = min(counts[index] + 1, Self.memory)
            errors[index] += (abs(estimate - growth) - errors[index]) / counts[index]
        }
    }
}
