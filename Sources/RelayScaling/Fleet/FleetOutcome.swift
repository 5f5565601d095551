/// A run's figures.
package struct FleetOutcome: Hashable, Sendable, Codable {
    package var settings: FleetSettings
    package var totals: FleetTotals
    /// Of all viewer-minutes, percent.
    package var overloadedPercent: Double
    package var pullsP50: Int
    package var pullsP99: Int
    /// Hours of requested replicas (drained ones not counted) and of the smallest fleet that would have done (SDA-1's oracle).
    package var requestedHours: Double
    package var oracleHours: Double
    /// Percent of epochs of 60 s, regions taken together; and by region.
    package var sda: Double
    package var sdaByRegion: [Double]
    /// Epochs more than 2 % below the oracle, percent.
    package var under: Double
    /// Demand over serving edges at 100 %, mean.
    package var utilisation: Double
    package var reasons: [String: Int]

    /// What SDA-1 is reported for.
    package static let lead = 120.0
    package static let hold = 300.0

    package var rehomeP99: Double? {
        let sorted = totals.rehomeSeconds.sorted()
        guard !sorted.isEmpty else { return nil }
        return sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
    }

    init(_ model: borrowing FleetModel, reasons: [String: Int]) {
        settings = model.settings
        totals = model.totals
        self.reasons = reasons
        overloadedPercent = 100 * totals.overloadedMinutes / max(1, totals.watchedMinutes)
        pullsP50 = model.pulls(percentile: 50)
        pullsP99 = model.pulls(percentile: 99)
        requestedHours = 0
        oracleHours = 0
        sdaByRegion = []
        var right = 0
        var low = 0
        var epochs = 0
        var demand = 0.0
        var serving = 0.0
        let first = (Self.lead / 60).wholeNumber
        let last = ((Self.lead + Self.hold) / 60).wholeNumber
        for region in model.regions {
            let series = region.series
            let highest = SDA1.highest(series.demand, first: first, last: last)
            var regionRight = 0
            for (index, needed) in highest.enumerated() {
                let oracle = min(region.maximum, max(1, needed.rounded(.up).wholeNumber))
                let replicas = series.requested[index]
                if SDA1.isRight(replicas, oracle: oracle) { regionRight += 1 }
                if replicas < oracle - oracle * 2 / 100 { low += 1 }
                requestedHours += Double(replicas) / 60
                oracleHours += Double(oracle) / 60
                demand += series.demand[index] * model.settings.utilisation
                serving += Double(series.serving[index])
            }
            sdaByRegion.append(100 * Double(regionRight) / Double(max(1, highest.count)))
            right += regionRight
            epochs += highest.count
        }
        sda = 100 * Double(right) / Double(max(1, epochs))
        under = 100 * Double(low) / Double(max(1, epochs))
        utilisation = 100 * demand / max(1, serving)
    }
}
