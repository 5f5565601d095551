import NIOCore
import RelayCore
import RelayVerify
import Testing

@Suite("Verify: checksum")
struct CRC32CTests {
    @Test(
        "The vectors of RFC 3720 appendix B.4 come out, whole and in two pieces",
        arguments: [
            ("32 zeros", [UInt8](repeating: 0, count: 32), 0x8A91_36AA),
            ("32 ones", [UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
            ("rising", [UInt8](0..<32), 0x46DD_794E), ("falling", [UInt8]((0..<32).reversed()), 0x113F_DB5C),
            ("digits", Array("123456789".utf8), 0xE306_9283), ("nothing", [], 0),
        ] as [(String, [UInt8], UInt32)])
    func vectors(name: String, bytes: [UInt8], value: UInt32) {
        #expect(CRC32C.checksum(of: ByteBuffer(bytes: bytes)) == value, "\(name)")
        for cut in 0...bytes.count {
            let pieces = bytes.withUnsafeBytes { raw in
                CRC32C.checksum(
                    of: UnsafeRawBufferPointer(rebasing: raw[cut...]),
                    after: CRC32C.checksum(of: UnsafeRawBufferPointer(rebasing: raw[..<cut])))
            }
            #expect(pieces == value, "\(name) cut at \(cut)")
        }
    }
}

@Suite("Verify: mark")
struct MarkTests {
    /// Frames of both kinds, with and without padding.
    private static let messages: [VerifiableSource.Message] = ([30_000, 1_000_000, 20_000_000] as [UInt32]).flatMap {
        bitrate in
        var source = VerifiableSource(
            configuration: Feed.configuration {
                $0.bitrate = bitrate
                $0.disposableShare = 0.4
            })
        _ = source.beginSession(3, now: .zero, wallMs: 1_700_000_000_123)
        return (0..<12).map { _ in source.next(now: source.nextDue, wallMs: 1_700_000_000_123) }
    }

    private static func read(_ kind: MediaKind, _ body: ByteBuffer) throws -> VerifyMark.Reading {
        VerifyMark.read(from: body, header: try MediaHeader.parse(kind: kind, body: body))
    }

    @Test("What the source wrote is read, wherever the body lies in its buffer")
    func roundTrip() throws {
        for message in Self.messages {
            let mark = try #require(message.mark)
            #expect(try Self.read(message.kind, message.body) == .mark(mark))
            var moved = ByteBuffer(bytes: [1, 2, 3])
            moved.writeImmutableBuffer(message.body)
            moved.moveReaderIndex(forwardBy: 3)
            #expect(try Self.read(message.kind, moved) == .mark(mark))
        }
    }

    @Test("Extreme numbers survive")
    func extremes() throws {
        var source = VerifiableSource(configuration: Feed.configuration { $0.isAligned = true })
        _ = source.beginSession(.max, now: MonotonicTime(nanoseconds: .max), wallMs: .max)
        for _ in 0..<4 {
            let message = source.next(now: MonotonicTime(nanoseconds: .min), wallMs: .min)
            let mark = try #require(message.mark)
            #expect(mark.sentAt.nanoseconds == .min && mark.wallMs == .min && mark.session == .max)
            #expect(try Self.read(message.kind, message.body) == .mark(mark))
        }
    }

    @Test("A frame that is cut off at any byte is never taken for whole, and never traps")
    func cutOff() throws {
        for message in Self.messages where message.body.readableBytes < 2000 {
            let mark = try #require(message.mark)
            for length in 0..<message.body.readableBytes {
                let cut = message.body.getSlice(at: message.body.readerIndex, length: length) ?? ByteBuffer()
                guard let reading = try? Self.read(message.kind, cut) else { continue }
                // Behind the mark stand the picture, or silence, which it does not seal.
                if case .mark(let found) = reading {
                    #expect(found == mark)
                    #expect(length >= mark.size(padding: 0))
                }
            }
        }
    }

    @Test("A changed bit anywhere in the mark or its padding is damage")
    func changed() throws {
        for message in Self.messages where message.body.readableBytes < 2000 {
            let mark = try #require(message.mark)
            let bytes = Array(message.body.readableBytesView)
            let start = try #require(bytes.indices.first { bytes[$0...].starts(with: [0xC5, 0xB1, 0x7F, 0x3E]) })
            let isVideo = message.kind == .video
            let end = isVideo ? try #require(bytes[start...].firstIndex(of: 0)) - 1 : bytes.count - 4
            for index in start..<end {
                var changed = bytes
                changed[index] ^= 1 << UInt8(index % 8)
                let reading = try Self.read(message.kind, ByteBuffer(bytes: changed))
                #expect(reading == (index < start + 16 ? .none : .damaged), "byte \(index) of \(mark.number)")
            }
        }
    }

    @Test("Frames of others have no mark, whatever is in them")
    func others() throws {
        let bodies: [(MediaKind, [UInt8])] = [
            (.video, [0x17, 1, 0, 0, 0, 0, 0, 0, 2, 0x65, 0x88]), (.video, [0x27, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
            (.video, [0x27, 1, 0, 0, 0, 0, 0, 0, 1, 6]), (.video, [0x27, 1, 0, 0, 0, 0, 0, 0, 3, 6, 5, 0xFF]),
            (.video, [0x27, 1, 0, 0, 0] + [UInt8](repeating: 0, count: 64)), (.video, [0x27, 1, 0, 0, 0]),
            (.audio, [0xAF, 1]), (.audio, [0xAF, 1, 0x81]), (.audio, [0xAF, 1, 0x81, 0xFF]),
            (.audio, [0xAF, 1, 0x81, 3, 1, 2, 3]), (.audio, [0xAF, 1, 0x21, 0x10]), (.audio, [0x2F, 0xFF]),
        ]
        for (kind, bytes) in bodies { #expect(try Self.read(kind, ByteBuffer(bytes: bytes)) == .none, "\(bytes)") }
    }

    @Test("Without checking the seal, the numbers are read and the padding is not")
    func unsealed() throws {
        let message = try #require(Self.messages.first { $0.kind == .audio })
        var bytes = Array(message.body.readableBytesView)
        bytes[bytes.count - 12] ^= 1
        let body = ByteBuffer(bytes: bytes)
        let header = try MediaHeader.parse(kind: .audio, body: body)
        #expect(VerifyMark.read(from: body, header: header) == .damaged)
        #expect(VerifyMark.read(from: body, header: header, checksSeal: false) == message.mark.map { .mark($0) })
    }
}
