import NIOCore
import RelayCore

/// The numbers of the link's messages. A message is `u32 length, u8 type, fields`; the length counts the type. What a newer
/// version adds is left alone by an older one: unknown types are skipped by their length, fields behind the known ones are
/// ignored, unknown flags are masked out.
package enum LinkMessageType: UInt8, Sendable, CaseIterable {
    // The link itself.
    case hello = 1
    case auth = 2
    case error = 3
    case ping = 4
    case pong = 5
    case goAway = 6
    // Subscriptions and questions.
    case subscribe = 16
    case unsubscribe = 17
    case accept = 18
    case refuse = 19
    case end = 20
    case query = 21
    case answer = 22
    // Media.
    case frame = 32
    case skip = 33
}

/// Why the fields of a message cannot be read.
package enum LinkWireError: Error, Hashable, Sendable {
    /// A field ends behind the message's end.
    case truncated
    /// A variable-length number does not fit 64 bits, or a count or length is beyond its cap.
    case outOfRange
    /// A name, or a value of a closed set, that is not allowed.
    case badValue
}

/// What every message is written and read with.
enum LinkWire {
    /// `u32 length` and `u8 type`.
    static let headerLength = 5
    /// Longest form of a variable-length number: 64 bits in groups of 7.
    static let maximumVarintLength = 10

    /// Writes a message whose fields `body` writes.
    static func write(_ type: LinkMessageType, into buffer: inout ByteBuffer, _ body: (inout ByteBuffer) -> Void) {
        let start = buffer.writerIndex
        buffer.writeInteger(UInt32(0))
        buffer.writeInteger(type.rawValue)
        body(&buffer)
        finish(start, in: &buffer)
    }

    /// Fills in the length of a message that began at `start`.
    static func finish(_ start: Int, in buffer: inout ByteBuffer) {
        buffer.setInteger(UInt32(clamping: buffer.writerIndex &- start &- 4), at: start)
    }
}

extension ByteBuffer {
    /// Little-endian base 128 (as in Protocol Buffers): seven bits a byte, the top bit says that more follow.
    @inline(__always)
    mutating func writeVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(truncatingIfNeeded: rest))
    }

    /// Signed numbers near zero stay short: 0, -1, 1, -2 become 0, 1, 2, 3.
    @inline(__always)
    mutating func writeZigzag(_ value: Int64) {
        writeVarint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    mutating func writeText(_ text: String) {
        writeVarint(UInt64(clamping: text.utf8.count))
        writeString(text)
    }

    mutating func writeBytesField(_ bytes: [UInt8]) {
        writeVarint(UInt64(clamping: bytes.count))
        writeBytes(bytes)
    }

    /// Up to ten bytes; longer forms than needed are taken, since they do no harm.
    @inline(__always)
    mutating func readVarint() throws(LinkWireError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 64 {
            guard let byte = readInteger(as: UInt8.self) else { throw .truncated }
            if shift == 63, byte > 1 { throw .outOfRange }
            value |= UInt64(truncatingIfNeeded: byte & 0x7F) &<< shift
            if byte < 0x80 { return value }
            shift &+= 7
        }
        throw .outOfRange
    }

    @inline(__always)
    mutating func readZigzag() throws(LinkWireError) -> Int64 {
        let value = try readVarint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    mutating func readByte() throws(LinkWireError) -> UInt8 {
        guard let byte = readInteger(as: UInt8.self) else { throw .truncated }
        return byte
    }

    mutating func readVarint32() throws(LinkWireError) -> UInt32 {
        guard let value = UInt32(exactly: try readVarint()) else { throw .outOfRange }
        return value
    }

    /// A count or length that may not exceed `cap`.
    mutating func readCount(cap: Int) throws(LinkWireError) -> Int {
        guard let count = Int(exactly: try readVarint()), count <= cap else { throw .outOfRange }
        return count
    }

    mutating func readField(cap: Int) throws(LinkWireError) -> ByteBuffer {
        guard let slice = readSlice(length: try readCount(cap: cap)) else { throw .truncated }
        return slice
    }

    mutating func readText(cap: Int) throws(LinkWireError) -> String {
        String(buffer: try readField(cap: cap))
    }

    mutating func readBytesField(cap: Int) throws(LinkWireError) -> [UInt8] {
        Array(try readField(cap: cap).readableBytesView)
    }

    mutating func readNodeID() throws(LinkWireError) -> NodeID {
        guard let id = NodeID(try readText(cap: NodeID.maximumLength)) else { throw .badValue }
        return id
    }

    mutating func readStreamName() throws(LinkWireError) -> StreamName {
        let text = try readText(cap: StreamName.maximumLength)
        guard let name = try? StreamName(path: text, strict: true) else { throw .badValue }
        return name
    }
}

/// The peer's own words for the log: printable ASCII, short.
enum LinkText {
    static func clean(_ text: String, cap: Int) -> String {
        String(decoding: text.utf8.filter { (0x20..<0x7F).contains($0) }.prefix(cap), as: UTF8.self)
    }
}
