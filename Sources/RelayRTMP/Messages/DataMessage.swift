package import NIOCore

/// Message types 18 and 15: metadata and script data. RTMP 1.0 section 7.1.2.
package enum DataMessage {
    private static let setDataFrame = AMF0.encode([.string("@setDataFrame")])
    private static let clearDataFrame = AMF0.encode([.string("@clearDataFrame")])
    private static let sampleAccess = AMF0.encode([.string("|RtmpSampleAccess")])
    private static let status = AMF0.encode([.string("onStatus")])
    private static let metadata = AMF0.encode([.string("onMetaData")])

    /// The AMF0 that players and FLV files get: without the format byte of type 15 and without `@setDataFrame`, which is
    /// an instruction to the server. A slice of the message unless something in it had to be repaired.
    ///
    /// Fields of `onMetaData` that are NaN or infinite are left out, since players turn them into sizes and rates.
    ///
    /// - Returns: nil when nothing is to be relayed: an empty message, `@clearDataFrame`, unreadable metadata.
    package static func body(of message: RTMPMessage, limits: AMF0.Limits = AMF0.Limits()) -> ByteBuffer? {
        var payload = message.payload
        if message.type == RTMPMessageType.dataAMF3, payload.getInteger(at: payload.readerIndex, as: UInt8.self) == 0 {
            payload.moveReaderIndex(forwardBy: 1)
        }
        if starts(payload, with: setDataFrame) { payload.moveReaderIndex(forwardBy: setDataFrame.readableBytes) }
        guard payload.readableBytes > 0, !starts(payload, with: clearDataFrame) else { return nil }
        guard starts(payload, with: metadata) else { return payload }
        guard var values = try? AMF0.decode(payload, limits: limits) else { return nil }
        guard values.contains(where: hasUnusableNumber) else { return payload }
        values = values.map(repaired)
        return AMF0.encode(values)
    }

    /// Whether AMF0 data is `onMetaData`.
    package static func isMetadata(_ payload: ByteBuffer) -> Bool { starts(payload, with: metadata) }

    /// Whether AMF0 data is what a server says to a player about the play itself, and no part of the stream.
    static func isNoticeToPlayer(_ payload: ByteBuffer) -> Bool {
        starts(payload, with: sampleAccess) || starts(payload, with: status)
    }

    private static func starts(_ payload: ByteBuffer, with prefix: ByteBuffer) -> Bool {
        payload.getSlice(at: payload.readerIndex, length: prefix.readableBytes) == prefix
    }

    private static func hasUnusableNumber(_ value: AMF0Value) -> Bool {
        value.objectValue?.properties.contains { isUnusable($0.value) } ?? false
    }

    private static func isUnusable(_ value: AMF0Value) -> Bool {
        if case .number(let number) = value { !number.isFinite } else { false }
    }

    private static func repaired(_ value: AMF0Value) -> AMF0Value {
        switch value {
        case .object(let object): .object(AMF0Object(object.properties.filter { !isUnusable($0.value) }))
        case .ecmaArray(let object): .ecmaArray(AMF0Object(object.properties.filter { !isUnusable($0.value) }))
        default: value
        }
    }

    /// Writes a data message, chunk headers included.
    package static func encode(
        _ values: [AMF0Value], streamID: UInt32, chunkSize: Int, into buffer: inout ByteBuffer
    ) {
        ChunkEncoder.write(
            type: RTMPMessageType.dataAMF0, timestamp: 0, streamID: streamID, csid: ChunkStreamID.data,
            payload: AMF0.encode(values), chunkSize: chunkSize, into: &buffer)
    }
}
