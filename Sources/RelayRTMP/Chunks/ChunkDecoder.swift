package import NIOCore
package import RelayCore

/// Takes the bytes of one direction of an RTMP connection after the handshake and gives back its messages.
///
/// One per connection. The interpreter's session calls ``append(_:)`` with what was read and then ``next(now:)`` until it
/// is nil. Set Chunk Size and Abort are applied here, since they govern the very next chunk; aggregates are taken apart
/// here; everything else is returned.
///
/// Memory follows the bytes received, never a declared length; nothing is held while no message is unfinished. Chunk
/// payload is taken as it comes, so a huge announced chunk size costs nothing.
///
/// RTMP 1.0 section 5.3, with the deviations that clients in the field need:
/// - A fresh chunk stream may start with type 1 (librtmp's ping response, `42 …` on csid 2): deltas count from 0.
/// - Type 3 after a finished message starts a new one (FMLE, `c4`).
/// - Type 3 starting a message right after type 0 adds the absolute time again only if that is small, see ``repeatedAbsoluteCap``.
/// - Type 1 and 2 inside a message are taken as continuations if they do not change it.
/// - The extended timestamp of type 1 and 2 is a delta modulo 2^32.
package struct ChunkDecoder: Sendable {
    /// Chunk size before any announcement, RTMP 1.0 section 5.4.1.
    package static let initialChunkSize = 128
    /// A type 3 header that starts a message right after a type 0 one should add the type 0 timestamp again (RTMP 1.0,
    /// 5.3.1.2.4). Senders that follow it do so with the first frames of a stream, whose timestamp is at most a frame
    /// interval; others (librtmp, nginx-rtmp) mean "same time". So it is added below this many ms, which is longer than
    /// any audio frame and than a video frame at 5/s.
    package static let repeatedAbsoluteCap: UInt32 = 200
    /// A slice of the read buffer keeps the whole buffer alive. A message is sliced when it fills at least this share of
    /// it, or copied out when it is a small part of a large buffer, so that a cached frame never pins a multiple of itself.
    static let sliceShare = 4
    /// What an assembling buffer starts with at most, bytes.
    static let firstReservation = 4096

    /// What the decoder tolerated or skipped, since the connection began.
    package struct Counters: Sendable, Hashable {
        /// Chunk headers read.
        package var chunks: UInt64 = 0
        /// Fresh chunk streams that began with type 1.
        package var freshTypeOne: UInt32 = 0
        /// Messages begun by type 3 right after type 0, and not adding the absolute time again.
        package var absoluteNotRepeated: UInt32 = 0
        /// Messages begun by type 3 right after type 0, and adding it.
        package var absoluteRepeated: UInt32 = 0
        /// Continuations whose extended timestamp was left out.
        package var extendedOmitted: UInt32 = 0
        /// Continuations that repeated another extended timestamp than the message's.
        package var extendedMismatched: UInt32 = 0
        /// Abort messages for a chunk stream with nothing to abort.
        package var idleAborts: UInt32 = 0
        /// Chunk streams forgotten to make room.
        package var forgotten: UInt32 = 0
        /// Set Chunk Size and Abort without a body, parts of an aggregate that are no media.
        package var ignored: UInt32 = 0
    }

    package let limits: RTMPLimits
    /// What the decoder tolerated or skipped.
    package internal(set) var counters = Counters()
    /// The chunk size the peer writes with now.
    package internal(set) var chunkSize = ChunkDecoder.initialChunkSize

    /// Bytes not yet consumed: all of the latest read while it is worked on, at most one incomplete header between reads.
    package internal(set) var input = ByteBuffer()
    var streams: [ChunkStream] = []
    var aggregate: AggregateReader?
    /// Index in ``streams`` of the chunk whose payload is being taken, and how much of it is missing.
    var current = 0
    var chunkRemaining = 0
    var partialCount = 0
    var partialBytes = 0
    /// The earliest `begun` of the unfinished messages; nil when there is none.
    var oldestPartial: MonotonicTime?
    var evictionCursor = 0
    var budget = RateWindow()
    /// Set while the headers of this second are spent.
    var throttledUntil: MonotonicTime?
    var habit = ExtendedTimestampHabit()

    package init(limits: RTMPLimits = RTMPLimits()) { self.limits = limits }

    /// When something is to be done without input: ``next(now:)`` after the headers of a second were spent, or
    /// ``checkDeadline(now:)`` for the oldest unfinished message. The session folds it into its own deadline.
    package var nextDeadline: MonotonicTime? {
        guard let throttledUntil, let partialDeadline else { return throttledUntil ?? partialDeadline }
        return Swift.min(throttledUntil, partialDeadline)
    }

    /// When the oldest unfinished message becomes too old; nil while there is none.
    private var partialDeadline: MonotonicTime? { oldestPartial.map { $0 + limits.partialMessageAge } }

    /// The input is not worked on before ``throttledUntil``; whoever reads the socket should wait.
    package var isThrottled: Bool { throttledUntil != nil }

    /// Bytes held for unfinished messages, for tests and the admin API.
    package var bufferedBytes: Int { partialBytes &+ input.readableBytes }

    /// Adds what was read. Takes the buffer over without a copy unless the tail of an earlier read is still waiting.
    package mutating func append(_ bytes: ByteBuffer) {
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole message, or nil when more bytes, or another second, are needed.
    ///
    /// - Throws: what makes the rest of the connection unreadable or too expensive; the decoder is of no use afterwards.
    package mutating func next(now: MonotonicTime) throws(RTMPError) -> RTMPMessage? {
        while true {
            if aggregate != nil {
                if let part = try nextPart() { return part }
                continue
            }
            if chunkRemaining > 0 {
                guard input.readableBytes > 0 else { break }
                if try takePayload(), let message = try finish(current) { return message }
            } else {
                guard try takeHeader(now: now) else { break }
                if chunkRemaining == 0, let message = try finish(current) { return message }
                if let message = try takeWhole() { return message }
            }
        }
        if !isThrottled { releaseInput() }
        return nil
    }

    /// Called when ``nextDeadline`` may have passed.
    ///
    /// - Throws: ``RTMPError/partialMessageTimeout`` when a message is unfinished for too long.
    package func checkDeadline(now: MonotonicTime) throws(RTMPError) {
        if let partialDeadline, now >= partialDeadline { throw .partialMessageTimeout }
    }

    /// Gives all memory back; only the counters stay. For the end of a connection.
    mutating func reset() {
        input = ByteBuffer()
        streams = []
        aggregate = nil
        chunkRemaining = 0
        partialCount = 0
        partialBytes = 0
        oldestPartial = nil
        throttledUntil = nil
    }

    /// Drops the read buffer, and with it the memory it pins, keeping only an incomplete header.
    private mutating func releaseInput() {
        if input.readableBytes == 0 {
            input = ByteBuffer()
        } else if input.storageCapacity > 64 {
            input = ByteBuffer(bytes: input.readableBytesView)
        }
    }

    /// Memory behind unfinished messages, for tests.
    package var partialCapacity: Int { streams.reduce(0) { $0 &+ ($1.isPartial ? $1.body.storageCapacity : 0) } }
}
