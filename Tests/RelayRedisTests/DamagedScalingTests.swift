import RelayCluster
import RelayCore
import RelayRedis
import RelayTestKit
import Testing

extension RedisSuite {
    @Suite("Damaged documents of the autoscaler") struct DamagedScalingTests {
        private static let prefix = "relay:1:scaling:"

        private static func long(_ key: String, _ field: String) -> String {
            "EVAL \"return redis.call('HSET', KEYS[1], '\(field)', '{' .. string.rep('a', 2000000) .. '}')\" 1 \(prefix)\(key)"
        }

        /// What somebody writes over a good document in a hash of epoch, at and json.
        private static func damage(_ key: String) -> [(name: String, commands: [String])] {
            let full = prefix + key
            return [
                ("not a hash", ["DEL \(full)", "SET \(full) {}"]),
                ("a list", ["DEL \(full)", "RPUSH \(full) {}"]),
                ("not JSON", ["HSET \(full) json nonsense"]),
                ("not UTF-8", [#"HSET \#(full) json "{\xff\xfe}""#]),
                ("empty", [#"HSET \#(full) json """#]),
                ("without JSON", ["HDEL \(full) json"]),
                ("without an epoch", ["HDEL \(full) epoch"]),
                ("epoch 2^63", ["HSET \(full) epoch 9223372036854775808"]),
                ("epoch -1", ["HSET \(full) epoch -1"]),
                ("2 MB", [long(key, "json")]),
            ]
        }

        @Test("A damaged state is left out and counted, and the next one that is stored stands")
        func states() async throws {
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    for (name, commands) in Self.damage("state:edge") {
                        let good = ScalingDocument(epoch: 5, json: #"{"a":1}"#)
                        let isStored = try await registry.storeScalingState(good, of: .edge)
                        #expect(isStored, "after \(name)")
                        #expect(try await registry.scalingState(of: .edge) == good, "after \(name)")
                        for command in commands {
                            #expect(try await !server.command(command).hasPrefix("-"), "\(name)")
                        }
                        let skipped = registry.skippedRecords
                        #expect(try await registry.scalingState(of: .edge) == nil, "\(name)")
                        #expect(registry.skippedRecords == skipped + 1, "\(name) is not counted")
                    }
                }
            }
        }

        @Test("A damaged decision is left out and counted, the other tier's stays, and the next one stands")
        func decisions() async throws {
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    let origin = ScalingDocument(epoch: 5, json: #"{"tier":"origin"}"#)
                    try await registry.logDecision(origin, of: .origin, isKept: false)
                    let good = ScalingDocument(epoch: 5, json: #"{"a":1}"#)
                    for (name, commands) in Self.damage("decision:edge") + [
                        ("without a time", ["HDEL \(Self.prefix)decision:edge at"])
                    ] {
                        try await registry.logDecision(good, of: .edge, isKept: false)
                        #expect(
                            try await registry.currentDecisions().map(\.document) == [origin, good], "after \(name)")
                        for command in commands {
                            #expect(try await !server.command(command).hasPrefix("-"), "\(name)")
                        }
                        let skipped = registry.skippedRecords
                        #expect(try await registry.currentDecisions().map(\.document) == [origin], "\(name)")
                        #expect(registry.skippedRecords == skipped + 1, "\(name) is not counted")
                    }
                }
            }
        }

        @Test("A later epoch stands against lower ones for as long as a fence, and not after it")
        func fences() async throws {
            let key = "\(Self.prefix)state:edge"
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    let later = ScalingDocument(epoch: 1_000, json: #"{"later":1}"#)
                    let lower = ScalingDocument(epoch: 7, json: #"{"lower":1}"#)
                    // Written long ago, or by a clock that was wrong.
                    for at in ["1000", "9000000000000000"] {
                        #expect(try await registry.storeScalingState(later, of: .edge))
                        #expect(try await !registry.storeScalingState(lower, of: .edge))
                        _ = try await server.command("HSET \(key) at \(at)")
                        #expect(try await registry.storeScalingState(lower, of: .edge), "at \(at)")
                        #expect(try await registry.scalingState(of: .edge) == lower, "at \(at)")
                    }
                }
            }
        }

        @Test("A history leaves out what is damaged or older than a day, and is trimmed by the next decision")
        func history() async throws {
            let key = "\(Self.prefix)history:edge"
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    for command in [
                        "XADD \(key) 1000-1 json {}", "XADD \(key) * json nonsense", "XADD \(key) * other {}",
                        "EVAL \"return redis.call('XADD', KEYS[1], '*', 'json', '{' .. string.rep('a', 200000) .. '}')\" 1 \(key)",
                        #"XADD \#(key) * json '{"good":1}'"#,
                    ] { #expect(try await !server.command(command).hasPrefix("-"), "\(command)") }
                    var skipped = registry.skippedRecords
                    #expect(try await registry.decisions(of: .edge, until: nil, limit: 10).count == 1)
                    #expect(registry.skippedRecords == skipped + 3)
                    let next = ScalingDocument(epoch: 1, json: #"{"next":1}"#)
                    try await registry.logDecision(next, of: .edge, isKept: true)
                    #expect(try await server.command("XLEN \(key)") == ":5\r\n")
                    #expect(try await registry.decisions(of: .edge, until: nil, limit: 1) == [next.json])

                    // Another type, an id at the end of all ids, and one that is years ahead.
                    for commands in [
                        ["DEL \(key)", "SET \(key) {}"],
                        ["DEL \(key)", "XADD \(key) 18446744073709551615-18446744073709551615 json {}"],
                        ["DEL \(key)", "XADD \(key) 8000000000000-1 json {}"],
                    ] {
                        for command in commands { _ = try await server.command(command) }
                        skipped = registry.skippedRecords
                        _ = try await registry.decisions(of: .edge, until: nil, limit: 10)
                        try await registry.logDecision(next, of: .edge, isKept: true)
                        let found = try await registry.decisions(of: .edge, until: nil, limit: 10)
                        #expect(found == [next.json], "\(commands)")
                    }
                }
            }
        }

        @Test("A history has 20,000 decisions at most, and all of them can be read")
        func longHistory() async throws {
            let key = "\(Self.prefix)history:edge"
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    _ = try await server.command(
                        "EVAL \"for i = 1, 30000 do redis.call('XADD', KEYS[1], '*', 'json', '{}') end return 1\" 1 \(key)"
                    )
                    try await registry.logDecision(
                        ScalingDocument(epoch: 1, json: #"{"n":1}"#), of: .edge, isKept: true)
                    #expect(try await server.command("XLEN \(key)") == ":20000\r\n")
                    let all = try await registry.decisions(of: .edge, until: nil, limit: .max)
                    #expect(all.count == 20_000)
                    #expect(all.last == #"{"n":1}"#)
                }
            }
        }

        @Test("Damaged events, controls and leases are left out or replaced, however many there are")
        func rest() async throws {
            let events = "\(Self.prefix)events"
            try await withRedis { server in
                try await withRegistry(server.url) { registry in
                    try await registry.announce(#"{"peak":1}"#, named: "good")
                    for command in [
                        "HSET \(events) bad soon", #"HSET \#(events) worse "{\xff}""#, Self.long("events", "long"),
                        "EVAL \"return redis.call('HSET', KEYS[1], string.rep('n', 200), '{}')\" 1 \(events)",
                    ] { #expect(try await !server.command(command).hasPrefix("-"), "\(command)") }
                    var skipped = registry.skippedRecords
                    #expect(try await registry.announcedEvents() == ["good": #"{"peak":1}"#])
                    #expect(registry.skippedRecords == skipped + 4)
                    _ = try await server.command(
                        "EVAL \"for i = 1, 50000 do redis.call('HSET', KEYS[1], 'n' .. i, '{}') end return 1\" 1 \(events)"
                    )
                    #expect(try await registry.announcedEvents().count <= ScalingLimits.maximumEvents)
                    for command in ["DEL \(events)", "SET \(events) {}"] { _ = try await server.command(command) }
                    skipped = registry.skippedRecords
                    #expect(try await registry.announcedEvents().isEmpty)
                    #expect(registry.skippedRecords == skipped + 1)
                    try await registry.announce("{}", named: "good")
                    #expect(try await registry.announcedEvents() == ["good": "{}"])

                    let controls = "\(Self.prefix)controls"
                    for command in [
                        "SET \(controls) paused", "RPUSH \(controls) a", Self.long("controls", "isPaused"),
                        #"HSET \#(controls) isPaused """#,
                    ] {
                        _ = try await server.command("DEL \(controls)")
                        #expect(try await !server.command(command).hasPrefix("-"), "\(command)")
                        skipped = registry.skippedRecords
                        // Not the same as that nobody has set anything: somebody may have paused scaling.
                        #expect(try await registry.scalingControls(["isPaused"]) == nil, "\(command)")
                        #expect(registry.skippedRecords == skipped + 1, "\(command)")
                        try await registry.setScalingControl("isPaused", to: "true")
                        #expect(
                            try await registry.scalingControls(["isPaused"]) == ["isPaused": "true"], "\(command)")
                    }
                    _ = try await server.command(#"HSET \#(controls) isPaused "\xff\xfe" a b"#)
                    let damaged = try await registry.scalingControls(["isPaused", "usesForecast"])
                    #expect(damaged?.count == 1 && damaged?["isPaused"].flatMap { Bool($0) } == nil)

                    let (leader, epoch) = ("\(Self.prefix)leader:g", "\(Self.prefix)epoch:g")
                    for commands in [
                        ["SET \(leader) me"], ["HSET \(leader) holder \"\" epoch 3", "EXPIRE \(leader) 100"],
                        ["HSET \(leader) holder x epoch none", "EXPIRE \(leader) 100"],
                        // Without an end to its lease.
                        ["HSET \(leader) holder x epoch 3"],
                        ["SET \(epoch) 9007199254740991"], ["SET \(epoch) -1"], ["HSET \(epoch) a b"],
                    ] {
                        for command in ["DEL \(leader) \(epoch)"] + commands { _ = try await server.command(command) }
                        let found = try await registry.lead("g", as: "me", ttl: .seconds(30))
                        #expect(found.holder == "me", "\(commands)")
                        #expect(
                            (1_600_000_000_000...ScalingLimits.highestEpoch / 2).contains(found.epoch), "\(commands)")
                        #expect(try await registry.lead("g", as: "other", ttl: .seconds(30)) == found, "\(commands)")
                    }
                }
            }
        }
    }
}
