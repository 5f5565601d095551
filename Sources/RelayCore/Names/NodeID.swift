/// The name of a node in the cluster: what configuration calls `node.name`. Unique among the nodes that live at the same time;
/// the registry refuses a second one.
package struct NodeID: Hashable, Sendable, Comparable, CustomStringConvertible, Codable {
    /// The longest name, bytes: what fits a host name label and a Redis key.
    package static let maximumLength = 64

    /// `[A-Za-z0-9._-]{1,64}`.
    package let text: String

    /// nil when the text breaks the rule.
    package init?(_ text: String) {
        guard (1...Self.maximumLength).contains(text.utf8.count), text.utf8.allSatisfy(Self.isAllowed) else {
            return nil
        }
        self.text = text
    }

    package var description: String { text }
    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.text < rhs.text }

    package init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let id = NodeID(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not a node name"))
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// Where something listens: an IP address or host name, and a TCP port.
package struct Endpoint: Hashable, Sendable, Codable, CustomStringConvertible {
    package var host: String
    /// 1...65535.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
