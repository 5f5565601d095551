package import NIOCore
package import RelayCore

/// How a client session behaves; both kinds of client share it.
package struct RTMPClientConfiguration: Sendable {
    /// What the server may make us hold or do.
    package var limits = RTMPLimits()
    /// The chunk size we announce and write with, bytes.
    package var chunkSize = 60_000
    /// The window we announce.
    package var windowAcknowledgementSize: UInt32 = 2_500_000
    /// The handshake offered; `digest` falls back to `simple` with servers that do not know it.
    package var handshake = HandshakeKind.simple
    /// From `start` to the end of the handshake.
    package var handshakeTimeout: Duration = .seconds(5)
    /// From the handshake to a running publish or play.
    package var setupTimeout: Duration = .seconds(10)
    /// What `connect` says about our codecs; empty announces legacy RTMP.
    package var capabilities = EnhancedCapabilities.relay
    /// Publishers only: announce the stream with releaseStream and FCPublish, as FMLE and OBS do.
    package var announcesPublish = true
    /// Players only: the buffer we claim to have, ms.
    package var bufferLength: UInt32 = 3000
    /// The program's name in `connect`.
    package var flashVer = "LNX 9,0,124,2"

    package init() {}
}

/// What the interpreter of a client session has to do.
package enum RTMPClientAction: Sendable {
    /// Write these bytes.
    case send(ByteBuffer)
    /// The publish or play runs.
    case ready
    /// A message of the stream that is played; data has lost its envelopes.
    case media(kind: MediaKind, timestamp: UInt32, payload: ByteBuffer)
    /// The server refused; its own words. `close` follows.
    case rejected(code: String, description: String)
    /// The server wants us to go to another URL (`ex.code` 302). `close` follows.
    case redirect(String)
    /// The server asks us to connect again, to the URL if there is one; it serves us until we leave.
    case reconnectRequested(tcUrl: String?, description: String?)
    /// The server says that the stream is over. The connection stays.
    case ended
    /// Close the connection once everything before is written. Nothing follows.
    case close(RTMPError)
}
