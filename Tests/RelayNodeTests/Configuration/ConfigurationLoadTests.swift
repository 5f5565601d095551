import Foundation
import Logging
import RelayNode
import Testing

/// Loads from a file of this text, variables and flags.
private func load(
    file: String? = nil, name: String = "relay.yaml", environment: [String: String] = [:], flags: [String] = []
) throws -> RelayConfiguration {
    guard let file else { return try RelayConfiguration.load(arguments: flags, environment: environment) }
    let folder = FileManager.default.temporaryDirectory.appending(path: "relay-configuration-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: name)
    try Data(file.utf8).write(to: path)
    return try RelayConfiguration.load(arguments: ["--config", path.path] + flags, environment: environment)
}

/// The lines that a load is refused with; empty when it is not.
private func mistakes(
    file: String? = nil, environment: [String: String] = [:], flags: [String] = []
) throws -> [String] {
    do {
        _ = try load(file: file, environment: environment, flags: flags)
        return []
    } catch let error as ConfigurationError {
        return error.mistakes
    }
}

@Suite("Configuration: places and precedence")
struct ConfigurationPlacesTests {
    @Test("With nothing given, every value is its default and the node is named for the machine")
    func defaults() throws {
        var expected = RelayConfiguration()
        let loaded = try load()
        #expect(!loaded.node.name.isEmpty)
        expected.node.name = loaded.node.name
        #expect(loaded == expected)
    }

    @Test("A variable beats the file, and a flag beats the variable")
    func precedence() throws {
        let file = "rtmp: {port: 1}\nhttp: {port: 2}\nadmin: {port: 3}\n"
        let loaded = try load(
            file: file, environment: ["RELAY_HTTP_PORT": "20", "RELAY_ADMIN_PORT": "30"],
            flags: ["--admin-port", "300"])
        #expect(loaded.rtmp.port == 1)
        #expect(loaded.http.port == 20)
        #expect(loaded.admin.port == 300)
    }

    @Test("The place of every value is told")
    func origins() throws {
        let loaded = try RelayConfiguration.loadWithOrigins(
            arguments: ["--rtmp-port=7"], environment: ["RELAY_HTTP_PORT": "8"])
        #expect(loaded.origins == ["rtmp.port": "--rtmp-port", "http.port": "RELAY_HTTP_PORT"])
        #expect(loaded.table().contains("rtmp.port: 7  # --rtmp-port\n"))
        #expect(loaded.table().contains("admin.port: 9090  # default\n"))
    }

    @Test(
        "A JSON file says the same as a YAML file, whatever the file is called", arguments: ["a.json", "a.yaml", "a"])
    func json(name: String) throws {
        let json = """
            {"rtmp": {"port": 19350, "host": "::1"}, "flush": {"interval": "100ms", "targetBusy": 0.5},
            \t"http": {"corsOrigins": ["https://a.example", "http://b.example:8080"]}}
            """
        let loaded = try load(file: json, name: name)
        #expect(loaded.rtmp.port == 19350)
        #expect(loaded.rtmp.host == "::1")
        #expect(loaded.flush.interval == .fixed(.milliseconds(100)))
        #expect(loaded.flush.targetBusy == 0.5)
        #expect(loaded.http.corsOrigins == ["https://a.example", "http://b.example:8080"])
    }

    @Test(
        "Files that hold nothing are fine", arguments: ["", "# only a comment\n", "---\n", "rtmp:\n# port: 1\n", "{}"])
    func empty(file: String) throws { #expect(try mistakes(file: file) == []) }

    @Test("RELAY_CONFIG names the file, and --config names another one")
    func fileVariable() throws {
        #expect(try mistakes(environment: ["RELAY_CONFIG": "/nonexistent/a"]).first?.contains("/nonexistent/a") == true)
        #expect(try mistakes(file: "rtmp: {port: 5}", environment: ["RELAY_CONFIG": "/nonexistent/a"]) == [])
    }

    @Test("Every key can be set in all three places, and its default is an allowed value")
    func everyKeyEverywhere() throws {
        let defaults = RelayConfiguration()
        for key in ConfigurationKey.all where key.name != "node.name" {
            let value = key.render(defaults)
            // Each part of the name one level deeper than the one before.
            let inFile =
                key.name.split(separator: ".").enumerated()
                .map { "\n" + String(repeating: "  ", count: $0) + "\($1):" }.joined() + " \"\(value)\"\n"
            #expect(try mistakes(file: inFile) == [], "\(key.name) in a file")
            #expect(try mistakes(environment: [key.variable: value]) == [], "\(key.variable)")
            #expect(try mistakes(flags: ["\(key.flag)=\(value)"]) == [], "\(key.flag)")
            #expect(try mistakes(flags: [key.flag, value]) == [], "\(key.flag)")
            let loaded = try RelayConfiguration.loadWithOrigins(arguments: [key.flag, value], environment: [:])
            #expect(loaded.origins == [key.name: key.flag], "the library names \(key.name) as we do")
            let fromVariable = try RelayConfiguration.loadWithOrigins(arguments: [], environment: [key.variable: value])
            #expect(fromVariable.origins == [key.name: key.variable], "the library names \(key.name) as we do")
        }
    }

    @Test("Every key goes to a property of its own")
    func noTwoKeysShareAProperty() throws {
        // A value that is not the default, for each kind of key.
        let other: [String: [String]] = [
            "integer": ["7", "9", "1000"], "size": ["7KiB", "65537", "5MiB", "20MiB"],
            "duration": ["1100ms", "110ms", "51s", "70s"],
            "choice": ["takeover", "json", "debug", "on", "yes", "kubernetes", "none"], "number": ["0.3"],
            "list": ["10.0.0.0/8", "https://x.example", "live=rtmp://x.example/live/{name}"],
            "secret": ["redis://x.example", "eight or more"],
            "text": ["n", "10.1.1.1", "https://x.example"], "adaptive or duration": ["7ms"],
        ]
        for key in ConfigurationKey.all {
            let candidates = other[key.type] ?? []
            var changed: RelayConfiguration?
            for value in candidates where changed == nil {
                guard let loaded = try? load(flags: [key.flag, value]) else { continue }
                changed = loaded
            }
            let loaded = try #require(changed, "no other value of \(key.name) was accepted")
            var defaults = RelayConfiguration()
            defaults.node.name = key.name == "node.name" ? "" : loaded.node.name
            let differing = ConfigurationKey.all.filter { $0.render(loaded) != $0.render(defaults) }.map(\.name)
            #expect(differing == [key.name])
        }
    }
}

@Suite("Configuration: how values are written")
struct ConfigurationValueTests {
    @Test(
        "Durations take a suffix or the key's own unit",
        arguments: [
            ("350", Duration.milliseconds(350)), ("0", .zero), ("500ms", .milliseconds(500)),
            ("1.5s", .milliseconds(1500)),
            ("2s", .seconds(2)), ("0.05m", .seconds(3)), ("100us", .microseconds(100)),
        ])
    func durations(text: String, value: Duration) throws {
        #expect(try load(environment: ["RELAY_FLUSH_BUDGET": text]).flush.budget == value)
    }

    @Test("A bare number is seconds where the key counts in seconds")
    func seconds() throws { #expect(try load(flags: ["--publish-grace", "30"]).publish.grace == .seconds(30)) }

    @Test(
        "Sizes take KiB, MiB, GiB, or bytes",
        arguments: [
            ("65536", 65_536), ("64KiB", 65_536), ("8MiB", 8_388_608), ("1GiB", 1_073_741_824), ("2 MiB", 2_097_152),
        ])
    func sizes(text: String, value: Int) throws {
        #expect(try load(environment: ["RELAY_VIEWER_MAX_BACKLOG": text]).viewer.maxBacklog == value)
    }

    @Test(
        "Text that only looks like a duration or a size is refused",
        arguments: [
            "-1", "1x", "ms", "1e3", "1.2.3", ".5", "5.", "nan", "inf", "", " ", "1 000", "99999999999999999999h", "٣",
        ])
    func badQuantities(text: String) throws {
        #expect(try mistakes(environment: ["RELAY_FLUSH_BUDGET": text]).count == 1)
        #expect(try mistakes(environment: ["RELAY_GOP_MAX_BYTES": text]).count == 1)
    }

    @Test("The flush interval is adaptive or a duration")
    func flushInterval() throws {
        #expect(try load().flush.interval == .adaptive)
        #expect(try load(flags: ["--flush-interval=adaptive"]).flush.interval == .adaptive)
        #expect(try load(flags: ["--flush-interval=0"]).flush.interval == .fixed(.zero))
        #expect(try load(flags: ["--flush-interval", "350"]).flush.interval == .fixed(.milliseconds(350)))
        #expect(try mistakes(flags: ["--flush-interval", "5001"]).count == 1)
        #expect(try mistakes(flags: ["--flush-interval", "fast"]).count == 1)
    }

    @Test("Lists are sequences in a file and comma-separated elsewhere; nothing is an empty list")
    func lists() throws {
        let blocks = try load(file: "limits:\n  pendingExempt: [10.0.0.0/8, \"::1\"]\n").limits.pendingExempt
        #expect(blocks.map(\.description) == ["10.0.0.0/8", "::1/128"])
        #expect(try load(flags: ["--limits-pending-exempt", "10.0.0.0/8,::1"]).limits.pendingExempt == blocks)
        #expect(
            try load(environment: ["RELAY_LIMITS_PENDING_EXEMPT": "10.0.0.0/8, ::1"]).limits.pendingExempt == blocks)
        #expect(try load(file: "limits:\n  pendingExempt: 10.0.0.0/8,::1\n").limits.pendingExempt == blocks)
        #expect(try load(environment: ["RELAY_LIMITS_PENDING_EXEMPT": ""]).limits.pendingExempt.isEmpty)
        #expect(try load(file: "limits: {pendingExempt: []}").limits.pendingExempt.isEmpty)
    }

    @Test("Choices are words")
    func choices() throws {
        let loaded = try load(flags: ["--publish-policy", "takeover", "--log-level=debug", "--log-format=json"])
        #expect(loaded.publish.policy == .takeover)
        #expect(loaded.log.level == .debug)
        #expect(loaded.log.format == .json)
    }

    @Test(
        "The bound on connections leaves descriptors for the rest of the process",
        arguments: [
            (0, 20_000, 19_744), (100, 20_000, 100), (30_000, 20_000, 19_744), (0, 100, 1),
        ])
    func maxConnections(configured: Int, descriptors: Int, effective: Int) {
        var limits = RelayConfiguration.Limits()
        limits.maxConnections = configured
        #expect(limits.effectiveMaxConnections(descriptorLimit: descriptors) == effective)
    }
}

@Suite("Configuration: mistakes")
struct ConfigurationMistakeTests {
    @Test("All mistakes of all places are told at once, each with key, value, place and remedy")
    func allAtOnce() throws {
        let file = """
            rtmp: {port: 70000, prot: 1}
            flush: {interval: fast}
            gop: {maxBytes: [1, 2]}
            """
        let lines = try mistakes(
            file: file, environment: ["RELAY_HTTP_PORT": "abc", "RELAY_HTTP_PROT": "1"],
            flags: ["--viewer-max-backlog", "1", "--log-levle=info", "stray", "--node-threads"])
        #expect(lines.count == 10)
        func line(_ start: String) -> String { lines.first { $0.hasPrefix(start) } ?? "none: \(lines)" }
        #expect(line("rtmp.port:").contains("\"70000\" (from /"))
        #expect(line("rtmp.port:").hasSuffix("is not allowed; use 0…65535 (0 = any free port)"))
        #expect(line("\"rtmp.prot\"").hasSuffix("is not a known key; did you mean rtmp.port?"))
        #expect(line("flush.interval:").contains("\"fast\""))
        #expect(line("gop.maxBytes:").contains("is not allowed; use 0…1GiB"))
        #expect(line("http.port:").contains("\"abc\" (from RELAY_HTTP_PORT)"))
        #expect(line("\"RELAY_HTTP_PROT\"").hasSuffix("did you mean RELAY_HTTP_PORT?"))
        #expect(line("viewer.maxBacklog:").contains("\"1\" (from --viewer-max-backlog)"))
        #expect(line("\"--log-levle\"").hasSuffix("did you mean --log-level?"))
        #expect(line("\"stray\"").contains("is not a flag"))
        #expect(line("--node-threads").contains("needs a value"))
    }

    @Test("The report ends with the code and the number of mistakes")
    func report() throws {
        let error = #expect(throws: ConfigurationError.self) { try load(flags: ["--rtmp-port=x", "--http-port=y"]) }
        let lines = try #require(error).description.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.last?.hasPrefix("RLY-6002: ") == true)
        #expect(lines.last?.contains("2 mistakes") == true)
        #expect(ConfigurationError.exitCode == 2)
    }

    @Test("A mistake in the file is told although a flag hides the value")
    func shadowed() throws {
        #expect(try mistakes(file: "rtmp: {port: x}", flags: ["--rtmp-port=5"]).count == 1)
    }

    @Test("Two listeners on one port are refused, port 0 may repeat")
    func duplicatePorts() throws {
        let lines = try mistakes(environment: ["RELAY_RTMP_PORT": "8080"])
        #expect(lines.count == 1)
        #expect(lines.first?.contains("rtmp.port 8080 (from RELAY_RTMP_PORT) and http.port 8080 (default)") == true)
        #expect(try mistakes(flags: ["--rtmp-port=0", "--http-port=0", "--admin-port=0"]) == [])
    }

    @Test("Values that contradict each other are refused")
    func contradictions() throws {
        #expect(try mistakes(flags: ["--viewer-drop-after=5s", "--viewer-skip-after=4s"]).count == 1)
        #expect(try mistakes(flags: ["--limits-partial-bytes=1MiB"]).count == 1)
        #expect(
            try mistakes(flags: ["--limits-partial-bytes=oops"]).count == 1, "a wrong value is not also a contradiction"
        )
    }

    @Test(
        "Negative numbers, wrong types and values past the bounds are refused",
        arguments: [
            "rtmp: {port: -1}", "rtmp: {port: 1.5}", "rtmp: {port: true}", "rtmp: {port: [1]}", "rtmp: {port: {a: 1}}",
            "rtmp: {port: }", "rtmp: 5", "node: {threads: 65}", "rtmp: {chunkSize: 127}", "rtmp: {host: ''}",
            "rtmp: {host: 'a b'}", "flush: {targetBusy: 0}", "flush: {targetBusy: .nan}", "flush: {targetBusy: 1.01}",
            "publish: {policy: maybe}", "publish: {grace: 301}", "http: {corsOrigins: ['a\\r\\nX: y']}",
            "http: {corsOrigins: [{a: b}]}", "limits: {pendingExempt: [10.0.0.1/8]}",
            "limits: {pendingExempt: [1.2.3]}",
            "limits: {maxStreams: 99999999999999999999}", "node: {name: 'a b'}", "shutdown: {deadline: -1}",
            "rtmp.port: 1\nrtmp: {port: 2}", "rtmp: {port: 1}\nrtmp: {port: 2}",
        ])
    func refused(file: String) throws {
        let lines = try mistakes(file: file)
        #expect(lines.count == 1, "\(lines)")
    }

    @Test(
        "Files that are not a configuration are refused with one line",
        arguments: [
            "- a\n- b\n", "just text", "a: [", "\u{0}\u{1}\u{2}", "{\"rtmp\": {\"port\": 1}", "? {a: b}\n: c\n",
            "a: *nowhere\n",
            String(repeating: "[", count: 500_000), String(repeating: "{a: ", count: 100_000),
            String(repeating: "a", count: (1 << 20) + 1),
        ])
    func notAConfiguration(file: String) throws {
        let lines = try mistakes(file: file)
        #expect(lines.count == 1)
        #expect(lines.allSatisfy { $0.utf8.count < 500 && !$0.contains("\n") })
    }

    @Test("Aliases that stand for billions of values are refused at once")
    func aliasBomb() throws {
        var file = "a0: &a0 {x: 1, y: 2}\n"
        for level in 1...7 {
            let references = (0..<9).map { "k\($0): *a\(level - 1)" }.joined(separator: ", ")
            file += "a\(level): &a\(level) {\(references)}\n"
        }
        let lines = try mistakes(file: file)
        #expect(lines.count == 1)
    }

    @Test(
        "A file that is not there, is a folder, or is too long is refused",
        arguments: [
            ("/nonexistent/relay.yaml", "No such file"), ("/", "Is a directory"), ("/dev/zero", "longer than 1MiB"),
        ])
    func unreadable(path: String, reason: String) throws {
        let lines = try mistakes(flags: ["--config", path])
        #expect(lines.count == 1)
        #expect(lines.first?.contains(reason) == true, "\(lines)")
    }

    @Test("A flag given twice is refused, as is one without a value")
    func repeatedFlag() throws {
        #expect(
            try mistakes(flags: ["--rtmp-port=1", "--rtmp-port", "2"]) == ["--rtmp-port is given twice; give it once"])
        #expect(
            try mistakes(flags: ["--rtmp-port", "--http-port=3"]).first?.hasPrefix("--rtmp-port needs a value") == true)
        #expect(try mistakes(flags: ["--config"]).first?.hasPrefix("--config needs a value") == true)
    }

    @Test("Control bytes and long values are shown harmlessly")
    func shownHarmlessly() throws {
        let lines = try mistakes(flags: ["--rtmp-host=\u{1B}[31m\n" + String(repeating: "x", count: 5000)])
        #expect(lines.count == 1)
        #expect(lines.allSatisfy { $0.utf8.count < 500 && $0.utf8.allSatisfy { $0 >= 0x20 } })
    }

    @Test("Variables that Kubernetes sets for a service called relay are not taken for keys")
    func serviceLinks() throws {
        let environment = [
            "RELAY_SERVICE_HOST": "10.0.0.7", "RELAY_SERVICE_PORT": "1935", "RELAY_SERVICE_PORT_RTMP": "1935",
            "RELAY_PORT": "tcp://10.0.0.7:1935", "RELAY_PORT_1935_TCP": "tcp://10.0.0.7:1935",
            "RELAY_PORT_1935_TCP_ADDR": "10.0.0.7", "RELAY_HTTP_PORT": "tcp://10.0.0.8:8080",
            "RELAYCTL_ADMIN": "http://127.0.0.1:1",
        ]
        #expect(try load(environment: environment).http.port == 8080)
    }
}
