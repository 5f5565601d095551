import COpenSSL

/// SHA-1 (FIPS 180-4), for the one place that demands it: the accept key of a WebSocket handshake (RFC 6455 section 4.2.2),
/// where it proves understanding and protects nothing.
package enum SHA1 {
    /// Bytes of a result.
    package static let length = 20

    /// The digest of a message.
    package static func hash(_ message: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: length)
        var written: UInt32 = 0
        _ = EVP_Digest(message, message.count, &digest, &written, EVP_sha1(), nil)
        return digest
    }
}
