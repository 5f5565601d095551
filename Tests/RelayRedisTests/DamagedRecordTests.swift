import RelayCluster
import RelayCore
import RelayRedis
import RelayTestKit
import Testing

extension RedisSuite {
    @Suite("Damaged records") struct DamagedRecordTests {
        /// What somebody writes over a good location of `live/bad`, whose key is `relay:1:stream:live/bad`.
        private static let key = "relay:1:stream:live/bad"
        /// Inline commands are short; a script is not bound by that.
        private static func long(_ key: String, _ field: String) -> String {
            "EVAL \"return redis.call('HSET', KEYS[1], '\(field)', string.rep('a', 102400))\" 1 \(key)"
        }
        private static let locations: [(name: String, commands: [String])] = [
            ("not a hash", ["DEL \(key)", "SET \(key) {}"]),
            ("other version", ["HSET \(key) version 2"]),
            ("no version", ["HDEL \(key) version"]),
            ("port 0", ["HSET \(key) port 0"]),
            ("port 70000", ["HSET \(key) port 70000"]),
            ("no host", ["HSET \(key) host \"\""]),
            ("host of blanks", ["HSET \(key) host \"a b\""]),
            ("metadata service", ["HSET \(key) host 169.254.169.254"]),
            ("link-local address", ["HSET \(key) host fe80::1"]),
            ("metadata service as IPv6", ["HSET \(key) host ::ffff:169.254.169.254"]),
            ("address that is not allowed", ["HSET \(key) host 192.0.2.1"]),
            ("100 KiB", [long(key, "host")]),
            ("epoch 2^63", ["HSET \(key) epoch 9223372036854775808"]),
            ("epoch 2^53", ["HSET \(key) epoch 9007199254740992"]),
            ("epoch that is none", ["HSET \(key) epoch -1"]),
            ("incarnation that is none", ["HSET \(key) id 0x7"]),
            ("owner that is none", ["HSET \(key) owner a/b"]),
            ("no token", ["HSET \(key) token \"\""]),
            ("state of a later release", ["HSET \(key) state paused"]),
            ("start that is none", ["HSET \(key) start soon"]),
            ("preference that is none", ["HSET \(key) preferred a/b"]),
        ]

        private var settings: RedisRegistrySettings {
            var settings = RedisRegistrySettings()
            settings.isAllowedAddress = { $0.hasPrefix("10.") || $0.hasPrefix("a") || $0.hasPrefix("::ffff") }
            return settings
        }

        @Test("A damaged location is left out and counted, the others stay, and its stream can be claimed and restored")
        func damagedLocations() async throws {
            try await withRedis { server in
                try await withRegistry(server.url, settings) { registry in
                    let one = try node("one")
                    _ = try await registry.renew(one, report: nil, ttl: .seconds(30))
                    let good = try #require(try await registry.granted("live/good", one))
                    let bad = try StreamName(path: "live/bad")
                    for (name, commands) in Self.locations {
                        let held = try #require(try await registry.granted("live/bad", one), "\(name)")
                        for command in commands {
                            #expect(try await !server.command(command).hasPrefix("-"), "\(name)")
                        }
                        var skipped = registry.skippedRecords
                        #expect(try await registry.locate(bad).location == nil, "\(name)")
                        #expect(
                            registry.skippedRecords > skipped || name == "no token",
                            "\(name) is not counted by a lookup")
                        skipped = registry.skippedRecords
                        #expect(try await registry.streams(limit: 100) == [good], "\(name)")
                        #expect(registry.skippedRecords > skipped, "\(name) is not counted in the list")
                        // The owner's word puts it right, whatever stands there.
                        var again = held
                        again.incarnation.epoch += 1
                        _ = try await registry.restore([again])
                        let found = try await registry.locate(bad).location
                        #expect(found == again, "\(name): \(String(describing: found))")
                    }
                }
            }
        }

        @Test("A damaged node is left out and counted, the others stay, and its name can be claimed")
        func damagedNodes() async throws {
            let key = "relay:1:node:bad"
            let cases: [(name: String, commands: [String])] = [
                ("not a hash", ["DEL \(key)", "SET \(key) {}"]),
                ("not JSON", ["HSET \(key) record nonsense"]),
                ("no record", ["HDEL \(key) record"]),
                ("another's record", [#"HSET \#(key) record '{"id":"else"}'"#]),
                ("another's token", ["HSET \(key) token other"]),
                ("100 KiB", [Self.long(key, "record")]),
                ("deep JSON", ["HSET \(key) record \(String(repeating: "[", count: 10_000))"]),
                ("lease without an end", ["PERSIST \(key)"]),
            ]
            try await withRedis { server in
                try await withRegistry(server.url, settings) { registry in
                    let one = try node("one")
                    _ = try await registry.renew(one, report: nil, ttl: .seconds(30))
                    for (name, commands) in cases {
                        _ = try await registry.renew(try node("bad"), report: nil, ttl: .seconds(30))
                        for command in commands {
                            #expect(try await !server.command(command).hasPrefix("-"), "\(name)")
                        }
                        let skipped = registry.skippedRecords
                        #expect(try await registry.nodes().map(\.record) == [one], "\(name)")
                        #expect(registry.skippedRecords > skipped || name == "not a hash", "\(name) is not counted")
                        // A name under somebody else's living token stays taken; all else is repaired by its owner.
                        if name == "another's token" { try await server.command("DEL \(key)") }
                        let renewal = try await registry.renew(try node("bad"), report: nil, ttl: .seconds(30))
                        #expect(renewal != .taken, "\(name)")
                        #expect(try await registry.nodes().count == 2, "\(name)")
                        try await server.command("DEL \(key)")
                    }
                    // A report is less than its node.
                    try await server.command("SET relay:1:report:one nonsense")
                    let entry = try await registry.nodes().first
                    #expect(entry?.record == one && entry?.report == nil)
                }
            }
        }

        @Test("Addresses outside the allowed ones are neither believed nor written")
        func addresses() async throws {
            try await withRedis { server in
                try await withRegistry(server.url) { open in
                    try await withRegistry(server.url, settings) { careful in
                        var outside = try node("outside")
                        outside.link = Endpoint(host: "192.0.2.7", port: 1985)
                        _ = try await open.renew(outside, report: nil, ttl: .seconds(30))
                        #expect(try await open.nodes().count == 1)
                        #expect(try await careful.nodes().isEmpty)
                        var location = try location("live/a", outside)
                        location.link = Endpoint(host: "192.0.2.7", port: 1985)
                        let claim = StreamClaim(location: location, floor: 0, mode: .ifFree)
                        await #expect(throws: RegistryError.self) { try await careful.claim(claim) }
                        #expect(try await open.claim(claim) != .held(location))
                        #expect(try await careful.locate(try StreamName(path: "live/a")).location == nil)
                    }
                }
            }
        }

        @Test("An epoch that no registry gave does not become the floor of the next")
        func absurdFloor() async throws {
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    let one = try node("one")
                    let absurd = StreamClaim(location: try location("live/a", one), floor: 1 << 63, mode: .ifFree)
                    guard case .granted(let location) = try await registry.claim(absurd) else {
                        Issue.record("not granted")
                        return
                    }
                    #expect(location.epoch < 1 << 50 && registry.skippedRecords == 1)
                    // Those at the very end are used up, and say so instead of going back.
                    let last = StreamClaim(
                        location: try RelayRedisTests.location("live/b", one), floor: 1 << 53 - 1, mode: .ifFree)
                    await #expect(throws: RegistryError.self) { try await registry.claim(last) }
                }
            }
        }

        @Test("What nobody takes back is swept away, and nothing else")
        func sweeping() async throws {
            try await withRedis { server in
                var settings = RedisRegistrySettings()
                settings.sweepInterval = .milliseconds(50)
                try await withRegistry(server.url, settings) { registry in
                    let (one, gone) = (try node("one"), try node("gone", token: "token-2"))
                    for node in [one, gone] { _ = try await registry.renew(node, report: nil, ttl: .seconds(30)) }
                    let kept = try await registry.granted("live/kept", one)
                    let orphan = try #require(try await registry.granted("live/orphan", gone))
                    for node in [one, gone] {
                        try await registry.hold(
                            try StreamName(path: "live/kept"), by: node.id, token: node.token, hops: 1)
                    }
                    try await registry.hold(try StreamName(path: "live/ended"), by: gone.id, token: gone.token, hops: 1)
                    try await server.command("DEL relay:1:node:gone")
                    try await eventually("dead holders and nodes are gone") {
                        let answers = [
                            try await server.command("EXISTS relay:1:holders:live/ended"),
                            try await server.command("ZCARD relay:1:nodes"),
                            try await server.command("HLEN relay:1:holders:live/kept"),
                            try await server.command("HEXISTS relay:1:stream:live/orphan orphaned"),
                        ]
                        return answers == [":0\r\n", ":1\r\n", ":1\r\n", ":1\r\n"]
                    }
                    #expect(try await registry.streams(limit: 9).count == 2)
                    // Let a day have passed.
                    try await server.command("HSET relay:1:stream:live/orphan orphaned 1700000000000")
                    try await eventually("the orphan is gone") {
                        try await registry.streams(limit: 9) == [kept].compactMap { $0 }
                    }
                    #expect(try await registry.locate(try StreamName(path: "live/orphan")).lastEpoch == orphan.epoch)
                }
            }
        }

        @Test("An index of nodes of another type hides them until the next renewal, and no longer")
        func foreignIndex() async throws {
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    let one = try node("one")
                    _ = try await registry.renew(one, report: nil, ttl: .seconds(30))
                    try await server.command("DEL relay:1:nodes")
                    try await server.command("SET relay:1:nodes x")
                    #expect(try await registry.nodes().isEmpty)
                    _ = try await registry.renew(one, report: nil, ttl: .seconds(30))
                    #expect(try await registry.nodes().map(\.record.id) == [one.id])
                    try await server.command("DEL relay:1:nodes")
                    try await server.command("SET relay:1:nodes x")
                    try await registry.release(one)
                    #expect(try await server.command("EXISTS relay:1:node:one") == ":0\r\n")
                }
            }
        }
    }
}
