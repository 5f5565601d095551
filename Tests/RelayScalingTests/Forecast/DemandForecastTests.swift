import Foundation
import Testing

@testable import RelayScaling

/// What the forecast promises whatever it is fed.
@Suite struct DemandForecastTests {
    /// A day that rises and falls, with some noise that is always the same.
    static func demand(_ minute: Int) -> Double {
        let noise = Double((minute &* 7_919) % 101) / 101 - 0.5
        let phase = Double(minute % 1_440) / 1_440
        let wave = phase < 0.5 ? phase : 1 - phase
        return 1_000 * (1 + 2 * wave) * (1 + 0.01 * noise)
    }

    static func fed(minutes: Int, from start: Double = 0) -> DemandForecast {
        var forecast = DemandForecast()
        for minute in 0..<minutes {
            forecast.observe(demand(minute), at: start + Double(minute) * 60)
            _ = forecast.predict(lead: 120, hold: 300)
        }
        return forecast
    }

    @Test func beforeAnythingIsKnownItAnswersThePad() {
        var forecast = DemandForecast()
        let answer = forecast.predict(lead: 120, hold: 300)
        #expect(abs(answer.growth - 1.05) < 1e-3)
        #expect(answer.isTrusted)
    }

    @Test func constantDemandStaysWithinTheBand() {
        var forecast = DemandForecast()
        for minute in 0..<600 {
            forecast.observe(500, at: Double(minute) * 60)
            let answer = forecast.predict(lead: 120, hold: 300)
            #expect(answer.growth >= 1.02 && answer.growth <= 1.06)
        }
    }

    @Test func untilTwoHoursAreKnownGrowthIsThreePercentAtLeast() {
        var forecast = DemandForecast()
        for minute in 0..<100 {
            forecast.observe(1_000 - 3 * Double(minute), at: Double(minute) * 60)
            #expect(forecast.predict(lead: 120, hold: 300).growth >= 1.0299)
        }
    }

    @Test func itNeverAnswersMoreThanTheCapHoweverDemandGrows() {
        var forecast = DemandForecast()
        var demand = 1.0
        for minute in 0..<300 {
            demand *= 1.2
            forecast.observe(demand, at: Double(minute) * 60)
            let growth = forecast.predict(lead: 120, hold: 300).growth
            #expect(growth <= DemandForecast.mostGrowth)
        }
        #expect(forecast.predict(lead: 120, hold: 300).growth > 1.3)
    }

    @Test(arguments: [Double.nan, -.infinity, .infinity, -1, 0, 1e-300, 1e300])
    func impossibleValuesAreSurvived(value: Double) throws {
        var forecast = DemandForecast()
        for minute in 0..<400 {
            forecast.observe(minute % 5 == 3 ? value : 100, at: Double(minute) * 60)
            let answer = forecast.predict(lead: minute % 7 == 0 ? value : 120, hold: value, perNode: value)
            #expect(answer.growth.isFinite && answer.growth > 0 && answer.growth <= DemandForecast.mostGrowth)
            #expect(answer.median.isFinite && answer.band.isFinite)
        }
        // JSON has no infinities: encoding fails if one got into the state.
        #expect(throws: Never.self) { _ = try JSONEncoder().encode(forecast) }
        var other = DemandForecast()
        other.observe(5, at: value)
        other.observe(5, at: 1e18)
        other.observe(5, at: 60)
        #expect(other.predict(lead: 120, hold: 300).growth.isFinite)
    }

    @Test func impossibleValuesChangeNothing() {
        var clean = DemandForecast()
        var dirty = DemandForecast()
        for minute in 0..<300 {
            clean.observe(Self.demand(minute), at: Double(minute) * 60)
            dirty.observe(Self.demand(minute), at: Double(minute) * 60)
            for value in [Double.nan, -5, .infinity] { dirty.observe(value, at: Double(minute) * 60 + 5) }
        }
        let isSame = clean == dirty
        #expect(isSame)
    }

    @Test func equalHistoriesGiveEqualStatesAndAnswers() {
        var first = Self.fed(minutes: 2_000)
        var second = Self.fed(minutes: 2_000)
        let isSame = first == second
        #expect(isSame)
        #expect(first.predict(lead: 300, hold: 300, perNode: 20) == second.predict(lead: 300, hold: 300, perNode: 20))
    }

    @Test func whatIsWrittenAndReadGoesOnBitForBit() throws {
        var original = Self.fed(minutes: 1_900)
        let data = try JSONEncoder().encode(original)
        var restored = try JSONDecoder().decode(DemandForecast.self, from: data)
        let isSame = restored == original
        #expect(isSame)
        for minute in 1_900..<2_100 {
            original.observe(Self.demand(minute), at: Double(minute) * 60)
            restored.observe(Self.demand(minute), at: Double(minute) * 60)
            #expect(
                original.predict(lead: 120, hold: 300, perNode: 25)
                    == restored.predict(lead: 120, hold: 300, perNode: 25))
        }
        let staysSame = original == restored
        #expect(staysSame)
    }

    @Test func brokenStatesAreRefused() throws {
        let text = try String(decoding: JSONEncoder().encode(Self.fed(minutes: 50)), as: UTF8.self)
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode(PackedFloats.self, from: Data(#""7fc00000""#.utf8))
        }
        #expect(throws: (any Error).self) { try JSONDecoder().decode(PackedFloats.self, from: Data(#""3f8000""#.utf8)) }
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode(PackedFloats.self, from: Data(#""3f80000g""#.utf8))
        }
        #expect(throws: (any Error).self) {
            try JSONDecoder().decode(DemandForecast.self, from: Data(text.dropLast(10).utf8))
        }
    }

    @Test func ticksOfFiveSecondsLearnTheSameAsTicksOfAMinute() {
        var slow = DemandForecast()
        var fast = DemandForecast()
        // On straight lines between minutes both see the same demand.
        for minute in 0..<600 {
            let (from, to) = (Self.demand(minute), Self.demand(minute + 1))
            slow.observe(from, at: Double(minute) * 60)
            for tick in 0..<12 {
                fast.observe(from + (to - from) * Double(tick) / 12, at: Double(minute) * 60 + Double(tick) * 5)
                let answer = fast.predict(lead: 120, hold: 300)
                #expect(answer.growth.isFinite)
            }
            _ = slow.predict(lead: 120, hold: 300)
        }
        fast.observe(Self.demand(600), at: 36_000)
        slow.observe(Self.demand(600), at: 36_000)
        let (first, second) = (slow.predict(lead: 120, hold: 300), fast.predict(lead: 120, hold: 300))
        #expect(abs(first.growth - second.growth) < 0.005)
    }

    @Test func aRiseThatComesEveryDayIsForeseen() {
        // Flat but for a jump of 40 % at noon, each day; asked five minutes before the sixth one.
        var forecast = DemandForecast()
        func level(_ minute: Int) -> Double { (720..<900).contains(minute % 1_440) ? 1_400 : 1_000 }
        for minute in 0...(5 * 1_440 + 716) {
            forecast.observe(level(minute), at: Double(minute) * 60)
            _ = forecast.predict(lead: 120, hold: 300)
        }
        let answer = forecast.predict(lead: 120, hold: 300)
        #expect(answer.median > 1.25)
        #expect(answer.experts.contains { $0.name == "yesterday" && $0.growth > 1.35 })
        #expect(abs(answer.experts.reduce(0) { $0 + $1.weight } - 1) < 1e-9)
    }

    @Test func aStepOfTheWallClockSilencesSeasonsForAnHour() {
        var forecast = Self.fed(minutes: 3 * 1_440)
        let now = Double(3 * 1_440) * 60 + 1_800
        func hears() -> Bool { forecast.predict(lead: 120, hold: 300).experts.contains { $0.name == "yesterday" } }
        let before = hears()
        #expect(before)
        forecast.observe(1_000, at: now)
        let after = hears()
        #expect(!after)
        for minute in 1...58 { forecast.observe(1_000, at: now + Double(minute) * 60) }
        let soon = hears()
        #expect(!soon)
        for minute in 59...62 { forecast.observe(1_000, at: now + Double(minute) * 60) }
        let later = hears()
        #expect(later)
    }

    @Test func clocksThatGoBackAndGapsOfDaysAreSurvived() {
        var forecast = Self.fed(minutes: 300)
        for wall in [17_000.0, 16_000, 10_000, 1_000, -1e6, 18_000, 400_000, 5e8, 1e11, -1e11] {
            forecast.observe(900, at: wall)
            let answer = forecast.predict(lead: 120, hold: 300)
            #expect(answer.growth.isFinite && answer.growth > 0.9)
            for minute in 1...10 { forecast.observe(900, at: wall + Double(minute) * 60) }
        }
    }

    @Test func leadAndHoldMayChangeAtAnyTime() {
        var forecast = DemandForecast()
        for minute in 0..<1_000 {
            forecast.observe(Self.demand(minute), at: Double(minute) * 60)
            let answer = forecast.predict(lead: Double((minute * 37) % 900), hold: Double((minute * 91) % 1_200))
            #expect(answer.growth.isFinite && answer.growth < 1.3)
        }
    }

    @Test func theAnswerWithANodesSizeRoundsUpToWholeNodes() {
        var forecast = Self.fed(minutes: 1_000)
        let perNode = 25.0
        let need = Self.demand(999) / perNode
        let nodes = need * forecast.predict(lead: 120, hold: 300, perNode: perNode).growth
        #expect(abs(nodes - nodes.rounded()) < 1e-3)
        #expect(Double(nodes.nodes) >= need * 0.98)
    }

    @Test func aModelThatIsWorseThanThePadForHoursIsNotTrustedUntilItIsBetter() {
        var trust = ForecastTrust()
        // The first minute's difference is within the margin and does not count.
        for _ in 0..<360 { trust.score(said: 0, growth: 0.06) }
        #expect(trust.isTrusted)
        trust.score(said: 0, growth: 0.06)
        #expect(!trust.isTrusted)
        for _ in 0..<2_000 { trust.score(said: 0.1, growth: 0.12) }
        #expect(trust.isTrusted)
        #expect(ForecastTrust.loss(0.05, 0.0) == 0)
        #expect(ForecastTrust.loss(0, 0.1) > ForecastTrust.loss(0.2, 0.0226))
    }
}
