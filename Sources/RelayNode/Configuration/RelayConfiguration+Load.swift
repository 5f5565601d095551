import Glibc

extension RelayConfiguration {
    /// A configuration with the place that each value came from.
    package struct Loaded: Sendable {
        package var configuration: RelayConfiguration
        /// Key → file, variable or flag; keys at their default are not in it.
        package var origins: [String: String]
    }

    /// Reads the configuration: defaults, then the file (`--config` or `RELAY_CONFIG`; YAML or JSON), then `RELAY_*`
    /// variables, then flags; what comes later wins. Called once by the executable, before anything is started.
    ///
    /// - Parameters:
    ///   - arguments: what follows the subcommand on the command line.
    ///   - environment: the process's environment; only `RELAY_*` is looked at.
    /// - Throws: ``ConfigurationError`` with all mistakes of all places, also those that a later place would hide.
    package static func load(arguments: [String], environment: [String: String]) throws(ConfigurationError) -> Self {
        try loadWithOrigins(arguments: arguments, environment: environment).configuration
    }

    /// As `load`, and tells where each value came from; for `relay check` and the log at start.
    ///
    /// - Throws: ``ConfigurationError`` as `load` does.
    package static func loadWithOrigins(
        arguments: [String], environment: [String: String]
    ) throws(ConfigurationError) -> Loaded {
        let flags = ConfigurationFlags(arguments)
        let variables = ConfigurationEnvironment(environment)
        var mistakes: [String] = []
        var sources: [ConfigurationSource] = []
        if let path = flags.file ?? variables.file {
            do throws(ConfigurationFile.Failure) {
                let contents = try ConfigurationFile.read(path)
                mistakes += unknownKeys(contents.keys, path: path)
                if let source = contents.source { sources.append(source) }
            } catch {
                mistakes.append("the configuration file " + error.message)
            }
        }
        mistakes += variables.mistakes + flags.mistakes
        sources += [variables.source, flags.source]

        var loaded = Loaded(configuration: RelayConfiguration(), origins: [:])
        var wrong: Set<String> = []
        for source in sources {
            for key in ConfigurationKey.all {
                let label = source.label(key)
                let shown: String
                switch source.value(of: key) {
                case .absent:
                    continue
                case .texts(let texts) where key.store(&loaded.configuration, texts):
                    loaded.origins[key.name] = label
                    continue
                case .texts(let texts):
                    shown = key.isSecret ? "the value" : ConfigurationText.quote(texts.joined(separator: ","))
                case .wrongShape:
                    shown =
                        flags.text(of: key).flatMap { label == key.flag ? ConfigurationText.quote($0) : nil }
                        ?? "the value"
                }
                wrong.insert(key.name)
                mistakes.append("\(key.name): \(shown) (from \(label)) is not allowed; use \(key.allowed)")
            }
        }
        mistakes += loaded.contradictions(except: wrong)
        guard mistakes.isEmpty else { throw ConfigurationError(mistakes: mistakes) }
        if loaded.configuration.node.name.isEmpty { loaded.configuration.node.name = hostName() }
        return loaded
    }

    private static func unknownKeys(_ keys: [String], path: String) -> [String] {
        let known = ConfigurationKey.all.map(\.name)
        var seen: Set<String> = []
        var mistakes: [String] = []
        for key in keys {
            let shown = ConfigurationText.quote(key)
            if !seen.insert(key).inserted {
                mistakes.append("\(shown) is given twice in \(path); give it once")
            } else if let example = known.first(where: { $0.hasPrefix(key + ".") }) {
                mistakes.append("\(shown) in \(path) is a section, not a value; it holds keys such as \(example)")
            } else if !known.contains(key) {
                mistakes.append("\(shown) in \(path) is not a known key\(Suggestion.text(for: key, among: known))")
            }
        }
        return mistakes
    }

    private static func hostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "relay" }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return name.isEmpty ? "relay" : name
    }
}

extension RelayConfiguration.Loaded {
    /// Values that are allowed alone and not together. Keys that already have a mistake are left out: their value here
    /// is not what the operator meant.
    fileprivate func contradictions(except wrong: Set<String>) -> [String] {
        var mistakes: [String] = []
        func place(_ key: String) -> String { origins[key].map { "from \($0)" } ?? "default" }
        func check(_ first: String, _ second: String, _ holds: Bool, _ remedy: String) {
            guard !holds, !wrong.contains(first), !wrong.contains(second) else { return }
            let values = [first, second].map { name in
                let value = ConfigurationKey.all.first { $0.name == name }?.render(configuration) ?? ""
                return "\(name) \(value) (\(place(name)))"
            }
            mistakes.append(values.joined(separator: " and ") + ": " + remedy)
        }
        let ports =
            [
                ("rtmp.port", configuration.rtmp.port), ("http.port", configuration.http.port),
                ("admin.port", configuration.admin.port),
            ] + (configuration.probe.host.isEmpty ? [] : [("probe.port", configuration.probe.port)])
        for (index, first) in ports.enumerated() {
            for second in ports[(index + 1)...] {
                check(
                    first.0, second.0, first.1 != second.1 || first.1 == 0,
                    "one port cannot serve both; use different ones, or 0 for any free port")
            }
        }
        for (name, tier) in [("edge", configuration.autoscaler.edge), ("origin", configuration.autoscaler.origin)] {
            check(
                "autoscaler.\(name).minimum", "autoscaler.\(name).maximum", tier.minimum <= tier.maximum,
                "the first must not be larger")
        }
        let viewer = configuration.viewer
        check(
            "viewer.dropAfter", "viewer.skipAfter", viewer.dropAfter <= viewer.skipAfter, "the first must not be longer"
        )
        check(
            "viewer.skipAfter", "viewer.disconnectAfter", viewer.skipAfter <= viewer.disconnectAfter,
            "the first must not be longer")
        let limits = configuration.limits
        for (name, size) in [
            ("limits.audioMessageBytes", limits.audioMessageBytes),
            ("limits.videoMessageBytes", limits.videoMessageBytes),
            ("limits.commandMessageBytes", limits.commandMessageBytes),
        ] {
            check(name, "limits.partialBytes", size <= limits.partialBytes, "the first must not be larger")
        }
        check(
            "limits.httpFieldBytes", "limits.httpHeaderBytes", limits.httpFieldBytes <= limits.httpHeaderBytes,
            "the first must not be larger")
        check(
            "limits.pendingPerAddress", "limits.pendingTotal", limits.pendingPerAddress <= limits.pendingTotal,
            "the first must not be larger")
        return mistakes
    }
}
