import RealModule

/// Learns a tier's demand and estimates how it grows.
///
/// Experts guess the growth from now to the highest value between lead and lead + hold; each is weighed by how right it was
/// (``ExpertPanel``); the band turns their middle estimate into the count of nodes that is right most often
/// (``ResidualBand``); while all that is worse than "now + 5 %" it is not used (``ForecastTrust``). Everything happens
/// once a minute, on demand at whole minutes of UTC; ticks in between use what was learned.
///
/// It is a value: equal histories give equal answers, bit for bit, also through ``Codable``.
package struct DemandForecast: Hashable, Sendable, Codable {
    /// The most that is answered, as a factor.
    package static let mostGrowth = 1.7
    /// Demand below this counts as this: growth from nothing has no logarithm.
    private static let least = 1e-3
    private static let most = 1e30
    /// A step of the wall clock beyond what ticks explain, s, and how long seasons are not believed after it, min.
    private static let clockStep = 60.0, distrust = 60
    /// A gap of more minutes teaches nothing.
    private static let longestGap = 5

    private var history = MinuteHistory()
    private var ridges = RidgeExpert.memories.map(RidgeExpert.init(memory:))
    private var panel = ExpertPanel()
    private var band = ResidualBand()
    private var trust = ForecastTrust()
    private var pending: [Pending] = []
    private var span = ForecastSpan(lead: 120, hold: 300)
    private var newest: Observation?
    /// Seconds between the last two observations.
    private var interval = 0.0
    /// Minutes until seasons are believed again.
    private var distrustedMinutes = 0

    private struct Observation: Hashable, Sendable, Codable {
        var wall: Double
        /// The logarithm of demand.
        var value: Double
    }

    /// What was said at a whole minute, until it is known what came of it.
    private struct Pending: Hashable, Sendable, Codable {
        var minute: Int
        var span: ForecastSpan
        var value: Double
        var row: [Double]
        var guess: Guess
        var said: Double
        var volatility: Double
        var context: ResidualContext

        var isSound: Bool {
            abs(Double(minute)) < 0x1p40 && span.isSound && value.isFinite && row.count == RidgeExpert.features
                && row.allSatisfy(\.isFinite) && said.isFinite && volatility.isFinite && guess.median.isFinite
                && guess.estimates.count == ExpertPanel.names.count
                && guess.estimates.allSatisfy { $0?.isFinite ?? true }
        }
    }

    private struct Guess: Hashable, Sendable, Codable {
        var estimates: [Double?]
        var weights: [Double]
        var median: Double
    }

    package init() {}

    /// See ``LearnedState/isSound``.
    var isSound: Bool {
        ridges.count == RidgeExpert.memories.count && ridges.allSatisfy(\.isSound) && panel.isSound && band.isSound
            && trust.isSound && span.isSound && (0...Self.distrust).contains(distrustedMinutes) && interval.isFinite
            && newest.map { $0.wall.isFinite && abs($0.wall) < 1e12 && $0.value.isFinite } ?? true
            && pending.count <= Self.mostPending && pending.allSatisfy(\.isSound)
    }
    /// Minutes whose outcome is open: as many as the longest span has.
    private static let mostPending = 1_000

    /// One value of demand, in any unit; called every tick, in order. What is not a number or negative is ignored.
    ///
    /// - Parameter wallSeconds: UTC, s since 1970: seasons are found by it.
    package mutating func observe(_ demand: Double, at wallSeconds: Double) {
        guard demand.isFinite, demand >= 0, wallSeconds.isFinite, abs(wallSeconds) < 1e12,
            let minute = Int(exactly: (wallSeconds / 60).rounded(.down))
        else { return }
        let value = Double.log(min(max(demand, Self.least), Self.most))
        guard let last = newest else { return begin(value, wall: wallSeconds, minute: minute) }
        let step = wallSeconds - last.wall
        if step < 0 {
            guard step < -Self.clockStep else {
                // A correction of the clock by seconds: the value is news, the time is not.
                newest?.value = value
                return
            }
            goBack(to: minute)
            return begin(value, wall: wallSeconds, minute: minute)
        }
        if step > interval + Self.clockStep, interval > 0 { distrustedMinutes = Self.distrust }
        guard minute - history.end <= MinuteHistory.days * MinuteHistory.minutesPerDay else {
            // Nothing of it is left in the days that are looked at, but what the models learned.
            history = MinuteHistory()
            pending.removeAll()
            return begin(value, wall: wallSeconds, minute: minute)
        }
        if step > 0 { interval = min(step, Self.clockStep) }
        fill(from: last, to: Observation(wall: wallSeconds, value: value), minute: minute)
        newest = Observation(wall: wallSeconds, value: value)
    }

    /// The upper estimate of demand between `lead` and `lead + hold` s from the newest value, called each tick after
    /// ``observe(_:at:)``. What it says at whole minutes is scored once that time is over.
    ///
    /// - Parameters:
    ///   - lead: s; what the newest value is old already is part of it.
    ///   - perNode: demand that one node carries as planned: then the answer is chosen knowing that nodes are whole.
    package mutating func predict(lead: Double, hold: Double, perNode: Double? = nil) -> ForecastAnswer {
        span = ForecastSpan(lead: lead, hold: hold)
        let pad = Double.exp(ForecastTrust.pad)
        guard let newest, let now = history[history.end] else {
            return ForecastAnswer(growth: pad, median: 1, band: pad, isTrusted: true)
        }
        let share = min(max(newest.wall / 60 - Double(history.end), 0), 1)
        let outlook = outlook(minute: history.end, share: share, value: share > 0 ? newest.value : now)
        let guess = guess(outlook, row: RidgeExpert.row(outlook))
        var need: Double?
        if let perNode, perNode.isFinite, perNode > 0 { need = Double.exp(newest.value) / perNode }
        let offset = band.offset(
            median: guess.median, need: need, context: ResidualContext(median: guess.median, outlook: outlook))
        var growth = min(max(Double.exp(guess.median + offset), 0.1), Self.mostGrowth)
        if !growth.isFinite || !trust.isTrusted { growth = pad }
        let experts = zip(zip(ExpertPanel.names, guess.estimates), guess.weights).compactMap { named, weight in
            named.1.flatMap {
                weight > 0 ? ForecastAnswer.Expert(name: named.0, growth: Double.exp($0), weight: weight) : nil
            }
        }
        return ForecastAnswer(
            growth: growth, median: Double.exp(guess.median), band: Double.exp(offset),
            experts: experts.sorted { ($1.weight, $0.name) < ($0.weight, $1.name) }, isTrusted: trust.isTrusted)
    }

    private mutating func begin(_ value: Double, wall: Double, minute: Int) {
        newest = Observation(wall: wall, value: value)
        interval = 0
        if history.end < minute || history.count == 0 { history.append(value, minute: minute) }
    }

    /// The wall clock went back: minutes from there on come again.
    private mutating func goBack(to minute: Int) {
        history.truncate(from: minute)
        if history.count > 0, history.end < minute - 1 { history = MinuteHistory() }
        pending.removeAll()
        distrustedMinutes = Self.distrust
    }

    /// Appends the whole minutes between two observations, on the line between them.
    private mutating func fill(from last: Observation, to newer: Observation, minute: Int) {
        let missing = minute - history.end
        guard missing > 0 else { return }
        let isGap = missing > Self.longestGap
        if isGap { pending.removeAll() }
        for next in (history.end + 1)...minute {
            let share =
                newer.wall > last.wall ? min(max((Double(next) * 60 - last.wall) / (newer.wall - last.wall), 0), 1) : 1
            history.append(last.value + (newer.value - last.value) * share, minute: next)
            if !isGap || next == minute { close(next) }
        }
    }

    /// Scores what is over, learns from it, and notes what would be said now.
    private mutating func close(_ minute: Int) {
        distrustedMinutes = max(0, distrustedMinutes - 1)
        while let first = pending.first, first.minute + first.span.wholeEnd <= minute {
            pending.removeFirst()
            guard let highest = first.span.highest(history, after: first.minute) else { continue }
            let growth = ForecastOutlook.limited(highest - first.value)
            for index in ridges.indices { ridges[index].learn(first.row, growth: growth) }
            panel.score(first.guess.estimates, growth: growth)
            band.add(growth - first.guess.median, volatility: first.volatility, context: first.context)
            trust.score(said: first.said, growth: growth)
        }
        guard let value = history[minute] else { return }
        let outlook = outlook(minute: minute, share: 0, value: value)
        let row = RidgeExpert.row(outlook)
        let guess = guess(outlook, row: row)
        let context = ResidualContext(median: guess.median, outlook: outlook)
        let said = max(0, guess.median + band.offset(median: guess.median, need: nil, context: context))
        pending.append(
            Pending(
                minute: minute, span: span, value: value, row: row, guess: guess, said: said,
                volatility: band.volatility,
                context: context))
    }

    private func outlook(minute: Int, share: Double, value: Double) -> ForecastOutlook {
        ForecastOutlook(
            history, minute: minute, share: share, value: value, span: span, usesSeasons: distrustedMinutes == 0)
    }

    private func guess(_ outlook: ForecastOutlook, row: [Double]) -> Guess {
        let estimates = ExpertPanel.estimates(
            outlook, regressions: ridges.map { $0.predict(row) }, span: span)
        let weights = panel.weights(estimates)
        var median = 0.0
        for (estimate, weight) in zip(estimates, weights) { median += (estimate ?? 0) * weight }
        return Guess(estimates: estimates, weights: weights, median: ForecastOutlook.limited(median))
    }
}
