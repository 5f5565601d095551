import RelayCluster
import RelayCore
import RelayScaling
import Testing

@Suite("Autoscaler: what a tier needs")
struct AutoscalerTests {
    /// 10 nodes of 1,000 viewers at 75 % carry 7,500.
    func calm(_ count: Int = 10, viewers: Int = 7_300) -> ModelTier {
        var tier = ModelTier(count)
        tier.controls.usesForecast = false
        tier.spread(viewers)
        tier.run(seconds: 400)
        return tier
    }

    @Test("holds for one stable window after the start, whatever the demand")
    func holdsAtStart() {
        var tier = ModelTier(4)
        tier.spread(3_900)
        for _ in 0..<12 {
            let decision = tier.tick()
            #expect(decision.reason == "hold" || decision.reason == "stale_metrics")
            #expect(decision.target == 4)
            #expect(decision.actions.isEmpty)
        }
        #expect(tier.run(seconds: 20).target > 4)
    }

    @Test("keeps what fits")
    func keepsWhatFits() {
        var tier = calm()
        let decision = tier.tick()
        #expect(decision.target == 10)
        #expect(decision.reason == "reactive.viewers")
        #expect(decision.actions.isEmpty)
        #expect(abs((decision.needs.first?.nodes ?? 0) - 7_300 / 750) < 1e-9)
    }

    @Test("grows at once when demand does")
    func grows() {
        var tier = calm()
        tier.isObeying = false
        tier.spread(8_300)
        let decision = tier.tick()
        #expect(decision.target >= 12)
        #expect(
            decision.actions.contains { if case .scale(10, let to, "w") = $0 { to == decision.target } else { false } })
    }

    @Test("the largest dimension binds and is named")
    func bindingDimension() {
        var tier = calm()
        tier.settings.capacity.pulls = 100
        for name in tier.names { tier.nodes[name]?.change = { $0.pulls = 90 } }
        let decision = tier.tick()
        #expect(decision.reason == "reactive.pulls")
        #expect(decision.target == 12)
    }

    @Test("a node's own word on its egress counts when it is smaller")
    func ownCapacity() {
        var tier = calm()
        tier.settings.capacity.egress = 10e9
        for name in tier.names {
            tier.nodes[name]?.change = {
                $0.egressBitrate = 4e9
                $0.egressCapacity = 5e9
            }
        }
        let decision = tier.tick()
        #expect(decision.reason == "reactive.egress")
        #expect(decision.target == 11)
    }

    @Test("cpu is a guard: it binds at its own limit, not at the planned share")
    func cpuGuard() {
        var tier = calm()
        for name in tier.names { tier.nodes[name]?.change = { $0.cpu = 0.7 } }
        #expect(tier.run(seconds: 70).reason == "reactive.viewers")
        for name in tier.names { tier.nodes[name]?.change = { $0.cpu = 0.95 } }
        let decision = tier.run(seconds: 90)
        #expect(decision.needs.contains { $0.name == "reactive.cpu" && $0.nodes > 10 })
    }

    @Test("refused viewers count as demand, and at most double it")
    func censoredDemand() {
        var tier = calm(10, viewers: 7_400)
        tier.isObeying = false
        for name in tier.names { tier.nodes[name]?.rejects = 10 }
        var decision = tier.tick()
        #expect(decision.target > 10)
        for _ in 0..<4 {
            for name in tier.names { tier.nodes[name]?.rejects += 1_000_000 }
            decision = tier.tick()
        }
        let need = decision.needs.first { $0.name == "reactive.viewers" }?.nodes ?? 0
        #expect(abs(need - 2 * 7_400 / 750) < 0.01)
    }

    @Test("viewers of a node that vanished count for 30 s, and not twice once they came back elsewhere")
    func lostViewers() {
        var tier = calm(10, viewers: 7_400)
        tier.isObeying = false
        let lost = tier.names[0]
        tier.nodes[lost]?.isRegistered = false
        tier.nodes[lost]?.isReady = false
        let before = tier.tick().needs.first { $0.name == "reactive.viewers" }?.nodes ?? 0
        #expect(abs(before - 7_400 / 750) < 0.01)
        for name in tier.names where name != lost { tier.nodes[name]?.viewers += 82 }
        let after = tier.tick().needs.first { $0.name == "reactive.viewers" }?.nodes ?? 0
        #expect(after < 7_410.0 / 750)
    }

    @Test("the forecast grows each dimension but the guard")
    func forecastNeeds() {
        var tier = ModelTier(10)
        tier.spread(7_000)
        let decision = tier.run(seconds: 120)
        #expect(decision.needs.contains { $0.name == "forecast.viewers" })
        #expect(!decision.needs.contains { $0.name == "forecast.cpu" })
        tier.controls.usesForecast = false
        let without = tier.tick()
        #expect(!without.needs.contains { $0.name.hasPrefix("forecast") })
        #expect(without.isBlocked("forecast_off"))
    }

    @Test("an announced event is prepared for before it starts, and nothing is taken away around it")
    func announcedEvent() {
        var tier = calm()
        let start = tier.wallMilliseconds + 600_000
        tier.events = [
            AnnouncedEvent(
                name: "final", tier: .edge, startMilliseconds: start, endMilliseconds: start + 3_600_000, peak: 15_000,
                rampSeconds: 60)
        ]
        var decision = tier.tick()
        #expect(decision.target == 10)
        decision = tier.run(seconds: 360)
        #expect(decision.reason == "event.final")
        #expect(decision.target == 22)
        tier.wallMilliseconds = start + 3_600_001
        #expect(tier.run(seconds: 400).target < 22)
    }

    @Test("an event of the other tier is not ours")
    func foreignEvent() {
        var tier = calm()
        tier.events = [
            AnnouncedEvent(
                name: "x", tier: .origin, startMilliseconds: tier.wallMilliseconds,
                endMilliseconds: tier.wallMilliseconds + 1_000_000,
                peak: 1e6, rampSeconds: 0)
        ]
        #expect(tier.tick().target == 10)
    }

    @Test("faults that users see add a step and forbid scale-in")
    func sloBurn() {
        var tier = calm()
        tier.settings.firstFrameLimit = 1_000
        for name in tier.names { tier.nodes[name]?.change = { $0.firstFrameP95 = 1_500 } }
        let decision = tier.run(seconds: 90)
        #expect(decision.isBlocked("slo"))
        #expect(decision.target >= 11)
        #expect(
            tier.run(seconds: 600).target <= 15, "a cause that nodes do not cure must not grow the tier without end")
    }

    @Test("enough is kept for the loss of the largest zone")
    func zoneBuffer() {
        var tier = calm(12, viewers: 7_300)
        tier.settings.absorbsZoneLoss = true
        for (index, name) in tier.names.enumerated() { tier.nodes[name]?.zone = ["a", "b"][index % 2] }
        let decision = tier.tick()
        #expect(decision.buffer == 4, "10 nodes in 2 zones: 5 lost, the other 5 have room for 1.67 of them")
        #expect(decision.target == 14)
    }

    @Test("limits hold: maximum, minimum, and the growth of one decision")
    func limits() {
        var tier = calm()
        tier.isObeying = false
        tier.settings.growthFactor = 1.2
        tier.settings.growthStep = 1
        tier.spread(10 * 1_900)
        var decision = tier.tick()
        #expect(decision.target == 12)
        #expect(decision.isBlocked("growth_rate"))
        tier.settings.maximum = 11
        decision = tier.tick()
        #expect(decision.target == 11)
        #expect(decision.reason == "maximum")
        tier.settings.maximum = 1_000
        tier.settings.minimum = 60
        tier.settings.growthStep = 100
        decision = tier.tick()
        #expect(decision.target == 60)
        #expect(decision.reason == "minimum")
    }

    @Test("panic follows the slope of joins and gives nothing up until it has been calm")
    func panic() {
        var tier = calm(10, viewers: 7_400)
        tier.isObeying = false
        var viewers = 7_400
        var decision = tier.tick()
        for _ in 0..<3 {
            viewers += 300
            tier.spread(viewers)
            for name in tier.names { tier.nodes[name]?.joins += 30 }
            decision = tier.tick()
        }
        #expect(decision.isBlocked("panic"))
        #expect(decision.reason == "panic.viewers")
        #expect(decision.target > 14, "900 more in 15 s, three minutes ahead")
        #expect(tier.state.counters.panics == 1)
    }

    @Test("explains itself with a reason, at all times")
    func reasons() {
        var tier = calm()
        for mode in ScalingMode.allCases {
            tier.settings.mode = mode
            let decision = tier.tick()
            #expect(!decision.reason.isEmpty)
            #expect(decision.mode == mode)
        }
    }
}
