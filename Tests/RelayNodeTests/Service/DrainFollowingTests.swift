import Logging
import NIOCore
import RelayCluster
import RelayCore
import RelayTestKit
import Testing

@testable import RelayNode

/// A whole node that hears orders through its registry.
@Suite struct DrainFollowingTests {
    private struct NoCluster: Error {}

    private func withOrigin(_ body: (ClusterService, NodeInspector) async throws -> Void) async throws {
        var configuration = RelayConfiguration()
        configuration.node.name = "drained"
        configuration.node.threads = 1
        configuration.node.machine = "machine-7"
        configuration.node.spot = .yes
        configuration.node.egressCapacity = 4_000
        configuration.cluster.registry = "memory"
        configuration.shutdown.deadline = .milliseconds(100)
        (configuration.rtmp.host, configuration.rtmp.port) = ("127.0.0.1", 0)
        (configuration.http.host, configuration.http.port) = ("127.0.0.1", 0)
        (configuration.link.host, configuration.link.port) = ("127.0.0.1", 0)
        configuration.admin.port = 0
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let service = try NodeService(configuration: configuration, role: .origin, logger: logger)
        guard let cluster = service.inspector.cluster else { throw NoCluster() }
        let task = Task { try await service.run() }
        defer { task.cancel() }
        try await soon("the node serves") { try await record(cluster)?.state == .serving }
        try await body(cluster, service.inspector)
        task.cancel()
        _ = await task.result
    }

    /// Long tests beside this one may keep all threads of a small machine for a while.
    private func soon(_ what: String, _ condition: () async throws -> Bool) async throws {
        try await eventually(what, within: .seconds(60), condition)
    }

    private func record(_ cluster: ClusterService) async throws -> NodeRecord? {
        try await cluster.registry.nodes().first?.record
    }

    private func wish(_ id: String, drain: Int64?, epoch: UInt64? = nil) -> NodeWish {
        NodeWish(drainMilliseconds: drain, id: id, author: epoch.map { _ in NodeWish.autoscaler }, epoch: epoch)
    }

    @Test func `a node follows the newest leader of the autoscalers and tells whose drain it follows`() async throws {
        try await withOrigin { cluster, inspector in
            let first = try #require(try await record(cluster))
            #expect(first.machine == "machine-7" && first.isSpot == true && first.drain == nil)
            try await cluster.registry.wish(wish("a", drain: 60_000, epoch: 7), for: cluster.me)
            try await soon("it drains") { try await record(cluster)?.state == .draining }
            let drained = try await record(cluster)
            #expect(drained?.drain == DrainOrigin(wish: "a", author: NodeWish.autoscaler, epoch: 7))
            #expect(!inspector.isReady)
            // A former leader, past the registry's own guard.
            try await cluster.registry.wish(nil, for: cluster.me)
            try await cluster.registry.wish(wish("b", drain: nil, epoch: 6), for: cluster.me)
            try await cluster.registry.wish(wish("c", drain: nil, epoch: 8), for: cluster.me)
            try await soon("it serves again") { try await record(cluster)?.state == .serving }
            let served = try await record(cluster)
            #expect(served?.drain == nil)
            #expect(inspector.isReady)
        }
    }

    @Test func `the autoscaler does not end what an operator began`() async throws {
        try await withOrigin { cluster, inspector in
            try await cluster.order(wish("a", drain: 60_000), of: cluster.me)
            try await soon("it drains") { try await record(cluster)?.drain == DrainOrigin(wish: "a") }
            // As if the operator's order had been taken out of the registry.
            try await cluster.registry.wish(nil, for: cluster.me)
            try await cluster.registry.wish(wish("b", drain: nil, epoch: 9), for: cluster.me)
            try await cluster.registry.wish(wish("c", drain: 1, epoch: 9), for: cluster.me)
            for _ in 0..<3 {
                cluster.renewSoon()
                try await soon("it reports") { try await cluster.registry.nodes().first?.report != nil }
                let record = try await record(cluster)
                #expect(record?.state == .draining && record?.drain == DrainOrigin(wish: "a"))
            }
            #expect(!inspector.isReady)
            try await cluster.order(wish("d", drain: nil), of: cluster.me)
            try await soon("it serves again") { try await record(cluster)?.state == .serving }
        }
    }

    @Test func `the autoscaler's drain lets an origin's publishers stay, and an operator's on top of it does not`()
        async throws
    {
        try await withOrigin { cluster, inspector in
            let fanout = cluster.fanouts[0]
            let connection = TestPublisher()
            func publish(_ name: String, id: UInt64) async throws -> PublishRoute {
                let publisher = Publisher(
                    id: id, connection: connection, loop: fanout.loop, remote: "192.0.2.1:1", encoder: nil)
                return try await cluster.publish(try StreamName(path: name), publisher, on: fanout).get()
            }
            func endings() async throws -> [RelayCode] { try await fanout.loop.submit { connection.endings }.get() }
            guard case .here(let hub, .live) = try await publish("live/one", id: 1) else { throw NoCluster() }
            try await cluster.registry.wish(wish("a", drain: 0, epoch: 7), for: cluster.me)
            try await soon("it is cordoned") { try await record(cluster)?.state == .draining }
            #expect(!inspector.isReady)
            #expect(cluster.drainSecondsLeft == nil)
            guard case .refused(.draining) = try await publish("live/two", id: 2) else {
                Issue.record("it takes a new publisher")
                return
            }
            #expect(try await endings().isEmpty)
            let isHere = try await fanout.loop.submit { hub.hasPublisher }.get()
            #expect(isHere)
            try await cluster.order(wish("b", drain: 60_000), of: cluster.me)
            try await soon("the publisher is sent away") { try await endings() == [.draining] }
            #expect(cluster.drainSecondsLeft != nil)
            try await cluster.order(wish("c", drain: nil), of: cluster.me)
            try await soon("it serves again") { try await record(cluster)?.state == .serving }
        }
    }

    @Test func `a cordon is taken back, and does not outlive the end of the process`() async throws {
        try await withOrigin { cluster, inspector in
            try await cluster.registry.wish(wish("a", drain: 60_000, epoch: 7), for: cluster.me)
            try await soon("it is cordoned") { try await record(cluster)?.state == .draining }
            try await cluster.registry.wish(wish("b", drain: nil, epoch: 7), for: cluster.me)
            try await soon("it serves again") { try await record(cluster)?.state == .serving }
            #expect(inspector.isReady)
            try await cluster.registry.wish(wish("c", drain: 60_000, epoch: 7), for: cluster.me)
            try await soon("it is cordoned again") { try await record(cluster)?.state == .draining }
            await cluster.drainForGood(within: .seconds(60))
            #expect(cluster.drainSecondsLeft != nil)
        }
    }

    @Test func `a node reports what it may send, its CPU, and no more leaves than joins`() async throws {
        try await withOrigin { cluster, inspector in
            let report = try await inspector.report()
            #expect(report.egressCapacity > 0 && report.egressCapacity <= 4e9)
            #expect((0...1).contains(report.cpu))
            #expect(report.joinsTotal == 0 && report.leavesTotal == 0 && report.firstFrameP95 == nil)
            #expect(report.strandedViewers == 0)
            #expect(report.rejectsTotal == 0 && report.joinFailuresTotal == 0)
            let metrics = try await inspector.metrics()
            #expect(metrics.contains("\nrelay_viewer_leaves_total 0\n"))
            #expect(metrics.contains("# TYPE relay_first_frame_p95_seconds gauge\n# "))
        }
    }
}
