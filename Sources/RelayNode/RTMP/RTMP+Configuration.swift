import NIOCore
import RelayCore
import RelayCrypto
import RelayRTMP

extension RTMPDigest {
    /// The handshake's HMAC and random bytes, from OpenSSL.
    static let openSSL = RTMPDigest(
        hmacSHA256: { key, message in HMACSHA256.authenticate(key: key, message: message) },
        randomBytes: { SecureRandom.bytes(count: $0) })
}

/// How a peer's address is shown.
enum RemoteText {
    /// `address:port`, IPv6 in brackets.
    static func describe(_ address: SocketAddress) -> String {
        let ip = address.ipAddress ?? "?"
        let port = address.port.map(String.init) ?? "?"
        return ip.contains(":") ? "[\(ip)]:\(port)" : "\(ip):\(port)"
    }
}

/// The little that the node has to know of an AMF data message: whether it is `onMetaData`.
enum MetadataProbe {
    /// The AMF0 string `onMetaData` with its marker and length (AMF0 specification 2.4).
    private static let onMetaData: [UInt8] = [0x02, 0x00, 0x0A] + Array("onMetaData".utf8)

    static func isMetadata(_ body: ByteBuffer) -> Bool {
        body.readableBytesView.starts(with: onMetaData)
    }
}

extension RTMPServerSession.Configuration {
    /// The part of the node's configuration that a session needs.
    init(_ configuration: RelayConfiguration) {
        self.init()
        chunkSize = configuration.rtmp.chunkSize
        windowAcknowledgementSize = UInt32(clamping: configuration.rtmp.ackWindow)
        handshakeTimeout = configuration.limits.handshakeTimeout
        setupTimeout = configuration.limits.setupTimeout
        let given = configuration.limits
        limits.audioMessageBytes = given.audioMessageBytes
        limits.videoMessageBytes = given.videoMessageBytes
        limits.commandMessageBytes = given.commandMessageBytes
        limits.partialMessages = given.chunkStreams
        limits.partialBytes = given.partialBytes
        limits.minimumChunkSize = UInt32(clamping: given.minChunkSize)
        limits.chunkHeadersPerSecond = UInt32(clamping: given.chunkHeadersPerSecond)
        limits.commandsPerSecond = UInt32(clamping: given.commandsPerSecond)
        limits.messageStreams = given.messageStreams
        limits.amf.depth = given.amfDepth
        limits.amf.values = given.amfNodes
    }
}
