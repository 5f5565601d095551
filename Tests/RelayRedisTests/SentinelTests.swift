import RelayCluster
import RelayCore
import RelayRedis
import RelayTestKit
import Testing

extension RedisSuite {
    @Suite("Redis Sentinel") struct SentinelTests {
        @Test(
            "After the primary's death the registry goes on at the promoted replica, and epochs go on growing",
            arguments: [false, true])
        func failover(isFrozen: Bool) async throws {
            try await withSentinel { servers in
                try await withRegistry(servers.url) { registry in
                    #expect(registry.state.server?.port == servers.primary.port)
                    let one = try node("one")
                    _ = try await registry.renew(one, report: nil, ttl: .seconds(30))
                    let held = try #require(try await registry.granted("live/a", one))
                    if isFrozen { servers.primary.stop() } else { await servers.primary.kill() }
                    try await eventually("the registry writes at the new primary", within: .seconds(20)) {
                        guard let next = try? await registry.granted("live/a", one) else { return false }
                        #expect(next.epoch > held.epoch)
                        return registry.state.server?.port == servers.replica.port
                    }
                    if isFrozen { servers.primary.cont() }
                }
            }
        }

        @Test("Sentinels that do not answer are passed over, and an unknown primary is said to be unknown")
        func others() async throws {
            try await withSentinel { servers in
                let nobody = try RedisServer.freePort()
                let list = "127.0.0.1:\(nobody),127.0.0.1:\(servers.sentinel.port)"
                try await withRegistry("redis+sentinel://\(list)/mymaster/1") { registry in
                    _ = try await registry.renew(try node("n"), report: nil, ttl: .seconds(9))
                    #expect(try await servers.primary.command("SELECT 1", "EXISTS relay:1:node:n").hasPrefix(":1"))
                }
                try await withRegistry("redis+sentinel://127.0.0.1:\(servers.sentinel.port)/other", waits: false) {
                    registry in
                    try await eventually("it says so") {
                        registry.state.lastError?.contains("no primary called other") == true
                    }
                }
            }
        }
    }
}
