import RelayCluster
import RelayCore
import RelayScaling
import Testing

@testable import RelayNode

/// What autoscalers that do not lead answer, and what they go on from when they do.
struct StoredDecisionTests {
    private let registry = MemoryRegistry(
        clock: { .now() }, wallMilliseconds: { WallClock.milliseconds }, sleep: { _ in })

    private func decision(_ mode: ScalingMode = .on, reason: String = "reactive.viewers") -> Decision {
        Decision(tier: .edge, wallMilliseconds: 0, epoch: 5, mode: mode, current: 4, target: 9, reason: reason)
    }

    private func stored(_ decision: Decision, driver: String = "export", age: Duration = .zero) -> StoredDecision {
        StoredDecision(decision: decision, driver: driver, ageThen: age, readAt: .now())
    }

    @Test func `the wanted count is the decision's, and none when that is old or was made without knowing the load`() {
        let limit = Duration.seconds(20)
        #expect(DesiredReplicas(decision(), isPaused: false, age: limit, limit: limit)?.desired == 9)
        #expect(DesiredReplicas(decision(), isPaused: true, age: limit, limit: limit)?.desired == 4)
        #expect(DesiredReplicas(decision(), isPaused: false, age: .seconds(21), limit: limit) == nil)
        for reason in ["redis_down", "stale_metrics"] {
            #expect(DesiredReplicas(decision(reason: reason), isPaused: false, age: .zero, limit: limit) == nil)
        }
    }

    @Test func `it is read from the registry with its age`() async throws {
        let json = try #require(ScalingRecord(leader: "a1", driver: "export", decision: decision()).json())
        try await registry.logDecision(ScalingDocument(epoch: 5, json: json), of: .edge, isKept: false)
        let now = MonotonicTime.now()
        let found = try #require(try await StoredDecision.read(registry, now: now)[.edge])
        #expect(found.decision == decision() && found.driver == "export")
        #expect(found.age(at: now) < .seconds(5))
        #expect(found.age(at: now + .seconds(60)) >= .seconds(60))
    }

    @Test func `whoever takes over goes on from what the leader asked for`() async throws {
        var scaled = decision()
        scaled.actions = [.scale(from: 4, to: 9, uid: "")]
        let driver = RegistryDriver(isExport: true, minimum: [.edge: 1])
        driver.follow([.edge: stored(scaled)], now: .now())
        #expect(try await driver.observe(.edge).replicas == 9)
        // Nothing was asked for with it: what stood before stands.
        driver.follow([.edge: stored(decision())], now: .now())
        #expect(try await driver.observe(.edge).replicas == 4)
    }

    @Test func `who offers no count, or did long ago, is not followed`() async throws {
        let now = MonotonicTime.now()
        #expect(stored(decision(), driver: "kubernetes").wanted(at: now) == nil)
        #expect(stored(decision(.observe)).wanted(at: now) == nil)
        #expect(stored(decision(), age: ScalingLimits.fence + .seconds(1)).wanted(at: now) == nil)
        let driver = RegistryDriver(isExport: false, minimum: [.edge: 1])
        driver.follow([.edge: stored(decision())], now: now)
        #expect(try await driver.observe(.edge).replicas == 1)
    }
}
