import NIOCore
import RelayCore
import RelayFLV
import Testing

@Suite struct FLVTagTests {
    private static let vectors: [(name: String, kind: MediaKind, dts: Int64, body: String, bytes: String)] = [
        ("audio", .audio, 23, "af0121", "08 000003 000017 00 000000 af0121 0000000e"),
        ("video", .video, 0, "1700000000", "09 000005 000000 00 000000 1700000000 00000010"),
        ("data", .data, 1, "02", "12 000001 000001 00 000000 02 0000000c"),
        ("no body", .audio, 0, "", "08 000000 000000 00 000000 0000000b"),
        ("last timestamp of 24 bits", .audio, 0xff_ffff, "af", "08 000001 ffffff 00 000000 af 0000000c"),
        ("extended timestamp", .audio, 0x0100_0000, "af", "08 000001 000000 01 000000 af 0000000c"),
        ("sign bit", .audio, 0x8000_0001, "af", "08 000001 000001 80 000000 af 0000000c"),
        ("last timestamp of 32 bits", .audio, 0xffff_ffff, "af", "08 000001 ffffff ff 000000 af 0000000c"),
        ("timestamp beyond 32 bits", .audio, 0x1_0000_0005, "af", "08 000001 000005 00 000000 af 0000000c"),
        ("largest timestamp", .audio, .max, "af", "08 000001 ffffff ff 000000 af 0000000c"),
        ("negative timestamp", .audio, -1, "af", "08 000001 ffffff ff 000000 af 0000000c"),
    ]

    @Test(arguments: vectors.indices)
    func `a frame is written as a tag with its length behind it`(index: Int) throws {
        let vector = try #require(Self.vectors.dropFirst(index).first)
        let frame = Frame(id: 0, kind: vector.kind, dts: vector.dts, body: FLVVectors.hex(vector.body))
        var out = ByteBuffer(bytes: [0x55])
        let written = FLVTagEncoder.write(frame, into: &out)
        #expect(FLVVectors.text(out) == "55" + FLVVectors.text(FLVVectors.hex(vector.bytes)), "\(vector.name)")
        #expect(written == FLVTagEncoder.size(of: frame))
        #expect(written == out.readableBytes - 1)
    }

    @Test(arguments: vectors.indices)
    func `a tag is read back as it was written`(index: Int) throws {
        let vector = try #require(Self.vectors.dropFirst(index).first)
        var stream = ByteBuffer()
        FLVHeader(hasAudio: true, hasVideo: true).encode(into: &stream)
        stream.writeImmutableBuffer(FLVVectors.hex(vector.bytes))
        let (items, reader) = try FLVVectors.items(in: stream)
        let body = FLVVectors.hex(vector.body)
        #expect(
            items == [
                .header(FLVHeader(hasAudio: true, hasVideo: true)),
                .tag(kind: vector.kind, timestamp: UInt32(truncatingIfNeeded: vector.dts), body: body),
            ])
        #expect(reader.mismatchedFields == 0)
        #expect(reader.isBetweenTags)
    }

    @Test func `a body longer than the size field can say is not written`() {
        let longest = ByteBuffer(repeating: 0, count: FLVTagEncoder.maximumBodyLength)
        var out = ByteBuffer()
        #expect(
            FLVTagEncoder.write(kind: .video, timestamp: 0, body: longest, into: &out) == longest.readableBytes + 15)
        out.clear()
        let longer = ByteBuffer(repeating: 0, count: FLVTagEncoder.maximumBodyLength + 1)
        #expect(FLVTagEncoder.write(kind: .video, timestamp: 0, body: longer, into: &out) == 0)
        #expect(out.readableBytes == 0)
    }

    @Test func `writing a frame reserves once`() {
        var out = ByteBuffer()
        let frame = Frame(id: 0, kind: .video, dts: 0, body: ByteBuffer(repeating: 7, count: 5_000))
        out.reserveCapacity(FLVTagEncoder.size(of: frame) * 4)
        let capacity = out.capacity
        for _ in 0..<4 { FLVTagEncoder.write(frame, into: &out) }
        #expect(out.capacity == capacity)
    }

    @Test(arguments: [(true, true, "05"), (true, false, "04"), (false, true, "01"), (false, false, "00")])
    func `the header says which kinds may come`(audio: Bool, video: Bool, flags: String) throws {
        let header = FLVHeader(hasAudio: audio, hasVideo: video)
        var out = ByteBuffer()
        header.encode(into: &out)
        #expect(FLVVectors.text(out) == "464c5601" + flags + "00000009" + "00000000")
        #expect(out.readableBytes == FLVHeader.lengthWithFirstField)
        #expect(try FLVHeader.decode(from: &out) == header)
        #expect(out.readableBytes == 4)
    }
}
