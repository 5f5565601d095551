import Testing

@testable import RelayScaling

/// The yardstick, against cases worked out by hand.
@Suite struct SDA1Tests {
    @Test(arguments: [
        // Below 50 nodes 2 % is no whole node; above, 10 % is rounded up and 1 at least.
        (oracle: 40, lowest: 40, highest: 44), (oracle: 49, lowest: 49, highest: 54),
        (oracle: 50, lowest: 49, highest: 55),
        (oracle: 100, lowest: 98, highest: 110), (oracle: 5, lowest: 5, highest: 6), (oracle: 1, lowest: 1, highest: 2),
        (oracle: 1_000, lowest: 980, highest: 1_100),
    ])
    func aCountIsRightFromTwoPercentBelowToTenAbove(oracle: Int, lowest: Int, highest: Int) {
        #expect(SDA1.isRight(lowest, oracle: oracle))
        #expect(SDA1.isRight(highest, oracle: oracle))
        #expect(!SDA1.isRight(lowest - 1, oracle: oracle))
        #expect(!SDA1.isRight(highest + 1, oracle: oracle))
    }

    @Test func theOracleIsTheHighestDemandWhileTheDecisionBinds() {
        #expect(SDA1.highest([1, 5, 2, 3, 9, 4], first: 1, last: 3) == [5, 9, 9])
        #expect(SDA1.highest([3, 1, 2], first: 0, last: 0) == [3, 1, 2])
        #expect(SDA1.highest([3, 1], first: 0, last: 2) == [])
    }

    @Test func theSlidingMaximumAgreesWithLookingAtEveryWindow() {
        var seed: UInt64 = 7
        let values = (0..<200).map { _ in
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(seed >> 54)
        }
        let expected = (0..<(200 - 28)).map { index in values[(index + 8)...(index + 28)].max() ?? -1 }
        #expect(SDA1.highest(values, first: 8, last: 28) == expected)
    }

    @Test func figuresOfAPolicyThatKnowsTheFutureArePerfect() {
        let trace = DemandTrace(name: "wave", step: 60, values: (0..<600).map { Double(100 + ($0 % 60)) })
        let settings = ReplaySettings()
        let course = Replay.Course(trace: trace, settings: settings)
        struct Prophet: ScalingPolicy {
            let name = "prophet", interval = 60.0
            let oracle: [Int]
            mutating func decide(demand: Double, ready: Int, requested: Int, now: Double) -> Int {
                oracle[min(oracle.count - 1, Int(now / 60))]
            }
        }
        let report = Replay.run(trace, settings: settings, policies: [Prophet(oracle: course.oracle)])
        #expect(report.rows.first?.sda == 100)
        #expect(report.rows.first?.hardSDA == 100)
        #expect(report.rows.first?.overProvision == 0)
        #expect(report.rows.first?.under == 0)
        #expect(report.rows.first?.skill == 1)
    }

    @Test func constantDemandIsRightForTheLastValueAndHasNoHardEpochs() {
        let trace = DemandTrace(name: "flat", step: 60, values: [Double](repeating: 80, count: 100))
        let report = Replay.run(trace, settings: ReplaySettings()) { Replay.baselines(perNode: $0) }
        let last = report.rows.first { $0.policy == "last value" }
        #expect(last?.sda == 100)
        #expect(last?.overloadedMinutesPerDay == 0)
        #expect(last.map { abs($0.utilisation - 75) < 1e-6 } == true)
        #expect(last?.scaleInsPerDay == 0)
        #expect(report.series.oracle.count == 93)
        #expect(Set(report.series.oracle) == [100])
    }

    @Test func demandAboveWhatServesIsOverloadUntilTheLeadTimeIsOver() {
        // 100 nodes at first, then twice that: ready 120 s after it was seen, which is one tick after it came.
        let trace = DemandTrace(name: "step", step: 60, values: (0..<1_440).map { $0 < 700 ? 80 : 160 })
        var settings = ReplaySettings()
        settings.metricDelay = 0
        let report = Replay.run(trace, settings: settings) { [LastValuePolicy(perNode: $0)] }
        let minutes = report.rows.first?.overloadedMinutesPerDay ?? 0
        #expect(minutes > 1.9 && minutes < 2.6)
    }

    @Test func equalRunsGiveEqualReports() {
        let trace = DemandTrace(name: "w", step: 60, values: (0..<400).map { 50 + Double(($0 * 37) % 23) })
        func run() -> ReplayReport {
            Replay.run(trace, settings: ReplaySettings()) {
                [ForecastPolicy(perNode: $0, lead: 120, hold: 300)] + Replay.baselines(perNode: $0)
            }
        }
        #expect(run() == run())
    }
}
