import NIOCore
package import RelayCore

/// The first message of both sides: `"RLNK", u8 version, u8 oldest version, varint flags, node, release, nonce`.
///
/// The magic stands at a fixed place behind the message header, so that other protocols are told apart by their first bytes.
package struct LinkHello: Hashable, Sendable {
    /// The version that this code speaks, and the oldest that it still speaks. A peer is spoken to in the lower of the two
    /// versions.
    package static let version: UInt8 = 1
    package static let oldestVersion: UInt8 = 1

    static let magic: [UInt8] = Array("RLNK".utf8)
    /// Longest hello and longest message of any type before both sides have proven themselves, bytes.
    static let maximumLength: UInt32 = 1_024
    /// A nonce is as long as the hash.
    static let nonceLength = 32
    static let maximumReleaseLength = 64
    /// Flag: the node has a cluster key.
    private static let keyFlag: UInt64 = 1

    package var newest: UInt8
    package var oldest: UInt8
    package var hasKey: Bool
    package var node: NodeID
    package var release: String
    package var nonce: [UInt8]

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.hello, into: &buffer) { buffer in
            buffer.writeBytes(Self.magic)
            buffer.writeInteger(newest)
            buffer.writeInteger(oldest)
            buffer.writeVarint(hasKey ? Self.keyFlag : 0)
            buffer.writeText(node.text)
            buffer.writeText(release)
            buffer.writeBytesField(nonce)
        }
    }

    /// Reads what follows the versions only when there is a version in common, since another one may look different.
    init(from body: ByteBuffer) throws(LinkError) {
        var fields = body
        let malformed = LinkError.malformed(type: LinkMessageType.hello.rawValue)
        guard let magic = fields.readBytes(length: Self.magic.count), magic == Self.magic else {
            throw .notALink(.unknown)
        }
        guard let newest: UInt8 = fields.readInteger(), let oldest: UInt8 = fields.readInteger(), oldest <= newest
        else {
            throw malformed
        }
        guard oldest <= Self.version, newest >= Self.oldestVersion else {
            throw .versionMismatch(oldest: oldest, newest: newest)
        }
        self.newest = newest
        self.oldest = oldest
        do {
            hasKey = try fields.readVarint() & Self.keyFlag != 0
            node = try fields.readNodeID()
            release = LinkText.clean(try fields.readText(cap: 1_024), cap: Self.maximumReleaseLength)
            nonce = try fields.readBytesField(cap: Self.nonceLength)
        } catch {
            throw malformed
        }
        guard nonce.count == Self.nonceLength else { throw malformed }
    }

    init(
        newest: UInt8 = version, oldest: UInt8 = oldestVersion, hasKey: Bool, node: NodeID, release: String,
        nonce: [UInt8]
    ) {
        self.newest = newest
        self.oldest = oldest
        self.hasKey = hasKey
        self.node = node
        self.release = LinkText.clean(release, cap: Self.maximumReleaseLength)
        self.nonce = nonce
    }

    /// Looks at the first bytes of a connection, however few: throws as soon as they cannot become a hello.
    static func check(prefix: ByteBuffer) throws(LinkError) {
        let bytes = prefix.readableBytesView.prefix(LinkWire.headerLength + magic.count)
        guard let first = bytes.first else { return }
        guard first == 0 else { throw .notALink(stranger(first)) }
        if let length: UInt32 = prefix.getInteger(at: prefix.readerIndex), !(1...maximumLength).contains(length) {
            throw .notALink(.unknown)
        }
        guard let type = bytes.dropFirst(4).first else { return }
        // Instead of a hello a node may say why it will not talk.
        if type == LinkMessageType.error.rawValue { return }
        guard type == LinkMessageType.hello.rawValue, magic.starts(with: bytes.dropFirst(LinkWire.headerLength)) else {
            throw .notALink(.unknown)
        }
    }

    private static func stranger(_ first: UInt8) -> LinkError.Stranger {
        switch first {
        // TLS handshake record, RFC 8446 section 5.1.
        case 0x16: .tls
        // The version byte of an RTMP handshake.
        case 0x03: .rtmp
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): .http
        default: .unknown
        }
    }
}
