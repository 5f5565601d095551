import NIOCore
import RelayRTMP
import Testing

@Suite("AMF0")
struct AMF0Tests {
    /// Values and their wire form, for both directions.
    static let vectors: [(name: String, value: AMF0Value, bytes: [UInt8])] = [
        ("number", .number(1), hex("00 3ff0000000000000")),
        ("true", .boolean(true), hex("01 01")),
        ("string", .string("abc"), hex("02 0003 616263")),
        ("empty string", .string(""), hex("02 0000")),
        ("object", .object(["a": .number(0), "b": .null]), hex("03 0001 61 00 0000000000000000 0001 62 05 000009")),
        ("empty object", .object([:]), hex("03 000009")),
        ("null", .null, hex("05")),
        ("undefined", .undefined, hex("06")),
        ("ECMA array", .ecmaArray(["a": .boolean(false)]), hex("08 00000001 0001 61 01 00 000009")),
        ("strict array", .strictArray([.null, .string("x")]), hex("0a 00000002 05 02 0001 78")),
        ("date", .date(milliseconds: 1, timeZone: -60), hex("0b 3ff0000000000000 ffc4")),
        ("unsupported", .unsupported, hex("0d")),
        ("XML document", .xmlDocument("<a/>"), hex("0f 00000004 3c612f3e")),
    ]

    @Test("values are written and read in their wire form", arguments: vectors.map(\.name))
    func vector(name: String) throws {
        let vector = try #require(Self.vectors.first { $0.name == name })
        #expect(AMF0.encode([vector.value]).bytes == vector.bytes)
        #expect(try AMF0.decode(buffer(vector.bytes)) == [vector.value])
    }

    @Test("every truncation of every vector is an error or a shorter object, never a trap")
    func truncation() {
        for vector in Self.vectors {
            for length in 1..<vector.bytes.count {
                guard let values = try? AMF0.decode(buffer(Array(vector.bytes.prefix(length)))) else { continue }
                // Only a missing object end may be forgiven.
                #expect(values.first?.objectValue != nil, "\(vector.name) cut at \(length)")
            }
        }
    }

    @Test("strings beyond 65,535 bytes are long strings")
    func longString() throws {
        let text = String(repeating: "x", count: 65_536)
        let encoded = AMF0.encode([.string(text)])
        #expect(encoded.bytes.prefix(5) == hex("0c 00010000")[...])
        #expect(try AMF0.decode(encoded) == [.string(text)])
    }

    @Test("typed objects lose their class, AMF3 markers are read over")
    func lenientForms() throws {
        #expect(try AMF0.decode(buffer(hex("10 0003 666f6f 0001 61 05 000009"))) == [.object(["a": .null])])
        #expect(try AMF0.decode(buffer(hex("11 02 0001 61"))) == [.string("a")])
    }

    @Test("an object may end with the message, between two properties only")
    func missingEnd() throws {
        #expect(try AMF0.decode(buffer(hex("03 0001 61 05"))) == [.object(["a": .null])])
        #expect(throws: AMF0Error.truncated) { try AMF0.decode(buffer(hex("03 0001 61 05 0001"))) }
        #expect(throws: AMF0Error.truncated) { try AMF0.decode(buffer(hex("03 0001 61"))) }
        #expect(throws: AMF0Error.misplacedObjectEnd) { try AMF0.decode(buffer(hex("03 0001 61 09"))) }
    }

    @Test("the count of an ECMA array is a hint, of a strict array it is bounded before anything is reserved")
    func counts() throws {
        #expect(try AMF0.decode(buffer(hex("08 ffffffff 000009"))) == [.ecmaArray([:])])
        #expect(throws: AMF0Error.truncated) { try AMF0.decode(buffer(hex("0a ffffffff"))) }
        let nulls = hex("0a 00000800") + [UInt8](repeating: 5, count: 2048)
        #expect(throws: AMF0Error.tooManyValues) { try AMF0.decode(buffer(nulls)) }
    }

    @Test(
        "lengths beyond the rest are errors",
        arguments: ["02 ffff 616161", "0c ffffffff", "03 00ff 61", "0f ffffffff 61"])
    func lengths(text: String) {
        #expect(throws: AMF0Error.self) { try AMF0.decode(buffer(hex(text))) }
    }

    @Test("property names have a cap")
    func keyCap() throws {
        let fits = hex("03 0100") + [UInt8](repeating: 0x61, count: 256) + hex("05 000009")
        #expect(try AMF0.decode(buffer(fits)).count == 1)
        let long = hex("03 0101") + [UInt8](repeating: 0x61, count: 257) + hex("05 000009")
        #expect(throws: AMF0Error.keyTooLong) { try AMF0.decode(buffer(long)) }
    }

    @Test(
        "nesting stops at 16, of whatever mix of objects and arrays",
        arguments: [
            ["03 0001 61"], ["0a 00000001"], ["08 00000000 0001 61"],
            ["03 0001 61", "0a 00000001", "08 ffffffff 0001 61"],
        ])
    func depth(forms: [String]) throws {
        func nested(_ depth: Int) -> ByteBuffer {
            buffer((0..<depth).flatMap { hex(forms[$0 % forms.count]) } + [5])
        }
        #expect(try AMF0.decode(nested(16)).count == 1)
        #expect(throws: AMF0Error.tooDeep) { try AMF0.decode(nested(17)) }
        #expect(throws: AMF0Error.tooDeep) { try AMF0.decode(nested(10_000)) }
    }

    @Test("a message holds at most 1,024 values")
    func valueCap() throws {
        #expect(try AMF0.decode(ByteBuffer(repeating: 5, count: 1024)).count == 1024)
        #expect(throws: AMF0Error.tooManyValues) { try AMF0.decode(ByteBuffer(repeating: 5, count: 1025)) }
    }

    @Test("unknown markers are errors", arguments: [0x04, 0x07, 0x09, 0x0E, 0x12, 0x7F, 0xFF] as [UInt8])
    func unknownMarkers(marker: UInt8) {
        #expect(throws: AMF0Error.unknownMarker(marker)) { try AMF0.decode(buffer([marker, 0, 0])) }
    }

    @Test(
        "numbers that no integer can hold are nil, and keep their bits",
        arguments: [
            "7ff8000000000005", "7ff0000000000000", "fff0000000000000", "7e37e43c8800759c", "0000000000000001",
            "3fe0000000000000",
        ])
    func unusableNumbers(bits: String) throws {
        let bytes = [0] + hex(bits)
        let value = try #require(try AMF0.decode(buffer(bytes)).first)
        #expect(AMF0.exactUInt32(value.numberValue) == nil)
        #expect(AMF0.exactInt(value.numberValue) == nil)
        #expect(AMF0.encode([value]).bytes == bytes)
    }

    @Test("whole numbers in range are integers")
    func integers() {
        #expect(AMF0.exactUInt32(-0.0) == 0)
        #expect(AMF0.exactUInt32(4_294_967_295) == .max)
        #expect(AMF0.exactUInt32(4_294_967_296) == nil)
        #expect(AMF0.exactUInt32(-1) == nil)
        #expect(AMF0.exactInt(-2) == -2)
        #expect(AMF0.exactInt(nil) == nil)
    }

    @Test("random bytes give values or an error")
    func randomBytes() {
        var generator = SplitMix(7)
        var decoded = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...40, using: &generator)
            // Mostly small bytes, so that markers and lengths are often plausible.
            let bytes = (0..<count).map { _ in
                UInt8.random(in: 0...(Bool.random(using: &generator) ? 16 : 255), using: &generator)
            }
            guard let values = try? AMF0.decode(buffer(bytes)) else { continue }
            decoded += 1
            let again = try? AMF0.decode(AMF0.encode(values))
            #expect(again.map { AMF0.encode($0) } == AMF0.encode(values))
        }
        #expect(decoded > 100)
    }

    @Test("quoted numbers count as numbers, objects and ECMA arrays as either")
    func lenientAccess() {
        #expect(AMF0Value.string("29.97").numberValue == 29.97)
        #expect(AMF0Value.string("avc1").numberValue == nil)
        #expect(AMF0Value.ecmaArray(["a": .null]).objectValue == ["a": .null])
        var object: AMF0Object = ["a": .number(1)]
        object["a"] = .number(2)
        object["b"] = .null
        #expect(object == ["a": .number(2), "b": .null])
        object["a"] = nil
        #expect(object == ["b": .null])
    }
}

@Suite("Commands and data messages")
struct CommandTests {
    static func message(type: UInt8, _ payload: [UInt8]) -> RTMPMessage {
        RTMPMessage(type: type, timestamp: 0, streamID: 1, payload: buffer(payload))
    }

    @Test("type 17 is AMF0 behind a format byte, which may be missing")
    func amf3Envelope() throws {
        let body = AMF0.encode([.string("createStream"), .number(4), .null]).bytes
        let expected = Command("createStream", transactionID: 4)
        #expect(try Command(Self.message(type: 20, body)) == expected)
        #expect(try Command(Self.message(type: 17, [0] + body)) == expected)
        #expect(try Command(Self.message(type: 17, body)) == expected)
    }

    @Test("missing parts of a command are null and 0; a command without a name is an error, an empty one is nothing")
    func partial() throws {
        #expect(try Command(Self.message(type: 20, hex("02 0001 61"))) == Command("a"))
        #expect(try Command(Self.message(type: 20, [])) == nil)
        #expect(try Command(Self.message(type: 17, [0])) == nil)
        #expect(throws: RTMPError.badAMF(.notACommand)) { try Command(Self.message(type: 20, [5])) }
    }

    @Test(
        "connect is read from an object and from an ECMA array, with tcurl in lower case and quotes",
        arguments: [true, false])
    func connectForms(isArray: Bool) {
        let object: AMF0Object = [
            "app": .string("live"), "tcurl": .string("'rtmp://h/live'"), "flashVer": .string("x"),
        ]
        let connect = ConnectCommand(
            Command("connect", transactionID: 1, object: isArray ? .ecmaArray(object) : .object(object)))
        #expect(connect.app == "live")
        #expect(connect.tcUrl == "rtmp://h/live")
        #expect(connect.flashVer == "x")
        #expect(connect.capabilities.isLegacy)
    }

    @Test("connect is read as it was written")
    func connectRoundTrip() {
        var connect = ConnectCommand(app: "a", tcUrl: "rtmp://h/a", flashVer: "f", capabilities: .relay)
        connect.objectEncoding = 3
        #expect(ConnectCommand(connect.command(transactionID: 1, isPublisher: true)) == connect)
        #expect(ConnectCommand(connect.command(transactionID: 1, isPublisher: false)) == connect)
    }

    @Test("publish kinds: unknown and missing are live")
    func publishKinds() {
        #expect(PublishCommand(Command("publish", arguments: [.string("a")])).kind == .live)
        #expect(PublishCommand(Command("publish", arguments: [.string("a"), .string("bogus")])).kind == .live)
        #expect(PublishCommand(Command("publish", arguments: [.string("a"), .string("append")])).kind == .append)
        #expect(PublishCommand(PublishCommand(name: "n").command(transactionID: 5)) == PublishCommand(name: "n"))
    }

    @Test("play arguments that are no whole numbers are nil; play(false) has no name")
    func playArguments() {
        let play = PlayCommand(
            Command("play", arguments: [.string("a"), .number(.nan), .number(.infinity), .boolean(false)]))
        #expect(play == PlayCommand(name: "a", start: nil, duration: nil, reset: false))
        #expect(PlayCommand(Command("play", arguments: [.boolean(false)])).name == nil)
        #expect(PlayCommand(PlayCommand(name: "a", start: -2).command(transactionID: 1)).start == -2)
    }

    @Test("players get data without @setDataFrame and without the AMF3 envelope")
    func dataFrame() {
        let metadata = AMF0.encode([.string("onMetaData"), .ecmaArray(["width": .number(1280)])]).bytes
        let wrapped = AMF0.encode([.string("@setDataFrame")]).bytes + metadata
        #expect(DataMessage.body(of: Self.message(type: 18, wrapped))?.bytes == metadata)
        #expect(DataMessage.body(of: Self.message(type: 15, [0] + wrapped))?.bytes == metadata)
        #expect(DataMessage.body(of: Self.message(type: 18, metadata))?.bytes == metadata)
        #expect(DataMessage.body(of: Self.message(type: 18, AMF0.encode([.string("@clearDataFrame")]).bytes)) == nil)
        #expect(DataMessage.body(of: Self.message(type: 18, [])) == nil)
        #expect(DataMessage.body(of: Self.message(type: 15, [0])) == nil)
    }

    @Test("metadata numbers that are not finite are left out; unreadable metadata is dropped; other data is opaque")
    func metadataRepair() {
        let bad = AMF0.encode([
            .string("onMetaData"),
            .object(["width": .number(.nan), "height": .number(720), "framerate": .number(.infinity)]),
        ])
        let good = AMF0.encode([.string("onMetaData"), .object(["height": .number(720)])])
        #expect(DataMessage.body(of: Self.message(type: 18, bad.bytes)) == good)
        let broken = AMF0.encode([.string("onMetaData")]).bytes + hex("03 0001 61 ff")
        #expect(DataMessage.body(of: Self.message(type: 18, broken)) == nil)
        let opaque = AMF0.encode([.string("onCuePoint")]).bytes + hex("11 0a 0b 01")
        #expect(DataMessage.body(of: Self.message(type: 18, opaque))?.bytes == opaque)
    }
}
