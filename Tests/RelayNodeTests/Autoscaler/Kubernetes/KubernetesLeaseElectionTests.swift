import Logging
import RelayKubernetes
import Testing

@testable import RelayNode

@Suite("Leader election at an API server", .timeLimit(.minutes(1)))
struct KubernetesLeaseElectionTests {
    private let server: FakeAPIServer

    init() throws { server = try FakeAPIServer() }

    private func election(_ identity: String) throws -> KubernetesLeaseElection {
        KubernetesLeaseElection(
            client: try KubernetesDriverTests.client(server), lease: "relay-autoscaler", identity: identity,
            logger: KubernetesDriverTests.logger)
    }

    private func wait(_ what: String, _ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while !condition() {
            try #require(ContinuousClock.now < deadline, "never: \(what)")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    @Test("The first leads, the second follows, and takes over with a higher epoch once the first resigns")
    func handover() async throws {
        let (first, second) = (try election("a"), try election("b"))
        let firstRun = Task { await first.run() }
        try await wait("the first leads") { first.standing.isLeader }
        #expect(first.standing.epoch == 1)
        let secondRun = Task { await second.run() }
        try await wait("the second follows") { second.standing.holder == first.standing.holder }
        #expect(!second.standing.isLeader)
        firstRun.cancel()
        await firstRun.value
        #expect(!first.standing.isLeader)
        try await wait("the second leads") { second.standing.isLeader }
        #expect(second.standing.epoch == 2)
        #expect(second.standing.holder?.hasPrefix("b_") == true)
        secondRun.cancel()
        await secondRun.value
        #expect(server.with { $0.lease }?.contains(#""holderIdentity":"""#) == true)
    }

    @Test("Two lives of one pod are two holders")
    func lives() async throws {
        let (first, second) = (try election("a"), try election("a"))
        let firstRun = Task { await first.run() }
        try await wait("the first leads") { first.standing.isLeader }
        let secondRun = Task { await second.run() }
        try await wait("the second looked") { second.standing.holder != nil }
        #expect(!second.standing.isLeader)
        secondRun.cancel()
        await secondRun.value
        #expect(first.standing.isLeader)
        firstRun.cancel()
        await firstRun.value
    }

    @Test(
        "Nobody leads at a server that refuses or is broken",
        arguments: [
            .status(403), .status(500), .status(429, headers: ["Retry-After: 1"]), .close, .text("x"),
            .status(200, body: "{}"), .status(200, body: "garbage"),
        ] as [FakeAPIServer.Fault])
    func refused(fault: FakeAPIServer.Fault) async throws {
        server.fail("leases", times: 1_000, fault)
        let one = try election("a")
        let run = Task { await one.run() }
        try await wait("it tried") { server.count("leases") > 0 }
        #expect(!one.standing.isLeader)
        run.cancel()
        await run.value
        #expect(!one.standing.isLeader)
        #expect(server.count("leases") < 5)
    }
}
