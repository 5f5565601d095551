/// Whether the forecast is better than "now + 5 %", scored on what came of both.
///
/// The loss is a pinball loss around SDA-1's band: nothing inside, and being too low weighs more than being too high.
struct ForecastTrust: Hashable, Sendable, Codable {
    /// What it is compared with and replaced by: log(1.05).
    static let pad = 0.04879
    /// The share of misses that are to be on the high side.
    private static let quantile = 0.85
    /// Minutes after which a loss counts 1/e, minutes of being worse before it is not trusted, and of being better before it
    /// is trusted again.
    private static let memory = 360.0, patience = 360, proof = 60
    /// Losses that differ by less, or by less than this share, are the same: the band is made for SDA-1's limits and loses to a
    /// fixed pad by this measure now and then, on days when it wins by that.
    private static let margin = 1e-4
    private static let tolerance = 1.3

    private var own = 0.0
    private var rival = 0.0
    private var minutes = 0
    private(set) var isTrusted = true

    init() {}

    /// See ``LearnedState/isSound``.
    var isSound: Bool { (0...Self.patience).contains(minutes) && own.isFinite && rival.isFinite }

    /// - Parameter said: the logarithm of the growth that was asked for.
    mutating func score(said: Double, growth: Double) {
        own += (Self.loss(said, growth) - own) / Self.memory
        rival += (Self.loss(Self.pad, growth) - rival) / Self.memory
        let isAgainst = isTrusted ? own > rival * Self.tolerance + Self.margin : own < rival
        minutes = isAgainst ? minutes + 1 : 0
        if minutes >= (isTrusted ? Self.patience : Self.proof) {
            isTrusted.toggle()
            minutes = 0
        }
    }

    static func loss(_ said: Double, _ growth: Double) -> Double {
        let missing = growth - ResidualBand.below - said
        if missing > 0 { return missing * quantile }
        let tooMuch = said - growth - ResidualBand.above
        return tooMuch > 0 ? tooMuch * (1 - quantile) : 0
    }
}
