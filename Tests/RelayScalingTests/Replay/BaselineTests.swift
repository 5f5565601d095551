import Testing

@testable import RelayScaling

/// What the product is measured against behaves as its documentation says, on cases worked out by hand.
@Suite struct BaselineTests {
    @Test func theLastValueRoundsUpAndThePadComesFirst() {
        var plain = LastValuePolicy(perNode: 10)
        #expect(plain.decide(demand: 100, ready: 3, requested: 3, now: 0) == 10)
        #expect(plain.decide(demand: 100.1, ready: 3, requested: 3, now: 15) == 11)
        #expect(plain.decide(demand: 0, ready: 3, requested: 3, now: 30) == 1)
        #expect(plain.decide(demand: .nan, ready: 3, requested: 3, now: 45) == 1)
        var padded = LastValuePolicy(perNode: 10, pad: 0.05)
        #expect(padded.decide(demand: 100, ready: 3, requested: 3, now: 0) == 11)
    }

    @Test func theHPADoesNothingWithinItsTolerance() {
        var policy = HorizontalPodPolicy.standard(perNode: 10)
        #expect(policy.decide(demand: 1_090, ready: 100, requested: 100, now: 0) == 100)
        #expect(policy.decide(demand: 910, ready: 100, requested: 100, now: 15) == 100)
        #expect(policy.decide(demand: 1_110, ready: 100, requested: 100, now: 30) == 111)
    }

    @Test func theHPAGoesDownToTheHighestRecommendationOfFiveMinutes() {
        var policy = HorizontalPodPolicy.standard(perNode: 10)
        #expect(policy.decide(demand: 1_000, ready: 100, requested: 100, now: 0) == 100)
        #expect(policy.decide(demand: 500, ready: 100, requested: 100, now: 150) == 100)
        #expect(policy.decide(demand: 600, ready: 100, requested: 100, now: 300) == 100)
        #expect(policy.decide(demand: 500, ready: 100, requested: 100, now: 315) == 60)
    }

    @Test func theHPAGrowsByTheLargerOfDoublingAndFourPods() {
        var policy = HorizontalPodPolicy.standard(perNode: 10)
        #expect(policy.decide(demand: 10_000, ready: 100, requested: 100, now: 0) == 200)
        #expect(policy.decide(demand: 10_000, ready: 2, requested: 2, now: 15) == 6)
    }

    @Test func theTunedHPAFollowsSmallChangesWithItsHeadroom() {
        var policy = HorizontalPodPolicy.tuned(perNode: 10)
        #expect(policy.decide(demand: 1_000, ready: 100, requested: 100, now: 0) == 105)
        #expect(policy.decide(demand: 1_020, ready: 105, requested: 105, now: 15) == 108)
    }

    @Test func knativeHoldsUntilAStableWindowIsThere() {
        var policy = KnativePolicy(perNode: 10)
        #expect(policy.decide(demand: 1_000, ready: 7, requested: 7, now: 0) == 7)
        #expect(policy.decide(demand: 1_000, ready: 7, requested: 7, now: 45) == 7)
        #expect(policy.decide(demand: 100, ready: 10, requested: 10, now: 600) == 10)
    }

    @Test func knativePanicsAtTwiceWhatIsReadyAndNeverGoesDownInPanic() {
        var policy = KnativePolicy(perNode: 10)
        for tick in 0..<5 { _ = policy.decide(demand: 100, ready: 10, requested: 10, now: Double(tick) * 15) }
        // Below twice: the mean of a minute.
        #expect(policy.decide(demand: 180, ready: 10, requested: 10, now: 75) == 12)
        #expect(policy.decide(demand: 200, ready: 10, requested: 10, now: 90) == 20)
        #expect(policy.decide(demand: 100, ready: 20, requested: 20, now: 105) == 20)
        #expect(policy.decide(demand: 100, ready: 20, requested: 20, now: 150) < 20)
    }

    @Test func aReplicaServesALeadTimeAfterItWasAskedForAndStartingOnesGoFirst() {
        var pool = ReplayPool(lead: 120, ready: 10)
        pool.request(15, now: 0)
        pool.request(18, now: 30)
        #expect(pool.requested == 18)
        pool.advance(to: 119)
        #expect(pool.ready == 10)
        pool.request(16, now: 119)
        pool.advance(to: 120)
        #expect(pool.ready == 15)
        pool.advance(to: 150)
        #expect(pool.ready == 16)
        pool.request(9, now: 160)
        #expect(pool.ready == 9)
        #expect(pool.drained == 7)
        pool.request(-5, now: 170)
        #expect(pool.requested == 0)
    }
}
