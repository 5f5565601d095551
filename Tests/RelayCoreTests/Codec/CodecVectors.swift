import NIOCore
import RelayCore

/// Bytes and generators that the codec tests share.
enum CodecVectors {
    /// A buffer with the bytes of a hexadecimal text; spaces are ignored. It does not begin at index 0, so that a
    /// reader that forgets the reader index is found out.
    static func hex(_ text: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt32(0xdead_beef))
        buffer.moveReaderIndex(forwardBy: 4)
        var high: UInt8?
        for character in text where character != " " && character != "\n" {
            guard let digit = character.hexDigitValue.map({ UInt8($0) }) else {
                fatalError("not hexadecimal: \(character)")
            }
            if let first = high {
                buffer.writeInteger(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return buffer
    }

    /// The bytes of a buffer as a hexadecimal text without spaces.
    static func text(_ buffer: ByteBuffer) -> String {
        buffer.readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    // Configuration records written by ffmpeg 5.1 with libx264, libx265, libaom, SVT-AV1, libvpx and its AAC encoder,
    // taken from MP4 files; the x265 records without their SEI array.
    static let avcMain = "014d401effe10018674d401eeca05017fcb808800000030080000019078b16cb01000568ebe3cb20"
    static let avcHigh =
        "01640028ffe1001b67640028acd940780227e5c044000003000400000300f03c60c65801000668ebe3cb22c0fdf8f800"
    static let avcBaseline = "0142c01fffe100176742c01fd9005005bb011000003e90000ea600f183248001000568cb83cb20"
    static let avc444 =
        "01f4001effe1001967f4001e919b281407b60220000003002000000641e2c5b2c001000668ebe3c44844fff8f800"
    static let avcInterlaced =
        "0164001effe100186764001eacd940b424d8088000000300800000190f8a14cb01000668fba3cb22c0fdf8f800"
    static let avc422TenBit =
        "017a0015ffe1001b677a0015b6cd941519e222f011000003000100000300780f162d9601000668ebe3cb22c0fefafa00"
    static let hevcMain =
        "0101600000009000000000003ff000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300000300"
        + "3f959809a10001002a42010101600000030090000003000003003fa00502016965959a4932bc05a02000000300200000"
        + "030321a2000100074401c172b46240"
    static let hevcMain10 =
        "0102200000009000000000007bf000fcfdfafa00000f03a00001001840010c01ffff0220000003009000000300000300"
        + "7b959809a10001002c42010102200000030090000003000003007ba003c08010e4d96566924caf016808000003000800"
        + "0003019040a2000100074401c172b46240"
    static let hevcTwoLayers =
        "0101600000009000000000003ff000fcfdf8f800001303a00001001c40010c02ffff0160000003009000000300000300"
        + "3f00009598acc048a10001003042010201600000030090000003000003003f0000a005120171c92659598acd24995e02"
        + "d0100000030010000003019080a2000100074401c172b46240"
    static let av1 = "81010c000a0b0000000cc4ff6736be4010"
    static let av1TenBit = "81014c000a0b0000000cc4ff6700be1010"
    static let vp9 = "010000000015820202020000"
    static let opusHead = "4f707573486561640102380180bb0000000000"
    static let flac = "80000022120012000000fc0005110bb802f000003840e5f051c128e84992c0cba99724092b51"
}

/// A small generator with a seed, so that a failing random test can be repeated (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
