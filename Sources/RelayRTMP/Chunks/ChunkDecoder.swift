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
    private static let sliceShare = 4
    /// What an assembling buffer starts with at most, bytes.
    private static let firstReservation = 4096

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
    package private(set) var counters = Counters()
    /// The chunk size the peer writes with now.
    package private(set) var chunkSize = ChunkDecoder.initialChunkSize

    /// Bytes not yet consumed: all of the latest read while it is worked on, at most one incomplete header between reads.
    var input = ByteBuffer()
    private var streams: [ChunkStream] = []
    private var aggregate: AggregateReader?
    /// Index in ``streams`` of the chunk whose payload is being taken, and how much of it is missing.
    private var current = 0
    private var chunkRemaining = 0
    private var partialCount = 0
    private var partialBytes = 0
    /// The earliest `begun` of the unfinished messages; nil when there is none.
    private var oldestPartial: MonotonicTime?
    private var evictionCursor = 0
    private var budget = RateWindow()
    private var habit = ExtendedTimestampHabit()

    package init(limits: RTMPLimits = RTMPLimits()) { self.limits = limits }

    /// When the oldest unfinished message becomes too old; nil while there is none. The session folds it into its own deadline.
    package var nextDeadline: MonotonicTime? { oldestPartial.map { $0 + limits.partialMessageAge } }

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

    /// The next whole message, or nil when more bytes are needed.
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
        releaseInput()
        return nil
    }

    /// Called when ``nextDeadline`` may have passed.
    ///
    /// - Throws: ``RTMPError/partialMessageTimeout`` when it has.
    package func checkDeadline(now: MonotonicTime) throws(RTMPError) {
        if let deadline = nextDeadline, now >= deadline { throw .partialMessageTimeout }
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
    }

    /// Drops the read buffer, and with it the memory it pins, keeping only an incomplete header.
    private mutating func releaseInput() {
        if input.readableBytes == 0 {
            input = ByteBuffer()
        } else if input.storageCapacity > 64 {
            input = ByteBuffer(bytes: input.readableBytesView)
        }
    }
}

// MARK: - Headers

extension ChunkDecoder {
    /// Reads one chunk header if all of it is there. Afterwards `current` and `chunkRemaining` describe its payload.
    private mutating func takeHeader(now: MonotonicTime) throws(RTMPError) -> Bool {
        let start = input.readerIndex
        guard let first = input.getInteger(at: start, as: UInt8.self) else { return false }
        let format = first >> 6
        var csid = UInt32(first & 0x3F)  // bounded: 6 bits
        var offset = start &+ 1
        if csid == 0 {
            guard let low = input.getInteger(at: offset, as: UInt8.self) else { return false }
            csid = 64 &+ UInt32(low)  // bounded: widening
            offset &+= 1
        } else if csid == 1 {
            guard let wide = input.getInteger(at: offset, endianness: .little, as: UInt16.self) else { return false }
            csid = 64 &+ UInt32(wide)  // bounded: widening
            offset &+= 2
        }
        let known = index(of: csid)

        if format == 3 {
            guard let known else { throw .noPreviousChunk(csid: csid) }
            return try takeContinuation(known, payloadAt: offset, now: now)
        }
        if format == 2, known == nil { throw .noPreviousChunk(csid: csid) }

        guard let time24 = uint24(at: offset) else { return false }
        offset &+= 3
        var length: UInt32?
        var type: UInt8 = 0
        var streamID: UInt32?
        if format <= 1 {
            guard let value = uint24(at: offset), let id = input.getInteger(at: offset &+ 3, as: UInt8.self) else {
                return false
            }
            length = value
            type = id
            offset &+= 4
        }
        if format == 0 {
            guard let value = input.getInteger(at: offset, endianness: .little, as: UInt32.self) else { return false }
            streamID = value
            offset &+= 4
        }
        var field = time24
        let isExtended = time24 == 0xFF_FFFF
        if isExtended {
            guard let value = input.getInteger(at: offset, as: UInt32.self) else { return false }
            field = value
            offset &+= 4
        }
        try spend(now)
        input.moveReaderIndex(to: offset)

        if let known, streams[known].isPartial {
            guard format != 0, length ?? streams[known].length == streams[known].length,
                length == nil || type == streams[known].type
            else { throw .headerChangedInMessage(csid: csid) }
            beginChunk(known)
            return true
        }
        if format == 1, known == nil { counters.freshTypeOne &+= 1 }
        let index: Int
        if let known { index = known } else { index = try insert(csid) }
        streams[index].isExtended = isExtended
        streams[index].field = field
        streams[index].isAbsolute = format == 0
        streams[index].timestamp = format == 0 ? field : streams[index].timestamp &+ field
        if let length {
            streams[index].length = length
            streams[index].type = type
        }
        if let streamID { streams[index].streamID = streamID }
        try beginMessage(index, now: now)
        return true
    }

    /// A type 3 header: the next piece of a message, or a new message like the one before.
    private mutating func takeContinuation(
        _ index: Int, payloadAt offset: Int, now: MonotonicTime
    ) throws(RTMPError) -> Bool {
        var offset = offset
        if streams[index].isExtended {
            guard let length = extendedTimestampLength(index, at: offset) else { return false }
            offset &+= length
        }
        try spend(now)
        input.moveReaderIndex(to: offset)
        if streams[index].isPartial {
            beginChunk(index)
            return true
        }
        if streams[index].isAbsolute {
            if streams[index].field < Self.repeatedAbsoluteCap {
                streams[index].timestamp &+= streams[index].field
                counters.absoluteRepeated &+= 1
            } else {
                counters.absoluteNotRepeated &+= 1
            }
        } else {
            streams[index].timestamp &+= streams[index].field
        }
        try beginMessage(index, now: now)
        return true
    }

    /// How many bytes of repeated extended timestamp follow a type 3 header: 4, 0, or nil when more input must decide.
    private mutating func extendedTimestampLength(_ index: Int, at offset: Int) -> Int? {
        let available = Swift.min(4, input.writerIndex &- offset)
        // Either the header's field or, as some relays do, the absolute time is repeated.
        let candidates = (streams[index].field, streams[index].timestamp)
        guard available == 4, let value = input.getInteger(at: offset, as: UInt32.self) else {
            // Bytes that already differ need no fourth one: a message may end right here, with nothing after it.
            var maybe = true
            for position in 0..<Swift.max(0, available) {
                guard let byte = input.getInteger(at: offset &+ position, as: UInt8.self) else { break }
                let shift = UInt32(24 &- 8 &* position)  // bounded: position is 0...2
                let matches =
                    UInt8(truncatingIfNeeded: candidates.0 >> shift) == byte
                    || UInt8(truncatingIfNeeded: candidates.1 >> shift) == byte
                if !matches { maybe = false }
            }
            if maybe || habit.wouldConsumeMismatch { return nil }
            _ = habit.isTimestamp(looksRepeated: false)
            counters.extendedOmitted &+= 1
            return 0
        }
        let looksRepeated = value == candidates.0 || value == candidates.1
        let isTimestamp = habit.isTimestamp(looksRepeated: looksRepeated)
        if !isTimestamp {
            counters.extendedOmitted &+= 1
        } else if !looksRepeated {
            counters.extendedMismatched &+= 1
        }
        return isTimestamp ? 4 : 0
    }

    private func uint24(at offset: Int) -> UInt32? {
        guard let high = input.getInteger(at: offset, as: UInt16.self),
            let low = input.getInteger(at: offset &+ 2, as: UInt8.self)
        else { return nil }
        return UInt32(high) << 8 | UInt32(low)  // bounded: widening
    }

    private mutating func spend(_ now: MonotonicTime) throws(RTMPError) {
        counters.chunks &+= 1
        guard budget.take(limit: limits.chunkHeadersPerSecond, now: now) else { throw .decodeBudget }
    }
}

// MARK: - Messages

extension ChunkDecoder {
    private func index(of csid: UInt32) -> Int? {
        if current < streams.count, streams[current].csid == csid { return current }
        return streams.firstIndex { $0.csid == csid }
    }

    /// Makes room for a chunk stream; forgets an idle one when as many are known as may be unfinished.
    private mutating func insert(_ csid: UInt32) throws(RTMPError) -> Int {
        if streams.count < limits.partialMessages {
            streams.append(ChunkStream(csid: csid))
            return streams.count &- 1
        }
        for _ in 0..<streams.count {
            evictionCursor = (evictionCursor &+ 1) % streams.count
            if !streams[evictionCursor].isPartial {
                counters.forgotten &+= 1
                streams[evictionCursor] = ChunkStream(csid: csid)
                return evictionCursor
            }
        }
        throw .tooManyPartialMessages
    }

    private mutating func beginMessage(_ index: Int, now: MonotonicTime) throws(RTMPError) {
        let length = Int(streams[index].length)  // bounded: 24 bits
        let type = streams[index].type
        guard length <= limits.messageBytes(type: type) else { throw .messageTooLong(type: type, length: length) }
        streams[index].begun = now
        beginChunk(index)
    }

    private mutating func beginChunk(_ index: Int) {
        current = index
        chunkRemaining = Swift.min(chunkSize, streams[index].missing)
    }

    /// The fast path: a message of one chunk that is all there leaves without being assembled.
    private mutating func takeWhole() throws(RTMPError) -> RTMPMessage? {
        let length = chunkRemaining
        guard length > 0, !streams[current].isPartial, streams[current].missing == length else { return nil }
        guard let slice = input.readSlice(length: length) else { return nil }
        chunkRemaining = 0
        let payload = length &* Self.sliceShare < slice.storageCapacity ? ByteBuffer(bytes: slice.readableBytesView) : slice
        return try deliver(current, payload: payload)
    }

    /// Moves what is there of the current chunk into its message; true when the message is complete.
    private mutating func takePayload() throws(RTMPError) -> Bool {
        let count = Swift.min(chunkRemaining, input.readableBytes)
        guard let piece = input.readSlice(length: count) else { return false }
        let length = Int(streams[current].length)  // bounded: 24 bits
        if !streams[current].isPartial {
            guard partialCount < limits.partialMessages else { throw .tooManyPartialMessages }
            partialCount &+= 1
            streams[current].isPartial = true
            if oldestPartial == nil { oldestPartial = streams[current].begun }
            let capacity = Swift.min(length, Swift.max(count, Self.firstReservation))
            streams[current].body = ByteBufferAllocator().buffer(capacity: capacity)
        }
        partialBytes &+= count
        guard partialBytes <= limits.partialBytes else { throw .tooManyPartialBytes }
        streams[current].body.writeImmutableBuffer(piece)
        chunkRemaining &-= count
        return chunkRemaining == 0 && streams[current].missing == 0
    }

    /// Ends the message of a chunk stream whose every byte has come.
    private mutating func finish(_ index: Int) throws(RTMPError) -> RTMPMessage? {
        guard streams[index].missing == 0 else { return nil }
        let payload = streams[index].body
        dropPartial(index)
        return try deliver(index, payload: payload)
    }

    private mutating func dropPartial(_ index: Int) {
        guard streams[index].isPartial else { return }
        partialBytes &-= streams[index].body.readableBytes
        partialCount &-= 1
        streams[index].isPartial = false
        streams[index].body = ByteBuffer()
        guard partialCount > 0 else {
            oldestPartial = nil
            return
        }
        if streams[index].begun == oldestPartial {
            oldestPartial = streams.lazy.filter(\.isPartial).map(\.begun).min()
        }
    }

    /// Applies what governs the chunk layer itself, opens aggregates, and hands everything else out.
    private mutating func deliver(_ index: Int, payload: ByteBuffer) throws(RTMPError) -> RTMPMessage? {
        let message = RTMPMessage(
            type: streams[index].type, timestamp: streams[index].timestamp, streamID: streams[index].streamID,
            payload: payload)
        switch message.type {
        case RTMPMessageType.setChunkSize:
            guard let body = try SetChunkSize(payload) else { break }
            guard body.size & 0x8000_0000 == 0, body.size >= limits.minimumChunkSize else {
                throw .chunkSizeRefused(body.size)
            }
            chunkSize = Int(body.size)  // bounded: 31 bits
            return nil
        case RTMPMessageType.abort:
            guard let body = try Abort(payload) else { break }
            if let target = self.index(of: body.csid), streams[target].isPartial {
                dropPartial(target)
            } else {
                counters.idleAborts &+= 1
            }
            return nil
        case RTMPMessageType.aggregate:
            aggregate = AggregateReader(message)
            return nil
        default:
            return message
        }
        counters.ignored &+= 1
        return nil
    }

    private mutating func nextPart() throws(RTMPError) -> RTMPMessage? {
        guard let part = try aggregate?.next() else {
            aggregate = nil
            return nil
        }
        switch part.type {
        case RTMPMessageType.audio, RTMPMessageType.video, RTMPMessageType.dataAMF0, RTMPMessageType.dataAMF3:
            let length = part.payload.readableBytes
            guard length <= limits.messageBytes(type: part.type) else {
                throw .messageTooLong(type: part.type, length: length)
            }
            return part
        case RTMPMessageType.aggregate:
            throw .badAggregate
        default:
            counters.ignored &+= 1
            return nil
        }
    }
}

extension ChunkDecoder {
    /// Memory behind unfinished messages, for tests.
    var partialCapacity: Int { streams.reduce(0) { $0 &+ ($1.isPartial ? $1.body.storageCapacity : 0) } }
}
