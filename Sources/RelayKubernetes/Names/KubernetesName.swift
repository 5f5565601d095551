/// The name of a Kubernetes object or namespace, checked before it goes into a path: lower-case letters, digits, `-` and `.`,
/// beginning and ending with a letter or digit (RFC 1123 subdomain, the rule of the kinds we use).
package struct KubernetesName: Hashable, Sendable, CustomStringConvertible {
    /// RFC 1123, and what the API server allows.
    package static let maximumLength = 253

    package let text: String

    /// nil when the text breaks the rule.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard (1...Self.maximumLength).contains(bytes.count), bytes.allSatisfy(Self.isAllowed),
            let first = bytes.first, let last = bytes.last, Self.isAlphanumeric(first), Self.isAlphanumeric(last),
            !text.contains("..")
        else { return nil }
        self.text = String(text)
    }

    package var description: String { text }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }
}
