import RelayCluster
import RelayCore
import RelayRedis
import RelayTestKit
import Testing

extension RedisSuite {
    /// A server that lets the registry in and then says what no Redis says.
    @Suite("Redis is broken or hostile") struct HostileRedisTests {
        @Test(
            "Whatever is no reply ends the connection and the call, and another connection is made",
            arguments: [
                "$9999999999\r\n", "$-2\r\n", "*2147483647\r\n",
                "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
                "%1\r\n", "garbage\r\n", "$5\r\nab", "*2\r\n+a\r\n", "", "+OK\r\n", ":7\r\n", "$-1\r\n", "*0\r\n",
                "*6\r\n+a\r\n+b\r\n+c\r\n+d\r\n+e\r\n+f\r\n", "+OK\r\n+and\r\n+more\r\n",
            ])
        func bytes(answer: String) async throws {
            let server = try await HostileRedis.start { command in
                command.first == "EVALSHA" ? answer : nil
            }
            try await withRegistry("redis://127.0.0.1:\(server.port)", quickSettings()) { registry in
                let before = server.connections
                let start = ContinuousClock.now
                let name = try StreamName(path: "live/a")
                let error = await #expect(throws: RegistryError.self) { try await registry.locate(name) }
                #expect(ContinuousClock.now - start < .milliseconds(1500))
                switch error {
                case .unavailable?:
                    try await eventually("another connection is made") { server.connections > before }
                case .badAnswer?: break  // a reply, but not of this script
                default: Issue.record("\(String(describing: error))")
                }
            }
            await server.end()
        }

        @Test("64 MiB of one value are never taken in")
        func flood() async throws {
            let server = try await HostileRedis.start { command in
                command.first == "EVALSHA" ? "$67108864\r\n" + String(repeating: "x", count: 1 << 20) : nil
            }
            try await withRegistry("redis://127.0.0.1:\(server.port)") { registry in
                let error = await #expect(throws: RegistryError.self) { try await registry.nodes() }
                guard case .unavailable(let text)? = error else {
                    Issue.record("\(String(describing: error))")
                    return
                }
                #expect(text.contains("too long"), "\(text)")
            }
            await server.end()
        }

        @Test("A deadline is one for each call: those behind a reply that does not come are not late forever")
        func silence() async throws {
            let server = try await HostileRedis.start { $0.first == "XRANGE" ? "" : nil }
            try await withRegistry("redis://127.0.0.1:\(server.port)", quickSettings()) { registry in
                let start = ContinuousClock.now
                await #expect(throws: RegistryError.self) { try await registry.events(after: "1-1", limit: 1) }
                #expect(ContinuousClock.now - start < .milliseconds(900))
                try await eventually("it goes on with a new connection") { registry.state.connects > 1 }
            }
            await server.end()
        }

        @Test("Nobody there, or somebody who never answers, is said within the time to connect")
        func nobody() async throws {
            let port = try RedisServer.freePort()
            try await withRegistry("redis://127.0.0.1:\(port)", waits: false) { registry in
                try await eventually("it says so") { registry.state.lastError?.contains("127.0.0.1:\(port)") == true }
            }
            let server = try await HostileRedis.start { _ in "" }
            try await withRegistry("redis://127.0.0.1:\(server.port)", quickSettings(), waits: false) { registry in
                try await eventually("it says so", within: .seconds(2)) {
                    registry.state.lastError?.contains("in time") == true
                }
            }
            await server.end()
        }

        @Test("News that are none are passed over")
        func news() async throws {
            let good = "stream live/a 7 node 0"
            let bad = [
                "", "stream", "stream live/a", "stream live/a x node 0", "stream live/a 18446744073709551615 node 0",
                "stream nothing 7 node 0", "stream live/a 7 no/node 0", "node", "node a b", "wish \u{1}", "question {",
                "what ever",
            ]
            let server = try await HostileRedis.start { command in
                guard command.first == "SUBSCRIBE" else { return nil }
                let confirmation = "*3\r\n$9\r\nsubscribe\r\n$12\r\nrelay:1:news\r\n:1\r\n"
                return (bad + [good]).reduce(confirmation) { text, payload in
                    text + "*3\r\n$7\r\nmessage\r\n$12\r\nrelay:1:news\r\n$\(payload.utf8.count)\r\n\(payload)\r\n"
                }
            }
            let registry = RedisRegistry(
                url: try RedisURL("redis://127.0.0.1:\(server.port)"), group: testGroup, logger: quietLogger())
            let news = registry.news()
            let task = Task { await registry.run() }
            let heard = await RegistryContract.first(1, of: news, within: .seconds(3)) { $0 != .connected }
            #expect(heard == [.stream("live/a", epoch: 7, owner: try node("node").id, isGone: false)])
            task.cancel()
            await task.value
            await server.end()
        }
    }
}
