import Configuration

/// The flags: `--key value` or `--key=value`, each at most once. The configuration library would skip what it does not
/// know, so they are checked here first and handed on in one form.
struct ConfigurationFlags {
    /// The file named by `--config`.
    private(set) var file: String?
    private(set) var mistakes: [String] = []
    private var normalised: [String] = []

    /// - Parameter arguments: what follows the subcommand, without the program's name.
    init(_ arguments: [String]) {
        var seen: Set<String> = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--") else {
                mistakes.append(
                    "\(ConfigurationText.quote(argument)) on the command line is not a flag; use --key value")
                continue
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let flag = parts[0]
            let isKnown = flag == Self.fileFlag || ConfigurationKey.all.contains { $0.flag == flag }
            let value: String?
            if parts.count == 2 {
                value = parts[1]
            } else if let next = rest.first, !next.hasPrefix("--") {
                rest.removeFirst()
                value = next
            } else {
                value = nil
            }
            guard isKnown else {
                let names = ConfigurationKey.all.map(\.flag) + [Self.fileFlag]
                mistakes.append(
                    "\(ConfigurationText.quote(flag)) is not a known flag\(Suggestion.text(for: flag, among: names))")
                continue
            }
            guard let value else {
                mistakes.append("\(flag) needs a value\(Self.allowed(flag))")
                continue
            }
            guard seen.insert(flag).inserted else {
                mistakes.append("\(flag) is given twice; give it once")
                continue
            }
            if flag == Self.fileFlag { file = value } else { normalised.append("\(flag)=\(value)") }
        }
    }

    /// The flag that names the file.
    static let fileFlag = "--config"

    /// The values, through the configuration library.
    var source: ConfigurationSource {
        // Its parser skips the first argument, the program's name.
        let provider = CommandLineArgumentsProvider(arguments: ["relay"] + normalised)
        return ConfigurationSource(snapshot: provider.snapshot(), label: \.flag)
    }

    /// What was given for a flag, for messages.
    func text(of key: ConfigurationKey) -> String? {
        normalised.first { $0.hasPrefix(key.flag + "=") }.map { String($0.dropFirst(key.flag.count + 1)) }
    }

    private static func allowed(_ flag: String) -> String {
        ConfigurationKey.all.first { $0.flag == flag }.map { ": \($0.allowed)" } ?? ""
    }
}
