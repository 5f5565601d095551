import NIOCore

/// Reads bits, most significant first, from the bytes of a codec's configuration. Every read returns nil at the end,
/// and nothing here can trap or loop longer than its input.
struct BitReader {
    private var bytes: ByteBuffer
    private var current: UInt8 = 0
    private var left: UInt8 = 0
    private var zeros = 0
    private let escaped: Bool

    /// A reader over `bytes`. With `escaped`, the bytes are a NAL unit's payload and the emulation prevention bytes in
    /// it (ISO/IEC 14496-10 7.4.1.1) are left out.
    init(_ bytes: ByteBuffer, escaped: Bool = false) {
        self.bytes = bytes
        self.escaped = escaped
    }

    /// Bits not read yet, counting emulation prevention bytes as data.
    var bitsLeft: Int { bytes.readableBytes &* 8 &+ Int(truncatingIfNeeded: left) }

    private mutating func fill() -> Bool {
        guard var byte = bytes.readInteger(as: UInt8.self) else { return false }
        if escaped {
            if zeros >= 2, byte == 3 {
                zeros = 0
                guard let next = bytes.readInteger(as: UInt8.self) else { return false }
                byte = next
            }
            zeros = byte == 0 ? zeros &+ 1 : 0
        }
        current = byte
        left = 8
        return true
    }

    /// One bit.
    mutating func bit() -> Bool? {
        if left == 0, !fill() { return nil }
        left &-= 1
        return current >> left & 1 == 1
    }

    /// `count` bits, 0...32, as a number.
    mutating func bits(_ count: Int) -> UInt32? {
        var value: UInt32 = 0
        for _ in 0..<max(0, min(count, 32)) {
            guard let bit = bit() else { return nil }
            value = value << 1 | (bit ? 1 : 0)
        }
        return value
    }

    /// Skips `count` bits; nil when there are fewer.
    mutating func skip(_ count: Int) -> Void? {
        for _ in 0..<max(0, count) {
            guard bit() != nil else { return nil }
        }
        return ()
    }

    /// An unsigned Exp-Golomb number (ISO/IEC 14496-10 9.1); nil when it has more than 31 leading zeros, which no field
    /// that we read can need.
    mutating func ue() -> UInt32? {
        var leading = 0
        while let bit = bit() {
            if bit {
                guard let rest = bits(leading) else { return nil }
                return (UInt32(1) << UInt32(truncatingIfNeeded: leading)) &- 1 &+ rest  // bounded: a literal
            }
            leading += 1
            guard leading < 32 else { return nil }
        }
        return nil
    }

    /// An unsigned Exp-Golomb number of at most `limit`.
    mutating func ue(atMost limit: UInt32) -> Int? {
        guard let value = ue(), value <= limit else { return nil }
        return Int(truncatingIfNeeded: value)
    }

    /// A signed Exp-Golomb number.
    mutating func se() -> Int64? {
        guard let value = ue() else { return nil }
        let half = Int64(truncatingIfNeeded: value &+ 1) / 2
        return value & 1 == 1 ? half : -half
    }
}
