package import NIOCore

/// Message type 4: events about streams and the connection. RTMP 1.0 section 7.1.7.
package enum UserControl: Sendable, Hashable {
    case streamBegin(streamID: UInt32)
    case streamEOF(streamID: UInt32)
    case streamDry(streamID: UInt32)
    /// The player's buffer length in ms: a hint.
    case setBufferLength(streamID: UInt32, milliseconds: UInt32)
    case streamIsRecorded(streamID: UInt32)
    case pingRequest(UInt32)
    case pingResponse(UInt32)
    /// Events 26, 31, 32 of FMS and whatever else: to be ignored, never an error.
    case unknown(UInt16)

    /// Decodes a body; nil when it is empty.
    ///
    /// - Throws: ``RTMPError/truncatedControl(type:)`` when a known event is shorter than its fields.
    package init?(_ payload: ByteBuffer) throws(RTMPError) {
        guard payload.readableBytes > 0 else { return nil }
        var body = payload
        guard let event = body.readInteger(as: UInt16.self) else {
            throw .truncatedControl(type: RTMPMessageType.userControl)
        }
        guard Self.isKnown(event) else {
            self = .unknown(event)
            return
        }
        guard let first = body.readInteger(as: UInt32.self) else {
            throw .truncatedControl(type: RTMPMessageType.userControl)
        }
        switch event {
        case 0: self = .streamBegin(streamID: first)
        case 1: self = .streamEOF(streamID: first)
        case 2: self = .streamDry(streamID: first)
        case 3:
            guard let length = body.readInteger(as: UInt32.self) else {
                throw .truncatedControl(type: RTMPMessageType.userControl)
            }
            self = .setBufferLength(streamID: first, milliseconds: length)
        case 4: self = .streamIsRecorded(streamID: first)
        case 6: self = .pingRequest(first)
        case 7: self = .pingResponse(first)
        default: self = .unknown(event)
        }
    }

    private static func isKnown(_ event: UInt16) -> Bool { event <= 7 && event != 5 }

    /// Writes the whole message, chunk header included.
    package func encode(into buffer: inout ByteBuffer) {
        ChunkEncoder.writeControl(type: RTMPMessageType.userControl, into: &buffer) { body in
            switch self {
            case .streamBegin(let id): body.writeMultipleIntegers(0 as UInt16, id)
            case .streamEOF(let id): body.writeMultipleIntegers(1 as UInt16, id)
            case .streamDry(let id): body.writeMultipleIntegers(2 as UInt16, id)
            case .setBufferLength(let id, let length): body.writeMultipleIntegers(3 as UInt16, id, length)
            case .streamIsRecorded(let id): body.writeMultipleIntegers(4 as UInt16, id)
            case .pingRequest(let value): body.writeMultipleIntegers(6 as UInt16, value)
            case .pingResponse(let value): body.writeMultipleIntegers(7 as UInt16, value)
            case .unknown(let event): body.writeInteger(event)
            }
        }
    }
}
