/// Four bytes that name a codec in Enhanced RTMP (`hvc1`, `Opus`), most significant byte first as on the wire.
package struct FourCC: Hashable, Sendable, CustomStringConvertible {
    /// The four bytes as one big-endian number, e.g. 0x68766331 for `hvc1`.
    package let rawValue: UInt32

    /// The value as it was read from the wire; every value is allowed.
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The code spelled by the first four bytes of an ASCII text, e.g. from `fourCcList` of `connect`.
    /// Nil unless the text has exactly four bytes.
    package init?(_ ascii: String) {
        guard ascii.utf8.count == 4 else { return nil }
        var value: UInt32 = 0
        for byte in ascii.utf8 { value = value << 8 | UInt32(truncatingIfNeeded: byte) }
        self.rawValue = value
    }

    /// The four characters; bytes that are not printable ASCII are escaped as `\xHH`, so the text is safe in logs.
    package var description: String {
        var text = ""
        for shift: UInt32 in [24, 16, 8, 0] {
            let byte = UInt8(truncatingIfNeeded: rawValue >> shift)
            if byte >= 0x20, byte < 0x7f, byte != UInt8(ascii: "\\") {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16)
                text += digits.utf8.count == 1 ? "\\x0" + digits : "\\x" + digits
            }
        }
        return text
    }
}
