import NIOCore

/// Why a parent left frames out.
package enum LinkSkipReason: UInt8, Sendable, Hashable, Comparable {
    /// They were disposable, and the link lagged.
    case disposable = 1
    /// The subscriber goes on at a newer keyframe.
    case keyframe = 2
    /// They were too old, too large, or too many.
    case overflow = 3

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// SKIP: `varint subscription, varint first id, varint count, u8 reason`: none of these ids will come. It stands where the frames
/// would have stood.
struct LinkSkip: Hashable {
    var subscription: UInt64
    var from: UInt64
    /// At least 1.
    var count: UInt64
    var reason: LinkSkipReason

    init(subscription: UInt64, from: UInt64, count: UInt64, reason: LinkSkipReason) {
        self.subscription = subscription
        self.from = from
        self.count = count
        self.reason = reason
    }

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.skip, into: &buffer) { buffer in
            buffer.writeVarint(subscription)
            buffer.writeVarint(from)
            buffer.writeVarint(count)
            buffer.writeInteger(reason.rawValue)
        }
    }

    init(from body: ByteBuffer) throws(LinkWireError) {
        var fields = body
        subscription = try fields.readVarint()
        from = try fields.readVarint()
        count = try fields.readVarint()
        reason = LinkSkipReason(rawValue: try fields.readByte()) ?? .overflow
    }
}
