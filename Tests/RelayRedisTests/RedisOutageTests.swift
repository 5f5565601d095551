import NIOCore
import RelayCluster
import RelayCore
import RelayRedis
import RelayTestKit
import Testing

extension RedisSuite {
    @Suite("Redis away") struct RedisOutageTests {
        /// A call and how long it took.
        private func timed<T>(_ body: () async throws -> T) async -> (Result<T, any Error>, Duration) {
            let start = ContinuousClock.now
            do {
                let value = try await body()
                return (.success(value), .now - start)
            } catch {
                return (.failure(error), .now - start)
            }
        }

        @Sendable private static func isState(_ news: RegistryNews) -> Bool {
            switch news {
            case .connected, .disconnected: true
            default: false
            }
        }

        private func isUnavailable<T>(_ result: Result<T, any Error>) -> Bool {
            if case .failure(let error) = result, case .unavailable? = error as? RegistryError { return true }
            return false
        }

        @Test("After a kill calls fail at once; after the restart the registry is back, and empty, within a second")
        func kill() async throws {
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    let one = try node("one")
                    _ = try await registry.renew(one, report: nil, ttl: .seconds(30))
                    let held = try await registry.granted("live/a", one)
                    let news = registry.news()
                    await server.kill()
                    try await eventually("the loss is seen") { !registry.state.isConnected }
                    #expect(registry.state.lastError != nil)
                    let (result, time) = await timed { try await registry.locate(try StreamName(path: "live/a")) }
                    #expect(isUnavailable(result), "\(result)")
                    #expect(time < .milliseconds(200), "\(time)")

                    try await server.restart()
                    let back = ContinuousClock.now
                    let heard = await RegistryContract.first(2, of: news, within: .seconds(3), where: Self.isState)
                    #expect(ContinuousClock.now - back < .seconds(1), "\(ContinuousClock.now - back)")
                    guard heard.count == 2, case .disconnected = heard[0], heard[1] == .connected else {
                        Issue.record("heard \(heard)")
                        return
                    }
                    guard
                        case .renewed(wasAbsent: true, _, _) = try await registry.renew(
                            one, report: nil, ttl: .seconds(30))
                    else {
                        Issue.record("an empty Redis knew the node")
                        return
                    }
                    #expect(try await registry.restore([#require(held)]).isEmpty)
                    #expect(try await registry.locate(try StreamName(path: "live/a")).location == held)
                }
            }
        }

        @Test(
            "A call to a frozen Redis ends at its deadline, the next ones at once, and it is used again when it thaws")
        func freeze() async throws {
            try await withRedis { server in
                try await withRegistry(server.url, quickSettings()) { registry in
                    server.stop()
                    let (result, time) = await timed { try await registry.nodes() }
                    #expect(isUnavailable(result), "\(result)")
                    #expect((.milliseconds(250)...Duration.milliseconds(900)).contains(time), "\(time)")
                    let (next, nextTime) = await timed { try await registry.nodes() }
                    #expect(isUnavailable(next) && nextTime < .milliseconds(200), "\(next) after \(nextTime)")
                    server.cont()
                    try await eventually("it is used again", within: .seconds(2)) {
                        (try? await registry.nodes()) != nil
                    }
                }
            }
        }

        @Test("A Redis that freezes while nobody asks anything is noticed, too")
        func silence() async throws {
            try await withRedis { server in
                try await withRegistry(server.url, quickSettings()) { registry in
                    let news = registry.news()
                    server.stop()
                    let start = ContinuousClock.now
                    let heard = await RegistryContract.first(1, of: news, within: .seconds(3), where: Self.isState)
                    #expect(heard.count == 1)
                    #expect(ContinuousClock.now - start < .milliseconds(1200))
                    #expect(!registry.state.isConnected)
                    server.cont()
                }
            }
        }

        @Test("An idle connection stays for many times the silence after which it is asked")
        func idle() async throws {
            try await withRedis { server in
                try await withRegistry(server.url, quickSettings()) { registry in
                    let before = registry.state.connects
                    try await eventually("several PINGs went through", within: .seconds(3)) {
                        let stats = try await server.command("INFO commandstats")
                        let ping = stats.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_ping:calls=") }
                        // Those of the two greetings, and of the helper, come first.
                        return (ping?.split(separator: "=")[1].prefix { $0.isNumber }).flatMap { Int($0) } ?? 0 > 15
                    }
                    #expect(registry.state.connects == before && registry.state.isConnected)
                }
            }
        }

        @Test("A stream's location outlives FLUSHALL through its owner, and its epoch goes on growing")
        func flush() async throws {
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    let one = try node("one")
                    _ = try await registry.renew(one, report: nil, ttl: .seconds(30))
                    let held = try #require(try await registry.granted("live/a", one))
                    try await server.command("FLUSHALL")
                    #expect(try await registry.locate(try StreamName(path: "live/a")) == StreamLookup())
                    #expect(try await registry.restore([held]).isEmpty)
                    let next = try #require(try await registry.granted("live/a", one))
                    #expect(next.epoch > held.epoch)
                    // And where the owner is gone, by Redis' clock alone.
                    try await server.command("FLUSHALL")
                    try await eventually("Redis' clock moves on") {
                        let words = try await server.command("TIME").split(separator: "\r\n")
                        let (seconds, microseconds) = (UInt64(words[2]) ?? 0, UInt64(words[4]) ?? 0)
                        return seconds * 1000 + microseconds / 1000 >= next.epoch
                    }
                    #expect(try #require(try await registry.granted("live/a", one)).epoch > next.epoch)
                }
            }
        }

        @Test("Five thousand streams are restored in well under a second")
        func manyStreams() async throws {
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    let one = try node("one")
                    _ = try await registry.renew(one, report: nil, ttl: .seconds(30))
                    let held = try (1...5000).map {
                        try location("live/\($0)", one, epoch: 1_700_000_000_000 + UInt64($0))
                    }
                    var best = Duration.seconds(60)
                    for _ in 0..<3 {
                        try await server.command("FLUSHALL")
                        let (result, time) = await timed { try await registry.restore(held) }
                        #expect(try result.get().isEmpty)
                        best = min(best, time)
                    }
                    #expect(best < .seconds(1), "\(best)")
                    #expect(Set(try await registry.streams(limit: 10_000)) == Set(held))
                }
            }
        }

        @Test("More calls than the queue holds are refused, and those in it are answered")
        func queue() async throws {
            try await withRedis { server in
                var settings = RedisRegistrySettings()
                settings.connection.queueLimit = 8
                try await withRegistry(server.url, settings) { registry in
                    _ = try await registry.nodes()
                    server.stop()
                    let answers = await withTaskGroup(of: Bool.self) { group in
                        for _ in 0..<20 { group.addTask { (try? await registry.nodes()) != nil } }
                        var answers: [Bool] = []
                        // The refusals come at once; then it may go on.
                        for _ in 0..<12 { answers.append(await group.next() ?? true) }
                        server.cont()
                        for await answer in group { answers.append(answer) }
                        return answers
                    }
                    #expect(answers.prefix(12).allSatisfy { !$0 })
                    #expect(answers.suffix(8).allSatisfy { $0 }, "\(answers)")
                }
            }
        }

        @Test("The end of the registry's task ends its connections and its news")
        func end() async throws {
            try await withRedis { server in
                let news = try await withRegistry(server.url) { $0.news() }
                var count = 0
                for await _ in news { count += 1 }
                #expect(count <= 1)
                try await eventually("Redis has no client but the one that asks") {
                    try await server.command("INFO clients").contains("connected_clients:1\r\n")
                }
            }
        }
    }
}
