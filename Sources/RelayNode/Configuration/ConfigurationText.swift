/// How durations and sizes are written in configuration and shown again. Both directions agree: what `render` writes,
/// `parse` reads back as the same value.
enum ConfigurationText {
    /// The unit of a duration written as a bare number.
    enum TimeUnit: String, Sendable {
        case milliseconds = "ms"
        case seconds = "s"

        fileprivate var nanoseconds: Int64 { self == .milliseconds ? 1_000_000 : 1_000_000_000 }
    }

    private static let timeSuffixes: [(suffix: String, nanoseconds: Int64)] = [
        ("ms", 1_000_000), ("us", 1_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]

    private static let sizeSuffixes: [(suffix: String, bytes: Int)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    /// Reads `500ms`, `10s`, `1.5s`, `2m`, `1h`, or a bare number in `unit`. nil for anything else, negative included.
    static func parseDuration(_ text: String, unit: TimeUnit) -> Duration? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let suffix = text[digits.endIndex...].drop { $0 == " " }
        guard let first = digits.first, first != ".", digits.last != "." else { return nil }
        let scale: Int64
        if suffix.isEmpty {
            scale = unit.nanoseconds
        } else if let known = timeSuffixes.first(where: { $0.suffix == suffix }) {
            scale = known.nanoseconds
        } else {
            return nil
        }
        guard let number = Double(digits) else { return nil }
        guard let nanoseconds = Int64(exactly: (number * Double(scale)).rounded()) else { return nil }
        return .nanoseconds(nanoseconds)
    }

    /// `350ms`, `10s`, `2m`, `1h`: the largest unit in which the value is a whole number; `0s` for zero.
    static func render(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        if attoseconds != 0 {
            let microseconds = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
            return microseconds % 1000 == 0 ? "\(microseconds / 1000)ms" : "\(microseconds)us"
        }
        if seconds != 0, seconds % 3600 == 0 { return "\(seconds / 3600)h" }
        if seconds != 0, seconds % 60 == 0 { return "\(seconds / 60)m" }
        return "\(seconds)s"
    }

    /// Reads `8MiB`, `64KiB`, `1GiB`, or a bare number of bytes. nil for anything else, negative included.
    static func parseSize(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text[digits.endIndex...].drop { $0 == " " }
        guard let number = Int(digits) else { return nil }
        guard let scale = suffix.isEmpty ? 1 : sizeSuffixes.first(where: { $0.suffix == suffix })?.bytes else {
            return nil
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: scale)
        return overflow ? nil : bytes
    }

    /// `8MiB`, `64KiB`, or bytes: the largest unit in which the value is a whole number.
    static func render(size: Int) -> String {
        for (suffix, bytes) in sizeSuffixes.dropLast() where size != 0 && size % bytes == 0 {
            return "\(size / bytes)\(suffix)"
        }
        return "\(size)"
    }

    /// A value as it may be shown in a terminal or a log: control bytes escaped, quoted, and cut when it is long.
    static func quote(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(80) {
            let printable = scalar.isASCII ? (0x20..<0x7F).contains(scalar.value) : scalar.properties.isAlphabetic
            shown += printable ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
        }
        return "\"\(shown)\(text.unicodeScalars.count > 80 ? "…" : "")\""
    }
}
