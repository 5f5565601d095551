import NIOCore

/// GOAWAY: `varint ms` until the node goes down.
struct LinkGoAway: Hashable {
    var deadlineMilliseconds: UInt32

    init(deadlineMilliseconds: UInt32) { self.deadlineMilliseconds = deadlineMilliseconds }

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.goAway, into: &buffer) { $0.writeVarint(UInt64(deadlineMilliseconds)) }  // bounded: wider
    }

    init(from body: ByteBuffer) throws(LinkWireError) {
        var fields = body
        deadlineMilliseconds = try fields.readVarint32()
    }
}
