import COpenSSL

/// Random bytes from OpenSSL's generator, for handshakes and identifiers that nobody may guess.
package enum SecureRandom {
    /// `count` bytes. The generator fails only when the machine has no entropy source at all; the process must not go on then
    /// with predictable bytes, so it stops.
    package static func bytes(count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(0, count))
        guard RAND_bytes(&bytes, Int32(clamping: bytes.count)) == 1 else {
            fatalError("OpenSSL has no random bytes to give")
        }
        return bytes
    }
}
