import Configuration

/// The environment: every variable that starts with `RELAY_` is ours, and has to be a key.
struct ConfigurationEnvironment {
    /// The file named by `RELAY_CONFIG`.
    let file: String?
    let mistakes: [String]
    private let variables: [String: String]

    /// The variable that names the file.
    static let fileVariable = ConfigurationKey.variablePrefix + "CONFIG"

    init(_ environment: [String: String]) {
        let ours = environment.filter {
            $0.key.hasPrefix(ConfigurationKey.variablePrefix) && !Self.isServiceLink($0.key, $0.value)
        }
        file = ours[Self.fileVariable].flatMap { $0.isEmpty ? nil : $0 }
        variables = ours
        let known = ConfigurationKey.all.map(\.variable) + [Self.fileVariable]
        mistakes = ours.keys.sorted().filter { !known.contains($0) }.map {
            "\(ConfigurationText.quote($0)) in the environment is not a known key\(Suggestion.text(for: $0, among: known))"
        }
    }

    /// The values, through the configuration library.
    var source: ConfigurationSource {
        let provider = EnvironmentVariablesProvider(environmentVariables: variables).prefixKeys(with: "relay")
        return ConfigurationSource(snapshot: provider.snapshot(), label: \.variable)
    }

    /// Kubernetes describes each service to each pod in variables named for the service, so a service called `relay`
    /// or `relay-http` would look like keys of ours: `RELAY_SERVICE_HOST`, `RELAY_HTTP_PORT=tcp://10.0.0.7:8080`.
    private static func isServiceLink(_ name: String, _ value: String) -> Bool {
        if name.hasSuffix("_SERVICE_HOST") || name.contains("_SERVICE_PORT") { return true }
        if name.contains("_PORT_"), ["_TCP", "_UDP", "_SCTP"].contains(where: name.contains) { return true }
        return name.hasSuffix("_PORT") && ["tcp://", "udp://", "sctp://"].contains(where: value.hasPrefix)
    }
}
