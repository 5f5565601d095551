import NIOCore

/// Takes an aggregate message (type 22, RTMP 1.0 section 7.1.6) apart: parts with FLV tag headers and back pointers.
///
/// The time of a part is the aggregate's time plus its distance from the first part. Back pointers are not looked at:
/// they only repeat what the headers say, and encoders get them wrong.
struct AggregateReader: Sendable {
    /// FLV tag header, FLV 10.1 annex E.4.1.
    private static let headerLength = 11
    private static let backPointerLength = 4

    private var rest: ByteBuffer
    private let timestamp: UInt32
    private let streamID: UInt32
    private var firstTime: UInt32?

    init(_ message: RTMPMessage) {
        rest = message.payload
        timestamp = message.timestamp
        streamID = message.streamID
    }

    /// The next part, or nil at the end. A tail too short for a header is padding.
    ///
    /// - Throws: ``RTMPError/badAggregate`` when a part is longer than what is left.
    mutating func next() throws(RTMPError) -> RTMPMessage? {
        guard rest.readableBytes >= Self.headerLength,
            let typeAndLength = rest.readInteger(as: UInt32.self),
            let time = rest.readInteger(as: UInt32.self),
            rest.readSlice(length: 3) != nil  // The part's own stream id; always 0.
        else { return nil }
        let length = Int(typeAndLength & 0xFF_FFFF)  // bounded: 24 bits
        guard let payload = rest.readSlice(length: length) else { throw .badAggregate }
        _ = rest.readSlice(length: Swift.min(Self.backPointerLength, rest.readableBytes))
        // FLV keeps bits 24...31 of the time behind the other 24.
        let partTime = time >> 8 | (time & 0xFF) << 24
        let first = firstTime ?? partTime
        firstTime = first
        return RTMPMessage(
            type: UInt8(truncatingIfNeeded: typeAndLength >> 24) & 0x1F, timestamp: timestamp &+ (partTime &- first),
            streamID: streamID, payload: payload)
    }
}
