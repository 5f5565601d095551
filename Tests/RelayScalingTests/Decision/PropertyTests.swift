import RelayCluster
import RelayCore
import RelayScaling
import Testing

/// Numbers that look random and are the same for the same seed.
struct SeededNumbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

@Suite("Autoscaler: what always holds")
struct PropertyTests {
    @Test(
        "under random demand and faults: never below the minimum, never in on bad data, always a reason",
        arguments: 1...12)
    func safety(seed: Int) {
        var numbers = SeededNumbers(state: UInt64(seed))
        var tier = ModelTier(Int.random(in: 3...15, using: &numbers))
        tier.settings.minimum = 3
        tier.settings.maximum = 30
        var demand = 5_000
        tier.spread(demand)
        tier.run(seconds: 90)
        for _ in 0..<600 {
            if Int.random(in: 0..<60, using: &numbers) == 0 { demand = Int.random(in: 0...18_000, using: &numbers) }
            tier.spread(demand)
            var isBad = false
            tier.isRegistryAway = Int.random(in: 0..<30, using: &numbers) == 0
            tier.problem = Int.random(in: 0..<30, using: &numbers) == 0 ? .away("500") : nil
            isBad = tier.isRegistryAway || tier.problem != nil
            let victim = tier.names.randomElement(using: &numbers) ?? ""
            if Int.random(in: 0..<20, using: &numbers) == 0 {
                let bad = FaultTests.impossible[Int.random(in: 0..<FaultTests.impossible.count, using: &numbers)]
                tier.nodes[victim]?.change = bad.change
                isBad = true
            }
            let decision = tier.tick()
            tier.nodes[victim]?.change = nil
            #expect(!decision.reason.isEmpty)
            #expect(decision.target >= min(3, decision.current))
            #expect(decision.target <= max(30, decision.current))
            if isBad { #expect(!decision.takesAway, "\(decision.reason)") }
            #expect(tier.replicas >= 3)
        }
        #expect(tier.state.counters.wrongVictims == 0)
    }

    @Test("constant demand: no change once settled", arguments: [0, 1, 999, 3_000, 7_499, 7_501])
    func noOscillation(demand: Int) {
        var tier = ModelTier(10)
        tier.spread(demand)
        for _ in 0..<200 {
            tier.tick()
            tier.spread(demand)
        }
        let settled = tier.replicas
        for _ in 0..<200 {
            let decision = tier.tick()
            #expect(decision.target == settled)
            #expect(decision.actions.isEmpty)
        }
    }

    @Test("more demand never gets fewer nodes")
    func monotone() {
        var before = 0
        for demand in stride(from: 0, through: 15_000, by: 250) {
            var tier = ModelTier(10)
            tier.controls.usesForecast = false
            tier.settings.mode = .observe
            tier.spread(demand)
            let target = tier.run(seconds: 120).target
            #expect(target >= before)
            before = target
        }
        #expect(before == 20)
    }

    @Test("the same inputs give the same decisions, bit for bit")
    func deterministic() {
        func course() -> [Decision] {
            var numbers = SeededNumbers(state: 5)
            var tier = ModelTier(8)
            return (0..<300).map { _ in
                tier.spread(Int.random(in: 3_000...9_000, using: &numbers))
                return tier.tick()
            }
        }
        #expect(course() == course())
    }

    @Test("small ups and downs turn the direction at most once in two minutes", arguments: 1...6)
    func turns(seed: Int) {
        var numbers = SeededNumbers(state: UInt64(seed))
        var tier = ModelTier(100)
        tier.controls.usesForecast = false
        var isOut: Bool?
        var lastTurn: MonotonicTime?
        var target = 100
        var changes = 0
        for _ in 0..<1_500 {
            tier.spread(Int(75_000 * Double.random(in: 0.985...1.0, using: &numbers)))
            let decision = tier.tick()
            guard decision.target != target else { continue }
            changes += 1
            let direction = decision.target > target
            target = decision.target
            if let isOut, isOut != direction {
                if let lastTurn { #expect(tier.now - lastTurn >= .seconds(120)) }
                lastTurn = tier.now
            }
            isOut = direction
        }
        #expect(changes > 1, "otherwise nothing was tried")
    }
}
