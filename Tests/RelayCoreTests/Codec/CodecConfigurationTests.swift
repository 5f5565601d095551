import NIOCore
import RelayCore
import Testing

/// A configuration record of a real encoder, and what it says.
struct RecordVector: CustomTestStringConvertible, Sendable {
    let name: String
    let codec: Codec
    let record: String
    let text: String
    var width: Int?
    var height: Int?
    var frameRate: Double?
    var sampleRate: Int?
    var channels: Int?

    var testDescription: String { name }

    static let all: [RecordVector] = [
        .init(
            name: "AVC main 640x360", codec: .avc, record: CodecVectors.avcMain, text: "avc1.4d401e", width: 640,
            height: 360, frameRate: 25),
        .init(
            name: "AVC high 1920x1080, cropped from 1088", codec: .avc, record: CodecVectors.avcHigh,
            text: "avc1.640028", width: 1920, height: 1080, frameRate: 30),
        .init(
            name: "AVC baseline at 29.97", codec: .avc, record: CodecVectors.avcBaseline, text: "avc1.42c01f",
            width: 1280, height: 720, frameRate: 30_000 / 1_001),
        .init(
            name: "AVC 4:4:4", codec: .avc, record: CodecVectors.avc444, text: "avc1.f4001e", width: 640, height: 480,
            frameRate: 25),
        .init(
            name: "AVC interlaced", codec: .avc, record: CodecVectors.avcInterlaced, text: "avc1.64001e", width: 720,
            height: 576, frameRate: 25),
        .init(
            name: "AVC 4:2:2 10 bit with odd size", codec: .avc, record: CodecVectors.avc422TenBit, text: "avc1.7a0015",
            width: 322, height: 182, frameRate: 60),
        .init(
            name: "HEVC main", codec: .hevc, record: CodecVectors.hevcMain, text: "hvc1.1.6.L63.90", width: 640,
            height: 360),
        .init(
            name: "HEVC main 10", codec: .hevc, record: CodecVectors.hevcMain10, text: "hvc1.2.4.L123.90", width: 1920,
            height: 1080),
        .init(
            name: "HEVC with two temporal layers, cropped", codec: .hevc, record: CodecVectors.hevcTwoLayers,
            text: "hvc1.1.6.L63.90", width: 642, height: 362),
        .init(name: "AV1", codec: .av1, record: CodecVectors.av1, text: "av01.0.01M.08", width: 640, height: 360),
        .init(
            name: "AV1 10 bit", codec: .av1, record: CodecVectors.av1TenBit, text: "av01.0.01M.10", width: 640,
            height: 360),
        .init(name: "VP9 with the box's version", codec: .vp9, record: CodecVectors.vp9, text: "vp09.00.21.08"),
        .init(
            name: "VP9 without the box's version", codec: .vp9, record: String(CodecVectors.vp9.dropFirst(8)),
            text: "vp09.00.21.08"),
        .init(
            name: "AAC-LC 44.1 kHz stereo", codec: .aac, record: "121056e500", text: "mp4a.40.2", sampleRate: 44_100,
            channels: 2),
        .init(
            name: "AAC-LC 48 kHz mono", codec: .aac, record: "118856e500", text: "mp4a.40.2", sampleRate: 48_000,
            channels: 1),
        .init(
            name: "AAC-LC 22.05 kHz 5.1", codec: .aac, record: "13b056e500", text: "mp4a.40.2", sampleRate: 22_050,
            channels: 6),
        .init(
            name: "HE-AAC, explicit", codec: .aac, record: "2b118800", text: "mp4a.40.5", sampleRate: 48_000,
            channels: 2),
        .init(
            name: "HE-AAC v2, explicit", codec: .aac, record: "eb098800", text: "mp4a.40.29", sampleRate: 48_000,
            channels: 2),
        .init(
            name: "HE-AAC, backward compatible", codec: .aac, record: "131056e598", text: "mp4a.40.5",
            sampleRate: 48_000, channels: 2),
        .init(
            name: "AAC with its rate written out", codec: .aac, record: "17805dc010", text: "mp4a.40.2",
            sampleRate: 48_000, channels: 2),
        .init(
            name: "AAC with an ADTS header for a record", codec: .aac, record: "fff14c80", text: "mp4a.40.2",
            sampleRate: 48_000, channels: 2),
        .init(name: "Opus", codec: .opus, record: CodecVectors.opusHead, text: "opus", sampleRate: 48_000, channels: 2),
        .init(name: "FLAC", codec: .flac, record: CodecVectors.flac, text: "flac", sampleRate: 48_000, channels: 2),
        .init(
            name: "FLAC with its mark", codec: .flac, record: "664c6143" + CodecVectors.flac, text: "flac",
            sampleRate: 48_000, channels: 2),
    ]
}

@Suite struct CodecConfigurationTests {
    private func parse(_ codec: Codec, _ record: String) throws -> CodecConfiguration {
        try CodecConfiguration.parse(codec: codec, record: CodecVectors.hex(record))
    }

    @Test(arguments: RecordVector.all)
    func `records of real encoders are understood`(vector: RecordVector) throws {
        let configuration = try parse(vector.codec, vector.record)
        #expect(configuration.codec == vector.codec)
        #expect(configuration.codecString == vector.text)
        #expect(configuration.width == vector.width)
        #expect(configuration.height == vector.height)
        #expect(configuration.sampleRate == vector.sampleRate)
        #expect(configuration.channels == vector.channels)
        #expect(!configuration.isMislabelled)
        if let rate = vector.frameRate {
            #expect(abs((configuration.frameRate ?? 0) - rate) < 0.001)
        } else {
            #expect(configuration.frameRate == nil)
        }
    }

    @Test(arguments: RecordVector.all)
    func `a record cut short at any byte is refused or tells less, and what it tells stays true`(vector: RecordVector) {
        let whole = CodecVectors.hex(vector.record)
        for length in 0..<whole.readableBytes {
            var cut = whole
            cut.moveWriterIndex(to: whole.readerIndex + length)
            guard let configuration = try? CodecConfiguration.parse(codec: vector.codec, record: cut) else { continue }
            #expect(configuration.width == nil || configuration.width == vector.width, "\(length) bytes")
            #expect(configuration.height == nil || configuration.height == vector.height, "\(length) bytes")
            #expect(configuration.channels == nil || configuration.channels == vector.channels, "\(length) bytes")
        }
    }

    @Test func `the record is found behind the header of its message, in one track of many too`() throws {
        let many = "96 10 61766331 01 000001 ff 00 000030" + CodecVectors.avcHigh + "02 000001 ff"
        for bytes in ["17 00 000000" + CodecVectors.avcHigh, "90 61766331" + CodecVectors.avcHigh, many] {
            let body = CodecVectors.hex(bytes)
            let header = try MediaHeader.parse(kind: .video, body: body)
            let configuration = try CodecConfiguration.parse(header: header, body: body)
            #expect(configuration.width == 1920, "\(bytes)")
            #expect(configuration.nalLengthSize == 4)
        }
        let coded = CodecVectors.hex("2701000000")
        #expect(throws: CodecConfigurationError.notSequenceHeader) {
            try CodecConfiguration.parse(header: MediaHeader.parse(kind: .video, body: coded), body: coded)
        }
    }

    @Test func `an avcC that announces more than it has is refused`() {
        let broken: [(String, CodecConfigurationError)] = [
            ("0164001fffffffff", .truncated),  // 31 sequence parameter sets, the first of 65535 bytes
            ("", .truncated), ("01", .truncated), ("0164001fff", .truncated), ("0164001fffe1", .truncated),
            ("0164001fffe10005674d", .truncated), ("0264001fffe0", .badVersion), ("0164001ffee000", .badLengthSize),
            ("00000001674d401e", .annexB), ("000001674d401e", .annexB),
            ("0164001fffe10002 41 00 00", .noParameterSets),
        ]
        for (record, error) in broken {
            #expect(throws: error, "\(record)") { try parse(.avc, record) }
        }
    }

    @Test func `a record longer than any real one is refused, whatever its codec`() throws {
        for codec in [Codec.avc, .hevc, .aac, .opus, .other(FourCC(rawValue: 1))] {
            let record = ByteBuffer(repeating: 0, count: CodecConfiguration.maximumRecordLength + 1)
            #expect(throws: CodecConfigurationError.tooLong) {
                try CodecConfiguration.parse(codec: codec, record: record)
            }
        }
        var padded = CodecVectors.hex(CodecVectors.avcMain)
        padded.writeRepeatingByte(0, count: CodecConfiguration.maximumRecordLength - padded.readableBytes)
        #expect(try CodecConfiguration.parse(codec: .avc, record: padded).width == 640)
    }

    @Test func `an hvcC that announces more than it has is refused`() {
        let head = "0101600000009000000000003ff000fcfdf8f80000"
        let broken: [(String, CodecConfigurationError)] = [
            ("", .truncated), (head, .truncated), (head + "0fff", .truncated), (head + "0f01a1ffff", .truncated),
            (head + "0f01a10001ffff42", .truncated), ("02" + head.dropFirst(2) + "0f00", .badVersion),
            (head + "0e00", .badLengthSize), ("0000000140010c01", .annexB),
        ]
        for (record, error) in broken {
            #expect(throws: error, "\(record)") { try parse(.hevc, record) }
        }
    }

    @Test func `an avcC may hold several parameter sets and lengths of one or two bytes`() throws {
        // The sets of the main profile record, each twice, with a two-byte length size.
        let sps = "0018674d401eeca05017fcb808800000030080000019078b16cb"
        let pps = "000568ebe3cb20"
        let configuration = try parse(.avc, "014d401efde2" + sps + sps + "02" + pps + pps)
        #expect(configuration.nalLengthSize == 2)
        #expect(configuration.width == 640)
        #expect(try parse(.avc, "014d401efce1" + sps + "01" + pps).nalLengthSize == 1)
        // Without the PPS count, as some encoders end the record.
        #expect(try parse(.avc, "014d401effe1" + sps).width == 640)
        // Without any set: they come in the stream.
        let bare = try parse(.avc, "014d401effe000")
        #expect(bare.codec == .avc)
        #expect(bare.width == nil)
    }

    @Test func `HEVC under the number of AVC is found out from its record`() throws {
        for record in [CodecVectors.hevcMain, CodecVectors.hevcMain10, CodecVectors.hevcTwoLayers] {
            let configuration = try parse(.avc, record)
            #expect(configuration.codec == .hevc)
            #expect(configuration.isMislabelled)
            #expect(configuration.width == (try parse(.hevc, record)).width)
        }
        // Constraint bytes of 0 make an hvcC readable as an avcC without parameter sets.
        let head = CodecVectors.hevcMain.prefix(12) + "000000000000" + CodecVectors.hevcMain.dropFirst(24)
        #expect(try parse(.avc, String(head)).isMislabelled)
    }

    @Test func `HEVC of version 0 is read, since encoders wrote it before the standard was final`() throws {
        #expect(try parse(.hevc, "00" + CodecVectors.hevcMain.dropFirst(2)).width == 640)
    }

    @Test func `temporal layers of HEVC are known from its sequence parameter set`() throws {
        #expect(try parse(.hevc, CodecVectors.hevcMain).highestTemporalLayer == 0)
        #expect(try parse(.hevc, CodecVectors.hevcTwoLayers).highestTemporalLayer == 1)
        #expect(
            try parse(.hevc, CodecVectors.hevcTwoLayers).layout == PictureLayout(lengthSize: 4, highestTemporalLayer: 1)
        )
    }

    @Test func `broken audio configuration tells nothing and divides nothing`() throws {
        for record in ["", "16", "1690", "1780000010", "17ffffff10", "00", "ff", "1200", "12f0", "1200ffff"] {
            let configuration = try parse(.aac, record)
            #expect(configuration.codec == .aac)
            #expect(configuration.sampleRate != 0)
            #expect(configuration.channels != 0)
        }
        #expect(try parse(.aac, "1690").sampleRate == nil, "a reserved rate")
        #expect(try parse(.aac, "1690").channels == 2)
        #expect(try parse(.aac, "1780000010").sampleRate == nil, "an explicit rate of 0")
        #expect(try parse(.aac, "1200").channels == nil, "the channels are in an element that is cut off")
        #expect(try parse(.opus, "4f70757348656164010038").channels == nil)
        #expect(try parse(.flac, "80000022").sampleRate == nil)
    }

    @Test func `an AV1 record is refused only when its fixed part is broken`() throws {
        #expect(throws: CodecConfigurationError.truncated) { try parse(.av1, "81010c") }
        #expect(throws: CodecConfigurationError.badVersion) { try parse(.av1, "01010c00") }
        #expect(try parse(.av1, "81010c00").width == nil)
        #expect(try parse(.av1, "81010c000aff").width == nil, "an OBU longer than the record")
        #expect(try parse(.av1, "81010c000a8080808080").width == nil, "an OBU length without end")
    }

    @Test func `codecs without a sequence header are described by their frames`() throws {
        let mp3 = try MediaHeader.parse(kind: .audio, body: CodecVectors.hex("2f fffb"))
        let configuration = try #require(CodecConfiguration(withoutSequenceHeader: mp3))
        #expect(configuration.codec == .mp3)
        #expect(configuration.sampleRate == 44_100)
        #expect(configuration.channels == 2)
        let aac = try MediaHeader.parse(kind: .audio, body: CodecVectors.hex("af 01 21"))
        #expect(CodecConfiguration(withoutSequenceHeader: aac) == nil)
    }
}
