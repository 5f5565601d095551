import NIOCore
import NIOSSL
import RelayCluster
import RelayCore
import RelayCrypto
import RelayLink

extension LinkCrypto {
    /// The cryptography of the handshake between nodes, from OpenSSL.
    static let openSSL = LinkCrypto(
        hmacSHA256: { key, message in HMACSHA256.authenticate(key: key, message: message) },
        randomBytes: { SecureRandom.bytes(count: $0) },
        areEqual: { ConstantTime.areEqual($0, $1) })
}

/// TLS between nodes: a certificate made at start, pinned by its fingerprint, which travels through the registry. No authority
/// signs anything; who may write to the registry belongs to the cluster. Without TLS the cluster key alone says who belongs.
final class LinkSecurity: Sendable {
    /// SHA-256 of our certificate (DER), hex; nil without TLS.
    let fingerprint: String?
    private let server: NIOSSLContext?
    private let client: NIOSSLContext?

    /// What a node that connects shows has to be in the registry.
    typealias IsKnown = @Sendable (_ fingerprint: String) async -> Bool

    /// No TLS.
    static let plain = LinkSecurity()

    private init() {
        fingerprint = nil
        server = nil
        client = nil
    }

    /// TLS with a new certificate.
    ///
    /// - Throws: What OpenSSL or BoringSSL say; not in practice.
    init(node: NodeID) throws {
        let made = try SelfSignedCertificate(commonName: node.text)
        let chain = [NIOSSLCertificateSource.certificate(try NIOSSLCertificate(bytes: made.certificate, format: .der))]
        let key = NIOSSLPrivateKeySource.privateKey(try NIOSSLPrivateKey(bytes: made.privateKey, format: .der))
        // The callback below replaces the verification, but the certificate of the other end has to be asked for.
        var serving = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: key)
        serving.certificateVerification = .noHostnameVerification
        serving.minimumTLSVersion = .tlsv13
        serving.applicationProtocols = [Self.protocolName]
        var dialling = TLSConfiguration.makeClientConfiguration()
        dialling.certificateChain = chain
        dialling.privateKey = key
        dialling.certificateVerification = .noHostnameVerification
        dialling.minimumTLSVersion = .tlsv13
        dialling.applicationProtocols = [Self.protocolName]
        server = try NIOSSLContext(configuration: serving)
        client = try NIOSSLContext(configuration: dialling)
        fingerprint = made.fingerprint
    }

    private static let protocolName = "relay-link/1"

    func addServer(to pipeline: ChannelPipeline.SynchronousOperations, isKnown: @escaping IsKnown) throws {
        guard let server else { return }
        let handler = NIOSSLServerHandler(context: server) { certificates, promise in
            guard let shown = Self.fingerprint(of: certificates) else { return promise.succeed(.failed) }
            promise.completeWithTask { await isKnown(shown) ? .certificateVerified : .failed }
        }
        try pipeline.addHandler(handler)
    }

    func addClient(to pipeline: ChannelPipeline.SynchronousOperations, parent: PullParent) throws {
        guard let client else { return }
        let pinned = parent.certificate
        let handler = try NIOSSLClientHandler(context: client, serverHostname: nil) { certificates, promise in
            let shown = Self.fingerprint(of: certificates)
            promise.succeed(shown != nil && shown == pinned ? .certificateVerified : .failed)
        }
        try pipeline.addHandler(handler)
    }

    private static func fingerprint(of certificates: [NIOSSLCertificate]) -> String? {
        certificates.first.flatMap { try? $0.toDERBytes() }.map(SelfSignedCertificate.fingerprint)
    }
}
