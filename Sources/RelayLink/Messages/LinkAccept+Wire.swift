import NIOCore
import RelayCore

/// ACCEPT: `varint id, varint epoch, varint incarnation, zigzag start wall ms, u8 hops, varint count, count x (varint length, frame)`.
/// The frames are written as in ``LinkFrame``, without the subscription.
extension LinkAccept {
    /// Metadata and the sequence headers of 16 tracks, and some room.
    static let maximumHeaders = 64

    /// - Parameter cap: The longest message, bytes; headers that would go over it are left out.
    /// - Returns: How many were left out.
    @discardableResult
    func encode(id: UInt64, cap: Int, into buffer: inout ByteBuffer) -> Int {
        // What stands before the headers: five numbers and some.
        var room = cap &- 64
        let fitting = headers.prefix(Self.maximumHeaders).filter { header in
            let length = LinkFrame.maximumHeaderLength &+ LinkWire.maximumVarintLength &+ header.body.readableBytes
            guard length <= room else { return false }
            room &-= length
            return true
        }
        LinkWire.write(.accept, into: &buffer) { buffer in
            buffer.writeVarint(id)
            buffer.writeVarint(incarnation.epoch)
            buffer.writeVarint(incarnation.id)
            buffer.writeZigzag(startWallMilliseconds)
            buffer.writeInteger(hops)
            buffer.writeVarint(UInt64(clamping: fitting.count))
            for header in fitting {
                var field = ByteBuffer()
                LinkFrame.writeFields(of: header, into: &field)
                buffer.writeVarint(UInt64(clamping: field.readableBytes))
                buffer.writeBuffer(&field)
            }
        }
        return headers.count &- fitting.count
    }

    static func read(from body: ByteBuffer) throws(LinkWireError) -> (id: UInt64, accept: LinkAccept) {
        var fields = body
        let id = try fields.readVarint()
        let incarnation = Incarnation(epoch: try fields.readVarint(), id: try fields.readVarint())
        let startWall = try fields.readZigzag()
        let hops = try fields.readByte()
        let count = try fields.readCount(cap: maximumHeaders)
        var headers: [Frame] = []
        for _ in 0..<count {
            var field = try fields.readField(cap: body.readableBytes)
            // A kind that this version does not know is no header for it.
            if let header = try LinkFrame.readFields(from: &field) { headers.append(header) }
        }
        return (
            id,
            LinkAccept(incarnation: incarnation, startWallMilliseconds: startWall, hops: hops, headers: headers)
        )
    }
}
