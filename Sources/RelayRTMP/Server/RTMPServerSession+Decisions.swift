package import RelayCore

extension RTMPServerSession {
    /// Tells the encoder that it may send; media actions follow. Ignored unless that publish waits for a decision.
    package mutating func acceptPublish(streamID: UInt32, now: MonotonicTime) {
        guard let index = decided(streamID, .decidingPublish) else { return }
        streams[index].activity = .publishing
        setupDeadline = nil
        UserControl.streamBegin(streamID: streamID).encode(into: &outbox)
        if speaksFCPublish { fcStatus("onFCPublish", .publishStart, "Publishing.") }
        status(.publishStart, "Publishing.", streamID: streamID)
    }

    /// Tells the player that media follows; the interpreter writes it behind what the session sends now. Ignored unless
    /// that play waits for a decision.
    ///
    /// The sequence is what Flash-class players wait for: StreamBegin, Play.Reset, Play.Start, Data.Start and the
    /// permission to read samples.
    package mutating func acceptPlay(streamID: UInt32, now: MonotonicTime) {
        guard let index = decided(streamID, .decidingPlay) else { return }
        streams[index].activity = .playing
        setupDeadline = nil
        UserControl.streamBegin(streamID: streamID).encode(into: &outbox)
        status(.playReset, "Playing and resetting.", streamID: streamID)
        status(.playStart, "Started playing.", streamID: streamID)
        let dataStart = AMF0Value.object(["code": .string(StatusCode.dataStart.rawValue)])
        DataMessage.encode(
            [.string("onStatus"), dataStart], streamID: streamID, chunkSize: writeChunkSize, into: &outbox)
        DataMessage.encode(
            [.string("|RtmpSampleAccess"), .boolean(true), .boolean(true)], streamID: streamID,
            chunkSize: writeChunkSize,
            into: &outbox)
    }

    /// Refuses the publish or play that waits for a decision, tells why, and closes. Ignored when nothing waits.
    ///
    /// - Parameters:
    ///   - code: for the log, and for the person who reads the client's message.
    ///   - status: what the client's program looks at, e.g. ``StatusCode/publishBadName``.
    package mutating func reject(streamID: UInt32, code: RelayCode, status: StatusCode, now: MonotonicTime) {
        guard let index = decided(streamID, .decidingPublish) ?? decided(streamID, .decidingPlay) else { return }
        streams[index].activity = .idle
        self.status(status, level: .error, "\(code): \(code.message)", streamID: streamID)
        fail(.refused(code))
    }

    /// Tells a player that a publisher appeared on the stream it plays (it was accepted before there was one).
    package mutating func notifyPublish(streamID: UInt32) {
        guard isActive(streamID, .playing) else { return }
        status(.playPublishNotify, "The stream is published now.", streamID: streamID)
    }

    /// Tells a player that its stream is over. The connection stays, for the setup timeout, so that the player can play
    /// something else. Ignored unless the message stream plays.
    package mutating func endPlay(streamID: UInt32, code: RelayCode = .streamEnded, now: MonotonicTime) {
        guard let index = streams.firstIndex(where: { $0.id == streamID && $0.activity == .playing }) else { return }
        streams[index].activity = .idle
        rearmSetup(now)
        let text = "\(code): \(code.message)"
        status(.playUnpublishNotify, text, streamID: streamID)
        UserControl.streamEOF(streamID: streamID).encode(into: &outbox)
        status(.playStop, text, streamID: streamID)
    }

    /// Takes the stream away from its publisher (kicked, taken over, draining), tells why, and closes. Ignored unless the
    /// message stream publishes.
    package mutating func endPublish(
        streamID: UInt32, code: RelayCode, status: StatusCode = .publishBadName, now: MonotonicTime
    ) {
        guard let index = streams.firstIndex(where: { $0.id == streamID && $0.activity == .publishing }) else { return }
        streams[index].activity = .idle
        self.status(status, level: .error, "\(code): \(code.message)", streamID: streamID)
        fail(.refused(code))
    }

    /// Ends the connection for a reason of the interpreter's, telling each stream of it in its own way.
    package mutating func shutDown(code: RelayCode, now: MonotonicTime) {
        guard !isClosed else { return }
        let text = "\(code): \(code.message)"
        for stream in streams {
            switch stream.activity {
            case .idle: break
            case .decidingPublish, .publishing: status(.publishFailed, level: .error, text, streamID: stream.id)
            case .decidingPlay: status(.playFailed, level: .error, text, streamID: stream.id)
            case .playing: endPlay(streamID: stream.id, code: code, now: now)
            }
        }
        fail(.refused(code))
    }

    /// Asks the client to connect again, to `tcUrl` if that is given; it is served until it leaves. Enhanced RTMP v2,
    /// "Reconnect Request".
    ///
    /// - Returns: false when the client did not announce that it understands this; nothing is sent then.
    package mutating func reconnectRequest(tcUrl: String? = nil, description: String? = nil) -> Bool {
        guard !isClosed, app != nil, capabilities.extensions.contains(.reconnect) else { return false }
        var information: AMF0Object = [
            "level": .string(Status.Level.status.rawValue), "code": .string(StatusCode.reconnectRequest.rawValue),
        ]
        if let tcUrl { information["tcUrl"] = .string(tcUrl) }
        if let description { information["description"] = .string(description) }
        send(Command("onStatus", arguments: [.object(information)]))
        return true
    }

    private mutating func decided(_ streamID: UInt32, _ activity: MessageStream.Activity) -> Int? {
        guard !isClosed, let index = streams.firstIndex(where: { $0.id == streamID && $0.activity == activity }) else {
            return nil
        }
        isDeciding = false
        return index
    }

    private func isActive(_ streamID: UInt32, _ activity: MessageStream.Activity) -> Bool {
        streams.contains { $0.id == streamID && $0.activity == activity }
    }
}
