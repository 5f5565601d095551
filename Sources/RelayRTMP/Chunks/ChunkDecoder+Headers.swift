import NIOCore
import RelayCore

extension ChunkDecoder {
    /// Reads one chunk header if all of it is there. Afterwards `current` and `chunkRemaining` describe its payload.
    mutating func takeHeader(now: MonotonicTime) throws(RTMPError) -> Bool {
        guard hasBudget(now) else { return false }
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
        countHeader()
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
        countHeader()
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

    private mutating func countHeader() {
        counters.chunks &+= 1
        budget.spend()
    }

    /// Whether another header may be decoded in this second; otherwise says when to go on.
    private mutating func hasBudget(_ now: MonotonicTime) -> Bool {
        // An incomplete header must not cost one, or a trickle of single bytes would be throttled.
        guard input.readableBytes > 0, !budget.hasRoom(limit: limits.chunkHeadersPerSecond, now: now) else {
            throttledUntil = nil
            return true
        }
        throttledUntil = budget.end
        return false
    }

    private func uint24(at offset: Int) -> UInt32? {
        guard let high = input.getInteger(at: offset, as: UInt16.self),
            let low = input.getInteger(at: offset &+ 2, as: UInt8.self)
        else { return nil }
        return UInt32(high) << 8 | UInt32(low)  // bounded: widening
    }
}
