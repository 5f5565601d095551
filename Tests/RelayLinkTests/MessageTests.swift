import NIOCore
import RelayCore
import Testing

@testable import RelayLink

/// A message, its bytes, and what reading the fields gives.
struct MessageVector: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]
    let write: @Sendable (inout ByteBuffer) -> Void
    /// Whether the fields read back as the value.
    let readsBack: @Sendable (ByteBuffer) throws -> Bool
    var testDescription: String { name }
    /// Without length and type.
    var fields: [UInt8] { Array(bytes.dropFirst(LinkWire.headerLength)) }

    init<Value: Equatable & Sendable>(
        _ name: String, _ value: Value, _ bytes: String, write: @escaping @Sendable (Value, inout ByteBuffer) -> Void,
        read: @escaping @Sendable (ByteBuffer) throws -> Value
    ) {
        self.name = name
        self.bytes = hex(bytes)
        self.write = { write(value, &$0) }
        readsBack = { try read($0) == value }
    }
}

extension MessageVector {
    private static let nonce = Array(repeating: UInt8(0x11), count: 32)

    static let all: [MessageVector] = [
        MessageVector(
            "hello with a key", LinkHello(hasKey: true, node: node("e1"), release: "1.0", nonce: nonce),
            "00000030 01 524C4E4B 01 01 01 02 6531 03 312E30 20" + String(repeating: "11", count: 32),
            write: { $0.encode(into: &$1) }, read: { try LinkHello(from: $0) }),
        MessageVector(
            "hello without a key", LinkHello(hasKey: false, node: node("e1"), release: "", nonce: nonce),
            "0000002D 01 524C4E4B 01 01 00 02 6531 00 20" + String(repeating: "11", count: 32),
            write: { $0.encode(into: &$1) }, read: { try LinkHello(from: $0) }),
        MessageVector(
            "auth", LinkAuth(code: [1, 2, 3]), "00000005 02 03 010203", write: { $0.encode(into: &$1) },
            read: { try LinkAuth(from: $0) }),
        MessageVector(
            "error", LinkFarewell(code: 7002, text: "no"), "00000006 03 DA36 02 6E6F", write: { $0.encode(into: &$1) },
            read: { try LinkFarewell(from: $0) }),
        MessageVector(
            "ping", LinkPing(sentAt: 300), "00000003 04 AC02", write: { $0.encode(into: &$1) },
            read: { try LinkPing(from: $0) }),
        MessageVector(
            "pong", LinkPong(pingSentAt: 300, receivedAt: 1, sentAt: .max),
            "0000000E 05 AC02 01 FFFFFFFFFFFFFFFFFF01", write: { $0.encode(into: &$1) },
            read: { try LinkPong(from: $0) }),
        MessageVector(
            "goaway", LinkGoAway(deadlineMilliseconds: 5_000), "00000003 06 8827", write: { $0.encode(into: &$1) },
            read: { try LinkGoAway(from: $0) }),
        MessageVector(
            "subscribe, live", LinkSubscribe.Reading.request(.to("a/b", id: 9)),
            "00000011 10 09 00 01 04 65646765 00 00 00 00 03 612F62", write: writeSubscribe,
            read: { try LinkSubscribe.read(from: $0) }),
        MessageVector(
            "subscribe, after, two hops",
            LinkSubscribe.Reading.request(
                .to("a/b", id: 9, start: .after(frameID: 5, incarnation: .init(epoch: 6, id: 7)), path: ["r", "e"])),
            "00000010 10 09 00 02 01 72 01 65 01 05 06 07 03 612F62", write: writeSubscribe,
            read: { try LinkSubscribe.read(from: $0) }),
        MessageVector(
            "subscribe, window",
            LinkSubscribe.Reading.request(.to("a/b", id: 9, start: .window(milliseconds: 200), path: ["e"])),
            "0000000F 10 09 00 01 01 65 02 C801 00 00 03 612F62", write: writeSubscribe,
            read: { try LinkSubscribe.read(from: $0) }),
        MessageVector(
            "unsubscribe", LinkUnsubscribe(id: 128), "00000003 11 8001", write: { $0.encode(into: &$1) },
            read: { try LinkUnsubscribe(from: $0) }),
        MessageVector(
            "accept", Accepted(9, .life(7, headers: [.video(3, [.config, .key], bytes: 2)])),
            "00000016 12 09 01 07 80A0ABFEF962 01 01 09 03 09 00 03 06 00 00 0303", write: { $0.write(&$1) },
            read: { Accepted(try LinkAccept.read(from: $0)) }),
        MessageVector(
            "refuse", LinkRefuse(id: 1, refusal: .notFound), "00000004 13 01 01 00", write: { $0.encode(into: &$1) },
            read: { try LinkRefuse(from: $0) }),
        MessageVector(
            "refuse with a redirect", LinkRefuse(id: 1, refusal: .moved, redirect: node("o2")),
            "00000006 13 01 02 02 6F32", write: { $0.encode(into: &$1) }, read: { try LinkRefuse(from: $0) }),
        MessageVector(
            "end", LinkEnded(id: 1, reason: .sourceLost, lastFrameID: 128), "00000005 14 01 04 8001",
            write: { $0.encode(into: &$1) }, read: { try LinkEnded(from: $0) }),
        MessageVector(
            "query", LinkQuery(id: 2, stream: RelayLinkTests.name("a/b")), "00000006 15 02 03 612F62",
            write: { $0.encode(into: &$1) }, read: { try LinkQuery(from: $0) }),
        MessageVector(
            "answer",
            LinkAnswer(id: 2, state: .init(isOwner: true, hasPublisher: true, epoch: 4, frameAgeMilliseconds: 40)),
            "00000005 16 02 03 04 28", write: { $0.encode(into: &$1) }, read: { try LinkAnswer(from: $0) }),
        MessageVector(
            "frame", Framed(subscription: 1, .video(128, .key, bytes: 2, dts: -1)),
            "0000000C 20 01 8001 09 00 01 01 00 00 8080", write: { $0.write(&$1) }, read: { try Framed($0) }),
        MessageVector(
            "frame of audio without a body", Framed(subscription: 1, .audio(2, bytes: 0)),
            "00000009 20 01 02 08 00 00 04 00 00", write: { $0.write(&$1) }, read: { try Framed($0) }),
        MessageVector(
            "skip", LinkSkip(subscription: 1, from: 2, count: 3, reason: .keyframe), "00000005 21 01 02 03 02",
            write: { $0.encode(into: &$1) }, read: { try LinkSkip(from: $0) }),
    ]

    private static let writeSubscribe: @Sendable (LinkSubscribe.Reading, inout ByteBuffer) -> Void = {
        reading, buffer in
        if case .request(let request) = reading { request.encode(into: &buffer) }
    }

    /// Frames are compared field by field.
    struct Framed: Equatable, Sendable {
        let subscription: UInt64
        let frame: Frame?
        init(subscription: UInt64, _ frame: Frame?) {
            self.subscription = subscription
            self.frame = frame
        }
        init(_ body: ByteBuffer) throws(LinkWireError) {
            var fields = body
            subscription = try fields.readVarint()
            frame = try LinkFrame.readFields(from: &fields)
        }
        func write(_ buffer: inout ByteBuffer) {
            if let frame { LinkFrame.encode(frame, subscription: subscription, into: &buffer) }
        }
        static func == (lhs: Self, rhs: Self) -> Bool {
            lhs.subscription == rhs.subscription && lhs.frame?.id == rhs.frame?.id && lhs.frame?.kind == rhs.frame?.kind
                && lhs.frame?.dts == rhs.frame?.dts && lhs.frame?.cts == rhs.frame?.cts
                && lhs.frame?.flags == rhs.frame?.flags && lhs.frame?.trackID == rhs.frame?.trackID
                && lhs.frame?.body == rhs.frame?.body
        }
    }

    struct Accepted: Equatable, Sendable {
        let id: UInt64
        let accept: LinkAccept
        init(_ id: UInt64, _ accept: LinkAccept) { (self.id, self.accept) = (id, accept) }
        init(_ read: (id: UInt64, accept: LinkAccept)) { self.init(read.id, read.accept) }
        func write(_ buffer: inout ByteBuffer) { accept.encode(id: id, cap: 1 << 20, into: &buffer) }
        static func == (lhs: Self, rhs: Self) -> Bool {
            lhs.id == rhs.id && lhs.accept == rhs.accept
                && lhs.accept.headers.map(\.body) == rhs.accept.headers.map(\.body)
        }
    }
}

@Suite struct MessageTests {
    @Test("a message is written as its bytes", arguments: MessageVector.all)
    func written(_ vector: MessageVector) {
        var buffer = ByteBuffer()
        vector.write(&buffer)
        #expect(buffer.bytes == vector.bytes)
    }

    @Test("a message reads back", arguments: MessageVector.all)
    func read(_ vector: MessageVector) throws {
        #expect(try vector.readsBack(ByteBuffer(bytes: vector.fields)))
    }

    @Test("fields that a newer version adds are ignored", arguments: MessageVector.all)
    func trailing(_ vector: MessageVector) throws {
        // A frame's body goes to the end; its fields are extended before it.
        guard !vector.name.hasPrefix("frame") else { return }
        #expect(try vector.readsBack(ByteBuffer(bytes: vector.fields + [0xFF, 0x00, 0x80])))
    }

    @Test("a message cut at any byte is an error, never a value", arguments: MessageVector.all)
    func truncated(_ vector: MessageVector) {
        // The body of a frame may have any length.
        let body = vector.name == "frame" ? 2 : 0
        for count in 0..<(vector.fields.count - body) {
            let cut = ByteBuffer(bytes: vector.fields.prefix(count))
            #expect(throws: (any Error).self) { _ = try vector.readsBack(cut) }
        }
    }

    @Test func framesKeepFieldsTheyDoNotKnowOutOfTheBody() throws {
        // Three bytes of unknown fields, an unknown flag bit.
        var fields = ByteBuffer(bytes: hex("07 09 00 E1 03 02 00 03 AABBCC 0102"))
        let frame = try #require(try LinkFrame.readFields(from: &fields))
        #expect(frame.flags == .key)
        #expect(frame.body.bytes == [1, 2])
        #expect(frame.dts == 1)
    }

    @Test func aFrameOfAnUnknownKindIsNoFrame() throws {
        var fields = ByteBuffer(bytes: hex("07 63 00 00 00 00 00 0102"))
        #expect(try LinkFrame.readFields(from: &fields) == nil)
    }

    @Test(
        "numbers of variable length",
        arguments: [
            (0, "00"), (127, "7F"), (128, "8001"), (16_383, "FF7F"), (1 << 32, "8080808010"),
            (UInt64.max, "FFFFFFFFFFFFFFFFFF01"),
        ] as [(UInt64, String)])
    func varints(_ value: UInt64, _ bytes: String) throws {
        var buffer = ByteBuffer()
        buffer.writeVarint(value)
        #expect(buffer.bytes == hex(bytes))
        #expect(try buffer.readVarint() == value)
    }

    @Test(
        "numbers around zero stay short",
        arguments: [
            (0, "00"), (-1, "01"), (1, "02"), (Int64.max, "FEFFFFFFFFFFFFFFFF01"), (.min, "FFFFFFFFFFFFFFFFFF01"),
        ]
            as [(Int64, String)])
    func zigzag(_ value: Int64, _ bytes: String) throws {
        var buffer = ByteBuffer()
        buffer.writeZigzag(value)
        #expect(buffer.bytes == hex(bytes))
        #expect(try buffer.readZigzag() == value)
    }

    @Test func aNumberBeyond64BitsIsRefused() {
        for bytes in ["FFFFFFFFFFFFFFFFFF02", "80808080808080808080 01"] {
            var buffer = ByteBuffer(bytes: hex(bytes))
            #expect(throws: LinkWireError.outOfRange) { try buffer.readVarint() }
        }
    }

    @Test func headersThatDoNotFitAreLeftOut() throws {
        let accept = LinkAccept.life(1, headers: [.video(1, .config, bytes: 900), .audio(2, .config, bytes: 200)])
        var buffer = ByteBuffer()
        #expect(accept.encode(id: 1, cap: 1_200, into: &buffer) == 1)
        #expect(buffer.readableBytes <= 1_200)
        buffer.moveReaderIndex(forwardBy: LinkWire.headerLength)
        #expect(try LinkAccept.read(from: buffer).accept.headers.map(\.id) == [1])
    }

    @Test func valuesThatAreNotKnownHaveASafeMeaning() throws {
        #expect(try LinkRefuse(from: ByteBuffer(bytes: hex("01 63 00"))).refusal == .notFound)
        #expect(try LinkEnded(from: ByteBuffer(bytes: hex("01 63 00"))).reason == .lost)
        #expect(try LinkSkip(from: ByteBuffer(bytes: hex("01 02 03 63"))).reason == .overflow)
        let later = try LinkSubscribe.read(from: ByteBuffer(bytes: hex("09 00 01 01 65 63 01 02 03 03 612F62")))
        #expect(later == .request(.to("a/b", id: 9, path: ["e"])))
    }
}
