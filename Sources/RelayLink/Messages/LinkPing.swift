import NIOCore

/// PING: `varint t1`, the sender's link clock when it wrote it.
///
/// A link clock counts µs since the birth of the node's own session, so a machine's monotonic clock never leaves it.
struct LinkPing: Hashable {
    var sentAt: UInt64

    init(sentAt: UInt64) { self.sentAt = sentAt }

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.ping, into: &buffer) { $0.writeVarint(sentAt) }
    }

    init(from body: ByteBuffer) throws(LinkWireError) {
        var fields = body
        sentAt = try fields.readVarint()
    }
}

/// PONG: `varint t1, varint t2, varint t3`: the ping's own time, and the answerer's link clock when it came and when the answer
/// left. Only the newest ping is answered, and at most one in 50 ms.
struct LinkPong: Hashable {
    var pingSentAt: UInt64
    var receivedAt: UInt64
    var sentAt: UInt64

    init(pingSentAt: UInt64, receivedAt: UInt64, sentAt: UInt64) {
        self.pingSentAt = pingSentAt
        self.receivedAt = receivedAt
        self.sentAt = sentAt
    }

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.pong, into: &buffer) { buffer in
            buffer.writeVarint(pingSentAt)
            buffer.writeVarint(receivedAt)
            buffer.writeVarint(sentAt)
        }
    }

    init(from body: ByteBuffer) throws(LinkWireError) {
        var fields = body
        pingSentAt = try fields.readVarint()
        receivedAt = try fields.readVarint()
        sentAt = try fields.readVarint()
    }
}
