import NIOCore
import RelayCore
import Testing

/// A message body, what it is, and what its header says.
struct HeaderVector: CustomTestStringConvertible, Sendable {
    let name: String
    let kind: MediaKind
    let bytes: String
    var codec = Codec.unspecified
    var packet = MediaPacket.coded
    var frame = VideoFrameType.none
    var time: Int32 = 0
    var offset = 0
    var track: UInt8 = 0

    var testDescription: String { name }

    static let legacy: [HeaderVector] = [
        .init(
            name: "AVC sequence header", kind: .video, bytes: "17 00 000000 01640028", codec: .avc,
            packet: .sequenceStart, frame: .key, offset: 5),
        .init(
            name: "AVC keyframe", kind: .video, bytes: "17 01 000043 0000000265", codec: .avc, frame: .key, time: 67,
            offset: 5),
        .init(
            name: "AVC inter frame with a negative composition time", kind: .video, bytes: "27 01 ffffd8 00000002 41",
            codec: .avc, frame: .inter, time: -40, offset: 5),
        .init(
            name: "AVC with the least composition time", kind: .video, bytes: "27 01 800000", codec: .avc,
            frame: .inter, time: -8_388_608, offset: 5),
        .init(
            name: "AVC with the greatest composition time", kind: .video, bytes: "27 01 7fffff", codec: .avc,
            frame: .inter, time: 8_388_607, offset: 5),
        .init(
            name: "AVC disposable frame", kind: .video, bytes: "37 01 000000 00", codec: .avc, frame: .disposable,
            offset: 5),
        .init(
            name: "AVC end of sequence", kind: .video, bytes: "17 02 000000", codec: .avc, packet: .sequenceEnd,
            frame: .key, offset: 5),
        .init(
            name: "AVC end of sequence without composition time", kind: .video, bytes: "17 02", codec: .avc,
            packet: .sequenceEnd, frame: .key, offset: 2),
        .init(
            name: "AVC packet type that does not exist", kind: .video, bytes: "17 09 000000 11", codec: .avc,
            packet: .unknown(9), frame: .key, offset: 5),
        .init(
            name: "AVC seek command", kind: .video, bytes: "57 00", codec: .avc, packet: .command, frame: .command,
            offset: 1),
        .init(
            name: "HEVC under codec 12", kind: .video, bytes: "1c 00 000000 0101", codec: .hevc, packet: .sequenceStart,
            frame: .key, offset: 5),
        .init(
            name: "HEVC under codec 12, coded", kind: .video, bytes: "2c 01 000021 00", codec: .hevc, frame: .inter,
            time: 33, offset: 5),
        .init(name: "Sorenson H.263", kind: .video, bytes: "12 0000", codec: .h263, frame: .key, offset: 1),
        .init(name: "VP6", kind: .video, bytes: "24 00", codec: .vp6, frame: .inter, offset: 1),
        .init(
            name: "reserved frame type", kind: .video, bytes: "77 01 000000", codec: .avc, frame: .reserved, offset: 5),
        .init(name: "frame type 0", kind: .video, bytes: "07 01 000000", codec: .avc, frame: .reserved, offset: 5),
        .init(
            name: "unknown legacy video codec", kind: .video, bytes: "1f", codec: .unknownLegacy(15), frame: .key,
            offset: 1),
        .init(
            name: "AAC sequence header", kind: .audio, bytes: "af 00 1210", codec: .aac, packet: .sequenceStart,
            offset: 2),
        .init(
            name: "AAC sequence header without a record", kind: .audio, bytes: "af 00", codec: .aac,
            packet: .sequenceStart, offset: 2),
        .init(name: "AAC", kind: .audio, bytes: "af 01 21", codec: .aac, offset: 2),
        .init(
            name: "AAC packet type that does not exist", kind: .audio, bytes: "af 07 21", codec: .aac,
            packet: .unknown(7), offset: 2),
        .init(name: "MP3", kind: .audio, bytes: "2f fffb", codec: .mp3, offset: 1),
        .init(name: "MP3 at 8 kHz", kind: .audio, bytes: "ee fffb", codec: .mp3, offset: 1),
        .init(name: "Speex", kind: .audio, bytes: "b6 00", codec: .speex, offset: 1),
        .init(name: "Nellymoser at 16 kHz", kind: .audio, bytes: "42 00", codec: .nellymoser, offset: 1),
        .init(name: "G.711 A-law", kind: .audio, bytes: "72 00", codec: .g711a, offset: 1),
        .init(name: "G.711 mu-law", kind: .audio, bytes: "82 00", codec: .g711u, offset: 1),
        .init(name: "PCM", kind: .audio, bytes: "3f 00", codec: .pcm, offset: 1),
        .init(
            name: "device-specific sound, as some cameras send", kind: .audio, bytes: "ff 00",
            codec: .unknownLegacy(15), offset: 1),
    ]

    static let extended: [HeaderVector] = [
        .init(
            name: "hvc1 sequence start", kind: .video, bytes: "90 68766331 01", codec: .hevc, packet: .sequenceStart,
            frame: .key, offset: 5),
        .init(
            name: "hvc1 coded", kind: .video, bytes: "91 68766331 ffffff 00", codec: .hevc, frame: .key, time: -1,
            offset: 8),
        .init(
            name: "hvc1 coded without composition time", kind: .video, bytes: "a3 68766331 00", codec: .hevc,
            packet: .codedX, frame: .inter, offset: 5),
        .init(
            name: "avc1 coded", kind: .video, bytes: "a1 61766331 000050 00", codec: .avc, frame: .inter, time: 80,
            offset: 8),
        .init(
            name: "vvc1 coded", kind: .video, bytes: "a1 76766331 000050 00", codec: .vvc, frame: .inter, time: 80,
            offset: 8),
        .init(
            name: "av01 coded has no composition time", kind: .video, bytes: "91 61763031 12 00", codec: .av1,
            frame: .key, offset: 5),
        .init(name: "vp09 coded", kind: .video, bytes: "91 76703039 86", codec: .vp9, frame: .key, offset: 5),
        .init(name: "vp08 coded", kind: .video, bytes: "b1 76703038 86", codec: .vp8, frame: .disposable, offset: 5),
        .init(
            name: "hvc1 sequence end", kind: .video, bytes: "92 68766331", codec: .hevc, packet: .sequenceEnd,
            frame: .key, offset: 5),
        .init(
            name: "HDR metadata", kind: .video, bytes: "94 68766331 02", codec: .hevc, packet: .metadata, frame: .key,
            offset: 5),
        .init(
            name: "metadata with the frame type of a command", kind: .video, bytes: "d4 68766331 02", codec: .hevc,
            packet: .metadata, frame: .command, offset: 5),
        .init(
            name: "av01 MPEG-2 TS sequence start", kind: .video, bytes: "95 61763031 80", codec: .av1,
            packet: .mpeg2tsSequenceStart, frame: .key, offset: 5),
        .init(
            name: "command: one byte and no codec", kind: .video, bytes: "d0 01", codec: .unspecified, packet: .command,
            frame: .command, offset: 2),
        .init(
            name: "unknown FourCC", kind: .video, bytes: "90 7a7a7a7a", codec: .other(FourCC(rawValue: 0x7a7a_7a7a)),
            packet: .sequenceStart, frame: .key, offset: 5),
        .init(
            name: "video packet type 15", kind: .video, bytes: "9f 68766331 00", codec: .hevc, packet: .unknown(15),
            frame: .key, offset: 5),
        .init(
            name: "one ModEx prefix of an unknown kind", kind: .video, bytes: "97 00 ff 31 68766331 000001 00",
            codec: .hevc, frame: .key, time: 1, offset: 11),
        .init(
            name: "multitrack, one track", kind: .video, bytes: "96 01 68766331 03 000028 00", codec: .hevc,
            frame: .key, time: 40, offset: 10, track: 3),
        .init(
            name: "multitrack, many tracks of one codec", kind: .video,
            bytes: "a6 13 61766331 01 000002 aabb 00 000001 cc", codec: .avc, packet: .codedX, frame: .inter, offset: 16
        ),
        .init(
            name: "Opus sequence start", kind: .audio, bytes: "90 4f707573 4f70", codec: .opus, packet: .sequenceStart,
            offset: 5),
        .init(name: "Opus coded", kind: .audio, bytes: "91 4f707573 fc", codec: .opus, offset: 5),
        .init(name: "mp4a coded", kind: .audio, bytes: "91 6d703461 21", codec: .aac, offset: 5),
        .init(name: "FLAC", kind: .audio, bytes: "91 664c6143 ff", codec: .flac, offset: 5),
        .init(name: "AC-3", kind: .audio, bytes: "91 61632d33 0b", codec: .ac3, offset: 5),
        .init(name: "E-AC-3", kind: .audio, bytes: "91 65632d33 0b", codec: .eac3, offset: 5),
        .init(name: "MP3 by FourCC", kind: .audio, bytes: "91 2e6d7033 ff", codec: .mp3, offset: 5),
        .init(
            name: "multichannel configuration", kind: .audio, bytes: "94 4f707573 01 06", codec: .opus,
            packet: .multichannelConfig, offset: 5),
        .init(
            name: "audio packet type 3", kind: .audio, bytes: "93 4f707573 01", codec: .opus, packet: .unknown(3),
            offset: 5),
        .init(
            name: "audio multitrack, own codecs", kind: .audio,
            bytes: "95 21 4f707573 01 000001 aa 6d703461 00 000002 bbcc", codec: .aac, offset: 19),
        .init(
            name: "audio sequence end", kind: .audio, bytes: "92 4f707573", codec: .opus, packet: .sequenceEnd,
            offset: 5),
    ]
}

@Suite struct MediaHeaderTests {
    @Test(arguments: HeaderVector.legacy + HeaderVector.extended)
    func `every known header is read`(vector: HeaderVector) throws {
        let body = CodecVectors.hex(vector.bytes)
        let header = try MediaHeader.parse(kind: vector.kind, body: body)
        #expect(header.codec == vector.codec)
        #expect(header.packet == vector.packet)
        #expect(header.frameType == vector.frame)
        #expect(header.compositionTime == vector.time)
        #expect(header.payloadOffset == vector.offset)
        #expect(header.track == vector.track)
        #expect(header.isExtended == HeaderVector.extended.contains { $0.name == vector.name })
    }

    @Test(arguments: HeaderVector.legacy + HeaderVector.extended)
    func `a header cut short at any byte is refused or shorter, and never read past its end`(vector: HeaderVector) {
        let whole = CodecVectors.hex(vector.bytes)
        for length in 0..<whole.readableBytes {
            var cut = whole
            cut.moveWriterIndex(to: whole.readerIndex + length)
            do {
                let header = try MediaHeader.parse(kind: vector.kind, body: cut)
                #expect(header.payloadOffset <= length)
            } catch {
                #expect(error == (length == 0 ? .empty : .truncated), "\(length) bytes")
            }
        }
    }

    @Test func `AVC and AAC headers need their packet type and composition time`() {
        for bytes in ["17", "17 00", "17 01 00", "17 01 0000", "27 01 0000", "1c 00 00"] {
            #expect(throws: MediaHeaderError.truncated) {
                try MediaHeader.parse(kind: .video, body: CodecVectors.hex(bytes))
            }
        }
        #expect(throws: MediaHeaderError.truncated) {
            try MediaHeader.parse(kind: .audio, body: CodecVectors.hex("af"))
        }
    }

    @Test func `a body without bytes is empty and a data message has no media header`() {
        for kind in [MediaKind.audio, .video] {
            #expect(throws: MediaHeaderError.empty) { try MediaHeader.parse(kind: kind, body: ByteBuffer()) }
        }
        #expect(throws: MediaHeaderError.notMedia) { try MediaHeader.parse(kind: .data, body: CodecVectors.hex("02")) }
    }

    @Test func `sequence headers, keyframes and disposable frames are told apart`() throws {
        func header(_ bytes: String, _ kind: MediaKind = .video) throws -> MediaHeader {
            try MediaHeader.parse(kind: kind, body: CodecVectors.hex(bytes))
        }
        #expect(try header("17 00 000000 01").isSequenceHeader)
        #expect(try !header("17 00 000000 01").isKeyframe)
        #expect(try header("17 01 000000 01").isKeyframe)
        #expect(try header("47 01 000000 01").isKeyframe)
        #expect(try !header("17 02 000000").isKeyframe)
        #expect(try !header("27 01 000000 01").isKeyframe)
        #expect(try header("37 01 000000 01").isDisposable)
        #expect(try header("93 68766331 00").isKeyframe)
        #expect(try header("95 61763031 80").isSequenceHeader)
        #expect(try header("af 00 1210", .audio).isSequenceHeader)
        #expect(try !header("af 01 12", .audio).isKeyframe)
        #expect(try header("af 01 12", .audio).isCoded)
    }

    @Test func `legacy audio announces its rate and channels`() throws {
        let vectors: [(String, Int, Int)] = [
            ("2f ff", 44_100, 2), ("2a ff", 22_050, 1), ("26 ff", 11_025, 1), ("23 ff", 5_512, 2), ("ee ff", 8_000, 1),
            ("b2 00", 16_000, 1), ("72 00", 8_000, 1), ("83 00", 8_000, 2), ("42 00", 16_000, 1), ("52 00", 8_000, 1),
            ("6e 00", 44_100, 1),
        ]
        for (bytes, rate, channels) in vectors {
            let header = try MediaHeader.parse(kind: .audio, body: CodecVectors.hex(bytes))
            #expect(header.legacySampleRate == rate, "\(bytes)")
            #expect(header.legacyChannels == channels, "\(bytes)")
        }
        #expect(try MediaHeader.parse(kind: .audio, body: CodecVectors.hex("91 4f707573 fc")).legacySampleRate == nil)
    }

    @Test func `codec names and FourCC texts are printable whatever the wire said`() {
        #expect(Codec.other(FourCC(rawValue: 0x1b5b_324a)).name == "\\x1b[2J")
        #expect(FourCC(rawValue: 0x5c00_ff41).description == "\\x5c\\x00\\xffA")
        #expect(FourCC("hvc1")?.rawValue == 0x6876_6331)
        #expect(FourCC("hvc") == nil)
        #expect(FourCC("é23") == FourCC(rawValue: 0xc3a9_3233))
        for codec in [Codec.avc, .hevc, .vvc, .av1, .vp8, .vp9, .aac, .opus, .mp3, .flac, .ac3, .eac3] {
            #expect(codec.fourCC.map { Codec($0) } == codec)
        }
        #expect(Codec(legacyVideo: 7).legacyVideoNumber == 7)
        #expect(Codec(legacyVideo: 12).legacyVideoNumber == 12)
    }
}
