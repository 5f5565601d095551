package import NIOCore
package import RelayCore
import RelayCrypto
package import RelayRTMP

/// What the handler of a client session needs of its machine; publishing and playing clients both have it.
package protocol RTMPClientMachine {
    var nextDeadline: MonotonicTime? { get }
    mutating func start(now: MonotonicTime)
    mutating func receive(_ bytes: consuming ByteBuffer, now: MonotonicTime)
    mutating func nextAction(now: MonotonicTime) -> RTMPClientAction?
    mutating func timerFired(now: MonotonicTime)
    mutating func finish()
}

extension RTMPPlayClient: RTMPClientMachine {}
extension RTMPPublishClient: RTMPClientMachine {}

extension RTMPDigest {
    /// The handshake's cryptography, from OpenSSL.
    package static let clientOpenSSL = openSSL

    /// The handshake's cryptography, from OpenSSL.
    static let openSSL = RTMPDigest(
        hmacSHA256: { key, message in HMACSHA256.authenticate(key: key, message: message) },
        randomBytes: { count in SecureRandom.bytes(count: count) })
}
