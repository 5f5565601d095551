import Configuration

/// One place that values come from: the file, the environment, or the flags. It wraps a snapshot of a provider, and
/// knows how the place calls a key, so that a mistake can be found again.
struct ConfigurationSource {
    /// What a place says about a key.
    enum Value: Equatable {
        case absent
        /// One text, or for a list key any number of them.
        case texts([String])
        /// A mapping or a list where one value belongs.
        case wrongShape
    }

    /// The values.
    let snapshot: any ConfigSnapshot
    /// How the place calls a key, for messages: `RELAY_RTMP_PORT`, `--rtmp-port`, `relay.yaml`.
    let label: @Sendable (ConfigurationKey) -> String

    /// Looks a key up.
    func value(of key: ConfigurationKey) -> Value {
        let path = AbsoluteConfigKey(key.components)
        if key.isList, case .stringArray(let texts)? = lookup(path, .stringArray) { return .texts(texts) }
        switch lookup(path, .string) {
        case .string(let text)?:
            return .texts(
                key.isList ? text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) : [text])
        case nil:
            return isPresent(path) ? .wrongShape : .absent
        default:
            return .wrongShape
        }
    }

    private func lookup(_ path: AbsoluteConfigKey, _ type: ConfigType) -> ConfigContent? {
        // A value of another type throws; the caller then asks whether there is one at all.
        (try? snapshot.value(forKey: path, type: type))?.value?.content
    }

    private func isPresent(_ path: AbsoluteConfigKey) -> Bool {
        do { return try snapshot.value(forKey: path, type: .string).value != nil } catch { return true }
    }
}
