/// One key of the configuration: the single place that says what it is called, what it means, what it may be, and where
/// its value goes. Reading, checking, `--help`, and the table in the README are all made from ``all``.
package struct ConfigurationKey: Sendable {
    /// Dotted, as in the file: `flush.interval`.
    package let name: String
    /// `integer`, `size`, `duration`, …; for documentation.
    package let type: String
    /// What a value may be, in words that finish "use …".
    package let allowed: String
    /// What the key does; one or two sentences.
    package let meaning: String
    /// Whether its value must not be shown.
    package let isSecret: Bool
    /// Whether several values may be given: a sequence in the file, comma-separated elsewhere.
    package let isList: Bool
    /// The value that a configuration holds, as it could be written.
    package let render: @Sendable (RelayConfiguration) -> String
    /// Stores a value; false when it is not ``allowed``. Scalars are called with one element.
    let store: @Sendable (inout RelayConfiguration, [String]) -> Bool

    init(
        _ name: String, type: String, allowed: String, _ meaning: String, isSecret: Bool = false, isList: Bool = false,
        render: @escaping @Sendable (RelayConfiguration) -> String,
        store: @escaping @Sendable (inout RelayConfiguration, [String]) -> Bool
    ) {
        self.name = name
        self.type = type
        self.allowed = allowed
        self.meaning = meaning
        self.isSecret = isSecret
        self.isList = isList
        self.render = render
        self.store = store
    }

    /// `flush`, `interval`.
    var components: [String] { name.split(separator: ".").map(String.init) }

    /// The flag: `--flush-interval`.
    package var flag: String { "--" + words.joined(separator: "-") }

    /// The environment variable: `RELAY_FLUSH_INTERVAL`.
    package var variable: String { Self.variablePrefix + words.joined(separator: "_").uppercased() }

    /// Every environment variable of ours begins so.
    package static let variablePrefix = "RELAY_"

    /// The name cut at dots and before capitals, lower-cased; the configuration library encodes keys the same way.
    private var words: [String] {
        var words: [String] = []
        for component in components {
            var word = ""
            var previous: Character = "A"
            for character in component {
                if character.isUppercase, previous.isLowercase {
                    words.append(word.lowercased())
                    word = ""
                }
                word.append(character)
                previous = character
            }
            words.append(word.lowercased())
        }
        return words
    }
}

// MARK: - Kinds of keys

extension ConfigurationKey {
    typealias Path<Value> = any WritableKeyPath<RelayConfiguration, Value> & Sendable

    /// A whole number. `zero` says what 0 means when it is special.
    static func integer(
        _ name: String, _ path: Path<Int>, _ range: ClosedRange<Int>, unit: String = "", zero: String? = nil,
        _ meaning: String
    ) -> Self {
        Self(
            name, type: "integer",
            allowed: "\(range.lowerBound)…\(range.upperBound)" + (unit.isEmpty ? "" : " \(unit)")
                + (zero.map { " (0 = \($0))" } ?? ""),
            meaning, render: { "\($0[keyPath: path])" },
            store: { configuration, values in
                guard let text = values.first, let value = Int(text), range.contains(value) else { return false }
                configuration[keyPath: path] = value
                return true
            })
    }

    /// A number of bytes: `8MiB`, `64KiB`, or bare.
    static func size(_ name: String, _ path: Path<Int>, _ range: ClosedRange<Int>, _ meaning: String) -> Self {
        Self(
            name, type: "size",
            allowed:
                "\(ConfigurationText.render(size: range.lowerBound))…\(ConfigurationText.render(size: range.upperBound)) (bytes, or with KiB, MiB, GiB)",
            meaning, render: { ConfigurationText.render(size: $0[keyPath: path]) },
            store: { configuration, values in
                guard let text = values.first, let value = ConfigurationText.parseSize(text), range.contains(value)
                else {
                    return false
                }
                configuration[keyPath: path] = value
                return true
            })
    }

    /// A duration: `500ms`, `10s`, `2m`, or bare in `unit`.
    static func duration(
        _ name: String, _ path: Path<Duration>, _ range: ClosedRange<Duration>,
        unit: ConfigurationText.TimeUnit = .seconds,
        zero: String? = nil, _ meaning: String
    ) -> Self {
        Self(
            name, type: "duration", allowed: allowed(range, unit: unit) + (zero.map { " (0 = \($0))" } ?? ""), meaning,
            render: { ConfigurationText.render($0[keyPath: path]) },
            store: { configuration, values in
                guard let text = values.first, let value = ConfigurationText.parseDuration(text, unit: unit),
                    range.contains(value)
                else { return false }
                configuration[keyPath: path] = value
                return true
            })
    }

    /// A share between two bounds.
    static func share(_ name: String, _ path: Path<Double>, _ range: ClosedRange<Double>, _ meaning: String) -> Self {
        Self(
            name, type: "number", allowed: "\(range.lowerBound)…\(range.upperBound)", meaning,
            render: { "\($0[keyPath: path])" },
            store: { configuration, values in
                guard let text = values.first, let value = Double(text), range.contains(value) else { return false }
                configuration[keyPath: path] = value
                return true
            })
    }

    /// One of a few words.
    static func choice<Value: RawRepresentable<String> & CaseIterable & Sendable>(
        _ name: String, _ path: Path<Value>, _ meaning: String
    ) -> Self {
        let words = Value.allCases.map(\.rawValue)
        return Self(
            name, type: "choice", allowed: words.joined(separator: " | "), meaning,
            render: { $0[keyPath: path].rawValue },
            store: { configuration, values in
                guard let text = values.first, let value = Value(rawValue: text) else { return false }
                configuration[keyPath: path] = value
                return true
            })
    }

    /// Free text under a rule.
    static func text(
        _ name: String, _ path: Path<String>, allowed: String, empty: String? = nil, _ meaning: String,
        rule: @escaping @Sendable (String) -> Bool
    ) -> Self {
        Self(
            name, type: "text", allowed: allowed, meaning,
            render: { $0[keyPath: path].isEmpty ? empty ?? "" : $0[keyPath: path] },
            store: { configuration, values in
                guard let text = values.first, rule(text) else { return false }
                configuration[keyPath: path] = text
                return true
            })
    }

    /// Several values; at most 256, which is far more than any list here is for.
    static func list<Value: Sendable>(
        _ name: String, _ path: Path<[Value]>, allowed: String, _ meaning: String,
        parse: @escaping @Sendable (String) -> Value?, write: @escaping @Sendable (Value) -> String
    ) -> Self {
        Self(
            name, type: "list", allowed: allowed, meaning, isList: true,
            render: { $0[keyPath: path].map(write).joined(separator: ",") },
            store: { configuration, texts in
                // A variable or flag that is set to nothing is a list of nothing.
                let texts = texts == [""] ? [] : texts
                let values = texts.compactMap(parse)
                guard values.count == texts.count, values.count <= 256 else { return false }
                configuration[keyPath: path] = values
                return true
            })
    }

    /// A TCP port to listen on.
    static func port(_ name: String, _ path: Path<Int>, _ meaning: String) -> Self {
        integer(name, path, 0...65_535, zero: "any free port", meaning)
    }

    /// An address to listen on: an IP address or a host name.
    static func host(_ name: String, _ path: Path<String>, _ meaning: String) -> Self {
        text(name, path, allowed: "an IP address or a host name", meaning) { text in
            !text.isEmpty && text.utf8.count <= 253
                && text.utf8.allSatisfy { isNameByte($0) || $0 == UInt8(ascii: ":") }
        }
    }

    static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    static func allowed(_ range: ClosedRange<Duration>, unit: ConfigurationText.TimeUnit) -> String {
        "\(ConfigurationText.render(range.lowerBound))…\(ConfigurationText.render(range.upperBound)) (bare number: \(unit.rawValue))"
    }
}
