/// Why FLV bytes were refused. The reader does not go on after any of these.
package enum FLVError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The first bytes are not `FLV`.
    case notFLV
    /// The header announces an impossible length.
    case badHeader
    /// A tag announces more bytes than its kind may have.
    case tagTooLong(kind: UInt8, length: Int)
    /// A tag is encrypted (its filter bit is set).
    case encrypted

    package var description: String {
        switch self {
        case .notFLV: "the bytes are not FLV"
        case .badHeader: "the FLV header announces an impossible length"
        case .tagTooLong(let kind, let length):
            "an FLV tag of type \(kind) announces \(length) bytes, more than its cap"
        case .encrypted: "the FLV tags are encrypted"
        }
    }
}
