import RelayCluster
import RelayCore
import RelayRedis
import RelayTestKit
import Testing

extension RedisSuite {
    @Suite("Redis refuses") struct RedisRefusalTests {
        private func refusal(_ body: () async throws -> Void) async -> String {
            do {
                try await body()
                return "nothing was refused"
            } catch {
                if case .refused(let text)? = error as? RegistryError { return text }
                return "another error: \(error)"
            }
        }

        @Test("Scripts that Redis forgot are loaded again without anyone noticing")
        func forgottenScripts() async throws {
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    let one = try node("one")
                    for _ in 0..<3 {
                        _ = try await registry.renew(one, report: nil, ttl: .seconds(9))
                        let held = try (0..<450).map { try location("live/\($0)", one, epoch: 1_800_000_000_000) }
                        #expect(try await registry.restore(held).isEmpty)
                        #expect(try await registry.streams(limit: 1000).count == 450)
                        try await server.command("SCRIPT FLUSH")
                    }
                    #expect(registry.state.connects == 1)
                }
            }
        }

        @Test("A Redis without memory refuses writes and still answers lookups; nothing is lost")
        func outOfMemory() async throws {
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    let one = try node("one")
                    _ = try await registry.renew(one, report: nil, ttl: .seconds(30))
                    let held = try await registry.granted("live/a", one)
                    _ = try await registry.locate(try StreamName(path: "live/a"))
                    try await server.command("CONFIG SET maxmemory 1")
                    #expect(await refusal { _ = try await registry.granted("live/b", one) }.contains("OOM"))
                    #expect(await refusal { _ = try await registry.granted("live/a", one) }.contains("OOM"))
                    #expect(
                        await refusal { _ = try await registry.renew(one, report: nil, ttl: .seconds(30)) }.contains(
                            "OOM"))
                    #expect(try await registry.locate(try StreamName(path: "live/a")).location == held)
                    try await server.command("CONFIG SET maxmemory 0")
                    #expect(try await registry.granted("live/b", one) != nil)
                    #expect(registry.state.connects == 1)
                }
            }
        }

        @Test("A Redis that became a replica refuses, and is connected to again until it is a primary")
        func readOnly() async throws {
            try await withRedis { server in
                var settings = RedisRegistrySettings()
                settings.connection.resolveInterval = .milliseconds(100)
                try await withRegistry(server.url, settings) { registry in
                    let one = try node("one")
                    _ = try await registry.renew(one, report: nil, ttl: .seconds(30))
                    try await server.command("REPLICAOF 127.0.0.1 1")
                    #expect(await refusal { _ = try await registry.granted("live/a", one) }.contains("READONLY"))
                    try await eventually("it connected again") { registry.state.connects > 1 }
                    try await server.command("REPLICAOF NO ONE")
                    try await eventually("it writes again") { (try? await registry.granted("live/a", one)) != nil }
                }
            }
        }

        @Test(
            "A password that is set or changed meanwhile ends in a clear state, and in a connection when it is right again"
        )
        func changedPassword() async throws {
            try await withRedis { server in
                try await withRegistry("redis://:first@127.0.0.1:\(server.port)", waits: false) { registry in
                    // Redis without a password refuses one, too.
                    try await eventually("it says so") { registry.state.lastError?.contains("AUTH") == true }
                    try await server.command("CONFIG SET requirepass first")
                    try await eventually("it is let in") { registry.state.isConnected }
                    _ = try await registry.nodes()
                }
            }
        }

        @Test(
            "Each refusal arrives as one, with what helps",
            arguments: [
                ("LOADING Redis is loading", "tried again"), ("BUSY running a script", "tried again"),
                ("OOM no memory", "tried again"), ("CLUSTERDOWN no slot", "tried again"),
                ("READONLY no", "looked up again"), ("MASTERDOWN no", "looked up again"), ("NOAUTH no", "URL"),
                ("MOVED 1 h:1", "single primary"), ("ERR what", "refuses"), ("NOSCRIPT gone", "script"),
            ])
        func mapped(text: String, remedy: String) async throws {
            let server = try await HostileRedis.start { $0.first == "EVALSHA" ? "-\(text)\r\n" : nil }
            try await withRegistry("redis://127.0.0.1:\(server.port)") { registry in
                let name = try StreamName(path: "live/a")
                let text = await refusal { _ = try await registry.locate(name) }
                #expect(text.contains(remedy), "\(text)")
            }
            await server.end()
        }

        @Test("A Redis that still loads its data is away, not empty")
        func loading() async throws {
            let server = try await HostileRedis.start { $0.first == "PING" ? "-LOADING Redis is loading\r\n" : nil }
            try await withRegistry("redis://127.0.0.1:\(server.port)", waits: false) { registry in
                try await eventually("it tried") { server.connections > 2 }
                let name = try StreamName(path: "live/a")
                let error = await #expect(throws: RegistryError.self) { try await registry.locate(name) }
                guard case .unavailable(let text)? = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(text.contains("LOADING"))
            }
            await server.end()
        }
    }
}
