import Logging
import RelayCluster
import RelayCore
import RelayTestKit
import Testing

@testable import RelayNode

@Suite(.timeLimit(.minutes(1)))
struct RegistryLeaderElectionTests {
    private let registry = MemoryRegistry(
        clock: { .now() }, wallMilliseconds: { WallClock.milliseconds }, sleep: { _ in })

    private func election() -> RegistryLeaderElection {
        RegistryLeaderElection(store: registry, group: "g", identity: "a1", logger: Logger(label: "test"))
    }

    @Test func `of two processes of one name only one leads, and the other follows when it resigns`() async throws {
        let (first, second) = (election(), election())
        let firstRun = Task { await first.run() }
        defer { firstRun.cancel() }
        try await eventually("the first leads", within: .seconds(30)) { first.standing.isLeader }
        let secondRun = Task { await second.run() }
        defer { secondRun.cancel() }
        try await eventually("the second has asked", within: .seconds(30)) { second.standing.holder != nil }
        #expect(!second.standing.isLeader)
        #expect(second.standing.holder?.hasPrefix("a1_") == true)
        firstRun.cancel()
        await firstRun.value
        try await eventually("the second leads", within: .seconds(30)) { second.standing.isLeader }
        #expect(second.standing.epoch > first.standing.epoch)
        secondRun.cancel()
        await secondRun.value
    }
}
