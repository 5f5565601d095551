import COpenSSL

/// HMAC with SHA-256 (RFC 2104, FIPS 180-4), for the RTMP digest handshake and for tokens.
package enum HMACSHA256 {
    /// Bytes of a result.
    package static let length = 32

    /// The authentication code of a message. Called for each handshake, never per frame.
    package static func authenticate(key: [UInt8], message: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: length)
        var written: UInt32 = 0
        // OpenSSL fails here only when memory is exhausted; an all-zero code then matches nothing.
        _ = HMAC(EVP_sha256(), key, Int32(clamping: key.count), message, message.count, &code, &written)
        return code
    }
}
