import NIOCore
import RelayCore

/// FRAME: `varint subscription`, then the frame: `varint id, u8 kind, u8 track, varint flags, zigzag dts, zigzag cts, varint n,
/// n bytes of fields that a newer version may add, body` up to the message's end.
enum LinkFrame {
    /// The most that all fields before the body take, bytes: six numbers and two bytes, rounded up.
    static let maximumHeaderLength = 64
    /// The flags that this version knows; others do not get past the reader.
    static let knownFlags: FrameFlags = [.key, .config, .disposable, .segStart, .partStart]

    /// Called for every frame of every subscription.
    @inline(__always)
    static func encode(_ frame: borrowing Frame, subscription: UInt64, into buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.writeInteger(UInt32(0))
        buffer.writeInteger(LinkMessageType.frame.rawValue)
        buffer.writeVarint(subscription)
        writeFields(of: frame, into: &buffer)
        LinkWire.finish(start, in: &buffer)
    }

    @inline(__always)
    static func writeFields(of frame: borrowing Frame, into buffer: inout ByteBuffer) {
        buffer.writeVarint(frame.id)
        buffer.writeInteger(frame.kind.rawValue)
        buffer.writeInteger(frame.trackID)
        buffer.writeVarint(UInt64(frame.flags.intersection(knownFlags).rawValue))  // bounded: wider
        buffer.writeZigzag(frame.dts)
        buffer.writeZigzag(Int64(frame.cts))  // bounded: wider
        buffer.writeInteger(UInt8(0))
        buffer.writeImmutableBuffer(frame.body)
    }

    /// - Returns: nil for a kind of media that this version does not know.
    @inline(__always)
    static func readFields(from fields: inout ByteBuffer) throws(LinkWireError) -> Frame? {
        let id = try fields.readVarint()
        let kind = try fields.readByte()
        let track = try fields.readByte()
        let flags = FrameFlags(rawValue: UInt8(truncatingIfNeeded: try fields.readVarint())).intersection(knownFlags)
        let dts = try fields.readZigzag()
        guard let cts = Int32(exactly: try fields.readZigzag()) else { throw .outOfRange }
        _ = try fields.readField(cap: fields.readableBytes)
        guard let kind = MediaKind(rawValue: kind) else { return nil }
        return Frame(id: id, kind: kind, trackID: track, dts: dts, cts: cts, flags: flags, body: fields)
    }
}
