import NIOCore

/// UNSUBSCRIBE: `varint id`. Not answered; frames on their way are ignored by the subscriber.
struct LinkUnsubscribe: Hashable {
    var id: UInt64

    init(id: UInt64) { self.id = id }

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.unsubscribe, into: &buffer) { $0.writeVarint(id) }
    }

    init(from body: ByteBuffer) throws(LinkWireError) {
        var fields = body
        id = try fields.readVarint()
    }
}
