import NIOCore

/// Writes bits, most significant first.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var current: UInt8 = 0
    private var filled = 0

    /// The low `count` bits of a value, 0...32.
    mutating func bits(_ value: UInt32, _ count: Int) {
        for index in (0..<count).reversed() { bit(value >> UInt32(truncatingIfNeeded: index) & 1 == 1) }
    }

    mutating func bit(_ value: Bool) {
        current = current << 1 | (value ? 1 : 0)
        filled += 1
        if filled == 8 {
            bytes.append(current)
            (current, filled) = (0, 0)
        }
    }

    /// An unsigned Exp-Golomb number (ISO/IEC 14496-10 9.1); below 2^32 - 1.
    mutating func ue(_ value: UInt32) {
        let coded = UInt64(value) + 1
        let length = 64 - coded.leadingZeroBitCount
        for _ in 1..<max(1, length) { bit(false) }
        for index in (0..<length).reversed() { bit(coded >> UInt64(truncatingIfNeeded: index) & 1 == 1) }
    }

    /// Ends a NAL unit's payload: a one, and zeros up to the byte.
    mutating func trailing() {
        bit(true)
        while filled != 0 { bit(false) }
    }

    /// The bytes as the payload of a NAL unit: an emulation prevention byte wherever a start code could be seen
    /// (ISO/IEC 14496-10 7.4.1.1).
    var escaped: [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 8)
        var zeros = 0
        for byte in bytes {
            if zeros >= 2, byte <= 3 {
                result.append(3)
                zeros = 0
            }
            result.append(byte)
            zeros = byte == 0 ? zeros + 1 : 0
        }
        return result
    }
}
