import NIOCore
import RelayCore
import RelayRTMP
import Testing

@Suite("Handshake")
struct HandshakeTests {
    static func block(version: UInt32 = 0, seed: UInt64 = 1) -> [UInt8] {
        var generator = SplitMix(seed)
        return big32(0) + big32(version) + (0..<1528).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// What the server answers to some input, and whether it is done.
    static func serve(_ input: [UInt8], feeding: Feeding = .whole) throws(RTMPError) -> (
        sent: [UInt8], kind: HandshakeKind?, isDone: Bool, rest: [UInt8]
    ) {
        var server = RTMPHandshakeServer(digest: .real)
        var pending = ByteBuffer()
        var sent: [UInt8] = []
        var isDone = false
        for piece in feeding.pieces(input) {
            pending.writeBytes(piece)
            loop: while !isDone {
                switch try server.advance(&pending) {
                case .needMore: break loop
                case .send(let bytes): sent += bytes
                case .done: isDone = true
                }
            }
        }
        return (sent, server.kind, isDone, pending.bytes)
    }

    @Test(
        "the simple handshake echoes C1 byte for byte, takes any C2, and leaves what follows",
        arguments: [0, 1, 2, 3, 0x1F] as [UInt8])
    func simple(version: UInt8) throws {
        let c1 = Self.block()
        let input = [version] + c1 + Self.block(seed: 9) + [0xAA, 0xBB]
        for feeding in [Feeding.whole, .singly, .split(1), .split(1537), .split(3072), .random(3)] {
            let result = try Self.serve(input, feeding: feeding)
            #expect(result.sent.count == 1 + 2 * 1536)
            #expect(result.sent.first == 3)
            #expect(Array(result.sent[1537...]) == c1)
            #expect(result.sent[5..<9].allSatisfy { $0 == 0 })
            #expect(result.isDone)
            #expect(result.rest == [0xAA, 0xBB])
        }
    }

    @Test(
        "the first byte tells what else is spoken, before anything more came",
        arguments: [
            (0x16, .tlsOnPlainPort), (6, .encryptedRTMP), (8, .encryptedRTMP), (UInt8(ascii: "G"), .httpOnRTMPPort),
            (UInt8(ascii: "P"), .httpOnRTMPPort), (0x20, .badHandshakeVersion(0x20)),
            (0xFF, .badHandshakeVersion(0xFF)),
        ] as [(UInt8, RTMPError)])
    func otherProtocols(byte: UInt8, error: RTMPError) {
        #expect(throws: error) { try Self.serve([byte]) }
    }

    @Test(
        "a C1 with a digest in either scheme is answered with a signed S1 and S2",
        arguments: HandshakeBlock.Scheme.allCases, [1, 2, 3, 4, 5] as [UInt64])
    func digest(scheme: HandshakeBlock.Scheme, seed: UInt64) throws {
        var c1 = try #require(HandshakeBlock(Self.block(version: 0x8000_0702, seed: seed)))
        let value = c1.sign(key: HandshakeKey.player, scheme: scheme, digest: .real)
        let result = try Self.serve([3] + c1.bytes)
        #expect(result.kind == .digest)
        let s1 = try #require(HandshakeBlock(Array(result.sent[1..<1537])))
        let s2 = try #require(HandshakeBlock(Array(result.sent[1537...])))
        #expect(s1.hasVersion)
        #expect(s1.verifiedDigest(key: HandshakeKey.server, digest: .real)?.scheme == scheme)
        #expect(s2.answers(value, key: HandshakeKey.serverLong, digest: .real))
    }

    @Test("digest offsets stay inside the block whatever the four bytes are, and a wrong digest means simple")
    func offsets() throws {
        for byte in [0, 1, 0x7F, 0xFF] as [UInt8] {
            var bytes = Self.block(version: 0x0900_7C02)
            bytes.replaceSubrange(8..<12, with: [byte, byte, byte, byte])
            bytes.replaceSubrange(772..<776, with: [byte, byte, byte, byte])
            let block = try #require(HandshakeBlock(bytes))
            #expect((12...739 + 12).contains(block.digestOffset(.digestFirst)))
            #expect((776...1503).contains(block.digestOffset(.keyFirst)))
            let result = try Self.serve([3] + bytes)
            #expect(result.kind == .simple)
            #expect(Array(result.sent[1537...]) == bytes)
        }
    }

    @Test(
        "the digest stands at the sum of the four offset bytes modulo 728, behind them",
        arguments: [(0, 0), (100, 400), (182, 0), (181, 724), (255, 292)] as [(UInt8, Int)])
    func offsetFormula(byte: UInt8, distance: Int) throws {
        var bytes = Self.block()
        bytes.replaceSubrange(8..<12, with: [byte, byte, byte, byte])
        bytes.replaceSubrange(772..<776, with: [byte, byte, byte, byte])
        let block = try #require(HandshakeBlock(bytes))
        #expect(block.digestOffset(.digestFirst) == 12 + distance)
        #expect(block.digestOffset(.keyFirst) == 776 + distance)
    }

    @Test("the keys are those of Adobe's programs")
    func keys() {
        #expect(HandshakeKey.player.count == 30)
        #expect(HandshakeKey.playerLong.count == 62)
        #expect(HandshakeKey.server.count == 36)
        #expect(HandshakeKey.serverLong.count == 68)
    }

    /// Runs client and server against each other.
    static func shake(_ kind: HandshakeKind) throws(RTMPError) -> (
        client: HandshakeKind, server: HandshakeKind?, c2: [UInt8], s1: [UInt8], digest: [UInt8]
    ) {
        var client = RTMPHandshakeClient(kind: kind, digest: .real)
        var server = RTMPHandshakeServer(digest: .real)
        var toServer = ByteBuffer()
        var toClient = ByteBuffer()
        var sent: [[UInt8]] = []
        var answer: [UInt8] = []
        var isDone = (false, false)
        for _ in 0..<10 where !(isDone.0 && isDone.1) {
            switch try client.advance(&toClient) {
            case .send(let bytes):
                sent.append(bytes)
                toServer.writeBytes(bytes)
            case .done: isDone.0 = true
            case .needMore: break
            }
            switch try server.advance(&toServer) {
            case .send(let bytes):
                answer = bytes
                toClient.writeBytes(bytes)
            case .done: isDone.1 = true
            case .needMore: break
            }
        }
        #expect(isDone == (true, true))
        #expect(toServer.readableBytes == 0 && toClient.readableBytes == 0)
        return (client.kind, server.kind, sent.last ?? [], Array(answer[1..<1537]), sent.first ?? [])
    }

    @Test("our client and server do the simple handshake, with S1 echoed")
    func clientSimple() throws {
        let result = try Self.shake(.simple)
        #expect(result.client == .simple)
        #expect(result.server == .simple)
        #expect(result.c2 == result.s1)
    }

    @Test("our client and server do the digest handshake, with C2 keyed by S1's digest")
    func clientDigest() throws {
        let result = try Self.shake(.digest)
        #expect(result.client == .digest)
        #expect(result.server == .digest)
        let s1 = try #require(HandshakeBlock(result.s1))
        let c2 = try #require(HandshakeBlock(result.c2))
        let value = try #require(s1.verifiedDigest(key: HandshakeKey.server, digest: .real)).value
        #expect(c2.answers(value, key: HandshakeKey.playerLong, digest: .real))
    }

    @Test("a client that offers a digest to a simple server echoes S1")
    func clientFallback() throws {
        var client = RTMPHandshakeClient(kind: .digest, digest: .real)
        var input = ByteBuffer()
        guard case .send = try client.advance(&input) else {
            Issue.record("no C1")
            return
        }
        let s1 = Self.block()
        input.writeBytes([3] + s1)
        #expect(try client.advance(&input) == .send(s1))
        #expect(client.kind == .simple)
    }

    @Test("a client refuses another version at once")
    func clientVersion() throws {
        var client = RTMPHandshakeClient(digest: .real)
        var input = ByteBuffer()
        _ = try client.advance(&input)
        input.writeBytes([UInt8(ascii: "H")])
        #expect(throws: RTMPError.badHandshakeVersion(UInt8(ascii: "H"))) { try client.advance(&input) }
    }
}
