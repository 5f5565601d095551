/// Numbers that are kept for days: 4 bytes each in memory, and written as their bits in hexadecimal, which is exact and short.
struct PackedFloats: Hashable, Sendable, Codable {
    /// More than a month of minutes is nothing that we wrote.
    private static let maximum = 65_536

    private var values: [Float] = []

    init() {}

    var count: Int { values.count }

    subscript(index: Int) -> Float? { values.indices.contains(index) ? values[index] : nil }

    /// Nothing is added when there are `most`, or when it is not finite.
    mutating func append(_ value: Float, most: Int) {
        guard value.isFinite, values.count < min(most, Self.maximum) else { return }
        values.append(value)
    }

    mutating func replace(_ value: Float, at index: Int) {
        guard value.isFinite, values.indices.contains(index) else { return }
        values[index] = value
    }

    mutating func removeFirst(_ count: Int) { values.removeFirst(min(max(0, count), values.count)) }

    mutating func removeLast(_ count: Int) { values.removeLast(min(max(0, count), values.count)) }

    func forEach(_ body: (Float) -> Void) { values.forEach(body) }

    func encode(to encoder: any Encoder) throws {
        var text: [UInt8] = []
        text.reserveCapacity(values.count * 8)
        for value in values {
            let bits = value.bitPattern
            for shift in stride(from: UInt32(28), through: 0, by: -4) {
                let digit = UInt8(truncatingIfNeeded: (bits >> shift) & 15)
                text.append(digit < 10 ? 48 &+ digit : 87 &+ digit)
            }
        }
        var container = encoder.singleValueContainer()
        try container.encode(String(decoding: text, as: UTF8.self))
    }

    /// - Throws: when the text is not 8 hexadecimal digits per number, has too many, or one is not finite.
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self).utf8
        guard text.count % 8 == 0, text.count / 8 <= Self.maximum else { throw Self.broken(container) }
        values.reserveCapacity(text.count / 8)
        var bits: UInt32 = 0
        var digits = 0
        for byte in text {
            guard let digit = Self.digit(byte) else { throw Self.broken(container) }
            bits = bits << 4 | digit
            digits += 1
            guard digits == 8 else { continue }
            let value = Float(bitPattern: bits)
            guard value.isFinite else { throw Self.broken(container) }
            values.append(value)
            (bits, digits) = (0, 0)
        }
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 48...57: UInt32(truncatingIfNeeded: byte &- 48)
        case 97...102: UInt32(truncatingIfNeeded: byte &- 87)
        default: nil
        }
    }

    private static func broken(_ container: any SingleValueDecodingContainer) -> DecodingError {
        DecodingError.dataCorruptedError(in: container, debugDescription: "not packed numbers")
    }
}
