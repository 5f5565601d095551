import NIOCore
import RelayCore

/// Message bodies as publishers send them.
enum StreamBodies {
    static let avcConfiguration = CodecVectors.hex("1700000000" + CodecVectors.avcHigh)
    /// A record that no decoder can use: it ends in the middle.
    static let brokenAVCConfiguration = CodecVectors.hex("1700000000" + "0164")
    static let aacConfiguration = CodecVectors.hex("af001210")
    static let key = CodecVectors.hex("1701000000 00000002 6588")
    static let inter = CodecVectors.hex("2701000000 00000002 4188")
    /// `nal_ref_idc` 0: no other frame refers to it.
    static let disposable = CodecVectors.hex("2701000000 00000002 0188")
    static let aac = CodecVectors.hex("af01 2110")
    static let mp3 = CodecVectors.hex("2f fffb")
    static let empty = ByteBuffer()
    /// AVC without its composition time.
    static let truncated = CodecVectors.hex("2701")
    static let endOfSequence = CodecVectors.hex("1702000000")
    static let metadata = CodecVectors.hex("02000a6f6e4d65746144617461")
}

extension Frame {
    /// A frame of a size, for tests that do not look into bodies.
    static func test(
        _ id: UInt64, _ kind: MediaKind = .video, track: UInt8 = 0, dts: Int64 = 0, flags: FrameFlags = [],
        size: Int = 10
    ) -> Frame {
        Frame(
            id: id, kind: kind, trackID: track, dts: dts, flags: flags,
            body: ByteBuffer(repeating: UInt8(truncatingIfNeeded: id), count: size))
    }
}
