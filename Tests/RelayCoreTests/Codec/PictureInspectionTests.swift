import NIOCore
import RelayCore
import Testing

@Suite struct PictureInspectionTests {
    private func idr(_ bytes: String, lengthSize: Int = 4) throws -> Bool? {
        let body = CodecVectors.hex(bytes)
        return try MediaHeader.parse(kind: .video, body: body).containsIDR(
            in: body, layout: PictureLayout(lengthSize: lengthSize))
    }

    private func disposable(_ bytes: String, _ layout: PictureLayout = PictureLayout()) throws -> Bool {
        let body = CodecVectors.hex(bytes)
        return try MediaHeader.parse(kind: .video, body: body).isDisposable(in: body, layout: layout)
    }

    @Test func `an IDR picture is found behind the units before it`() throws {
        #expect(try idr("17 01 000000 00000002 09f0 00000003 06aabb 00000002 6588") == true)
        #expect(try idr("17 01 000000 0002 09f0 0002 6588", lengthSize: 2) == true)
        #expect(try idr("17 01 000000 02 09f0 02 6588", lengthSize: 1) == true)
        #expect(try idr("91 61766331 000000 00000002 6588") == true)
        #expect(try idr("93 61766331 00000002 6588") == true)
    }

    @Test func `a keyframe flag on another picture is found out`() throws {
        #expect(try idr("17 01 000000 00000002 419a") == false)
        #expect(try idr("17 01 000000 00000002 09f0 00000002 019a") == false)
        #expect(try idr("9368766331 00000003 020188") == false)
    }

    @Test func `random access pictures of HEVC are keyframes`() throws {
        for type: UInt8 in 0..<32 {
            let unit = CodecVectors.text(ByteBuffer(bytes: [type << 1, 1, 0x80]))
            #expect(try idr("93 68766331 00000002 4001 00000003" + unit) == (16...23 ~= type), "type \(type)")
        }
    }

    @Test func `what cannot be told is nil`() throws {
        let untold = [
            "17 01 000000", "17 01 000000 00000003 65", "17 01 000000 000000ff 65", "17 01 000000 0000",
            "17 01 000000 00000002 09f0",
            "17 00 000000 01",
            "93 61763031 00000002 6588", "17 01 000000 00000000", "17 01 000000 ffffffff 65",
        ]
        for bytes in untold { #expect(try idr(bytes) == nil, "\(bytes)") }
        #expect(try idr("17 01 000000 000002 6588", lengthSize: 3) == nil)
    }

    @Test func `AVC pictures that nothing refers to are disposable, whatever the tag says`() throws {
        #expect(try disposable("27 01 000000 00000002 019a"))
        #expect(try disposable("27 01 000000 00000002 09f0 00000002 0605 00000002 019a 00000002 019a"))
        #expect(try !disposable("27 01 000000 00000002 419a"))
        #expect(try !disposable("27 01 000000 00000002 019a 00000002 219a"), "one slice is referred to")
        #expect(try !disposable("37 01 000000 00000002 619a"), "the tag says disposable and the picture does not")
        #expect(try !disposable("17 01 000000 00000002 6588"))
    }

    @Test func `when a picture cannot be read its tag decides`() throws {
        #expect(try disposable("37 01 000000 000000ff 01"))
        #expect(try !disposable("27 01 000000 000000ff 01"), "the rest of the picture may be referred to")
        #expect(try !disposable("27 01 000000 00000002 019a 000000ff 01"))
        #expect(try disposable("37 01 000000"))
        #expect(try disposable("b1 76703039 86"))
        #expect(try !disposable("a1 76703039 86"))
    }

    @Test func `HEVC pictures are disposable only in the highest temporal layer`() throws {
        let one = PictureLayout(highestTemporalLayer: 0)
        let two = PictureLayout(highestTemporalLayer: 1)
        // TRAIL_N in layer 0 and in layer 1; TRAIL_R; RASL_N; IDR.
        #expect(try disposable("a3 68766331 00000003 0001 80", one))
        #expect(try disposable("a3 68766331 00000003 1001 80", one))
        #expect(try !disposable("a3 68766331 00000003 0201 80", one))
        #expect(try !disposable("a3 68766331 00000003 0001 80", two))
        #expect(try disposable("a3 68766331 00000003 0002 80", two))
        #expect(try !disposable("93 68766331 00000003 2601 80", one))
        #expect(try !disposable("a3 68766331 00000003 0001 80"), "the layers are not known")
        #expect(try disposable("b3 68766331 00000003 0201 80"), "the layers are not known and the tag says so")
    }

    @Test func `HEVC pictures under the number of AVC are read as what they are`() throws {
        let layout = try CodecConfiguration.parse(codec: .avc, record: CodecVectors.hex(CodecVectors.hevcMain)).layout
        #expect(layout.codec == .hevc)
        // As AVC these units would be slices that nothing refers to.
        #expect(try !disposable("27 01 000000 00000003 0201 80", layout))
        #expect(try disposable("27 01 000000 00000003 0001 80", layout))
        let body = CodecVectors.hex("17 01 000000 00000003 2601 80")
        #expect(try MediaHeader.parse(kind: .video, body: body).containsIDR(in: body, layout: layout) == true)
    }

    @Test func `a frame of more units than a picture has is not looked through`() throws {
        let many = String(repeating: "00000002 019a", count: MediaHeader.maximumUnitsInspected + 1)
        #expect(try !disposable("27 01 000000" + many))
        #expect(try idr("27 01 000000" + many) == nil)
        let most = String(repeating: "00000002 019a", count: MediaHeader.maximumUnitsInspected)
        #expect(try disposable("27 01 000000" + most))
    }

    @Test func `only the default track of many is looked at`() throws {
        let body = "96 13 61766331 00 000006 00000002 419a 01 000006 00000002 6588"
        #expect(try idr(body) == false)
        #expect(try idr("96 13 61766331 01 000006 00000002 419a 00 000006 00000002 6588") == true)
    }

    @Test func `a message of many tracks is not dropped for the picture of one`() throws {
        #expect(try !disposable("a6 13 61766331 00 000006 00000002 019a 01 000006 00000002 419a"))
        #expect(try disposable("a6 03 61766331 00 00000002 019a"))
        #expect(try disposable("b6 13 61766331 00 000006 00000002 019a 01 000006 00000002 019a"))
    }

    @Test func `start codes in place of lengths are noticed`() throws {
        func annexB(_ bytes: String) throws -> Bool {
            let body = CodecVectors.hex(bytes)
            return AnnexB.isLikely(header: try MediaHeader.parse(kind: .video, body: body), body: body)
        }
        #expect(try annexB("17 01 000000 00000001 6588 00000001 41"))
        #expect(try annexB("17 01 000000 000001 6588 80"))
        #expect(try annexB("17 00 000000 00000001 6764"))
        #expect(try !annexB("17 01 000000 00000002 6588"))
        #expect(try !annexB("17 01 000000 00000001 09 00000002 6588"), "a unit of one byte")
        #expect(try !annexB("17 01 000000"))
        #expect(try !annexB("91 61763031 00000001 6588"))
    }
}
