import NIOCore
import RelayCore

extension ChunkDecoder {
    func index(of csid: UInt32) -> Int? {
        if current < streams.count, streams[current].csid == csid { return current }
        return streams.firstIndex { $0.csid == csid }
    }

    /// Makes room for a chunk stream; forgets an idle one when as many are known as may be unfinished.
    mutating func insert(_ csid: UInt32) throws(RTMPError) -> Int {
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

    mutating func beginMessage(_ index: Int, now: MonotonicTime) throws(RTMPError) {
        let length = Int(streams[index].length)  // bounded: 24 bits
        let type = streams[index].type
        guard length <= limits.messageBytes(type: type) else { throw .messageTooLong(type: type, length: length) }
        streams[index].begun = now
        beginChunk(index)
    }

    mutating func beginChunk(_ index: Int) {
        current = index
        chunkRemaining = Swift.min(chunkSize, streams[index].missing)
    }

    /// The fast path: a message of one chunk that is all there leaves without being assembled.
    mutating func takeWhole() throws(RTMPError) -> RTMPMessage? {
        let length = chunkRemaining
        guard length > 0, !streams[current].isPartial, streams[current].missing == length else { return nil }
        guard let slice = input.readSlice(length: length) else { return nil }
        chunkRemaining = 0
        let payload =
            length &* Self.sliceShare < slice.storageCapacity ? ByteBuffer(bytes: slice.readableBytesView) : slice
        return try deliver(current, payload: payload)
    }

    /// Moves what is there of the current chunk into its message; true when the message is complete.
    mutating func takePayload() throws(RTMPError) -> Bool {
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
    mutating func finish(_ index: Int) throws(RTMPError) -> RTMPMessage? {
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

    mutating func nextPart() throws(RTMPError) -> RTMPMessage? {
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
