import NIOCore
import RelayCore

extension RTMPServerSession {
    /// What one message asks for. Answers go to the outbox; at most one action is returned.
    mutating func handle(_ message: RTMPMessage, now: MonotonicTime) throws(RTMPError) -> Action? {
        switch message.type {
        case RTMPMessageType.audio: return media(.audio, message)
        case RTMPMessageType.video: return media(.video, message)
        case RTMPMessageType.dataAMF0, RTMPMessageType.dataAMF3: return data(message)
        case RTMPMessageType.commandAMF0, RTMPMessageType.commandAMF3:
            guard commandBudget.take(limit: configuration.limits.commandsPerSecond, now: now) else {
                throw .commandRate
            }
            guard let command = try Command(message, limits: configuration.limits.amf) else { break }
            return try handle(command, streamID: message.streamID, now: now)
        case RTMPMessageType.userControl:
            guard let event = try UserControl(message.payload) else { break }
            handle(event, now: now)
            return nil
        case RTMPMessageType.windowAcknowledgementSize:
            guard let body = try WindowAcknowledgementSize(message.payload) else { break }
            acknowledgements.announce(body.size)
            return nil
        case RTMPMessageType.setPeerBandwidth:
            guard let body = try SetPeerBandwidth(message.payload) else { break }
            handle(body, now: now)
            return nil
        case RTMPMessageType.acknowledgement:
            // Whatever the peer claims to have received: TCP knows better.
            guard try Acknowledgement(message.payload) != nil else { break }
            return nil
        default: break
        }
        counters.ignoredMessages &+= 1
        return nil
    }

    // MARK: Media

    private mutating func media(_ kind: MediaKind, _ message: RTMPMessage) -> Action? {
        guard let streamID = publishingStream(for: message.streamID) else { return nil }
        return .media(kind: kind, timestamp: message.timestamp, payload: message.payload, streamID: streamID)
    }

    private mutating func data(_ message: RTMPMessage) -> Action? {
        guard let streamID = publishingStream(for: message.streamID) else { return nil }
        guard let body = DataMessage.body(of: message, limits: configuration.limits.amf) else {
            counters.droppedData &+= 1
            return nil
        }
        return .media(kind: .data, timestamp: message.timestamp, payload: body, streamID: streamID)
    }

    /// The publish that a media message belongs to. Some encoders send media on message stream 0: with only one publish
    /// on the connection there is no doubt whose it is.
    private mutating func publishingStream(for streamID: UInt32) -> UInt32? {
        var only: UInt32?
        for stream in streams where stream.activity == .publishing {
            if stream.id == streamID { return streamID }
            guard only == nil else {
                counters.mediaOutsideStream &+= 1
                return nil
            }
            only = stream.id
        }
        if only == nil { counters.mediaOutsideStream &+= 1 } else { counters.mediaOnOtherStream &+= 1 }
        return only
    }

    // MARK: Control

    private mutating func handle(_ event: UserControl, now: MonotonicTime) {
        switch event {
        case .pingRequest(let value):
            guard takeControlReply(now) else { return }
            UserControl.pingResponse(value).encode(into: &outbox)
        case .pingResponse:
            answersPings = true
        case .setBufferLength(_, let milliseconds):
            // More than this is not a wish that a live relay can fulfil.
            bufferLength = Swift.min(milliseconds, 10_000)
        case .streamBegin, .streamEOF, .streamDry, .streamIsRecorded, .unknown:
            counters.ignoredMessages &+= 1
        }
    }

    /// The answer to a new bandwidth is our window, if that differs from the last one sent. RTMP 1.0 section 5.4.5.
    private mutating func handle(_ bandwidth: SetPeerBandwidth, now: MonotonicTime) {
        guard bandwidth.size > 0, bandwidth.limitType <= SetPeerBandwidth.dynamic else {
            counters.ignoredMessages &+= 1
            return
        }
        guard bandwidth.size != sentWindow, takeControlReply(now) else { return }
        sentWindow = bandwidth.size
        WindowAcknowledgementSize(size: bandwidth.size).encode(into: &outbox)
    }

    private mutating func takeControlReply(_ now: MonotonicTime) -> Bool {
        if controlBudget.take(limit: configuration.limits.controlRepliesPerSecond, now: now) { return true }
        counters.unansweredControl &+= 1
        return false
    }
}
