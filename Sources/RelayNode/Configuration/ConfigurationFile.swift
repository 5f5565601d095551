import Configuration
import Glibc
import Yams

/// The configuration file. JSON is read as YAML, whose subset it is, so both go the same way.
///
/// The values are read through the configuration library; what it cannot tell (which keys are there at all) is taken
/// from the same bytes with the YAML parser.
enum ConfigurationFile {
    /// Longest file, bytes. A configuration is a few KiB; anything near this is the wrong file.
    static let maximumBytes = 1 << 20
    /// Most values in a file. Aliases can make a small file stand for billions of values.
    static let maximumValues = 4096
    /// Deepest nesting; keys have two levels.
    static let maximumDepth = 8

    /// What a file holds.
    struct Contents {
        /// nil when the file is empty.
        let source: ConfigurationSource?
        /// Dotted keys of all values, in order.
        let keys: [String]
    }

    /// Reads a file.
    ///
    /// - Throws: ``Failure`` with one line that says what is wrong.
    static func read(_ path: String) throws(Failure) -> Contents {
        let bytes = try readBytes(path)
        let shownPath = ConfigurationText.quote(path)
        let root: Node?
        do {
            root = try Yams.Parser(yaml: String(decoding: bytes, as: UTF8.self)).singleRoot()
        } catch {
            throw Failure("\(shownPath) is not valid YAML or JSON: \(oneLine("\(error)"))")
        }
        guard let root, root.scalar?.tag.description != "tag:yaml.org,2002:null", root.null == nil else {
            return Contents(source: nil, keys: [])
        }
        guard case .mapping(let mapping) = root else {
            throw Failure("\(shownPath) must hold keys and values at the top, such as rtmp: { port: 1935 }")
        }
        var keys: [String] = []
        try collect(mapping, under: "", depth: 1, into: &keys, path: shownPath)
        do {
            let snapshot = try YAMLSnapshot(data: bytes.span.bytes, providerName: "file", parsingOptions: .default)
            return Contents(source: ConfigurationSource(snapshot: snapshot, label: { _ in path }), keys: keys)
        } catch {
            throw Failure("\(shownPath) cannot be read: \(oneLine("\(error)"))")
        }
    }

    private static func collect(
        _ mapping: Node.Mapping, under prefix: String, depth: Int, into keys: inout [String], path: String
    ) throws(Failure) {
        for (name, value) in mapping {
            guard let name = name.string else { throw Failure("\(path) has a key that is not text") }
            let key = prefix.isEmpty ? name : "\(prefix).\(name)"
            if case .mapping(let inner) = value {
                guard depth < maximumDepth else {
                    throw Failure("\(path) is nested deeper than \(maximumDepth) levels")
                }
                try collect(inner, under: key, depth: depth + 1, into: &keys, path: path)
                continue
            }
            if case .sequence(let sequence) = value {
                guard sequence.count <= maximumValues else {
                    throw Failure("\(path) holds more than \(maximumValues) values")
                }
                guard sequence.allSatisfy({ $0.scalar != nil }) else {
                    throw Failure("\(ConfigurationText.quote(key)) in \(path) may list only plain values")
                }
            }
            // A section whose keys are all commented out.
            if value.null != nil, ConfigurationKey.all.contains(where: { $0.name.hasPrefix(key + ".") }) { continue }
            keys.append(key)
            guard keys.count <= maximumValues else { throw Failure("\(path) holds more than \(maximumValues) values") }
        }
    }

    private static func readBytes(_ path: String) throws(Failure) -> [UInt8] {
        let shownPath = ConfigurationText.quote(path)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure("\(shownPath) cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure("\(shownPath) cannot be read: \(String(cString: strerror(errno)))") }
            if count == 0 { return bytes }
            bytes += part.prefix(count)
            guard bytes.count <= maximumBytes else {
                throw Failure("\(shownPath) is longer than \(ConfigurationText.render(size: maximumBytes))")
            }
        }
    }

    private static func oneLine(_ text: String) -> String {
        String(text.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(200))
    }

    /// Why a file is not used.
    struct Failure: Error {
        let message: String
        init(_ message: String) { self.message = message }
    }
}
