import Testing

@testable import RelayScaling

/// The forecast's parts against small cases.
@Suite struct ForecastPartsTests {
    @Test func theHistoryKeepsFourteenDaysAtLeastAndNotMuchMore() {
        var history = MinuteHistory()
        for minute in 0..<40_000 { history.append(Double(minute % 7), minute: minute) }
        #expect(history.end == 39_999)
        #expect(history.count >= 14 * 1_440 - 1 && history.count < 15 * 1_440)
        #expect(history[39_999] == 1)
        #expect(history[40_000] == nil)
        #expect(history[0] == nil)
        history.truncate(from: 39_000)
        #expect(history.end == 38_999)
        history.truncate(from: -5)
        #expect(history.count == 0)
    }

    @Test func aSpanInSecondsIsReadOffBetweenMinutes() {
        var history = MinuteHistory()
        for minute in 0..<20 { history.append(Double(minute), minute: minute) }
        let span = ForecastSpan(lead: 135, hold: 300)
        #expect(span.wholeStart == 2 && span.wholeEnd == 8)
        #expect(span.highest(history, after: 0) == 7.25)
        #expect(span.highest(history, after: 11) == 18.25)
        #expect(span.highest(history, after: 12) == nil)
        var falling = MinuteHistory()
        for minute in 0..<20 { falling.append(-Double(minute), minute: minute) }
        #expect(span.highest(falling, after: 0) == -2.25)
    }

    @Test func theRegressionFindsALineAndIsNotMovedByOneOutlier() {
        var ridge = RidgeExpert(memory: 2_880)
        func row(_ value: Double) -> [Double] {
            [0.01, value] + [Double](repeating: 0, count: RidgeExpert.features - 2)
        }
        for step in 0..<4_000 {
            let value = Double((step * 29) % 41 - 20) / 200
            ridge.learn(row(value), growth: step == 3_990 ? 0.5 : 0.5 * value)
        }
        #expect(abs(ridge.predict(row(0.08)) - 0.04) < 0.004)
        #expect(RidgeExpert(memory: 5).predict(row(0.1)) == 0)
        #expect(ridge.predict([]) == 0)
    }

    @Test func theExpertThatIsRightGetsMostOfTheSay() {
        var panel = ExpertPanel()
        var estimates = [Double?](repeating: 0.05, count: ExpertPanel.names.count)
        estimates[0] = 0
        estimates[4] = nil
        #expect(panel.weights(estimates).first == 1)
        estimates[3] = 0.02
        for _ in 0..<200 { panel.score(estimates, growth: 0.021) }
        let weights = panel.weights(estimates)
        #expect(weights[3] > 0.95)
        #expect(weights[4] == 0)
        #expect(abs(weights.reduce(0, +) - 1) < 1e-12)
    }

    @Test func theOffsetHoldsTheMostResiduals() {
        var band = ResidualBand()
        // Nine of ten lie between 0 and 10 %; the tenth is far away and is given up.
        for step in 0..<1_000 {
            band.add(
                step % 10 == 0 ? 0.4 : Double(step % 10) / 90, volatility: band.volatility, context: ResidualContext())
        }
        let offset = band.offset(median: 0, need: nil, context: ResidualContext())
        #expect(offset > 0.06 && offset < 0.13)
    }

    @Test func residualsOfLikeTimesCountMore() {
        var band = ResidualBand()
        // When demand lies above its mean the estimate is 10 % too low, else it is right.
        for step in 0..<1_000 {
            let gap = step % 2 == 0 ? 0.15 : 0
            band.add(gap > 0 ? 0.1 : 0, volatility: 0.01, context: ResidualContext(wavering: 0.002, gap: gap))
        }
        let above = band.offset(median: 0, need: nil, context: ResidualContext(wavering: 0.002, gap: 0.15))
        let level = band.offset(median: 0, need: nil, context: ResidualContext(wavering: 0.002, gap: 0))
        #expect(above > level + 0.05)
    }
}
