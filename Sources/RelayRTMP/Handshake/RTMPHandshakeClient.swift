package import NIOCore

/// The client's half of the handshake. The simple one echoes S1 as C2; the digest one falls back to that when the server's
/// S1 carries no right digest.
package struct RTMPHandshakeClient: Sendable {
    /// idle → waiting for S0 and S1 → waiting for S2 → done
    private enum State {
        case idle
        case awaitingS1
        case awaitingS2
        case done
    }

    /// Flash Player 9.0.124-class version that servers accept together with a digest; what SRS and librtmp-class clients write.
    private static let clientVersion: UInt32 = 0x8000_0702
    private static let version: UInt8 = 3

    private var state = State.idle
    private let digest: RTMPDigest
    /// What is offered; `simple` after a fallback.
    package private(set) var kind: HandshakeKind

    package init(kind: HandshakeKind = .simple, digest: RTMPDigest) {
        self.kind = kind
        self.digest = digest
    }

    /// Looks at the input and consumes what it understands; called again until it is `needMore` or `done`. The first call
    /// gives C0 and C1.
    ///
    /// - Throws: ``RTMPError/badHandshakeVersion(_:)`` when S0 is not 3.
    package mutating func advance(_ input: inout ByteBuffer) throws(RTMPError) -> HandshakeStep {
        switch state {
        case .idle:
            state = .awaitingS1
            var c1 = HandshakeBlock(version: kind == .digest ? Self.clientVersion : 0, digest: digest)
            if kind == .digest { c1.sign(key: HandshakeKey.player, scheme: .digestFirst, digest: digest) }
            return .send([Self.version] + c1.bytes)
        case .awaitingS1:
            guard let first = input.getInteger(at: input.readerIndex, as: UInt8.self) else { return .needMore }
            guard first == Self.version else { throw .badHandshakeVersion(first) }
            guard input.readableBytes > HandshakeBlock.length else { return .needMore }
            input.moveReaderIndex(forwardBy: 1)
            guard let bytes = input.readBytes(length: HandshakeBlock.length), let s1 = HandshakeBlock(bytes) else {
                return .needMore
            }
            state = .awaitingS2
            return .send(answer(s1))
        case .awaitingS2:
            // Servers answer anything here (SRS sends S1 again), so it is passed over.
            guard input.readableBytes >= HandshakeBlock.length else { return .needMore }
            input.moveReaderIndex(forwardBy: HandshakeBlock.length)
            state = .done
            return .done
        case .done:
            return .done
        }
    }

    private mutating func answer(_ s1: HandshakeBlock) -> [UInt8] {
        if kind == .digest, let found = s1.verifiedDigest(key: HandshakeKey.server, digest: digest) {
            return HandshakeBlock.answer(to: found.value, key: HandshakeKey.playerLong, digest: digest).bytes
        }
        kind = .simple
        return s1.bytes
    }
}
