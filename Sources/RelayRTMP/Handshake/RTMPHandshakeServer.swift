package import NIOCore

/// The server's half of the handshake: S0, S1 and S2 for C0 and C1, then C2 is passed over. RTMP 1.0 section 5.2.
///
/// C1 with a version is tried as digest handshake in both schemes; if no digest is right it is a simple one (some clients
/// write a version and no digest). S2 of the simple handshake is C1 byte for byte; C2 is never verified, since clients
/// answer anything there.
package struct RTMPHandshakeServer: Sendable {
    /// waiting for C0 and C1 → waiting for C2 → done
    private enum State {
        case awaitingC1
        case awaitingC2
        case done
    }

    /// What SRS writes into S1, and Flash-class players accept together with a digest.
    private static let serverVersion: UInt32 = 0x0100_0504
    private static let version: UInt8 = 3
    private static let tlsHandshakeRecord: UInt8 = 0x16

    private var state = State.awaitingC1
    private let digest: RTMPDigest
    /// What was found; nil until C1 is there.
    package private(set) var kind: HandshakeKind?

    package init(digest: RTMPDigest) { self.digest = digest }

    /// Looks at the input and consumes what it understands; called again until it is `needMore` or `done`.
    ///
    /// - Throws: what the first byte says the peer speaks instead; at once, without waiting for more.
    package mutating func advance(_ input: inout ByteBuffer) throws(RTMPError) -> HandshakeStep {
        switch state {
        case .awaitingC1:
            guard let first = input.getInteger(at: input.readerIndex, as: UInt8.self) else { return .needMore }
            try Self.check(version: first)
            guard input.readableBytes > HandshakeBlock.length else { return .needMore }
            input.moveReaderIndex(forwardBy: 1)
            guard let bytes = input.readBytes(length: HandshakeBlock.length), let c1 = HandshakeBlock(bytes) else {
                return .needMore
            }
            state = .awaitingC2
            return .send(answer(c1))
        case .awaitingC2:
            guard input.readableBytes >= HandshakeBlock.length else { return .needMore }
            input.moveReaderIndex(forwardBy: HandshakeBlock.length)
            state = .done
            return .done
        case .done:
            return .done
        }
    }

    /// 0...2 were proprietary and 4...31 are "future" versions, to be answered with 3 (RTMP 1.0 section 5.2.2); 32 and
    /// above cannot be RTMP.
    private static func check(version byte: UInt8) throws(RTMPError) {
        switch byte {
        case tlsHandshakeRecord: throw .tlsOnPlainPort
        case 6, 8, 9: throw .encryptedRTMP
        case 0..<0x20: return
        case UInt8(ascii: "G"), UInt8(ascii: "P"), UInt8(ascii: "H"), UInt8(ascii: "O"), UInt8(ascii: "D"),
            UInt8(ascii: "C"):
            throw .httpOnRTMPPort
        default: throw .badHandshakeVersion(byte)
        }
    }

    private mutating func answer(_ c1: HandshakeBlock) -> [UInt8] {
        if c1.hasVersion, let found = c1.verifiedDigest(key: HandshakeKey.player, digest: digest) {
            kind = .digest
            var s1 = HandshakeBlock(version: Self.serverVersion, digest: digest)
            s1.sign(key: HandshakeKey.server, scheme: found.scheme, digest: digest)
            let s2 = HandshakeBlock.answer(to: found.value, key: HandshakeKey.serverLong, digest: digest)
            return [Self.version] + s1.bytes + s2.bytes
        }
        kind = .simple
        let s1 = HandshakeBlock(version: 0, digest: digest)
        return [Self.version] + s1.bytes + c1.bytes
    }
}
