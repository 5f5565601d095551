/// What the handshake needs from a cryptographic library. RelayRTMP is pure, so the interpreter fills it from RelayCrypto.
package struct RTMPDigest: Sendable {
    /// HMAC-SHA256 of a message under a key; 32 bytes.
    package var hmacSHA256: @Sendable (_ key: [UInt8], _ message: [UInt8]) -> [UInt8]
    /// That many unpredictable bytes.
    package var randomBytes: @Sendable (_ count: Int) -> [UInt8]

    package init(
        hmacSHA256: @escaping @Sendable (_ key: [UInt8], _ message: [UInt8]) -> [UInt8],
        randomBytes: @escaping @Sendable (_ count: Int) -> [UInt8]
    ) {
        self.hmacSHA256 = hmacSHA256
        self.randomBytes = randomBytes
    }
}
