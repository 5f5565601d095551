package import NIOCore

/// The Castagnoli checksum (RFC 3720 appendix B.4; reflected polynomial 0x82F63B78), eight bytes at a time with tables.
///
/// The source seals every frame with it and the checker opens them, thousands of frames a second in a load test, hence
/// the tables; it finds damage, it does not keep anybody from forging frames.
package enum CRC32C {
    /// `tables[k][b]` is the checksum of byte `b` followed by `k` zero bytes; flat, 8 × 256.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt32(truncatingIfNeeded: byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
            tables[byte] = value
        }
        for slice in 1..<8 {
            for byte in 0..<256 {
                let previous = tables[(slice - 1) * 256 + byte]
                tables[slice * 256 + byte] = previous >> 8 ^ tables[Int(truncatingIfNeeded: previous & 0xFF)]
            }
        }
        return tables
    }()

    /// The checksum of a buffer's readable bytes.
    package static func checksum(of buffer: ByteBuffer) -> UInt32 {
        buffer.withUnsafeReadableBytes { checksum(of: $0) }
    }

    /// The checksum of raw bytes.
    ///
    /// - Parameter previous: the checksum of what stands before them, to go on from; 0 at the start.
    package static func checksum(of bytes: UnsafeRawBufferPointer, after previous: UInt32 = 0) -> UInt32 {
        tables.withUnsafeBufferPointer { table in
            // Every index into the table is a byte plus a constant row.
            func row(_ number: Int, _ byte: UInt64) -> UInt32 {
                table[number &* 256 &+ Int(truncatingIfNeeded: byte & 0xFF)]
            }
            var value = ~previous
            var index = 0
            while bytes.count &- index >= 8 {
                let word =
                    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ UInt64(value)
                value =
                    row(7, word) ^ row(6, word >> 8) ^ row(5, word >> 16) ^ row(4, word >> 24) ^ row(3, word >> 32)
                    ^ row(2, word >> 40) ^ row(1, word >> 48) ^ row(0, word >> 56)
                index &+= 8
            }
            while index < bytes.count {
                value = value >> 8 ^ row(0, UInt64(value) ^ UInt64(bytes[index]))
                index &+= 1
            }
            return ~value
        }
    }
}
