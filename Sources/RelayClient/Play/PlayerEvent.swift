package import NIOCore
package import RelayCore

/// What happens on a play, in order. `closed` comes exactly once, last.
package enum PlayerEvent: Sendable {
    /// The server has accepted the play, at this instant.
    case ready(at: MonotonicTime)
    case media(ReceivedMedia)
    /// The server says that the stream is over; the connection may stay.
    case ended
    /// The server asks the player to connect again, to this URL if there is one.
    case reconnectRequested(String?)
    /// The connection is gone: nil after ``StreamPlayer/close()`` and after an end that the server announced or, over
    /// HTTP, that is the end of the answer.
    case closed(ClientError?)
}

/// One message or tag, as it came.
package struct ReceivedMedia: Sendable, Equatable {
    package var kind: MediaKind
    /// As sent: ms modulo 2^32.
    package var timestamp: UInt32
    /// RTMP message payload, which is the FLV tag body.
    package var payload: ByteBuffer
    /// When its last byte was read from the socket.
    package var receivedAt: MonotonicTime

    package init(kind: MediaKind, timestamp: UInt32, payload: ByteBuffer, receivedAt: MonotonicTime) {
        self.kind = kind
        self.timestamp = timestamp
        self.payload = payload
        self.receivedAt = receivedAt
    }
}
