/// C1, S1, C2 or S2: 1536 bytes, and where the "complex" handshake of Adobe's programs hides a digest in them.
///
/// The complex handshake is not in the RTMP 1.0 specification; the layout and the keys are those that SRS, nginx-rtmp, librtmp and
/// FFmpeg agree on. Flash-class players show no H.264 without it. Key exchange (RTMPE) is not done, so the key block stays random.
package struct HandshakeBlock: Equatable, Sendable {
    package static let length = 1536
    package static let digestLength = 32

    /// Where the digest block stands: two layouts are in use, and a receiver must try both.
    package enum Scheme: Int, CaseIterable, Sendable {
        /// Digest block right after time and version; Flash Player's usual one.
        case digestFirst = 8
        /// Key block first, digest block at 772.
        case keyFirst = 772
    }

    /// Always ``length`` bytes.
    package private(set) var bytes: [UInt8]

    /// nil unless there are exactly ``length`` bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }

    /// Random bytes behind a time of 0 and a version. The version is 0 in the simple handshake.
    package init(version: UInt32, digest: RTMPDigest) {
        var bytes = digest.randomBytes(Self.length)
        // A random source that fails to deliver must not change the length of the block.
        while bytes.count < Self.length { bytes.append(0) }
        bytes.replaceSubrange(0..<4, with: [0, 0, 0, 0])
        bytes.replaceSubrange(
            4..<8,
            with: [
                UInt8(truncatingIfNeeded: version >> 24), UInt8(truncatingIfNeeded: version >> 16),
                UInt8(truncatingIfNeeded: version >> 8), UInt8(truncatingIfNeeded: version),
            ])
        self.bytes = Array(bytes.prefix(Self.length))
    }

    /// Bytes 4...7; other than 0 announces the complex handshake.
    package var hasVersion: Bool { bytes[4..<8].contains { $0 != 0 } }

    /// Where the digest starts: four offset bytes are summed, and the sum is taken modulo what fits the block. Any four
    /// bytes give an offset inside the block.
    package func digestOffset(_ scheme: Scheme) -> Int {
        let base = scheme.rawValue
        let sum = bytes[base..<base + 4].reduce(0) { $0 + Int($1) }  // bounded: four bytes
        return sum % 728 + base + 4
    }

    /// The digest if it is right under `key` in either scheme.
    package func verifiedDigest(key: [UInt8], digest: RTMPDigest) -> (scheme: Scheme, value: [UInt8])? {
        for scheme in Scheme.allCases {
            let offset = digestOffset(scheme)
            let expected = digest.hmacSHA256(key, without(digestAt: offset))
            if expected.elementsEqual(bytes[offset..<offset + Self.digestLength]) { return (scheme, expected) }
        }
        return nil
    }

    /// Writes the digest of everything else into its place and returns it.
    @discardableResult
    package mutating func sign(key: [UInt8], scheme: Scheme, digest: RTMPDigest) -> [UInt8] {
        let offset = digestOffset(scheme)
        let value = digest.hmacSHA256(key, without(digestAt: offset))
        guard value.count == Self.digestLength else { return value }
        bytes.replaceSubrange(offset..<offset + Self.digestLength, with: value)
        return value
    }

    /// The answer to a peer's digest: random bytes, and at the end their digest under a key made from the peer's.
    package static func answer(to peerDigest: [UInt8], key: [UInt8], digest: RTMPDigest) -> HandshakeBlock {
        var block = HandshakeBlock(version: 0, digest: digest)
        let split = length - digestLength
        let answerKey = digest.hmacSHA256(key, peerDigest)
        let value = digest.hmacSHA256(answerKey, Array(block.bytes[..<split]))
        if value.count == digestLength { block.bytes.replaceSubrange(split..<length, with: value) }
        return block
    }

    /// Whether this block is ``answer(to:key:digest:)`` to `ownDigest`.
    package func answers(_ ownDigest: [UInt8], key: [UInt8], digest: RTMPDigest) -> Bool {
        let split = Self.length - Self.digestLength
        let answerKey = digest.hmacSHA256(key, ownDigest)
        return digest.hmacSHA256(answerKey, Array(bytes[..<split])).elementsEqual(bytes[split...])
    }

    private func without(digestAt offset: Int) -> [UInt8] {
        Array(bytes[..<offset]) + Array(bytes[(offset + Self.digestLength)...])
    }
}

/// The constants of Adobe's programs that key the digests; the same in every implementation that interoperates.
package enum HandshakeKey {
    private static let shared: [UInt8] = [
        0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57,
        0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE,
    ]
    /// 30 bytes: signs C1.
    package static let player = Array("Genuine Adobe Flash Player 001".utf8)
    /// 62 bytes: keys C2.
    package static let playerLong = player + shared
    /// 36 bytes: signs S1.
    package static let server = Array("Genuine Adobe Flash Media Server 001".utf8)
    /// 68 bytes: keys S2.
    package static let serverLong = server + shared
}

/// What a handshake machine asks for after each look at the input.
package enum HandshakeStep: Equatable, Sendable {
    /// More input.
    case needMore
    /// Send these bytes and look again.
    case send([UInt8])
    /// The rest of the input is chunks.
    case done
}

/// Which handshake a client offers, or a server found.
package enum HandshakeKind: Sendable, Hashable {
    /// RTMP 1.0 section 5.2.
    case simple
    /// The one with digests.
    case digest
}
