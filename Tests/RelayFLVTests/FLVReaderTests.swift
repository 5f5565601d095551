import NIOCore
import RelayCore
import RelayFLV
import Testing

@Suite struct FLVReaderTests {
    private static let head = "464c5601 05 00000009 00000000"

    private func items(_ bytes: String, limits: FLVReader.Limits = .init()) throws -> (
        items: [FLVItem], reader: FLVReader
    ) {
        try FLVVectors.items(in: FLVVectors.hex(bytes), limits: limits)
    }

    @Test func `a recorded file is the same however its bytes arrive`() throws {
        let file = try FLVVectors.recordedFile()
        let whole = try FLVVectors.items(in: file)
        #expect(whole.items.count > 30)
        #expect(whole.reader.isBetweenTags)
        #expect(whole.reader.mismatchedFields == 0)
        for piece in [1, 2, 3, 7, 11, 64, 1_000] {
            #expect(try FLVVectors.items(in: file, piece: piece).items == whole.items, "pieces of \(piece)")
        }
    }

    @Test func `a recorded file is written back byte for byte`() throws {
        let file = try FLVVectors.recordedFile()
        var out = ByteBuffer()
        for item in try FLVVectors.items(in: file).items {
            switch item {
            case .header(let header): header.encode(into: &out)
            case .tag(let kind, let timestamp, let body):
                FLVTagEncoder.write(Frame(id: 0, kind: kind, dts: Int64(timestamp), body: body), into: &out)
            }
        }
        #expect(out == file)
    }

    @Test func `pictures of a recorded file are what its decoder says`() throws {
        var keys: [UInt32] = []
        var disposable: [UInt32] = []
        var configurations: [CodecConfiguration] = []
        for case .tag(let kind, let timestamp, let body) in try FLVVectors.items(in: FLVVectors.recordedFile()).items
        where kind != .data {
            let header = try MediaHeader.parse(kind: kind, body: body)
            if header.isSequenceHeader {
                configurations.append(try CodecConfiguration.parse(header: header, body: body))
            }
            guard kind == .video, header.isCoded else { continue }
            #expect(header.containsIDR(in: body) == header.isKeyframe)
            if header.isKeyframe { keys.append(timestamp) }
            if header.isDisposable(in: body) { disposable.append(timestamp) }
        }
        #expect(keys == [0, 400])
        // The second B-frame of each pair, which refers to the first (b-pyramid). `ffprobe -skip_frame noref` leaves
        // out the same.
        #expect(disposable == [120, 240, 360, 520])
        #expect(configurations.map(\.codec) == [.avc, .aac])
        #expect(configurations.first?.width == 64)
        #expect(configurations.first?.height == 48)
        #expect(configurations.last?.sampleRate == 44_100)
    }

    @Test func `a file cut off at any byte gives the tags before the cut and says so`() throws {
        let file = try FLVVectors.recordedFile()
        let whole = try FLVVectors.items(in: file)
        for length in 0..<min(file.readableBytes, 3_000) {
            var cut = file
            cut.moveWriterIndex(to: length)
            let (items, reader) = try FLVVectors.items(in: cut)
            #expect(items == Array(whole.items.prefix(items.count)))
            let consumed = items.reduce(0) { sum, item in
                if case .tag(_, _, let body) = item { return sum + 15 + body.readableBytes }
                return sum + 13
            }
            #expect(
                reader.isBetweenTags == (length > 0 && (length == consumed || length == consumed - 4)),
                "\(length) bytes")
        }
    }

    @Test func `memory follows what is unfinished, however long the stream`() throws {
        var reader = FLVReader()
        reader.append(FLVVectors.hex(Self.head))
        var tag = ByteBuffer()
        FLVTagEncoder.write(kind: .video, timestamp: 0, body: ByteBuffer(repeating: 1, count: 985), into: &tag)
        // Each piece is half of one tag and half of the next, so the reader is never empty.
        let first = try #require(tag.getSlice(at: 0, length: 500))
        var piece = try #require(tag.getSlice(at: 500, length: 500))
        piece.writeImmutableBuffer(first)
        reader.append(first)
        var tags = 0
        for _ in 0..<2_000 {
            reader.append(piece)
            while let item = try reader.next() {
                if case .tag = item { tags += 1 }
            }
            #expect(reader.bufferedBytes == 500)
            #expect(reader.heldBytes <= 16 << 10)
        }
        #expect(tags == 2_000)
        piece.moveWriterIndex(to: 500)
        reader.append(piece)
        #expect(try reader.next() != nil)
        // A tag that announces much and sends little holds little.
        reader.append(FLVVectors.hex("09 7fffff 000000 00 000000 00"))
        #expect(try reader.next() == nil)
        #expect(reader.heldBytes <= 16 << 10)
    }

    @Test func `wrong length fields are counted and tolerated`() throws {
        let (items, reader) = try items(
            "464c5601 05 00000009 00000007 08 000001 000001 00 000000 af 00000000 08 000001 000002 00 000000 af ffffffff"
        )
        #expect(items.count == 3)
        #expect(reader.mismatchedFields == 3)
    }

    @Test func `tags of unknown types are skipped without being kept`() throws {
        for type in ["00", "0a", "13", "1f", "48", "88", "ff"] {
            var bytes = FLVVectors.hex(Self.head + type + "ffffff 000000 00 000000")
            var reader = FLVReader()
            reader.append(bytes)
            #expect(try reader.next() != nil)
            #expect(try reader.next() == nil)
            let piece = ByteBuffer(repeating: 0xaa, count: 0xffff)
            for _ in 0..<0x100 {
                reader.append(piece)
                #expect(try reader.next() == nil)
                #expect(reader.bufferedBytes == 0)
            }
            #expect(!reader.isBetweenTags)
            reader.append(ByteBuffer(repeating: 0xaa, count: 0xff))
            #expect(try reader.next() == nil)
            #expect(reader.isBetweenTags)
            bytes = FLVVectors.hex("0100000a 08 000001 000002 00 000000 af 0000000c")
            reader.append(bytes)
            #expect(try reader.next() == .tag(kind: .audio, timestamp: 2, body: FLVVectors.hex("af")), "type \(type)")
            #expect(reader.skippedTags == 1)
            #expect(reader.mismatchedFields == 0)
        }
    }

    @Test func `a tag longer than its kind may be is refused before its bytes arrive`() throws {
        for (type, cap) in [("08", 256 << 10), ("09", 8 << 20), ("12", 64 << 10)] {
            func head(_ length: Int) -> String {
                Self.head + type + FLVVectors.text(ByteBuffer(integer: UInt32(length))).dropFirst(2)
                    + "000000 00 000000"
            }
            #expect(try items(head(cap)).items.count == 1)
            let kind = FLVVectors.hex(type).readableBytesView.first ?? 0
            #expect(throws: FLVError.tagTooLong(kind: kind, length: cap + 1)) { try items(head(cap + 1)) }
        }
        var limits = FLVReader.Limits()
        limits.audio = 3
        #expect(throws: FLVError.tagTooLong(kind: 8, length: 4)) {
            try items(Self.head + "08 000004 000000 00 000000", limits: limits)
        }
    }

    @Test func `encrypted tags are refused`() {
        #expect(throws: FLVError.encrypted) { try items(Self.head + "28 000001 000000 00 000000 00") }
        #expect(throws: FLVError.encrypted) { try items(Self.head + "29 ffffff 000000 00 000000") }
    }

    @Test func `what is not FLV is refused at its first wrong byte`() throws {
        for bytes in ["47", "464d", "464c57", "48545450", "00"] {
            #expect(throws: FLVError.notFLV, "\(bytes)") { try items(bytes) }
        }
        #expect(try items("464c").items.isEmpty)
    }

    @Test func `a longer header is skipped and an impossible one refused`() throws {
        #expect(try items("464c5601 05 0000000b aabb 00000000 08 000001 000002 00 000000 af").items.count == 2)
        #expect(throws: FLVError.badHeader) { try items("464c5601 05 00000008") }
        #expect(throws: FLVError.badHeader) { try items("464c5601 05 ffffffff") }
        #expect(throws: FLVError.badHeader) { try items("464c5601 05 00000401") }
    }

    @Test func `a reader that refused says so again and keeps nothing`() throws {
        var reader = FLVReader()
        reader.append(FLVVectors.hex("aa"))
        #expect(throws: FLVError.notFLV) { try reader.next() }
        reader.append(FLVVectors.hex(Self.head))
        #expect(throws: FLVError.notFLV) { try reader.next() }
        #expect(reader.bufferedBytes == 0)
    }

    @Test func `streams that the fuzzer knows read the same whole and in pieces`() throws {
        let files = try FLVVectors.corpus("FuzzFLV")
        #expect(files.count >= 8)
        for (name, bytes) in files {
            let whole = Result { try FLVVectors.items(in: bytes).items }
            for piece in [1, 5, 13] {
                let pieces = Result { try FLVVectors.items(in: bytes, piece: piece).items }
                switch (whole, pieces) {
                case (.success(let first), .success(let second)): #expect(first == second, "\(name)")
                case (.failure(let first), .failure(let second)): #expect("\(first)" == "\(second)", "\(name)")
                default: Issue.record("\(name) reads differently in pieces of \(piece)")
                }
            }
        }
    }

    @Test func `random bytes behind a header neither trap nor grow`() {
        var generator = SplitMix64(state: 7)
        for _ in 0..<2_000 {
            var bytes = FLVVectors.hex(Self.head)
            for _ in 0..<Int.random(in: 0...80, using: &generator) {
                let byte = UInt8.random(in: 0...255, using: &generator)
                bytes.writeInteger(Bool.random(using: &generator) ? byte : byte & 9)
            }
            guard let whole = try? FLVVectors.items(in: bytes) else {
                #expect(throws: FLVError.self) { try FLVVectors.items(in: bytes, piece: 1) }
                continue
            }
            #expect((try? FLVVectors.items(in: bytes, piece: 1).items) == whole.items)
            #expect(whole.reader.bufferedBytes <= bytes.readableBytes)
        }
    }
}

/// A small generator with a seed, so that a failing random test can be repeated (SplitMix64).
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
