/// What the forecast says about the demand between lead and lead + hold from now.
package struct ForecastAnswer: Hashable, Sendable, Codable {
    /// Upper estimate of the highest demand in that time, as a factor of the demand now; may be below 1.
    package var growth: Double
    /// The middle estimate before the band was added.
    package var median: Double
    /// What the band adds, as a factor.
    package var band: Double
    /// The experts by weight, largest first, each with its own estimate as a factor.
    package var experts: [Expert]
    /// false: it scores in the shadow only, because it has been worse than "now + 5 %" (reason `model_disabled`).
    package var isTrusted: Bool

    package struct Expert: Hashable, Sendable, Codable {
        package var name: String
        package var growth: Double
        package var weight: Double

        package init(name: String, growth: Double, weight: Double) {
            self.name = name
            self.growth = growth
            self.weight = weight
        }
    }

    package init(growth: Double, median: Double, band: Double, experts: [Expert] = [], isTrusted: Bool) {
        self.growth = growth
        self.median = median
        self.band = band
        self.experts = experts
        self.isTrusted = isTrusted
    }
}
