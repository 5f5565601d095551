import NIOCore

/// END: `varint id, u8 reason, varint last frame id`. A reason that this version does not know is read as lost, which makes the
/// subscriber look the stream up again.
struct LinkEnded: Hashable {
    var id: UInt64
    var reason: LinkEnd
    var lastFrameID: UInt64

    init(id: UInt64, reason: LinkEnd, lastFrameID: UInt64) {
        self.id = id
        self.reason = reason
        self.lastFrameID = lastFrameID
    }

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.end, into: &buffer) { buffer in
            buffer.writeVarint(id)
            buffer.writeInteger(reason.rawValue)
            buffer.writeVarint(lastFrameID)
        }
    }

    init(from body: ByteBuffer) throws(LinkWireError) {
        var fields = body
        id = try fields.readVarint()
        reason = LinkEnd(rawValue: try fields.readByte()) ?? .lost
        lastFrameID = try fields.readVarint()
    }
}
