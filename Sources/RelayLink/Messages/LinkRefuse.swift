import NIOCore
import RelayCore

/// REFUSE: `varint id, u8 reason, redirect` (empty = none). A reason that this version does not know is read as not found.
struct LinkRefuse: Hashable {
    var id: UInt64
    var refusal: LinkRefusal
    var redirect: NodeID?

    init(id: UInt64, refusal: LinkRefusal, redirect: NodeID? = nil) {
        self.id = id
        self.refusal = refusal
        self.redirect = redirect
    }

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.refuse, into: &buffer) { buffer in
            buffer.writeVarint(id)
            buffer.writeInteger(refusal.rawValue)
            buffer.writeText(redirect?.text ?? "")
        }
    }

    init(from body: ByteBuffer) throws(LinkWireError) {
        var fields = body
        id = try fields.readVarint()
        refusal = LinkRefusal(rawValue: try fields.readByte()) ?? .notFound
        redirect = NodeID(try fields.readText(cap: NodeID.maximumLength))
    }
}
