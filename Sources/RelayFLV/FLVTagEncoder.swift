package import NIOCore
package import RelayCore

/// Writes frames in FLV form (FLV specification 10.1, E.4.1). The fan-out calls ``write(_:into:)`` once per frame and
/// event loop; the bytes are shared by all viewers of that loop.
package enum FLVTagEncoder {
    /// Bytes of a tag before its body: type, size, timestamp, stream id.
    package static let headerLength = 11
    /// Bytes a tag adds to its body: its header and the length field behind it.
    package static let overhead = headerLength + 4
    /// The longest body that the 24-bit size field can announce.
    package static let maximumBodyLength = 0xff_ffff

    /// The bytes ``write(_:into:)`` will add for `frame`; callers add these up and reserve once for a batch.
    @inlinable
    package static func size(of frame: Frame) -> Int { frame.body.readableBytes &+ overhead }

    /// Appends `frame` as a tag and the length field that follows it. The timestamp is the frame's decoding time
    /// modulo 2^32 ms.
    ///
    /// - Returns: the bytes written; 0, with nothing written, when the body is longer than ``maximumBodyLength``.
    @discardableResult
    package static func write(_ frame: Frame, into buffer: inout ByteBuffer) -> Int {
        write(kind: frame.kind, timestamp: UInt32(truncatingIfNeeded: frame.dts), body: frame.body, into: &buffer)
    }

    /// Appends a tag from its parts; for files and tests that have no frame.
    ///
    /// - Returns: as ``write(_:into:)``.
    @discardableResult
    package static func write(
        kind: MediaKind, timestamp: UInt32, body: ByteBuffer, into buffer: inout ByteBuffer
    ) -> Int {
        let length = body.readableBytes
        guard length <= maximumBodyLength else { return 0 }
        buffer.reserveCapacity(minimumWritableBytes: length &+ overhead)
        // Type, 24-bit size, low 24 bits of the timestamp, its high 8 bits: exactly one 64-bit word.
        let head =
            UInt64(truncatingIfNeeded: kind.rawValue) << 56 | UInt64(truncatingIfNeeded: length) << 32
            | UInt64(truncatingIfNeeded: timestamp & 0xff_ffff) << 8 | UInt64(truncatingIfNeeded: timestamp >> 24)
        buffer.writeInteger(head)
        buffer.writeMultipleIntegers(UInt16(0), UInt8(0))  // bounded: literals, the stream id
        buffer.writeImmutableBuffer(body)
        buffer.writeInteger(UInt32(truncatingIfNeeded: length &+ headerLength))
        return length &+ overhead
    }
}
