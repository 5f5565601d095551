package import NIOCore

/// Message types 20 and 17: a remote call or the answer to one. RTMP 1.0 section 7.1.1.
///
/// Type 17 only adds a format byte of 0 in front of AMF0; a peer that leaves the byte out is understood too.
package struct Command: Sendable, Equatable {
    package var name: String
    /// 0 asks for no answer. Kept bit for bit, so that an answer carries whatever the peer chose.
    package var transactionID: Double
    /// The command object; `null` in most commands.
    package var object: AMF0Value
    package var arguments: [AMF0Value]

    package init(_ name: String, transactionID: Double = 0, object: AMF0Value = .null, arguments: [AMF0Value] = []) {
        self.name = name
        self.transactionID = transactionID
        self.object = object
        self.arguments = arguments
    }

    /// Decodes a message of type 20 or 17; nil when its body is empty.
    ///
    /// - Throws: ``RTMPError/badAMF(_:)``; also when the first value is no string.
    package init?(_ message: RTMPMessage, limits: AMF0.Limits = AMF0.Limits()) throws(RTMPError) {
        var payload = message.payload
        if message.type == RTMPMessageType.commandAMF3, payload.getInteger(at: payload.readerIndex, as: UInt8.self) == 0
        {
            payload.moveReaderIndex(forwardBy: 1)
        }
        guard payload.readableBytes > 0 else { return nil }
        let values: [AMF0Value]
        do {
            values = try AMF0.decode(payload, limits: limits)
        } catch {
            throw .badAMF(error)
        }
        guard let name = values.first?.stringValue else { throw .badAMF(.notACommand) }
        self.name = name
        transactionID = 0
        if case .number(let number)? = values.dropFirst().first { transactionID = number }
        object = values.dropFirst(2).first ?? .null
        arguments = Array(values.dropFirst(3))
    }

    /// Whether the caller waits for `_result` or `_error`. NaN counts as an id like any other.
    package var wantsReply: Bool { transactionID != 0 }

    /// The argument at a position, if it is there.
    package func argument(_ index: Int) -> AMF0Value? { arguments.dropFirst(index).first }

    /// Writes the whole message, chunk headers included.
    package func encode(streamID: UInt32, chunkSize: Int, into buffer: inout ByteBuffer) {
        var payload = ByteBuffer()
        AMF0.encode([.string(name), .number(transactionID), object], into: &payload)
        AMF0.encode(arguments, into: &payload)
        ChunkEncoder.write(
            type: RTMPMessageType.commandAMF0, timestamp: 0, streamID: streamID, csid: ChunkStreamID.command,
            payload: payload,
            chunkSize: chunkSize, into: &buffer)
    }

    /// `_result` to a call.
    package static func result(_ transactionID: Double, object: AMF0Value = .null, _ arguments: AMF0Value...) -> Command
    {
        Command("_result", transactionID: transactionID, object: object, arguments: arguments)
    }

    /// `_error` to a call.
    package static func error(_ transactionID: Double, _ status: Status) -> Command {
        Command("_error", transactionID: transactionID, arguments: [.object(status.object)])
    }
}
