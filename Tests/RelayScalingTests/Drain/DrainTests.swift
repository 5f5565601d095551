import RelayCluster
import RelayCore
import RelayScaling
import Testing

@Suite("Scale-in by draining")
struct DrainTests {
    /// Ten edges with a demand for five, after the start.
    func shrinking(share: Double = 0.5) -> ModelTier {
        var tier = ModelTier(10)
        tier.controls.usesForecast = false
        tier.settings.shrinkShare = share
        tier.settings.mode = .observe
        tier.spread(3_700)
        tier.run(seconds: 90)
        tier.settings.mode = .on
        return tier
    }

    func kinds(_ decision: Decision) -> [String] {
        decision.actions.map { action in
            switch action {
            case .scale: "scale"
            case .drain: "drain"
            case .undrain: "undrain"
            case .mark: "mark"
            }
        }
    }

    @Test("drains, waits until nobody is left, marks, then removes exactly the drained pods")
    func wholeCourse() throws {
        var tier = shrinking()
        var decision = tier.tick()
        #expect(kinds(decision) == ["drain"])
        let drained = tier.names.filter { tier.nodes[$0]?.state == .draining }
        #expect(drained.count == 5)
        #expect(decision.target == 5)
        #expect(decision.current == 10)

        decision = tier.run(seconds: 60)
        #expect(kinds(decision) == [], "viewers are left")
        #expect(decision.isBlocked("draining"))

        tier.spread(3_700)
        decision = tier.tick()
        #expect(kinds(decision) == ["mark"])
        decision = tier.tick()
        #expect(decision.actions == [.scale(from: 10, to: 5, uid: "w")])
        #expect(Set(tier.names).isDisjoint(with: drained))
        decision = tier.tick()
        #expect(kinds(decision) == ["undrain"], "so that a successor of the name does not find the order")
        #expect(kinds(tier.tick()) == [])
        #expect(tier.state.counters.wrongVictims == 0)
        #expect(tier.replicas == 5)
    }

    @Test("no more than the budget of a minute")
    func budget() {
        var tier = shrinking(share: 0.1)
        tier.tick()
        #expect(tier.serving == 9)
        tier.run(seconds: 50)
        #expect(tier.serving == 9)
        tier.run(seconds: 15)
        #expect(tier.serving == 8)
    }

    @Test("demand that returns takes drains back, the newest first, before new replicas are asked for")
    func takeBack() {
        var tier = shrinking(share: 0.1)
        tier.run(seconds: 190)
        let drains = tier.state.learned.drains.map(\.node.text)
        #expect(drains.count == 4)
        tier.settings.minimum = 8
        let decision = tier.tick()
        #expect(kinds(decision).first == "undrain")
        if case .undrain(let nodes) = decision.actions.first { #expect(nodes.first?.text == drains.last) }
        #expect(!kinds(decision).contains("scale"))
        #expect(tier.serving == 8)
    }

    @Test("a node that drains by somebody else's order is replaced, not removed and not taken back")
    func foreignDrain() {
        var tier = ModelTier(10)
        tier.controls.usesForecast = false
        tier.settings.minimum = 10
        tier.spread(3_700)
        tier.run(seconds: 90)
        let name = tier.names[2]
        tier.nodes[name]?.state = .draining
        let decision = tier.run(seconds: 200)
        #expect(tier.nodes[name]?.state == .draining)
        #expect(decision.target == 10, "\(decision.blocks)")
        #expect(tier.state.learned.drains.isEmpty)
    }

    @Test("the next leader knows the drains of the last, by what was stored or by the mark")
    func nextLeader() {
        for isStored in [true, false] {
            var tier = shrinking()
            tier.tick()
            tier.spread(3_700)
            tier.isObeying = false
            let mark = tier.tick()
            if !isStored { tier.obey(mark) }
            tier.state = ScalingState(learned: isStored ? tier.state.learned : nil)
            tier.tick()
            tier.tick()
            #expect(tier.state.learned.drains.count == 5)
        }
    }

    @Test("a pod that would go first keeps drained ones from being removed, unless it costs nobody anything")
    func mismatch() {
        var tier = shrinking()
        tier.tick()
        tier.spread(3_700)
        // Serves viewers, though the platform does not know its state.
        let other = tier.names.first { tier.nodes[$0]?.state == .serving } ?? ""
        tier.nodes[other]?.phase = .running
        tier.tick()
        var observed = tier.observations()
        let pods = (observed.workload?.pods ?? []).map { pod in
            var pod = pod
            if pod.name == other { pod.phase = .unknown }
            return pod
        }
        observed.workload?.pods = pods
        guard case .nodes(let nodes) = observed.registry else { return }
        observed.registry = .nodes(
            nodes.map { entry in
                var entry = entry
                entry.report?.sequence += 1
                return entry
            })
        let decision: Decision = Autoscaler.decide(&tier.state, observed, tier.settings, now: tier.now + .seconds(5))
        #expect(decision.isBlocked("victim_mismatch"))
        #expect(kinds(decision) == [])
        #expect(tier.state.counters.victimMismatches == 1)
    }

    @Test("origins: only the highest ordinals, and never one with a publisher")
    func origins() {
        var tier = ModelTier(5, tier: .origin)
        tier.settings.capacity.viewers = 0
        tier.controls.usesForecast = false
        tier.settings.shrinkShare = 1
        tier.settings.mode = .observe
        for name in tier.names { tier.nodes[name]?.publishers = 1 }
        tier.run(seconds: 90)
        tier.settings.mode = .on
        var decision = tier.tick()
        #expect(decision.target == 1)
        decision = tier.run(seconds: 900)
        #expect(tier.replicas == 5)
        #expect(decision.isBlocked("draining"))
        // The one in the middle empties: it has to wait for those above it.
        tier.nodes["origin-2"]?.publishers = 0
        #expect(tier.run(seconds: 30).isBlocked("waiting_for_publishers"))
        #expect(tier.replicas == 5)
        tier.nodes["origin-4"]?.publishers = 0
        tier.run(seconds: 30)
        #expect(tier.replicas == 4)
        tier.nodes["origin-3"]?.publishers = 0
        tier.run(seconds: 60)
        #expect(tier.replicas == 2)
        #expect(tier.nodes["origin-0"]?.state == .serving)
    }

    @Test("a rollout or a platform that is away stops removals that were prepared")
    func stopped() {
        var tier = shrinking()
        tier.tick()
        tier.spread(3_700)
        tier.isSettled = false
        tier.run(seconds: 60)
        #expect(tier.replicas == 10)
        tier.isSettled = true
        tier.run(seconds: 15)
        #expect(tier.replicas == 5)
    }

    @Test("a platform that takes its time to remove pods is not asked for others meanwhile")
    func slowController() {
        var tier = shrinking()
        tier.tick()
        tier.spread(3_700)
        tier.tick()
        tier.hasController = false
        #expect(tier.tick().actions == [.scale(from: 10, to: 5, uid: "w")])
        for _ in 0..<6 { #expect(kinds(tier.tick()) == []) }
        #expect(tier.replicas == 5)
        tier.hasController = true
        tier.setReplicas(5)
        tier.run(seconds: 30)
        #expect(tier.replicas == 5 && tier.nodes.count == 5)
        #expect(tier.state.counters.wrongVictims == 0)
    }

    @Test("the next leader knows a drain by what the node says, though nothing was stored and nothing marked")
    func orphanedOrder() {
        var tier = shrinking()
        tier.tick()
        for name in tier.names where tier.nodes[name]?.state == .draining {
            tier.nodes[name]?.drain = DrainOrigin(wish: "autoscaler-1-drain", author: NodeWish.autoscaler, epoch: 1)
        }
        tier.state = ScalingState()
        tier.run(seconds: 15)
        #expect(tier.state.learned.drains.count == 5)
    }

    @Test("an operator's drain over ours is the operator's: not removed by our deadline")
    func operatorsOrder() {
        var tier = shrinking()
        tier.tick()
        let name = tier.names.first { tier.nodes[$0]?.state == .draining } ?? ""
        tier.nodes[name]?.drain = DrainOrigin(wish: "by-hand")
        tier.run(seconds: 15)
        #expect(tier.state.learned.drains.map(\.node.text).contains(name) == false)
        #expect(tier.state.learned.drains.count == 4)
    }

    @Test("an edge that others pull from is not removed")
    func children() {
        var tier = shrinking()
        tier.tick()
        tier.spread(3_700)
        for name in tier.names where tier.nodes[name]?.state == .draining {
            tier.nodes[name]?.change = { $0.children = 1 }
        }
        #expect(tier.run(seconds: 60).isBlocked("draining"))
        #expect(tier.replicas == 10)
    }

    @Test("a node that was taken back and has not heard of it yet is not taken for a drain; later it is told again")
    func takenBackUnheard() {
        var tier = shrinking()
        tier.tick()
        for name in tier.names where tier.nodes[name]?.state == .draining {
            tier.nodes[name]?.drain = DrainOrigin(wish: "autoscaler-0-drain", author: NodeWish.autoscaler, epoch: 0)
        }
        tier.spread(3_700)
        tier.isObeying = false
        tier.spread(7_000)
        #expect(kinds(tier.tick()).contains("undrain"))
        for _ in 0..<5 {
            #expect(!kinds(tier.tick()).contains("undrain"))
            #expect(tier.state.learned.drains.isEmpty)
        }
        #expect(kinds(tier.tick()).contains("undrain"))
    }

    @Test("drained pods are not removed by a list that has more of them than the controller counts")
    func listOlderThanCount() {
        var tier = shrinking()
        tier.tick()
        tier.spread(3_700)
        #expect(kinds(tier.tick()) == ["mark"])
        tier.countedPods = 8
        let decision = tier.tick()
        #expect(kinds(decision) == [] && decision.isBlocked("stale_list"))
        tier.countedPods = 10
        #expect(tier.tick().actions == [.scale(from: 10, to: 5, uid: "w")])
    }
}
