import NIOCore
import RelayCore
import Testing

@Suite struct LegacyFormTests {
    private func rewrite(_ bytes: String, _ kind: MediaKind = .video) throws -> String? {
        let body = CodecVectors.hex(bytes)
        let header = try MediaHeader.parse(kind: kind, body: body)
        let rewritten = LegacyForm.rewrite(header, body).map(CodecVectors.text)
        let frame = Frame(id: 7, kind: kind, dts: 9, body: body)
        #expect(LegacyForm.rewrite(frame).map { CodecVectors.text($0.body) } == rewritten)
        return rewritten
    }

    private func single(_ bytes: String, _ kind: MediaKind = .video) throws -> String? {
        let body = CodecVectors.hex(bytes)
        return LegacyForm.singleTrack(try MediaHeader.parse(kind: kind, body: body), body).map(CodecVectors.text)
    }

    private func plain(_ text: String) -> String { CodecVectors.text(CodecVectors.hex(text)) }

    @Test func `HEVC becomes codec 12`() throws {
        #expect(try rewrite("90 68766331 0101 60") == plain("1c 00 000000 0101 60"))
        #expect(try rewrite("91 68766331 000028 aabb") == plain("1c 01 000028 aabb"))
        #expect(try rewrite("a1 68766331 ffffd8 aabb") == plain("2c 01 ffffd8 aabb"))
        #expect(try rewrite("b3 68766331 aabb") == plain("3c 01 000000 aabb"))
        #expect(try rewrite("92 68766331") == plain("1c 02 000000"))
    }

    @Test func `AVC, AAC and MP3 become their legacy numbers`() throws {
        #expect(try rewrite("90 61766331 01 64") == plain("17 00 000000 01 64"))
        #expect(try rewrite("a1 61766331 800000 aa") == plain("27 01 800000 aa"))
        #expect(try rewrite("a3 61766331 aa") == plain("27 01 000000 aa"))
        #expect(try rewrite("90 6d703461 1210", .audio) == plain("af 00 1210"))
        #expect(try rewrite("91 6d703461 2122", .audio) == plain("af 01 2122"))
        #expect(try rewrite("91 2e6d7033 fffb", .audio) == plain("2f fffb"))
    }

    @Test func `legacy and data messages stay as they are`() throws {
        for (bytes, kind) in [
            ("17 01 000000 aa", MediaKind.video), ("2c 01 000000", .video), ("af 01 21", .audio), ("ff 00", .audio),
        ] {
            #expect(try rewrite(bytes, kind) == plain(bytes))
        }
        let data = Frame(id: 0, kind: .data, dts: 0, body: CodecVectors.hex("90 02"))
        #expect(LegacyForm.rewrite(data)?.body == data.body)
        let empty = Frame(id: 0, kind: .audio, dts: 0, body: ByteBuffer())
        #expect(LegacyForm.rewrite(empty)?.body.readableBytes == 0)
    }

    @Test func `what has no legacy form is nil`() throws {
        for bytes in [
            "91 61763031 12", "91 76703039 86", "94 68766331 02", "d0 00", "95 61763031 80", "90 7a7a7a7a",
            "9f 68766331",
        ] {
            #expect(try rewrite(bytes) == nil, "\(bytes)")
        }
        for bytes in ["91 4f707573 fc", "92 6d703461", "94 6d703461 01", "90 2e6d7033"] {
            #expect(try rewrite(bytes, .audio) == nil, "\(bytes)")
        }
        #expect(
            LegacyForm.rewrite(Frame(id: 0, kind: .video, dts: 0, body: CodecVectors.hex("91 68"))) == nil, "broken")
    }

    @Test func `of many tracks the legacy form has track 0`() throws {
        #expect(try rewrite("a6 11 68766331 01 000004 000001 bb 00 000005 000028 ccdd") == plain("2c 01 000028 ccdd"))
        #expect(try rewrite("a6 13 61766331 01 000001 aa 02 000001 bb") == nil)
        #expect(try rewrite("95 21 4f707573 01 000001 aa 6d703461 00 000002 bbcc", .audio) == plain("af 01 bbcc"))
        #expect(try rewrite("97 02 000064 06 01 68766331 00 000028 aa") == plain("1c 01 000028 aa"))
    }

    @Test func `a player without multitrack gets track 0 with a plain header`() throws {
        #expect(
            try single("a6 11 68766331 01 000004 000001 bb 00 000005 000028 ccdd") == plain("a1 68766331 000028 ccdd"))
        #expect(try single("96 00 61763031 00 0a0b") == plain("90 61763031 0a0b"))
        #expect(try single("95 21 4f707573 01 000001 aa 6d703461 00 000002 bbcc", .audio) == plain("91 6d703461 bbcc"))
        #expect(try single("96 01 68766331 03 000028 00") == nil, "track 3 only")
        #expect(try single("a1 68766331 000028 00") == plain("a1 68766331 000028 00"))
        #expect(try single("17 01 000000 00") == plain("17 01 000000 00"))
    }

    @Test func `HEVC that came with codec 12 gets its FourCC`() throws {
        func extended(_ bytes: String) throws -> String {
            let body = CodecVectors.hex(bytes)
            return CodecVectors.text(LegacyForm.extendedHEVC(try MediaHeader.parse(kind: .video, body: body), body))
        }
        #expect(try extended("1c 00 000000 0101") == plain("90 68766331 0101"))
        #expect(try extended("2c 01 ffffd8 aa") == plain("a1 68766331 ffffd8 aa"))
        #expect(try extended("1c 02 000000") == plain("92 68766331"))
        #expect(
            try extended("2c a6 000000 aa") == plain("2c a6 000000 aa"), "a packet type that the other header has not")
        #expect(try extended("17 01 000000 aa") == plain("17 01 000000 aa"))
        #expect(try extended("93 68766331 aa") == plain("93 68766331 aa"))
    }
}
