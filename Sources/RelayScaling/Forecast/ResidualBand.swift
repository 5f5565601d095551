import RealModule

/// How far growth was from the middle estimate during the last day, and from that the number of nodes to ask for: the one
/// that would have been right the most often by SDA-1, had the middle estimate been off as it was lately.
///
/// Residuals are kept in units of the root of the volatility of their time: a calm night is not planned for with the evening's,
/// and yet not as if the evening had never been.
/// Whole nodes are counted as they are: at 40 nodes "2 % below" is none at all, and that moves the best choice.
struct ResidualBand: Hashable, Sendable, Codable {
    /// Residuals that are kept: a day of them.
    static let maximum = 1_440
    /// Until there are so many, two hours of them, growth is `floor` at least; and the offset is half the band at most: what the
    /// first hour's estimates missed, the experts have learned meanwhile, and it must not be added twice.
    static let enough = 120
    /// 3 %.
    static let floor = 0.03
    /// SDA-1's limits around what is asked for, as logarithms: right when growth is between `-above` and `below` of it.
    static let below = 0.0202, above = 0.0953
    /// Minutes after which a residual counts 1/e in the volatility.
    private static let memory = 60.0
    /// Residuals beyond this say that something broke, not how volatile it is.
    private static let limit = 0.2
    /// Without a node's size the answer is as fine as this many nodes; and no tier is counted beyond it.
    private static let fine = 2_000.0, largest = 20_000.0

    private var residuals = PackedFloats()
    private var next = 0
    private(set) var volatility = 0.01

    init() {}

    var count: Int { residuals.count }

    /// - Parameter then: ``volatility`` when the estimate was made.
    mutating func add(_ residual: Double, volatility then: Double) {
        let scaled = Float(residual / max(then, 1e-4).squareRoot())
        if residuals.count < Self.maximum {
            residuals.append(scaled, most: Self.maximum)
        } else {
            next = (0..<Self.maximum).contains(next) ? next : 0
            residuals.replace(scaled, at: next)
            next = (next + 1) % Self.maximum
        }
        volatility += (min(abs(residual), Self.limit) - volatility) / min(Self.memory, Double(residuals.count) + 5)
        volatility = max(volatility, 5e-4)
    }

    /// The offset to add to the middle estimate.
    ///
    /// - Parameters:
    ///   - median: the middle estimate of growth.
    ///   - need: nodes that demand needs now; nil when a node's size is not known.
    func offset(median: Double, need: Double?) -> Double {
        var offset = Self.above / 2
        if residuals.count > 0 {
            var middle = Self.fine
            if let need, need.isFinite, need * Double.exp(median) <= Self.largest { middle = need * Double.exp(median) }
            // A millionth below the whole number: what follows rounds up.
            if middle > 0.01 { offset = Double.log((Double(nodes(middle)) - 1e-6) / middle) }
        }
        return residuals.count < Self.enough ? max(min(offset, Self.above / 2), Self.floor - median) : offset
    }

    /// The count that is right for the most residuals, the middle of all that are right as often.
    private func nodes(_ middle: Double) -> Int {
        let reach = ForecastOutlook.limit
        let lowest = (middle * Double.exp(-reach) * 0.9).nodes - 1
        var changes = [Int32](repeating: 0, count: (middle * Double.exp(reach) * 1.2).nodes + 4)
        let unit = volatility.squareRoot()
        residuals.forEach { residual in
            let growth = min(max(Double(residual) * unit, -reach), reach)
            let oracle = (middle * Double.exp(growth)).nodes
            let first = max(0, oracle - oracle * 2 / 100 - lowest)
            let after = oracle + max(1, (oracle * 10 + 99) / 100) - lowest + 1
            if changes.indices.contains(first) { changes[first] += 1 }
            if changes.indices.contains(after) { changes[after] -= 1 }
        }
        var held: Int32 = 0
        var best: Int32 = 0
        var low = 0
        var high = 0
        for (index, change) in changes.enumerated() {
            held += change
            if held > best {
                (best, low, high) = (held, index, index)
            } else if held == best, high == index - 1 {
                high = index
            }
        }
        return lowest + (low + high + 1) / 2
    }
}
