import NIOCore
import RelayCore

/// QUERY: `varint id, stream`. The ids of queries are their own; they do not meet those of subscriptions.
struct LinkQuery: Hashable {
    var id: UInt64
    var stream: StreamName

    init(id: UInt64, stream: StreamName) {
        self.id = id
        self.stream = stream
    }

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.query, into: &buffer) { buffer in
            buffer.writeVarint(id)
            buffer.writeText(stream.description)
        }
    }

    init(from body: ByteBuffer) throws(LinkWireError) {
        var fields = body
        id = try fields.readVarint()
        stream = try fields.readStreamName()
    }
}
