package import RelayCore

/// Turns what clients write into `app`, `tcUrl` and the stream's name into one validated ``StreamName`` and one query.
///
/// Encoders split `rtmp://host/live/room/key?token=x` in every possible place: `app` may have several levels, be followed by
/// a query, have slashes around it, or hold the whole path with an empty name; the query may stand behind the name, `app` or
/// `tcUrl` (OBS with multitrack video).
package enum StreamAddress {
    /// The text before the first `?`, and what follows it.
    package static func split(_ text: String) -> (path: String, query: String) {
        guard let mark = text.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (text, "") }
        return (String(text[..<mark]), String(text[text.utf8.index(after: mark)...]))
    }

    /// Joins queries with `&`, each only once, the most specific first.
    package static func merge(_ queries: [String]) -> String {
        var parts: [String] = []
        for query in queries where !query.isEmpty && !parts.contains(query) { parts.append(query) }
        return parts.joined(separator: "&")
    }

    /// Percent-decodes once. A broken escape leaves the text as it is: the `%` makes every name check fail.
    package static func percentDecoded(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = iterator.next().flatMap(hexDigit), let low = iterator.next().flatMap(hexDigit) else {
                return text
            }
            bytes.append(high << 4 | low)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The application of a connection: decoded, without surrounding slashes, and valid as the front of a stream name.
    ///
    /// - Throws: the first rule that is broken.
    package static func application(_ path: String) throws(StreamNameError) -> String {
        let app = withoutOuterSlashes(percentDecoded(path))
        guard !app.isEmpty else { throw .missingApp }
        _ = try StreamName(app: app, name: "_")
        return app
    }

    /// The stream of a publish or play command: `path` is the name argument without its query. An empty name means that
    /// the encoder put everything into the application.
    ///
    /// - Throws: the first rule that is broken.
    package static func stream(app: String, path: String) throws(StreamNameError) -> StreamName {
        let name = withoutOuterSlashes(percentDecoded(path))
        if name.isEmpty, app.utf8.contains(UInt8(ascii: "/")) { return try StreamName(path: app) }
        return try StreamName(app: app, name: name)
    }

    private static func withoutOuterSlashes(_ text: String) -> String {
        var text = text[...]
        while text.utf8.first == UInt8(ascii: "/") { text.removeFirst() }
        while text.utf8.last == UInt8(ascii: "/") { text.removeLast() }
        return String(text)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte &- UInt8(ascii: "a") &+ 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte &- UInt8(ascii: "A") &+ 10
        default: nil
        }
    }
}
