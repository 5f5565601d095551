import RealModule

/// How far growth was from the middle estimate during the last two days, and from that the number of nodes to ask for: the one
/// that would have been right the most often by SDA-1, had the middle estimate been off as it was lately.
///
/// Residuals of times that were like this one count for more (``ResidualContext``). They are kept in units of the root of the volatility of their time: a calm night is not planned for with the evening's,
/// and yet not as if the evening had never been.
/// Whole nodes are counted as they are: at 40 nodes "2 % below" is none at all, and that moves the best choice.
struct ResidualBand: Hashable, Sendable, Codable {
    /// Residuals that are kept: two days of them.
    static let maximum = 2_880
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

    /// What is added to every residual's weight: those of quite other times still count for a little.
    private static let least = 0.05

    private var residuals = PackedFloats()
    /// What was known when each was made, in the order of ``ResidualContext/coordinates``.
    private var contexts = [PackedFloats](repeating: PackedFloats(), count: ResidualContext.count)
    private var next = 0
    private(set) var volatility = 0.01

    init() {}

    var count: Int { residuals.count }

    /// - Parameter then: ``volatility`` when the estimate was made; likewise `context`.
    mutating func add(_ residual: Double, volatility then: Double, context: ResidualContext) {
        let scaled = Float(residual / max(then, 1e-4).squareRoot())
        guard scaled.isFinite, contexts.count == ResidualContext.count else { return }
        let isFull = residuals.count >= Self.maximum
        next = (0..<Self.maximum).contains(next) ? next : 0
        if isFull { residuals.replace(scaled, at: next) } else { residuals.append(scaled, most: Self.maximum) }
        for (index, coordinate) in context.coordinates.enumerated() {
            let value = Float(coordinate.isFinite ? coordinate : 0)
            if isFull {
                contexts[index].replace(value, at: next)
            } else {
                contexts[index].append(value, most: Self.maximum)
            }
        }
        if isFull { next = (next + 1) % Self.maximum }
        volatility += (min(abs(residual), Self.limit) - volatility) / min(Self.memory, Double(residuals.count) + 5)
        volatility = max(volatility, 5e-4)
    }

    /// Whether it is one that ``add(_:volatility:context:)`` may have made.
    var isSound: Bool {
        contexts.count == ResidualContext.count && contexts.allSatisfy { $0.count == residuals.count }
            && residuals.count <= Self.maximum && volatility.isFinite && volatility > 0 && volatility <= 1
    }

    /// The offset to add to the middle estimate.
    ///
    /// - Parameters:
    ///   - median: the middle estimate of growth.
    ///   - need: nodes that demand needs now; nil when a node's size is not known.
    ///   - context: what is known now.
    func offset(median: Double, need: Double?, context: ResidualContext) -> Double {
        var offset = Self.above / 2
        if residuals.count > 0 {
            var middle = Self.fine
            if let need, need.isFinite, need * Double.exp(median) <= Self.largest { middle = need * Double.exp(median) }
            // A millionth below the whole number: what follows rounds up.
            if middle > 0.01 { offset = Double.log((Double(nodes(middle, context)) - 1e-6) / middle) }
        }
        return residuals.count < Self.enough ? max(min(offset, Self.above / 2), Self.floor - median) : offset
    }

    /// The count that is right for the most residuals, those of like times counting more; the middle of all that are as good.
    private func nodes(_ middle: Double, _ context: ResidualContext) -> Int {
        let reach = ForecastOutlook.limit
        let lowest = (middle * Double.exp(-reach) * 0.9).nodes - 1
        var changes = [Double](repeating: 0, count: (middle * Double.exp(reach) * 1.2).nodes + 4)
        let unit = volatility.squareRoot()
        for (index, weight) in weights(context).enumerated() {
            guard let residual = residuals[index] else { continue }
            let growth = min(max(Double(residual) * unit, -reach), reach)
            let oracle = (middle * Double.exp(growth)).nodes
            let first = max(0, oracle - oracle * 2 / 100 - lowest)
            let after = oracle + max(1, (oracle * 10 + 99) / 100) - lowest + 1
            if changes.indices.contains(first) { changes[first] += weight }
            if changes.indices.contains(after) { changes[after] -= weight }
        }
        // Sums of weights that differ by less than a thousandth are the same.
        var held = 0.0
        for index in changes.indices {
            held += changes[index]
            changes[index] = held
        }
        let best = (changes.max() ?? 0) * (1 - 1e-3)
        guard let low = changes.firstIndex(where: { $0 >= best }) else { return lowest }
        var high = low
        while high + 1 < changes.count, changes[high + 1] >= best { high += 1 }
        return lowest + (low + high + 1) / 2
    }

    private func weights(_ context: ResidualContext) -> [Double] {
        var distances = [Double](repeating: 0, count: residuals.count)
        for (values, now) in zip(contexts, context.coordinates) {
            var index = 0
            values.forEach { value in
                if distances.indices.contains(index) {
                    distances[index] += (Double(value) - now) * (Double(value) - now)
                }
                index += 1
            }
        }
        return distances.map { Double.exp(-0.5 * min($0, 1_000)) + Self.least }
    }
}

/// What was known when an estimate was made. Errors of the estimate depend on it: while demand rises steeply or wavers it is wrong
/// more often, and more often in one direction.
struct ResidualContext: Hashable, Sendable, Codable {
    static let count = 3

    var median: Double
    var wavering: Double
    var gap: Double

    init(median: Double, outlook: ForecastOutlook) {
        self.median = median
        wavering = outlook.wavering15
        gap = outlook.gap15
    }

    init(median: Double = 0, wavering: Double = 0, gap: Double = 0) {
        self.median = median
        self.wavering = wavering
        self.gap = gap
    }

    /// In units in which a distance of 1 is a good deal: 3 % of growth, one and a half e-foldings of wavering.
    var coordinates: [Double] {
        [median / 0.03, Double.log(max(0, wavering) + 2e-4) / 1.5, gap / 0.03]
    }
}
