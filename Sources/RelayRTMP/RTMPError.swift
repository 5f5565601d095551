package import RelayCore

/// Everything that ends an RTMP connection from our side: what the pure machines throw, and what an interpreter finds in
/// a `.close` action. Closed, so that every case is handled where it matters; ``code`` is its stable public face.
package enum RTMPError: Error, Hashable, Sendable {
    // MARK: Handshake
    /// The first byte was a TLS record (0x16).
    case tlsOnPlainPort
    /// The first byte was the start of an HTTP method.
    case httpOnRTMPPort
    /// The first byte asked for one of the RTMPE versions.
    case encryptedRTMP
    /// The first byte is no RTMP version at all.
    case badHandshakeVersion(UInt8)
    /// The handshake was not finished by its deadline.
    case handshakeTimeout

    // MARK: Chunk layer
    /// A chunk refers to an earlier header of its chunk stream, and there is none.
    case noPreviousChunk(csid: UInt32)
    /// A header inside a message declared another length or type than the message began with.
    case headerChangedInMessage(csid: UInt32)
    /// Set Chunk Size with the reserved bit, or below the floor.
    case chunkSizeRefused(UInt32)
    /// A message is declared longer than the cap of its type.
    case messageTooLong(type: UInt8, length: Int)
    /// One more message was begun than may be unfinished at a time.
    case tooManyPartialMessages
    /// The unfinished messages of the connection hold more bytes than allowed.
    case tooManyPartialBytes
    /// A message was begun and not finished in time.
    case partialMessageTimeout
    /// More chunk headers came than the decoder will spend time on, for longer than the input could wait.
    case decodeBudget
    /// A control message is shorter than its fields.
    case truncatedControl(type: UInt8)
    /// An aggregate message holds another one, or a part longer than itself.
    case badAggregate
    /// More input came while a publish or play was being decided than is kept.
    case inputOverflow

    // MARK: Commands
    /// An AMF value that cannot be read or is beyond its limits.
    case badAMF(AMF0Error)
    /// A command in the wrong order: before connect, a second connect, publish on a busy message stream.
    case commandOrder
    /// More commands in a second than allowed.
    case commandRate
    /// The application or stream name is not allowed.
    case badName(StreamNameError)
    /// Neither publish nor play was accepted in time.
    case setupTimeout
    /// The peer answered pings before and does not any more.
    case pingTimeout

    // MARK: Decisions
    /// The interpreter refused or ended the stream with this code.
    case refused(RelayCode)
    /// The server we are a client of refused; the text is its own.
    case peerRefused
    /// The server we are a client of answered something that makes no sense at this point.
    case unexpectedReply

    /// The stable code for the log, the metric label and the answer to the peer.
    package var code: RelayCode {
        switch self {
        case .tlsOnPlainPort: .tlsOnPlainPort
        case .httpOnRTMPPort: .httpOnRTMPPort
        case .encryptedRTMP: .encryptedRTMP
        case .badHandshakeVersion: .badHandshake
        case .handshakeTimeout: .handshakeTimeout
        case .chunkSizeRefused: .chunkSizeRefused
        case .messageTooLong: .messageTooLong
        case .tooManyPartialMessages, .tooManyPartialBytes, .partialMessageTimeout: .tooManyChunkStreams
        case .decodeBudget: .decodeBudget
        case .noPreviousChunk, .headerChangedInMessage, .truncatedControl, .badAggregate, .inputOverflow: .chunkProtocol
        case .badAMF: .badAMF
        case .commandOrder, .unexpectedReply: .commandOrder
        case .commandRate: .commandRate
        case .badName: .badStreamName
        case .setupTimeout: .setupTimeout
        case .pingTimeout: .pingTimeout
        case .refused(let code): code
        case .peerRefused: .peerRefused
        }
    }
}

extension RTMPError: CustomStringConvertible {
    /// What happened, for the log; never repeats bytes or names that the peer chose.
    package var description: String {
        switch self {
        case .badHandshakeVersion(let byte): "\(code): \(code.message) First byte \(byte)."
        case .noPreviousChunk(let csid): "\(code): \(code.message) Chunk stream \(csid) starts without a full header."
        case .headerChangedInMessage(let csid):
            "\(code): \(code.message) Chunk stream \(csid) changed its header in a message."
        case .chunkSizeRefused(let size): "\(code): \(code.message) It was \(size)."
        case .messageTooLong(let type, let length): "\(code): \(code.message) Type \(type), \(length) bytes."
        case .truncatedControl(let type): "\(code): \(code.message) Control message \(type) is too short."
        case .badAMF(let error): "\(code): \(code.message) \(error)."
        case .badName(let error): "\(code): \(error)."
        default: "\(code): \(code.message)"
        }
    }
}
