package import NIOCore

/// Writes messages as chunks: a type 0 header, and type 3 for every further chunk.
///
/// Nothing is compressed against earlier messages, so what is written does not depend on the connection it goes to, and a
/// buffer can be shared by all viewers. The extended timestamp is repeated on every type 3 chunk: players of the FFmpeg
/// family stop at 4 h 39 min without it.
package enum ChunkEncoder {
    /// Extended timestamps start here, RTMP 1.0 section 5.3.1.3.
    static let extendedTimestamp: UInt32 = 0xFF_FFFF
    /// The longest message the 24-bit length can declare.
    package static let maximumMessageBytes = 0xFF_FFFF

    /// Bytes that a message takes on the wire with the header forms used here.
    package static func wireLength(payload: Int, chunkSize: Int, isExtended: Bool, csid: UInt32) -> Int {
        let chunks = payload <= chunkSize ? 1 : (payload &+ chunkSize &- 1) / chunkSize
        let basic = csid < 64 ? 1 : csid < 320 ? 2 : 3
        let extended = isExtended ? 4 : 0
        return payload &+ 11 &+ chunks &* (basic &+ extended)
    }

    /// Appends one message.
    ///
    /// - Parameters:
    ///   - csid: the chunk stream, 2...65599.
    ///   - chunkSize: the size announced to the peer, at least 1.
    /// - Returns: false, with nothing written, when the payload does not fit a message.
    @discardableResult
    package static func write(
        type: UInt8, timestamp: UInt32, streamID: UInt32, csid: UInt32, payload: ByteBuffer, chunkSize: Int,
        into buffer: inout ByteBuffer
    ) -> Bool {
        let length = payload.readableBytes
        guard length <= maximumMessageBytes else { return false }
        let chunkSize = Swift.max(1, chunkSize)
        let isExtended = timestamp >= extendedTimestamp
        buffer.reserveCapacity(
            minimumWritableBytes: wireLength(payload: length, chunkSize: chunkSize, isExtended: isExtended, csid: csid))

        writeBasicHeader(format: 0, csid: csid, into: &buffer)
        let time = isExtended ? extendedTimestamp : timestamp
        buffer.writeMultipleIntegers(
            UInt16(truncatingIfNeeded: time >> 8), UInt8(truncatingIfNeeded: time),
            UInt16(truncatingIfNeeded: length >> 8), UInt8(truncatingIfNeeded: length),
            type, streamID.byteSwapped)
        if isExtended { buffer.writeInteger(timestamp) }

        payload.withUnsafeReadableBytes { bytes in
            guard length > chunkSize else {
                buffer.writeBytes(bytes)
                return
            }
            var rest = bytes[...]
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: rest.prefix(chunkSize)))
            rest = rest.dropFirst(chunkSize)
            while !rest.isEmpty {
                writeBasicHeader(format: 3, csid: csid, into: &buffer)
                if isExtended { buffer.writeInteger(timestamp) }
                buffer.writeBytes(UnsafeRawBufferPointer(rebasing: rest.prefix(chunkSize)))
                rest = rest.dropFirst(chunkSize)
            }
        }
        return true
    }

    /// Appends one message as it was received.
    @discardableResult
    package static func write(
        _ message: RTMPMessage, csid: UInt32, chunkSize: Int, into buffer: inout ByteBuffer
    ) -> Bool {
        write(
            type: message.type, timestamp: message.timestamp, streamID: message.streamID, csid: csid,
            payload: message.payload, chunkSize: chunkSize, into: &buffer)
    }

    /// Appends a protocol or user control message: chunk stream 2, message stream 0, time 0; always one chunk.
    static func writeControl(type: UInt8, into buffer: inout ByteBuffer, body: (inout ByteBuffer) -> Void) {
        var payload = ByteBuffer()
        body(&payload)
        write(
            type: type, timestamp: 0, streamID: 0, csid: ChunkStreamID.control, payload: payload,
            chunkSize: ChunkDecoder.initialChunkSize, into: &buffer)
    }

    private static func writeBasicHeader(format: UInt8, csid: UInt32, into buffer: inout ByteBuffer) {
        if csid < 64 {
            buffer.writeInteger(format << 6 | UInt8(truncatingIfNeeded: csid))
        } else if csid < 320 {
            buffer.writeMultipleIntegers(format << 6, UInt8(truncatingIfNeeded: csid &- 64))
        } else {
            let wide = UInt16(truncatingIfNeeded: csid &- 64)
            buffer.writeMultipleIntegers(
                format << 6 | 1, UInt8(truncatingIfNeeded: wide), UInt8(truncatingIfNeeded: wide >> 8))
        }
    }
}
