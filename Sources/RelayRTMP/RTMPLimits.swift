/// What one RTMP connection may make us hold or do. Every value is a default of the configuration; the reason stands
/// with each, and exceeding one ends the connection with the ``RTMPError`` named there.
package struct RTMPLimits: Sendable, Hashable {
    /// Longest audio message, bytes. Half a second of 8-channel PCM fits. ``RTMPError/messageTooLong(type:length:)``.
    package var audioMessageBytes: Int = 256 << 10
    /// Longest video or aggregate message, bytes: an intra frame of 8K at a high rate. ``RTMPError/messageTooLong(type:length:)``.
    package var videoMessageBytes: Int = 8 << 20
    /// Longest message of any other type, bytes. ``RTMPError/messageTooLong(type:length:)``.
    package var commandMessageBytes: Int = 64 << 10
    /// Messages that may be unfinished at once. ``RTMPError/tooManyPartialMessages``. As many chunk streams are
    /// remembered; with more, the idle ones are forgotten first.
    package var partialMessages: Int = 64
    /// Bytes that unfinished messages may hold together: one video message and some audio. ``RTMPError/tooManyPartialBytes``.
    package var partialBytes: Int = 9 << 20
    /// How long a message may stay unfinished. ``RTMPError/partialMessageTimeout``.
    package var partialMessageAge: Duration = .seconds(10)
    /// Smallest chunk size a peer may announce: below it, headers cost more than payload. ``RTMPError/chunkSizeRefused(_:)``.
    package var minimumChunkSize: UInt32 = 128
    /// Chunk headers decoded in a second; 67 Mb/s at the smallest chunk size. Beyond it the rest waits for the next second;
    /// ``RTMPError/decodeBudget`` when more than ``waitingInputBytes`` wait.
    package var chunkHeadersPerSecond: UInt32 = 65_536
    /// Command messages taken in a second. ``RTMPError/commandRate``.
    package var commandsPerSecond: UInt32 = 100
    /// Pings and bandwidth changes answered in a second; more are ignored.
    package var controlRepliesPerSecond: UInt32 = 10
    /// Message streams of one connection; `createStream` beyond it is answered with `_error`.
    package var messageStreams: Int = 32
    /// Bytes kept while a publish or play is being decided, or the decoder is throttled. ``RTMPError/inputOverflow`` and
    /// ``RTMPError/decodeBudget``.
    package var waitingInputBytes: Int = 9 << 20
    /// What an AMF value may hold.
    package var amf = AMF0.Limits()

    /// The defaults.
    package init() {}

    /// The longest payload a message of `type` may declare, bytes.
    func messageBytes(type: UInt8) -> Int {
        switch type {
        case RTMPMessageType.audio: audioMessageBytes
        case RTMPMessageType.video, RTMPMessageType.aggregate: videoMessageBytes
        default: commandMessageBytes
        }
    }
}
