extension RelayConfiguration {
    /// The Markdown table of all keys, for the README. A test compares it with what the README holds.
    package static func referenceTable() -> String {
        let defaults = RelayConfiguration()
        let rows = ConfigurationKey.all.map { key in
            let value = key.render(defaults)
            return
                "| `\(key.name)` | \(value.isEmpty ? "" : "`\(value)`") | \(escape(key.allowed)) | \(escape(key.meaning)) |"
        }
        return (["| key | default | allowed | meaning |", "|---|---|---|---|"] + rows).joined(separator: "\n") + "\n"
    }

    /// The flags and what they do, for `--help`.
    package static func flagHelp() -> String {
        let defaults = RelayConfiguration()
        var text = "  --config FILE\n        YAML or JSON file with any of the keys below; also RELAY_CONFIG.\n"
        for key in ConfigurationKey.all {
            text +=
                "  \(key.flag) VALUE\n        \(key.meaning)\n        \(key.allowed); default \(key.render(defaults))\n"
        }
        return text
    }

    private static func escape(_ text: String) -> String { text.split(separator: "|").joined(separator: "\\|") }
}

extension RelayConfiguration.Loaded {
    /// Every key with its value and where that came from, one per line; for `relay check`.
    package func table() -> String {
        ConfigurationKey.all
            .map { "\($0.name): \($0.isSecret ? "***" : $0.render(configuration))  # \(origins[$0.name] ?? "default")" }
            .joined(separator: "\n") + "\n"
    }
}
