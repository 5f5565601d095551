import Foundation
import Logging
import RelayCluster
import RelayCore
import RelayScaling
import Synchronization
import Testing

@testable import RelayNode

/// The loop's body against a driver and a registry in memory.
struct TierRunnerTests {
    /// Says what it is asked to, and remembers what it was told.
    final class FakeDriver: ScalingDriver {
        struct State {
            var workload = WorkloadStatus(uid: "u", replicas: 1)
            var problem: PlatformProblem?
            var checkProblem: PlatformProblem?
            var scaleProblem: PlatformProblem?
            var scaled: [Int] = []
            var checks = 0
            var records: [String] = []
        }
        let state = Mutex(State())
        let name = "fake"

        func run() async {}
        func observe(_ tier: NodeRole) async throws(PlatformProblem) -> WorkloadStatus {
            let (workload, problem) = state.withLock { ($0.workload, $0.problem) }
            if let problem { throw problem }
            return workload
        }
        func scale(_ tier: NodeRole, from: Int, to: Int, uid: String) async throws(PlatformProblem) {
            if let problem = state.withLock({ $0.scaleProblem }) { throw problem }
            state.withLock {
                $0.scaled.append(to)
                $0.workload.replicas = to
            }
        }
        func mark(_ tier: NodeRole, _ costs: [ScalingAction.PodCost]) async throws(PlatformProblem) {}
        func check(_ tier: NodeRole) async throws(PlatformProblem) {
            let problem = state.withLock { state in
                state.checks += 1
                return state.checkProblem
            }
            if let problem { throw problem }
        }
        func record(_ tier: NodeRole, reason: String, text: String, isWarning: Bool) async {
            state.withLock { $0.records.append(reason) }
        }
    }

    private let driver = FakeDriver()
    private let registry = MemoryRegistry(
        clock: { .now() }, wallMilliseconds: { WallClock.milliseconds }, sleep: { _ in })
    private let leader = LeaderStanding(isLeader: true, epoch: 5, holder: "a1")

    private func runner(
        identity: String = "a1", _ change: (inout TierSettings) -> Void = { _ in }
    ) -> TierRunner {
        var settings = TierSettings(tier: .edge)
        settings.mode = .on
        settings.minimum = 3
        settings.capacity.viewers = 100
        change(&settings)
        return TierRunner(
            settings: settings, driver: driver, registry: registry, identity: identity, logger: Logger(label: "test"))
    }

    @Test func `below the minimum the leader asks for more, and writes the decision down`() async throws {
        let runner = runner()
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        #expect(driver.state.withLock { $0.scaled } == [3])
        #expect(driver.state.withLock { $0.records } == ["ScaledUp"])
        let written = try await registry.currentDecisions()
        let record = try #require(written.first.flatMap { ScalingRecord.parse($0.document.json) })
        #expect(record.leader == "a1" && record.driver == "fake" && record.decision.target == 3)
        #expect(try await registry.decisions(of: .edge, until: nil, limit: 10).count == 1)
        #expect(try await registry.scalingState(of: .edge)?.epoch == 5)
    }

    @Test func `who does not lead does nothing, and writes nothing`() async throws {
        let runner = runner()
        await runner.tick(
            nodes: [], news: OperatorNews(), standing: LeaderStanding(isLeader: false, epoch: 5, holder: "a2"))
        #expect(driver.state.withLock { $0.scaled }.isEmpty)
        #expect(try await registry.currentDecisions().isEmpty)
        #expect(runner.view.last != nil)
    }

    @Test func `a denied permission turns it into a dry run, with the code where operators look`() async throws {
        driver.state.withLock { $0.checkProblem = .denied("patch deployments/scale in namespace live") }
        let runner = runner()
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        #expect(driver.state.withLock { $0.scaled }.isEmpty)
        #expect(runner.view.last?.blocks.map(\.code).contains("rbac_denied") == true)
        // Not with each tick: it costs calls.
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        #expect(driver.state.withLock { $0.checks } == 1)
    }

    @Test func `an action that is refused for good is not tried with each tick`() async throws {
        driver.state.withLock { $0.scaleProblem = .denied("patch deployments/scale in namespace live") }
        let runner = runner()
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        #expect(driver.state.withLock { $0.records } == ["ScalingFailed"])
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        #expect(driver.state.withLock { $0.records } == ["ScalingFailed"])
        #expect(runner.view.last?.blocks.map(\.code).contains("rbac_denied") == true)
    }

    @Test func `without the registry nothing is asked for`() async throws {
        let runner = runner()
        await runner.tick(nodes: nil, news: OperatorNews(), standing: leader)
        #expect(driver.state.withLock { $0.scaled }.isEmpty)
        #expect(runner.view.last?.reason == "redis_down")
    }

    @Test(
        arguments: [
            ("\"minutes\":0", "\"minutes\":9223372036854775807"),
            ("\"untilSolved\":5", "\"untilSolved\":-9223372036854775808"),
            ("\"wholeEnd\":7", "\"wholeEnd\":9223372036854775807"), ("\"wholeStart\":2", "\"wholeStart\":9"),
            ("\"distrustedMinutes\":0", "\"distrustedMinutes\":-9223372036854775808"),
            (
                "\"hours\":[]",
                "\"hours\":[{\"hour\":1,\"epochs\":9223372036854775807,\"right\":0,\"lastRight\":0,"
                    + "\"oracle\":0,\"excess\":0,\"overloaded\":0}]"
            ),
        ])
    func `figures that no release writes are not taken over, though their checksum is right`(
        from: String, to: String
    ) throws {
        let written = try #require(LearnedDocument.json(LearnedState()))
        _ = try LearnedDocument.parse(written)
        var document = try JSONDecoder().decode(LearnedDocument.self, from: Data(written.utf8))
        try #require(document.learned.contains(from), "the document has another shape: \(document.learned.prefix(400))")
        document.learned = document.learned.replacing(from, with: to)
        document.checksum = LearnedDocument.fnv1a(document.learned.utf8)
        let crafted = String(decoding: try JSONEncoder().encode(document), as: UTF8.self)
        #expect(throws: LearnedDocument.Failure.self) { try LearnedDocument.parse(crafted) }
    }

    @Test func `what was learned is taken over by the next leader, and not when it is damaged`() async throws {
        let first = runner()
        await first.tick(nodes: [], news: OperatorNews(), standing: leader)
        let stored = try #require(try await registry.scalingState(of: .edge))
        _ = try LearnedDocument.parse(stored.json)
        let damaged = stored.json.replacing("learned\":\"{", with: "learned\":\"{ ")
        #expect(throws: LearnedDocument.Failure.self) { try LearnedDocument.parse(damaged) }
        #expect(throws: LearnedDocument.Failure.self) { try LearnedDocument.parse("[]") }
        #expect(try await registry.storeScalingState(ScalingDocument(epoch: 6, json: damaged), of: .edge))
        let second = runner()
        await second.tick(
            nodes: [], news: OperatorNews(), standing: LeaderStanding(isLeader: true, epoch: 7, holder: "a1"))
        #expect(second.view.last != nil)
    }

    // MARK: Taking over and writing down

    private func learned(drains: [NodeID]) throws -> String {
        var learned = LearnedState()
        learned.drains = try drains.map { node -> DrainOrder in
            let json = #"{"node":"\#(node.text)","uid":"u1","orderedMilliseconds":1}"#
            return try JSONDecoder().decode(DrainOrder.self, from: Data(json.utf8))
        }
        return try #require(LearnedDocument.json(learned))
    }

    private static func pods(_ count: Int) -> [PodStatus] {
        (0..<count).map { PodStatus(name: "edge-\($0)", uid: "u\($0)") }
    }

    private func storedDrains() async throws -> [NodeID] {
        let stored = try #require(try await registry.scalingState(of: .edge))
        return try LearnedDocument.parse(stored.json).drains.map(\.node)
    }

    @Test func `what a former leader learned is not overwritten while it cannot be read, and is read later`()
        async throws
    {
        let node = try #require(NodeID("edge-1"))
        // The pod lives and nothing is missing, so that its drain is neither forgotten nor taken back.
        driver.state.withLock { $0.workload = WorkloadStatus(uid: "u", replicas: 3, pods: Self.pods(3)) }
        let json = try learned(drains: [node])
        #expect(try await registry.storeScalingState(ScalingDocument(epoch: 4, json: json), of: .edge))
        let runner = runner { $0.minimum = 1 }
        registry.setReachable(false)
        await runner.tick(nodes: nil, news: OperatorNews(), standing: leader)
        #expect(!runner.view.isLoaded)
        registry.setReachable(true)
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        #expect(runner.view.isLoaded)
        #expect(runner.view.scaling?.learned.drains.map(\.node) == [node])
        #expect(try await storedDrains() == [node])
    }

    @Test func `a state that is not stored is stored with the next tick`() async throws {
        let runner = runner()
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        let first = try #require(runner.view.savedAt)
        driver.state.withLock { $0.workload.replicas = 1 }
        registry.setReachable(false)
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        #expect(runner.view.savedAt == first && runner.view.isUnsaved)
        registry.setReachable(true)
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        let second = try #require(runner.view.savedAt)
        #expect(second > first && !runner.view.isUnsaved)
    }

    @Test func `the state is stored although the decision cannot be written down`() async throws {
        // Too long, whatever is left out of the decision.
        let runner = runner(identity: String(repeating: "a", count: ScalingLimits.longestDecision))
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        #expect(try await registry.currentDecisions().isEmpty)
        #expect(try await registry.scalingState(of: .edge)?.epoch == 5)
    }

    @Test func `an order that is given again is heard again`() {
        for milliseconds in [Int64?.none, 500] {
            let first = TierRunner.wish(drainMilliseconds: milliseconds, 5, wallMilliseconds: 1_000)
            let second = TierRunner.wish(drainMilliseconds: milliseconds, 5, wallMilliseconds: 31_000)
            #expect(first.isAutoscalers && first.epoch == 5 && first.id != second.id)
            #expect(second.drainMilliseconds == milliseconds)
        }
    }

    // MARK: What stands in the way

    @Test func `when the lease is over in the middle of a tick nothing more is done`() async throws {
        await runner().tick(nodes: [], news: OperatorNews(), standing: leader) { _ in false }
        #expect(driver.state.withLock { $0.scaled }.isEmpty)
    }

    @Test func `before the first successful check nothing is asked for, below the minimum neither`() async throws {
        driver.state.withLock { $0.checkProblem = .away("no connection") }
        let runner = runner()
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        #expect(driver.state.withLock { $0.scaled }.isEmpty)
        #expect(runner.view.last?.blocks.map(\.code).contains("platform_away") == true)
    }

    @Test(arguments: [PlatformProblem.twoMasters("an HPA scales it"), .denied("patch deployments/scale")])
    func `a platform that does not answer does not make up for what it refused`(_ problem: PlatformProblem) async throws
    {
        driver.state.withLock { $0.checkProblem = problem }
        let runner = runner()
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        driver.state.withLock { $0.problem = .away("no connection") }
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        let codes = runner.view.last?.blocks.map(\.code) ?? []
        #expect(codes.contains(problem.code) && !codes.contains("platform_away"))
        #expect(driver.state.withLock { $0.scaled }.isEmpty)
    }

    @Test func `while paused, who follows the wanted count is told what there is`() async throws {
        driver.state.withLock { $0.workload.replicas = 2 }
        var news = OperatorNews()
        let runner = runner()
        await runner.tick(nodes: [], news: news, standing: LeaderStanding(isLeader: false, epoch: 5, holder: "a2"))
        #expect(try desired(runner.view) == 3)
        news.controls.isPaused = true
        await runner.tick(nodes: [], news: news, standing: leader)
        #expect(try desired(runner.view) == 2)
        // Also where the decision has another target than what there is.
        var state = runner.view
        state.last?.target = 9
        #expect(try desired(state) == 2)
    }

    private func desired(_ view: TierRunner.State) throws -> Int {
        let decision = try #require(view.last)
        return try #require(
            DesiredReplicas(decision, isPaused: view.isPaused, age: .zero, limit: .seconds(20))
        ).desired
    }

    @Test func `a leader that a later epoch fences says so, and no longer once it writes again`() async throws {
        let json = try learned(drains: [])
        #expect(try await registry.storeScalingState(ScalingDocument(epoch: 9, json: json), of: .edge))
        let runner = runner()
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        #expect(runner.view.fencedBy == 9)
        let told = try #require(runner.view.toldFenceAt)
        await runner.tick(nodes: [], news: OperatorNews(), standing: leader)
        let block = try #require(runner.view.last?.blocks.first(where: { $0.code == "fenced" }))
        #expect(block.text.contains("epoch 9") && block.text.contains("epoch 5"))
        #expect(runner.view.toldFenceAt == told, "not with each tick")
        let next = LeaderStanding(isLeader: true, epoch: 10, holder: "a1")
        await runner.tick(nodes: [], news: OperatorNews(), standing: next)
        #expect(runner.view.fencedBy == nil)
        #expect(runner.view.last?.blocks.map(\.code).contains("fenced") == false)
    }

    @Test func `a later epoch that wrote the decision only fences, too, until the store takes one of ours`()
        async throws
    {
        let later = Decision(
            tier: .edge, wallMilliseconds: 0, epoch: 9, mode: .on, current: 2, target: 3, reason: "minimum")
        let json = try #require(ScalingRecord(leader: "a9", driver: "fake", decision: later).json())
        let record = ScalingDocument(epoch: 9, json: json)
        // Another tier's leader is nobody to this one.
        var origins = later
        (origins.tier, origins.epoch) = (.origin, 90)
        let other = try #require(ScalingRecord(leader: "a9", driver: "fake", decision: origins).json())
        try await registry.logDecision(ScalingDocument(epoch: 90, json: other), of: .origin, isKept: false)
        #expect(try await registry.logDecision(record, of: .edge, isKept: false))
        let runner = runner()
        for _ in 0..<2 { await runner.tick(nodes: [], news: OperatorNews(), standing: leader) }
        #expect(runner.view.fences == [.decision: 9])
        #expect(runner.view.last?.blocks.map(\.code).contains("fenced") == true)
        #expect(try await registry.currentDecisions().map(\.document).contains(record))
        let next = LeaderStanding(isLeader: true, epoch: 10, holder: "a1")
        for _ in 0..<2 { await runner.tick(nodes: [], news: OperatorNews(), standing: next) }
        #expect(runner.view.fences.isEmpty)
        #expect(runner.view.last?.blocks.map(\.code).contains("fenced") == false)
    }

    // MARK: Records and metrics

    @Test func `a decision too long for the store is cut, and says so`() throws {
        var decision = Decision(
            tier: .edge, wallMilliseconds: 0, epoch: 1, mode: .on, current: 2, target: 3, reason: "reactive.viewers")
        let nodes = (0..<2_000).compactMap { NodeID("edge-\($0)-" + String(repeating: "x", count: 40)) }
        #expect(nodes.count == 2_000)
        let costs = nodes.map { ScalingAction.PodCost(pod: $0.text, uid: $0.text, cost: -1_000) }
        decision.actions = [.drain(nodes, deadline: 600), .mark(costs), .scale(from: 2, to: 3, uid: "u")]
        decision.needs = (0..<1_000).map {
            Decision.Need(name: "event.\($0)", nodes: Double(1_000 - $0), text: String(repeating: "t", count: 2_000))
        }
        let json = try #require(ScalingRecord(leader: "a1", driver: "fake", decision: decision).json())
        #expect(json.utf8.count <= ScalingLimits.longestDecision)
        let read = try #require(ScalingRecord.parse(json)).decision
        #expect(read.needs.first?.name == "event.0" && read.target == 3)
        #expect(read.actions.last == .scale(from: 2, to: 3, uid: "u"))
        #expect(read.blocks.map(\.code) == ["record_cut"])
        decision.actions = []
        decision.needs = []
        let short = try #require(ScalingRecord(leader: "a1", driver: "fake", decision: decision).json())
        #expect(ScalingRecord.parse(short)?.decision == decision)
    }

    @Test func `what the decision core counts is exported per tier`() {
        var counters = ScalingCounters()
        (counters.scaleOuts, counters.scaleIns, counters.drains, counters.undrains) = (1, 2, 3, 4)
        (counters.victimMismatches, counters.wrongVictims, counters.quarantinedReports) = (5, 6, 7)
        (counters.manualOverrides, counters.panics, counters.cliffs) = (8, 9, 10)
        let text = AutoscalerMetrics.render(
            [.init(tier: .edge, ticks: 1, tickSeconds: 0, failures: [:], counters: counters)], isLeader: true,
            epoch: 1, isRegistryUp: true, nodes: 0, process: ProcessFigures())
        for (index, name) in [
            "scale_outs", "scale_ins", "drains", "undrains", "victim_mismatches", "wrong_victims",
            "quarantined_reports", "manual_overrides", "panics", "cliffs",
        ].enumerated() {
            #expect(text.contains("# TYPE relay_autoscaler_\(name)_total counter\n"))
            #expect(text.contains("\nrelay_autoscaler_\(name)_total{target=\"edge\"} \(index + 1)\n"), "\(name)")
        }
    }
}
