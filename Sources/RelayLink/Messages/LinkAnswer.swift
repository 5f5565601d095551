import NIOCore

/// ANSWER to a query: `varint id, u8 flags (1 owner, 2 publisher), varint epoch, varint ms since the newest frame`.
struct LinkAnswer: Hashable {
    private static let ownerFlag: UInt8 = 1
    private static let publisherFlag: UInt8 = 2

    var id: UInt64
    var state: LinkStreamState

    init(id: UInt64, state: LinkStreamState) {
        self.id = id
        self.state = state
    }

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.answer, into: &buffer) { buffer in
            buffer.writeVarint(id)
            let flags = (state.isOwner ? Self.ownerFlag : 0) | (state.hasPublisher ? Self.publisherFlag : 0)
            buffer.writeInteger(flags)
            buffer.writeVarint(state.epoch)
            buffer.writeVarint(UInt64(state.frameAgeMilliseconds))  // bounded: wider
        }
    }

    init(from body: ByteBuffer) throws(LinkWireError) {
        var fields = body
        id = try fields.readVarint()
        let flags = try fields.readByte()
        let epoch = try fields.readVarint()
        let age = try fields.readVarint()
        state = LinkStreamState(
            isOwner: flags & Self.ownerFlag != 0, hasPublisher: flags & Self.publisherFlag != 0, epoch: epoch,
            frameAgeMilliseconds: UInt32(clamping: age))
    }
}
