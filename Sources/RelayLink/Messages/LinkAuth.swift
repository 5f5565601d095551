import NIOCore

/// The proof that a side has the cluster key: `code`. Sent by the dialer first, so that a stranger who dials gets nothing that
/// it could guess the key with.
struct LinkAuth: Hashable {
    static let codeLength = 32

    var code: [UInt8]

    init(code: [UInt8]) { self.code = code }

    /// What a side proves: the code covers its role, the version and both hellos as they were on the wire, and so both nonces
    /// and both names. Neither can be replayed, reflected or moved to another pair of nodes, and no byte of a hello can have
    /// been changed on the way.
    init(
        of role: LinkSession.Role, version: UInt8, dialer: [UInt8], listener: [UInt8], key: [UInt8], crypto: LinkCrypto
    ) {
        var message = Array((role == .dialer ? "relay-link dialer" : "relay-link listener").utf8)
        message.append(0)
        message.append(version)
        for hello in [dialer, listener] {
            let count = UInt16(clamping: hello.count)
            message.append(UInt8(truncatingIfNeeded: count >> 8))
            message.append(UInt8(truncatingIfNeeded: count))
            message += hello
        }
        code = crypto.hmacSHA256(key, message)
    }

    func encode(into buffer: inout ByteBuffer) {
        LinkWire.write(.auth, into: &buffer) { $0.writeBytesField(code) }
    }

    init(from body: ByteBuffer) throws(LinkWireError) {
        var fields = body
        code = try fields.readBytesField(cap: Self.codeLength)
    }
}
