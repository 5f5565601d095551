import COpenSSL

/// Comparison of secrets.
package enum ConstantTime {
    /// Whether two byte strings are equal, taking the same time wherever they differ. Different lengths answer at once:
    /// the length of a code or token is no secret.
    package static func areEqual(_ lhs: [UInt8], _ rhs: [UInt8]) -> Bool {
        lhs.count == rhs.count && CRYPTO_memcmp(lhs, rhs, lhs.count) == 0
    }
}
