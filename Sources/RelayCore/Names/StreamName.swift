/// The validated name of a stream: `app/name`. Everything behind the border (hub, registry, logs, metrics, API) uses
/// this type, so an unchecked name cannot reach any of them.
///
/// Both parts hold only `[A-Za-z0-9._~-]`, the app may have several levels split by `/`, no segment is empty, `.` or
/// `..`, and the whole is at most ``maximumLength`` bytes.
package struct StreamName: Hashable, Sendable, CustomStringConvertible, Comparable {
    /// The longest `app/name` accepted, in bytes: what fits one label, one file name and one Redis key comfortably.
    package static let maximumLength = 255

    /// The application part; may have several levels (`live/room`).
    package let app: String
    /// The last segment.
    package let name: String

    /// `app/name`.
    package var description: String { "\(app)/\(name)" }

    /// Validates an application and a name that were already split and percent-decoded, and that carry no query.
    /// Leading and trailing slashes of either are dropped, since encoders disagree about them; a `/` inside `name`
    /// moves the levels before it to the app.
    ///
    /// - Throws: ``StreamNameError`` naming the first rule that is broken.
    package init(app: String, name: String) throws(StreamNameError) {
        let name = Self.withoutOuterSlashes(name)
        try self.init(path: "\(Self.withoutOuterSlashes(app))/\(name)", requiringName: !name.isEmpty)
    }

    /// Validates a whole path such as `/live/room/1` (HTTP) or `live/1`.
    ///
    /// - Throws: ``StreamNameError`` naming the first rule that is broken.
    package init(path: String) throws(StreamNameError) { try self.init(path: path, requiringName: true) }

    /// Validates a path that has no leading slash and may not have stray ones: HTTP clients have no excuse for them.
    ///
    /// - Throws: ``StreamNameError`` naming the first rule that is broken.
    package init(path: String, strict: Bool) throws(StreamNameError) {
        if strict, path.utf8.first == UInt8(ascii: "/") || path.utf8.last == UInt8(ascii: "/") { throw .emptySegment }
        try self.init(path: path, requiringName: true)
    }

    private init(path: String, requiringName: Bool) throws(StreamNameError) {
        let utf8 = Self.withoutOuterSlashes(path).utf8
        guard !utf8.isEmpty else { throw .empty }
        guard utf8.count <= Self.maximumLength else { throw .tooLong }
        guard requiringName else { throw .empty }
        var lastSlash: String.Index?
        var segmentStart = utf8.startIndex
        var index = utf8.startIndex
        while true {
            let atEnd = index == utf8.endIndex
            if atEnd || utf8[index] == UInt8(ascii: "/") {
                try Self.check(segment: utf8[segmentStart..<index])
                if atEnd { break }
                lastSlash = index
                segmentStart = utf8.index(after: index)
            }
            index = utf8.index(after: index)
        }
        guard let slash = lastSlash else { throw .missingApp }
        self.app = String(path[utf8.startIndex..<slash])
        self.name = String(path[segmentStart..<utf8.endIndex])
    }

    private static func withoutOuterSlashes(_ text: String) -> Substring {
        var utf8 = text.utf8[...]
        while utf8.first == UInt8(ascii: "/") { utf8.removeFirst() }
        while utf8.last == UInt8(ascii: "/") { utf8.removeLast() }
        return Substring(utf8)
    }

    private static func check(segment: Substring.UTF8View) throws(StreamNameError) {
        guard !segment.isEmpty else { throw .emptySegment }
        var onlyDots = segment.count <= 2
        for byte in segment {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "-"):
                onlyDots = false
            case UInt8(ascii: "."):
                break
            default:
                throw .forbiddenByte(byte)
            }
        }
        if onlyDots { throw .dotSegment }
    }

    package static func < (lhs: Self, rhs: Self) -> Bool { (lhs.app, lhs.name) < (rhs.app, rhs.name) }
}

/// Why a stream name was refused. The text is for the peer and the log; it never repeats the name itself.
package enum StreamNameError: Error, Hashable, Sendable, CustomStringConvertible {
    case empty
    case missingApp
    case tooLong
    case emptySegment
    case dotSegment
    case forbiddenByte(UInt8)

    package var description: String {
        switch self {
        case .empty: "the stream name is empty; use rtmp://host/app/name"
        case .missingApp: "there is no application before the stream name; use rtmp://host/app/name"
        case .tooLong: "app/name is longer than \(StreamName.maximumLength) bytes"
        case .emptySegment: "the stream name has an empty segment (//)"
        case .dotSegment: "the stream name has a segment of dots"
        case .forbiddenByte(let byte):
            "the stream name has byte \(byte), and only A-Z a-z 0-9 . _ ~ - and / are allowed"
        }
    }
}
