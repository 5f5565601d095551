import ArgumentParser
import Foundation
import RelayCluster
import RelayCore
import RelayScaling

/// `scalingbench scale-ins`: thousands of scale-ins with faults, counting viewers cut because the platform took another pod than
/// the drained one.
struct ScaleInCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale-ins", abstract: "Simulate scale-ins with faults; viewers cut by a wrong victim must be 0.")

    @Option(help: "Scale-ins to simulate, at least.")
    var count = 10_000

    @Option(help: "Seed of the first episode.")
    var seed: UInt64 = 1

    @Flag(help: "The tally as JSON.")
    var json = false

    func run() async throws {
        let began = ContinuousClock.now
        var total = ScaleInModel.Tally()
        var episodes = 0
        while total.scaleIns < count {
            var episode = ScaleInEpisode(seed: seed &+ UInt64(episodes))
            episode.run(seconds: 5_400)
            total.add(episode.tally)
            episodes += 1
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            print(String(decoding: try encoder.encode(total.figures(episodes: episodes)), as: UTF8.self))
        } else {
            print("scale-ins with faults, \(episodes) episodes of 90 min, seeds from \(seed)")
            for (name, value) in total.rows {
                print("  " + name.padding(toLength: 44, withPad: " ", startingAt: 0) + "\(value)")
            }
            print("  \(began.duration(to: .now))")
        }
        if total.wrongViewers > 0 { throw ExitCode.failure }
    }
}

extension ScaleInModel.Tally {
    var rows: [(String, Int)] {
        [
            ("scale-ins", scaleIns), ("nodes removed", removedNodes), ("wrong victims with viewers", wrongVictims),
            ("viewers cut by a wrong victim", wrongViewers), ("viewers cut at the drain deadline", deadlineViewers),
            ("drains taken back", undrains), ("removals not asked for (victim_mismatch)", Int(mismatches)),
            ("wrong victims by the product's own count", Int(countedWrong)), ("pods lost with their machine", lostPods),
            ("crashes", crashes), ("changes of leader", leaderChanges), ("calls lost or refused", conflicts),
            ("spells of stale reports", staleSpells), ("crowds that came back", returns),
        ]
    }

    func figures(episodes: Int) -> [String: Int] {
        var figures = Dictionary(rows.map { ($0.0, $0.1) }, uniquingKeysWith: { first, _ in first })
        figures["episodes"] = episodes
        return figures
    }

    mutating func add(_ other: Self) {
        scaleIns += other.scaleIns
        removedNodes += other.removedNodes
        wrongVictims += other.wrongVictims
        wrongViewers += other.wrongViewers
        deadlineViewers += other.deadlineViewers
        lostPods += other.lostPods
        crashes += other.crashes
        leaderChanges += other.leaderChanges
        conflicts += other.conflicts
        staleSpells += other.staleSpells
        returns += other.returns
        undrains += other.undrains
        mismatches += other.mismatches
        countedWrong += other.countedWrong
    }
}

/// One tier for an hour and a half, with a demand that comes and goes, and whatever can go wrong.
struct ScaleInEpisode {
    private var model: ScaleInModel
    private var numbers: SeededNumbers
    private var state = ScalingState()
    private var settings = TierSettings(tier: .edge)
    private var stored: LearnedState?
    private var demand: Double
    private var goal: Double
    private var inFlight: [(at: Int, action: ScalingAction)] = []
    private var leaderlessUntil = 0
    private var troubleUntil = 0
    private var shownWorkload: WorkloadStatus?
    private var epoch: UInt64 = 1

    /// No call stays under way for longer: a leader's last ones are over before the next leads.
    private static let longestCall = 8

    init(seed: UInt64) {
        numbers = SeededNumbers(seed: seed &* 7_919)
        let replicas = Int.random(in: 5...30, using: &numbers)
        model = ScaleInModel(seed: seed, replicas: replicas)
        demand = Double(replicas) * 700
        goal = demand
        settings.mode = .on
        settings.capacity.viewers = 1_000
        settings.minimum = 3
        settings.maximum = 60
        settings.assumedLead = 30
        settings.hold = 60
        settings.drainDeadline = 240
        settings.cliffFreeze = 120
        settings.turnGap = 60
        settings.manualHold = 120
    }

    var tally: ScaleInModel.Tally {
        var tally = model.tally
        tally.mismatches += state.counters.victimMismatches
        tally.countedWrong += state.counters.wrongVictims
        return tally
    }

    mutating func run(seconds: Int) {
        for second in 1...seconds {
            moveDemand()
            breakSomething(second)
            model.step(demand: demand)
            apply(second)
            if second % 5 == 0, second >= leaderlessUntil { tick(second) }
        }
    }

    private mutating func moveDemand() {
        if numbers.chance(1.0 / 240) {
            let before = goal
            goal = Double.random(in: 2...26, using: &numbers) * 700
            if goal > before { model.tally.returns += 1 }
        }
        demand += (goal - demand) * 0.01
    }

    private mutating func breakSomething(_ second: Int) {
        guard !model.pods.isEmpty else { return }
        if numbers.chance(1.0 / 900) {
            let index = Int.random(in: model.pods.indices, using: &numbers)
            let machine = model.pods[index].machine
            for index in model.pods.indices
            where model.pods[index].machine == machine && model.pods[index].assignedAt <= second {
                model.pods[index].isLost = true
                model.pods[index].viewers = 0
                model.pods[index].frozenUntil = second + 40
                model.tally.lostPods += 1
            }
        }
        if numbers.chance(1.0 / 400) {
            let index = Int.random(in: model.pods.indices, using: &numbers)
            model.pods[index].frozenUntil = second + Int.random(in: 10...90, using: &numbers)
            model.tally.staleSpells += 1
        }
        if numbers.chance(1.0 / 600) { troubleUntil = second + Int.random(in: 10...60, using: &numbers) }
        if numbers.chance(1.0 / 900), second > leaderlessUntil {
            // A leader dies; what it stored last may be old, or lost.
            model.tally.leaderChanges += 1
            leaderlessUntil = second + 15 + Int.random(in: 0...10, using: &numbers)
            model.tally.mismatches += state.counters.victimMismatches
            model.tally.countedWrong += state.counters.wrongVictims
            epoch += 1
            state = ScalingState(learned: numbers.chance(0.2) ? nil : stored)
            shownWorkload = nil
        }
        if numbers.chance(1.0 / 1_800), model.replicas > 0 {
            // Somebody scales by hand.
            model.replicas = min(60, model.replicas + Int.random(in: 1...3, using: &numbers))
        }
    }

    private mutating func tick(_ second: Int) {
        // The list of pods is a watch: at times a few seconds old.
        if shownWorkload == nil || !numbers.chance(0.3) { shownWorkload = model.workload }
        guard var workload = shownWorkload else { return }
        workload.replicas = model.replicas
        workload.countedPods = model.pods.count
        let isAway = second < troubleUntil && numbers.chance(0.3)
        var observations = ScalingObservations(
            registry: numbers.chance(0.005) ? .away : .nodes(model.nodes), workload: isAway ? nil : workload,
            wallMilliseconds: 1_700_000_000_000 + Int64(second) * 1_000)
        if isAway { observations.platformProblem = .away("503") }
        observations.epoch = epoch
        let decision: Decision = Autoscaler.decide(
            &state, observations, settings, now: .zero + .seconds(1_000 + second))
        for action in decision.actions {
            if second < troubleUntil, numbers.chance(0.4) {
                model.tally.conflicts += 1
                continue
            }
            let delay = numbers.chance(0.2) ? Int.random(in: 1...Self.longestCall, using: &numbers) : 0
            inFlight.append((second + delay, action))
        }
        if numbers.chance(0.5) { stored = state.learned }
        apply(second)
    }

    private mutating func apply(_ second: Int) {
        let due = inFlight.filter { $0.at <= second }
        inFlight.removeAll { $0.at <= second }
        for (_, action) in due {
            switch action {
            case .scale(let from, let to, _):
                guard from == model.replicas else {
                    model.tally.conflicts += 1
                    continue
                }
                model.replicas = to
                if to < from { model.tally.scaleIns += 1 }
                model.reconcile()
            case .drain(let nodes, _): wish(true, nodes)
            case .undrain(let nodes):
                model.tally.undrains += nodes.count
                wish(false, nodes)
            case .mark(let costs):
                for cost in costs {
                    for index in model.pods.indices
                    where model.pods[index].name == cost.pod && String(model.pods[index].uid) == cost.uid {
                        model.pods[index].cost = cost.cost
                    }
                }
            }
        }
    }

    private mutating func wish(_ wish: Bool, _ nodes: [NodeID]) {
        let names = Set(nodes.map(\.text))
        for index in model.pods.indices where names.contains(model.pods[index].name) { model.pods[index].wish = wish }
    }
}
