import NIOCore

/// Server-side WebSocket frames around bytes that all viewers share (RFC 6455 section 5.2): the header depends on the
/// length alone, since a server does not mask.
enum WebSocketFraming {
    /// Opcodes (RFC 6455 section 11.8).
    static let binary: UInt8 = 0x2
    static let close: UInt8 = 0x8
    static let pong: UInt8 = 0xA

    /// The longest header of an unmasked frame: 2 bytes and a 64-bit length.
    static let maximumHeaderLength = 10

    /// Bytes of the header of a frame with this payload length.
    static func headerLength(payloadLength: Int) -> Int {
        payloadLength < 126 ? 2 : payloadLength <= 0xFFFF ? 4 : 10
    }

    /// Appends the header of a final, unmasked frame.
    static func writeHeader(opcode: UInt8, payloadLength: Int, into buffer: inout ByteBuffer) {
        buffer.writeInteger(0x80 | opcode)
        if payloadLength < 126 {
            buffer.writeInteger(UInt8(truncatingIfNeeded: payloadLength))
        } else if payloadLength <= 0xFFFF {
            buffer.writeInteger(UInt8(126))
            buffer.writeInteger(UInt16(truncatingIfNeeded: payloadLength))
        } else {
            buffer.writeInteger(UInt8(127))
            buffer.writeInteger(UInt64(truncatingIfNeeded: payloadLength))
        }
    }
}
