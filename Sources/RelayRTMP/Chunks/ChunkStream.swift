import NIOCore
import RelayCore

/// What the decoder remembers of one chunk stream: the last message header, and the message that is being assembled.
struct ChunkStream: Sendable {
    /// The chunk stream id by value; the 1-, 2- and 3-byte forms of one value are the same stream.
    var csid: UInt32
    /// Absolute timestamp of the latest message, modulo 2^32.
    var timestamp: UInt32 = 0
    /// The timestamp field of the latest header: a delta after types 1 and 2, an absolute time after type 0.
    var field: UInt32 = 0
    /// Message length of the latest header that carried one.
    var length: UInt32 = 0
    var streamID: UInt32 = 0
    var type: UInt8 = 0
    /// The latest header had an extended timestamp, so type 3 chunks may repeat it.
    var isExtended = false
    /// The latest header was type 0: ``field`` is not a delta.
    var isAbsolute = false
    /// A message is being assembled in ``body``.
    var isPartial = false
    /// When the message being assembled was begun.
    var begun: MonotonicTime = .zero
    /// What has come of the message so far.
    var body = ByteBuffer()

    /// Bytes of the message that are still to come.
    var missing: Int { Int(length) &- body.readableBytes }  // bounded: 24-bit length
}

/// Whether a peer repeats the extended timestamp on type 3 chunks, learnt from what it sends.
///
/// The specification demands the repetition (RTMP 1.0, 5.3.1.3), old librtmp and old FFmpeg omit it, and nothing announces
/// which. So the four bytes are compared with the value they would repeat; and since payload may start with the same four
/// bytes by chance, or a repeating peer may write another value, what the peer did before decides against one observation.
struct ExtendedTimestampHabit: Sendable, Equatable {
    /// How sure one must be to overrule an observation, and the highest certainty kept.
    private static let certain: Int8 = 2
    private static let ceiling: Int8 = 3
    /// Above zero: it repeats; below: it omits.
    private var score: Int8 = 0

    /// The peer repeats for certain, so even other bytes are a repetition.
    var wouldConsumeMismatch: Bool { score >= Self.certain }

    /// What the four bytes are, given whether they look like a repetition.
    mutating func isTimestamp(looksRepeated: Bool) -> Bool {
        let decision = looksRepeated ? score > -Self.certain : score >= Self.certain
        if looksRepeated {
            score = Swift.min(Self.ceiling, score &+ 1)
        } else {
            score = Swift.max(-Self.ceiling, score &- 1)
        }
        return decision
    }
}
