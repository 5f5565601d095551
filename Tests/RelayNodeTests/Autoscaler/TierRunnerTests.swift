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

    private func runner(_ change: (inout TierSettings) -> Void = { _ in }) -> TierRunner {
        var settings = TierSettings(tier: .edge)
        settings.mode = .on
        settings.minimum = 3
        settings.capacity.viewers = 100
        change(&settings)
        return TierRunner(
            settings: settings, driver: driver, registry: registry, identity: "a1", logger: Logger(label: "test"))
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
}
