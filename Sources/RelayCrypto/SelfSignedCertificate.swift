import COpenSSL

/// A P-256 key and a certificate of its own, for links whose ends know each other by the certificate's fingerprint and not by
/// who signed it. Made once when a node starts.
package struct SelfSignedCertificate: Sendable {
    /// X.509 in DER.
    package let certificate: [UInt8]
    /// The private key in DER (PKCS #8 or SEC 1, as OpenSSL writes it).
    package let privateKey: [UInt8]

    /// SHA-256 of the certificate's DER in hex.
    package var fingerprint: String { Self.fingerprint(of: certificate) }

    /// OpenSSL could not make a key or a certificate: no memory, or no random bytes.
    package struct Failure: Error, Sendable {}

    /// How long it is valid, seconds: longer than any process lives.
    private static let lifetime = 10 * 365 * 86_400
    /// Of notBefore, for nodes whose clocks differ, seconds.
    private static let clockSlack = -86_400

    /// Makes a key and signs a certificate for it.
    ///
    /// - Parameter commonName: For people who look at it; nothing checks it.
    /// - Throws: ``Failure``.
    package init(commonName: String) throws(Failure) {
        guard let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else { throw Failure() }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1,
            EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
            EVP_PKEY_keygen(context, &key) == 1, let key
        else { throw Failure() }
        defer { EVP_PKEY_free(key) }
        guard let x509 = X509_new() else { throw Failure() }
        defer { X509_free(x509) }
        let serial = SecureRandom.bytes(count: 7).reduce(1) { $0 << 8 | Int($1) }
        let name = X509_get_subject_name(x509)
        guard X509_set_version(x509, 2) == 1, ASN1_INTEGER_set(X509_get_serialNumber(x509), serial) == 1,
            X509_gmtime_adj(X509_getm_notBefore(x509), Self.clockSlack) != nil,
            X509_gmtime_adj(X509_getm_notAfter(x509), Self.lifetime) != nil, X509_set_pubkey(x509, key) == 1,
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, Array(commonName.utf8), -1, -1, 0) == 1
                || commonName.isEmpty,
            X509_set_issuer_name(x509, name) == 1, X509_sign(x509, key, EVP_sha256()) > 0
        else { throw Failure() }
        certificate = try Self.encoded { i2d_X509(x509, $0) }
        privateKey = try Self.encoded { i2d_PrivateKey(key, $0) }
    }

    /// Of any certificate's DER, for comparing it with a pinned one.
    package static func fingerprint(of certificate: [UInt8]) -> String {
        var digest = [UInt8](repeating: 0, count: 32)
        var written: UInt32 = 0
        _ = EVP_Digest(certificate, certificate.count, &digest, &written, EVP_sha256(), nil)
        return digest.map { byte in
            let hex = String(byte, radix: 16)
            return hex.count == 1 ? "0" + hex : hex
        }.joined()
    }

    /// Asks for the length, then for the bytes.
    private static func encoded(
        _ write: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
    ) throws(Failure) -> [UInt8] {
        let length = Int(write(nil))
        guard length > 0 else { throw Failure() }
        var bytes = [UInt8](repeating: 0, count: length)
        let written = bytes.withUnsafeMutableBufferPointer { buffer in
            var position = buffer.baseAddress
            return write(&position)
        }
        guard Int(written) == length else { throw Failure() }
        return bytes
    }
}
