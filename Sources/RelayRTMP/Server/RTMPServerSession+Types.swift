package import NIOCore
package import RelayCore

extension RTMPServerSession {
    /// What a listener's sessions have in common.
    package struct Configuration: Sendable {
        /// What a peer may make us hold or do.
        package var limits = RTMPLimits()
        /// The chunk size we announce and write with, bytes, 128...65536. The fan-out must write with the same.
        package var chunkSize = 60_000
        /// The window we announce: peers acknowledge at least each so many bytes. Nothing depends on its coming.
        package var windowAcknowledgementSize: UInt32 = 2_500_000
        /// From the first byte's accept to the end of the handshake.
        package var handshakeTimeout: Duration = .seconds(5)
        /// From the handshake, or the end of the last stream, to a publish or play.
        package var setupTimeout: Duration = .seconds(10)
        /// A peer that was silent for so long is pinged; nil never pings.
        package var pingInterval: Duration? = .seconds(20)
        /// How long a peer that answered a ping before may take for the next one.
        package var pingTimeout: Duration = .seconds(20)
        /// What we announce to peers that announce Enhanced RTMP themselves.
        package var capabilities = EnhancedCapabilities.relay

        package init() {}
    }

    /// What the interpreter has to do, in this order. Everything the protocol itself asks for is in `send`.
    package enum Action: Sendable {
        /// Write these bytes.
        case send(ByteBuffer)
        /// A connection was made; for the log. The session has answered already.
        indirect case connect(ConnectInfo)
        /// Decide with ``acceptPublish(streamID:now:)`` or ``reject(streamID:code:status:now:)``.
        indirect case publish(PublishRequest)
        /// Decide with ``acceptPlay(streamID:now:)`` or ``reject(streamID:code:status:now:)``.
        indirect case play(PlayRequest)
        /// A message of an accepted publish. Data has lost `@setDataFrame` and AMF3 envelopes.
        case media(kind: MediaKind, timestamp: UInt32, payload: ByteBuffer, streamID: UInt32)
        /// The publisher ended the stream in the normal way.
        case unpublish(streamID: UInt32)
        /// The player stopped playing; it may play again.
        case stopPlay(streamID: UInt32)
        /// The player paused or went on; it has been told so.
        case pause(streamID: UInt32, isPaused: Bool)
        /// The player wants audio or video, or does not.
        case receive(streamID: UInt32, kind: MediaKind, isWanted: Bool)
        /// Close the connection once everything before is written. Nothing follows.
        case close(RTMPError)
    }

    /// What `connect` said.
    package struct ConnectInfo: Sendable, Equatable {
        /// Validated, without surrounding slashes and query.
        package var app: String
        /// As the client wrote it; may be empty.
        package var tcUrl: String
        /// The client program's name for itself; not validated.
        package var flashVer: String
        /// The page a browser player is on; not validated.
        package var pageUrl: String
        /// 3 when AMF3 was asked for; the answer is always AMF0.
        package var objectEncoding: Double
        /// What the client said of Enhanced RTMP.
        package var capabilities: EnhancedCapabilities
    }

    /// A publish to be decided.
    package struct PublishRequest: Sendable, Equatable {
        /// What every method and action about this stream is called with.
        package var messageStreamID: UInt32
        /// Validated.
        package var name: StreamName
        /// The queries of the name, the application and `tcUrl`, joined by `&`. Not validated: quote it wherever it goes.
        package var query: String
        /// What the encoder wants done with the stream; all kinds are live to us.
        package var kind: PublishCommand.Kind
    }

    /// A play to be decided.
    package struct PlayRequest: Sendable, Equatable {
        /// What every method and action about this stream is called with.
        package var messageStreamID: UInt32
        /// Validated.
        package var name: StreamName
        /// As in ``PublishRequest/query``.
        package var query: String
        /// As in ``PlayCommand/start``; -2000 and the like from players that send ms count as live too.
        package var start: Int?
        /// As in ``PlayCommand/duration``.
        package var duration: Int?
        /// Whether earlier plays are to be forgotten; a live relay always does.
        package var reset: Bool
        /// The player's buffer in ms, at most 10,000: a hint, 0 when unknown.
        package var bufferLength: UInt32
        /// What the player said it can take; decides whether Enhanced RTMP codecs may be sent to it.
        package var capabilities: EnhancedCapabilities
    }

    /// What the session tolerated or ignored. The chunk layer's own are in ``chunkCounters``.
    package struct Counters: Sendable, Hashable {
        /// Messages of types that mean nothing here, or empty ones.
        package var ignoredMessages: UInt32 = 0
        /// Commands that nothing is done about.
        package var unknownCommands: UInt32 = 0
        /// Audio, video or data while nothing was being published.
        package var mediaOutsideStream: UInt32 = 0
        /// Media on another message stream than the one that publishes.
        package var mediaOnOtherStream: UInt32 = 0
        /// Data messages that are not relayed: unreadable metadata, `@clearDataFrame`.
        package var droppedData: UInt32 = 0
        /// Pings and bandwidth changes beyond the rate that is answered.
        package var unansweredControl: UInt32 = 0
        /// `deleteStream` and `closeStream` for message streams that do not exist.
        package var unknownStreams: UInt32 = 0

        package init() {}
    }

    /// A message stream, from `createStream` to `deleteStream`.
    struct MessageStream: Sendable {
        /// idle → deciding → publishing or playing → idle
        enum Activity: Sendable {
            case idle
            case decidingPublish
            case decidingPlay
            case publishing
            case playing
        }

        let id: UInt32
        var activity = Activity.idle
    }
}
