/// Growth as a weighted sum of what the outlook shows; the weights minimise squared errors of the last days.
///
/// Instead of recursive least squares it keeps the sums that the weights follow from and forgets them slowly: recursive
/// updates wind up while a feature is 0 for days (last week's growth in the first week), sums do not.
struct RidgeExpert: Hashable, Sendable, Codable {
    static let features = 26
    /// A week: what holds for all days. 2 days, and 6 hours: what holds today.
    static let memories = [10_000.0, 2_880, 360]
    /// Errors beyond this teach no more than this: squares would let one cliff outweigh a day.
    private static let outlier = 0.08
    /// Minutes between two solutions.
    private static let every = 5

    /// Minutes after which an observation counts 1/e.
    private var memory: Double
    private var products = [Double](repeating: 0, count: features * features)
    private var answers = [Double](repeating: 0, count: features)
    private var weights = [Double](repeating: 0, count: features)
    private var total = 0.0
    private var untilSolved = every

    init(memory: Double) { self.memory = max(1, memory) }

    /// See ``LearnedState/isSound``.
    var isSound: Bool {
        products.count == Self.features * Self.features && answers.count == Self.features
            && weights.count == Self.features && (0...Self.every).contains(untilSolved) && memory.isFinite
            && memory >= 1
            && total.isFinite && (products + answers + weights).allSatisfy(\.isFinite)
    }

    static func row(_ outlook: ForecastOutlook) -> [Double] {
        [
            1e-2, outlook.step1, outlook.step3, outlook.gap5, outlook.gap15, outlook.gap60, outlook.gap120,
            outlook.slope15 * 15, outlook.yesterday ?? 0, outlook.threeDays ?? 0, outlook.lastWeek ?? 0,
            outlook.lastHour ?? 0, outlook.threeHours ?? 0, outlook.halfHour ?? 0, outlook.fall, outlook.rise,
            outlook.aheadOfYesterday, outlook.sinceYesterday * 0.2, outlook.wavering15, outlook.wavering60,
        ] + outlook.steps
    }

    func predict(_ row: [Double]) -> Double {
        var sum = 0.0
        for (value, weight) in zip(row, weights) { sum += value * weight }
        return ForecastOutlook.limited(sum)
    }

    /// Learns that `row` was followed by `growth`.
    mutating func learn(_ row: [Double], growth: Double) {
        let before = predict(row)
        let growth = before + min(max(growth - before, -Self.outlier), Self.outlier)
        guard row.count == Self.features, products.count == Self.features * Self.features,
            answers.count == Self.features
        else { return }
        let kept = 1 - 1 / memory
        total = total * kept + 1
        for i in 0..<Self.features {
            answers[i] = answers[i] * kept + row[i] * growth
            for j in 0...i {
                products[i * Self.features + j] = products[i * Self.features + j] * kept + row[i] * row[j]
            }
        }
        untilSolved -= 1
        guard untilSolved <= 0 else { return }
        untilSolved = Self.every
        if let solved = solve() { weights = solved }
    }

    /// By Cholesky; nil when the sums are not positive definite, and then the old weights stay.
    private func solve() -> [Double]? {
        let n = Self.features
        var lower = [Double](repeating: 0, count: n * n)
        var solution = answers
        for i in 0..<n {
            for j in 0...i {
                var sum = products[i * n + j]
                // As if each feature had been seen at 1 % for two hours and had meant nothing.
                if i == j { sum += 120 * 1e-4 + 1e-3 * total * 1e-4 }
                for k in 0..<j { sum -= lower[i * n + k] * lower[j * n + k] }
                if i == j {
                    guard sum > 1e-12 else { return nil }
                    lower[i * n + i] = sum.squareRoot()
                } else {
                    lower[i * n + j] = sum / lower[j * n + j]
                }
            }
        }
        for i in 0..<n {
            for k in 0..<i { solution[i] -= lower[i * n + k] * solution[k] }
            solution[i] /= lower[i * n + i]
        }
        for i in stride(from: n - 1, through: 0, by: -1) {
            for k in (i + 1)..<max(n, i + 1) { solution[i] -= lower[k * n + i] * solution[k] }
            solution[i] /= lower[i * n + i]
        }
        return solution.allSatisfy(\.isFinite) ? solution : nil
    }
}
