import Foundation

/// A primary, a replica of it, and a Sentinel that watches both under the name `mymaster`. Made by ``withSentinel(_:)``.
package struct RedisSentinels: Sendable {
    package let primary: RedisServer
    package let replica: RedisServer
    package let sentinel: RedisServer

    /// `redis+sentinel://127.0.0.1:port/mymaster`.
    package var url: String { "redis+sentinel://127.0.0.1:\(sentinel.port)/mymaster" }

    fileprivate static func start() async throws -> RedisSentinels {
        let quick = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]
        let primary = try await RedisServer.start(quick)
        let replica = try await RedisServer.start(quick + ["--replicaof", "127.0.0.1 \(primary.port)"])
        let sentinel = try await RedisServer.start(
            ["--sentinel"],
            configuration: """
                sentinel monitor mymaster 127.0.0.1 \(primary.port) 1
                sentinel down-after-milliseconds mymaster 500
                sentinel failover-timeout mymaster 1500

                """)
        let all = RedisSentinels(primary: primary, replica: replica, sentinel: sentinel)
        do {
            // These are made for clusters that fail less often than tests. The period of pings stays as it is: what is known of a
            // replica counts as stale after five of them, and then it is not promoted.
            try await sentinel.command("SENTINEL DEBUG info-period 200 ask-period 100 publish-period 200")
            try await eventually("the replica is in step", within: .seconds(10)) {
                try await replica.command("INFO replication").contains("master_link_status:up")
            }
            try await eventually("the Sentinel knows the replica", within: .seconds(10)) {
                try await sentinel.command("SENTINEL replicas mymaster").contains("\(replica.port)")
            }
            return all
        } catch {
            await all.end()
            throw error
        }
    }

    fileprivate func end() async {
        for server in [sentinel, replica, primary] { await server.end() }
    }
}

/// Runs a primary, a replica and a Sentinel for the length of a scope.
///
/// - Throws: what starting and the body throw.
package func withSentinel<T>(_ body: (RedisSentinels) async throws -> T) async throws -> T {
    let servers = try await RedisSentinels.start()
    do {
        let result = try await body(servers)
        await servers.end()
        return result
    } catch {
        await servers.end()
        throw error
    }
}
