import NIOCore
import RelayCore
import Testing

@Suite struct MediaHeaderExtendedTests {
    private func parse(_ bytes: String, _ kind: MediaKind = .video) throws -> MediaHeader {
        try MediaHeader.parse(kind: kind, body: CodecVectors.hex(bytes))
    }

    @Test func `a nanosecond offset is read from its ModEx prefix`() throws {
        let header = try parse("97 02 0f423f 01 68766331 000001 00")
        #expect(header.nanosecondOffset == 999_999)
        #expect(header.compositionTime == 1)
        #expect(
            try parse("97 02 0f4240 01 68766331 000001 00").nanosecondOffset == 0, "a whole millisecond is no offset")
        #expect(try parse("97 01 0001 01 68766331 000001 00").nanosecondOffset == 0, "two bytes are not enough")
        #expect(try parse("97 02 000010 01 4f707573 fc", .audio).nanosecondOffset == 16)
    }

    @Test func `a long ModEx prefix has a 16-bit size`() throws {
        let data = String(repeating: "5a", count: 300)
        let header = try parse("97 ff 012b" + data + "21 61766331 000002 00")
        #expect(header.codec == .avc)
        #expect(header.compositionTime == 2)
        #expect(header.payloadOffset == 1 + 1 + 2 + 300 + 1 + 4 + 3)
    }

    @Test func `four ModEx prefixes are followed and five are refused`() throws {
        let prefix = "00 00 "
        let four = "97" + prefix + "17" + prefix + "27" + prefix + "37" + prefix + "01 68766331 000001 00"
        #expect(try parse(four).codec == .hevc)
        let five =
            "97" + prefix + "17" + prefix + "27" + prefix + "37" + prefix + "47" + prefix + "01 68766331 000001 00"
        #expect(throws: MediaHeaderError.modExTooDeep) { try parse(five) }
        #expect(throws: MediaHeaderError.modExTooDeep) { try parse("97" + String(repeating: "00 00 07", count: 255)) }
    }

    @Test func `every track of a multitrack message is listed with its own codec and time`() throws {
        let body = "a6 21 68766331 05 000005 000021 aabb 61763031 00 000002 ccdd 61766331 01 000003 ffffff"
        let header = try parse(body)
        #expect(header.tracks.map(\.id) == [5, 0, 1])
        #expect(header.tracks.map(\.codec) == [.hevc, .av1, .avc])
        #expect(header.tracks.map(\.compositionTime) == [33, 0, -1])
        #expect(header.tracks.map(\.length) == [5, 2, 3])
        #expect(header.tracks.map(\.offset) == [10, 23, 33])
        #expect(header.tracks.map(\.payloadOffset) == [13, 23, 36])
        #expect(header.track == 0)
        #expect(header.codec == .av1)
        #expect(header.payloadOffset == 23)
    }

    @Test func `a multitrack message without track 0 belongs to its first track`() throws {
        let header = try parse("a6 13 61766331 02 000001 aa 01 000001 bb")
        #expect(header.track == 2)
        #expect(header.tracks.count == 2)
    }

    @Test func `a ModEx prefix may precede multitrack`() throws {
        let header = try parse("97 02 000064 06 01 68766331 00 000028 00")
        #expect(header.nanosecondOffset == 100)
        #expect(header.compositionTime == 40)
        #expect(header.tracks.count == 1)
    }

    @Test func `eight tracks are read and nine or 256 are refused`() throws {
        func message(_ count: Int) -> String {
            "a6 13 61766331"
                + (0..<count).map {
                    CodecVectors.text(ByteBuffer(integer: UInt8(truncatingIfNeeded: $0))) + "000001 aa"
                }.joined()
        }
        #expect(try parse(message(8)).tracks.count == 8)
        #expect(throws: MediaHeaderError.tooManyTracks) { try parse(message(9)) }
        #expect(throws: MediaHeaderError.tooManyTracks) { try parse(message(256)) }
    }

    @Test func `more tracks than data, nested multitrack and unknown forms are refused`() {
        let broken: [(String, MediaHeaderError)] = [
            ("a6 13 61766331", .truncated), ("a6 13 61766331 00 000002 aa", .truncated),
            ("a6 13 61766331 00 000001 aa 01", .truncated), ("a6 13 61766331 00 ffffff aa", .truncated),
            ("a6 11 61766331 00 000002 aabb", .truncated), ("a6", .truncated), ("a6 21", .truncated),
            ("a6 16 61766331 00 000001 aa", .badMultitrack), ("a6 17 61766331 00 000001 aa", .badMultitrack),
            ("a6 33 61766331 00 000001 aa", .badMultitrack), ("a6 f3 61766331 00 000001 aa", .badMultitrack),
        ]
        for (bytes, error) in broken {
            #expect(throws: error, "\(bytes)") { try parse(bytes) }
        }
        #expect(throws: MediaHeaderError.badMultitrack) { try parse("95 15 4f707573 00 000001 aa", .audio) }
    }
}
