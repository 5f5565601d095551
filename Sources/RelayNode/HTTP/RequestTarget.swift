import NIOHTTP1
import RelayCore

/// The path and query of a request line's target, percent-decoded once.
struct RequestTarget {
    /// Decoded path, starting with `/`.
    let path: String
    private let rawQuery: Substring?

    /// Reads the origin form (`/path?query`) or the absolute form (`http://host/path?query`, RFC 9112 3.2.2), whose host is
    /// ignored.
    init(_ uri: String) throws(HTTPRefusal) {
        var rest = uri[...]
        if !rest.hasPrefix("/") {
            let lowered = rest.prefix(8).lowercased()
            guard lowered.hasPrefix("http://") || lowered.hasPrefix("https://") else {
                throw HTTPRefusal(.badRequest, .badRequest)
            }
            rest = rest.dropFirst(lowered.hasPrefix("https") ? 8 : 7)
            guard let slash = rest.firstIndex(of: "/") else { throw HTTPRefusal(.notFound, .noSuchPath) }
            rest = rest[slash...]
        }
        if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        rawQuery = parts.count > 1 ? parts[1] : nil
        guard let first = parts.first, let decoded = Self.decode(first) else {
            throw HTTPRefusal(.badRequest, .badStreamName)
        }
        path = decoded
    }

    /// The decoded value of the first parameter with this name; nil when there is none or it does not decode.
    func query(named name: String) -> String? {
        guard let rawQuery else { return nil }
        for pair in rawQuery.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.first.map({ $0 == name }) == true { return parts.count > 1 ? Self.decode(parts[1]) : "" }
        }
        return nil
    }

    /// Percent-decoding, once; nil for a bad escape or bytes that are not UTF-8.
    private static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = iterator.next().flatMap(hexDigit), let low = iterator.next().flatMap(hexDigit) else {
                return nil
            }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
