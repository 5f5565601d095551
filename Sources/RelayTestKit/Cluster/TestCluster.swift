import Foundation
import RelayAPI

/// A registry, origins and edges as processes of their own, for the length of a scope; made by
/// ``withCluster(origins:edges:flags:_:)``.
package final class TestCluster: Sendable {
    package let redis: RedisServer
    package let origins: [RelayProcess]
    package let edges: [RelayProcess]
    private let flags: [String]

    init(redis: RedisServer, origins: [RelayProcess], edges: [RelayProcess], flags: [String]) {
        self.redis = redis
        self.origins = origins
        self.edges = edges
        self.flags = flags
    }

    package var nodes: [RelayProcess] { origins + edges }

    /// Starts a node that belongs to the cluster; the caller ends it.
    package func start(_ role: String, name: String, flags more: [String] = []) async throws -> RelayProcess {
        try await Self.start(role, name: name, redis: redis, flags: flags + more)
    }

    static func start(
        _ role: String, name: String, redis: RedisServer, flags: [String]
    ) async throws -> RelayProcess {
        var values = [
            "--node-name": name, "--cluster-registry": redis.url, "--cluster-key": "a key for tests",
            "--flush-interval": "0", "--shutdown-deadline": "1s",
        ]
        // What a test says comes last, and once: a flag that is given twice is a mistake.
        for index in stride(from: 0, to: flags.count - 1, by: 2) { values[flags[index]] = flags[index + 1] }
        return try await RelayProcess.start(values.flatMap { [$0.key, $0.value] }, role: role)
    }

    func end() async {
        for node in edges + origins { await node.stop() }
        await redis.end()
    }
}

/// Runs a cluster for the length of a scope: nodes `o1`, `o2`, … and `e1`, `e2`, …, all of them in the registry when the body
/// begins.
///
/// - Throws: what starting and the body throw; ``RelayCrash`` when a node died on its own.
package func withCluster<T>(
    origins: Int = 2, edges: Int = 1, flags: [String] = [], _ body: (TestCluster) async throws -> T
) async throws -> T {
    let redis = try await RedisServer.start()
    var started: [RelayProcess] = []
    do {
        for index in 1...max(1, origins) where index <= origins {
            started.append(try await TestCluster.start("origin", name: "o\(index)", redis: redis, flags: flags))
        }
        for index in 1...max(1, edges) where index <= edges {
            started.append(try await TestCluster.start("edge", name: "e\(index)", redis: redis, flags: flags))
        }
    } catch {
        for node in started { await node.stop() }
        await redis.end()
        throw error
    }
    let cluster = TestCluster(
        redis: redis, origins: Array(started.prefix(origins)), edges: Array(started.dropFirst(origins)), flags: flags)
    do {
        try await eventually("all nodes are in the registry") {
            let seen = (try? cluster.nodes.last?.admin.clusterNodes()) ?? nil
            return (seen?.nodes.filter { $0.state == "serving" }.count ?? 0) == origins + edges
        }
        let result = try await body(cluster)
        for node in cluster.nodes {
            if case .signal(let number)? = node.exit, number != SIGKILL, number != SIGTERM {
                throw RelayCrash(signal: number, log: node.logLines)
            }
        }
        await cluster.end()
        return result
    } catch {
        for node in cluster.nodes {
            if case .signal(let number)? = node.exit, number != SIGKILL, number != SIGTERM {
                await cluster.end()
                throw RelayCrash(signal: number, log: node.logLines)
            }
        }
        await cluster.end()
        throw error
    }
}
