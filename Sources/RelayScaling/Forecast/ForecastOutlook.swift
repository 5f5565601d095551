/// What the experts see at one instant: demand now and before, and how it went on after like instants.
///
/// All values are logarithms, so a difference of 0.05 is 5 %. "Growth" is the highest value between lead and lead + hold
/// after an instant, less the value at it: what the forecast wants to know, measured directly instead of step by step.
struct ForecastOutlook {
    /// Growth after like instants of the past, nil where the history does not reach.
    var yesterday: Double?
    var threeDays: Double?
    var lastWeek: Double?
    /// An hour ago, the mean of the last hours, and half an hour ago: programmes start at the full and at the half hour.
    var lastHour: Double?
    var threeHours: Double?
    var halfHour: Double?
    /// Value now less the mean of the last 5, 15, 60, 120 minutes, and less that of 1 and 3 minutes ago.
    var gap5 = 0.0, gap15 = 0.0, gap60 = 0.0, gap120 = 0.0
    var step1 = 0.0, step3 = 0.0
    /// Value now less that of 2, 7, 10, 20, 30 and 45 minutes ago: between them lies the course of the last hour.
    var steps = [Double](repeating: 0, count: stepLags.count)
    static let stepLags = [2, 7, 10, 20, 30, 45]
    /// Mean change of a minute, either way, over 15 and 60 minutes: the highest of a time is the higher the more demand wavers.
    var wavering15 = 0.0, wavering60 = 0.0
    /// Value now less that of a day ago, and how much more it grew within the last hour than it did then.
    var sinceYesterday = 0.0, aheadOfYesterday = 0.0
    /// Value now less the highest and the lowest of the last 30 minutes: after a fall demand comes back, after a rise it does not.
    var fall = 0.0, rise = 0.0
    /// Growth per minute over 5, 15 and 60 minutes.
    var slope5 = 0.0, slope15 = 0.0, slope60 = 0.0

    /// Larger differences are taken for this: a sensor that drops out must not move the models.
    static let limit = 0.5

    /// - Parameters:
    ///   - value: at the instant, which is `share` of a minute after `minute`.
    ///   - span: in minutes from the instant.
    init(_ history: MinuteHistory, minute: Int, share: Double = 0, value: Double, span: ForecastSpan, usesSeasons: Bool)
    {
        let past = Past(history: history, minute: minute, share: share, value: value)
        var sum = 0.0
        var count = 0.0
        var highest = value
        var lowest = value
        var later = value
        var wavered = 0.0
        var nextStep = 0
        for lag in 1...120 {
            guard let earlier = past[lag] else { break }
            wavered += abs(later - earlier)
            later = earlier
            if nextStep < Self.stepLags.count, lag == Self.stepLags[nextStep] {
                steps[nextStep] = Self.limited(value - earlier)
                nextStep += 1
            }
            if lag == 15 { wavering15 = min(wavered / 15, 0.1) }
            if lag == 60 { wavering60 = min(wavered / 60, 0.1) }
            sum += earlier
            count += 1
            if lag <= 30 {
                highest = max(highest, earlier)
                lowest = min(lowest, earlier)
            }
            switch lag {
            case 1: step1 = Self.limited(value - earlier)
            case 3: step3 = Self.limited(value - earlier)
            case 5:
                gap5 = Self.limited(value - sum / count)
                slope5 = Self.limited(value - earlier) / 5
            case 15:
                gap15 = Self.limited(value - sum / count)
                slope15 = Self.limited(value - earlier) / 15
            case 60:
                gap60 = Self.limited(value - sum / count)
                slope60 = Self.limited(value - earlier) / 60
            case 120: gap120 = Self.limited(value - sum / count)
            default: break
            }
        }
        fall = Self.limited(value - highest)
        rise = Self.limited(value - lowest)
        let hour = span.afterWhole(60)
        lastHour = past.growth(hour, span)
        threeHours = Self.mean([lastHour, past.growth(hour + 60, span), past.growth(hour + 120, span)])
        halfHour = past.growth(span.afterWhole(30), span)
        guard usesSeasons else { return }
        let day = MinuteHistory.minutesPerDay
        yesterday = past.growth(day, span)
        threeDays = Self.mean([yesterday, past.growth(2 * day, span), past.growth(3 * day, span)])
        lastWeek = past.growth(7 * day, span)
        if let then = past[day] {
            sinceYesterday = Self.limited(value - then)
            if let hourAgo = past[60], let hourBefore = past[day + 60] {
                aheadOfYesterday = Self.limited((value - hourAgo) - (then - hourBefore))
            }
        }
    }

    static func limited(_ value: Double) -> Double { min(max(value, -limit), limit) }

    private static func mean(_ values: [Double?]) -> Double? {
        let known = values.compactMap(\.self)
        return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }

    /// Values before the instant, on the lines between minutes.
    private struct Past {
        let history: MinuteHistory
        let minute: Int
        let share: Double
        let value: Double

        subscript(lag: Int) -> Double? {
            guard lag > 0 else { return value }
            guard let older = history[minute &- lag] else { return nil }
            guard share > 0, let newer = history[minute &- lag &+ 1] else { return older }
            return older + (newer - older) * share
        }

        /// Growth after the instant `lag` minutes ago; nil when it was not over or is not known.
        func growth(_ lag: Int, _ span: ForecastSpan) -> Double? {
            guard lag > span.wholeEnd, let base = self[lag], var highest = line(lag, span.start) else { return nil }
            var ahead = span.wholeStart + 1
            while ahead < span.wholeEnd {
                guard let later = self[lag - ahead] else { return nil }
                highest = max(highest, later)
                ahead += 1
            }
            guard let last = line(lag, span.end) else { return nil }
            return ForecastOutlook.limited(max(highest, last) - base)
        }

        /// The value `ahead` minutes after the instant `lag` minutes ago.
        private func line(_ lag: Int, _ ahead: Double) -> Double? {
            let whole = ahead.rounded(.down)
            guard let index = Int(exactly: whole), let older = self[lag &- index] else { return nil }
            guard ahead > whole, let newer = self[lag &- index &- 1] else { return older }
            return older + (newer - older) * (ahead - whole)
        }
    }
}

/// From lead to lead + hold, in whole minutes and as it is.
struct ForecastSpan: Hashable, Sendable, Codable {
    var start: Double
    var end: Double
    var wholeStart: Int
    var wholeEnd: Int

    /// The longest span that is looked at: beyond half a day the experts know nothing.
    static let longest = 720.0

    init(lead: Double, hold: Double) {
        let lead = lead.isFinite ? max(0, lead) / 60 : 0
        let hold = hold.isFinite ? max(0, hold) / 60 : 0
        start = min(lead, Self.longest - 1)
        end = min(max(lead + hold, start), Self.longest)
        // Both are between 0 and 720.
        wholeStart = Int(exactly: start.rounded(.down)) ?? 0
        wholeEnd = max(Int(exactly: end.rounded(.up)) ?? 1, 1)
    }

    /// See ``LearnedState/isSound``.
    var isSound: Bool {
        start.isFinite && end.isFinite && 0...Self.longest ~= start && start...Self.longest ~= max(start, end)
            && 0 <= wholeStart && wholeStart <= wholeEnd && Double(wholeEnd) <= Self.longest
    }

    /// The smallest multiple of `period` minutes that is after the span.
    func afterWhole(_ period: Int) -> Int { (wholeEnd / period + 1) * period }

    /// The highest value after `minute` within the span; nil when it is not over.
    func highest(_ history: MinuteHistory, after minute: Int) -> Double? {
        guard let last = history[minute &+ wholeEnd], var highest = line(history, minute, start) else { return nil }
        var ahead = wholeStart + 1
        while ahead < wholeEnd {
            guard let value = history[minute &+ ahead] else { return nil }
            highest = max(highest, value)
            ahead += 1
        }
        return max(highest, line(history, minute, end) ?? last)
    }

    private func line(_ history: MinuteHistory, _ minute: Int, _ ahead: Double) -> Double? {
        let whole = ahead.rounded(.down)
        guard let index = Int(exactly: whole), let older = history[minute &+ index] else { return nil }
        guard ahead > whole, let newer = history[minute &+ index &+ 1] else { return older }
        return older + (newer - older) * (ahead - whole)
    }
}
