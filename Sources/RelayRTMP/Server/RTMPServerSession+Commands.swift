import NIOCore
import RelayCore

extension RTMPServerSession {
    mutating func handle(
        _ command: Command, streamID: UInt32, now: MonotonicTime
    ) throws(RTMPError) -> Action? {
        switch command.name {
        case "connect": return try connect(command)
        case "createStream": try createStream(command, streamID: streamID)
        case "publish": return try publish(command, streamID: streamID)
        case "play": return try play(command, streamID: streamID, now: now)
        case "releaseStream": acknowledge(command, streamID: streamID)
        case "FCPublish":
            speaksFCPublish = true
            acknowledge(command, streamID: streamID)
        case "FCUnpublish": return fcUnpublish(command, streamID: streamID, now: now)
        case "closeStream": return closeStream(streamID, now: now)
        case "deleteStream": return deleteStream(command, now: now)
        case "pause", "pauseRaw": return pause(command, streamID: streamID)
        case "receiveAudio": return receive(.audio, command, streamID: streamID)
        case "receiveVideo": return receive(.video, command, streamID: streamID)
        case "FCSubscribe": fcSubscribe(command, streamID: streamID)
        case "getStreamLength": reply(.result(command.transactionID, .number(0)), to: command, streamID: streamID)
        case "_checkbw", "checkBandwidth", "onBWDone", "seek", "play2":
            // `seek` and `play2` make no sense live, and an error status would end some players.
            acknowledge(command, streamID: streamID)
        case "_result", "_error", "onStatus": break
        default:
            counters.unknownCommands &+= 1
            acknowledge(command, streamID: streamID)
        }
        return nil
    }

    // MARK: Connection

    private mutating func connect(_ command: Command) throws(RTMPError) -> Action? {
        guard app == nil else { throw .commandOrder }
        let connect = ConnectCommand(command)
        let (tcPath, tcQuery) = StreamAddress.split(connect.tcUrl)
        let (appPath, appQuery) = StreamAddress.split(connect.app)
        let app: String
        do {
            // Without `app`, `tcUrl` still says it.
            app = try StreamAddress.application(appPath.isEmpty ? RTMPURL(tcPath)?.path ?? "" : appPath)
        } catch {
            reject(command, error)
            throw .badName(error)
        }
        self.app = app
        connectionQuery = StreamAddress.merge([appQuery, tcQuery])
        capabilities = connect.capabilities

        sentWindow = configuration.windowAcknowledgementSize
        WindowAcknowledgementSize(size: sentWindow).encode(into: &outbox)
        SetPeerBandwidth(size: sentWindow).encode(into: &outbox)
        SetChunkSize(size: UInt32(clamping: configuration.chunkSize)).encode(into: &outbox)
        writeChunkSize = configuration.chunkSize

        var information = Status(.connectSuccess, description: "Connection succeeded.").object
        information["objectEncoding"] = .number(0)
        var properties: AMF0Object = [
            "fmsVer": .string("FMS/3,5,7,7009"), "capabilities": .number(31), "mode": .number(1),
        ]
        if !connect.capabilities.isLegacy {
            configuration.capabilities.write(into: &information)
            configuration.capabilities.write(into: &properties)
        }
        send(.result(command.transactionID, object: .object(properties), .object(information)))
        send(Command("onBWDone"))
        return .connect(
            ConnectInfo(
                app: app, tcUrl: connect.tcUrl, flashVer: connect.flashVer, pageUrl: connect.pageUrl,
                objectEncoding: connect.objectEncoding, capabilities: connect.capabilities))
    }

    private mutating func reject(_ command: Command, _ error: StreamNameError) {
        let text = "\(RelayCode.badStreamName): \(error)"
        send(.error(command.transactionID, Status(.connectRejected, level: .error, description: text)))
    }

    private mutating func createStream(_ command: Command, streamID: UInt32) throws(RTMPError) {
        guard app != nil else { throw .commandOrder }
        guard streams.count < configuration.limits.messageStreams else {
            let status = Status(
                .callFailed, level: .error,
                description: "\(RelayCode.tooManyMessageStreams): \(RelayCode.tooManyMessageStreams.message)")
            return send(.error(command.transactionID, status), streamID: streamID)
        }
        // The lowest free id, so that nearly all viewers are on 1 and share the same bytes.
        var id: UInt32 = 1
        while streams.contains(where: { $0.id == id }) { id &+= 1 }
        streams.append(MessageStream(id: id))
        send(.result(command.transactionID, .number(Double(id))), streamID: streamID)
    }

    // MARK: Publish and play

    private mutating func publish(_ command: Command, streamID: UInt32) throws(RTMPError) -> Action? {
        let publish = PublishCommand(command)
        let (index, name, query) = try begin(streamID, name: publish.name, refusal: .publishBadName)
        streams[index].activity = .decidingPublish
        isDeciding = true
        return .publish(PublishRequest(messageStreamID: streamID, name: name, query: query, kind: publish.kind))
    }

    private mutating func play(
        _ command: Command, streamID: UInt32, now: MonotonicTime
    ) throws(RTMPError) -> Action? {
        let play = PlayCommand(command)
        guard let playName = play.name else { return closeStream(streamID, now: now) }
        // A second play on the same message stream switches to another stream.
        let stopped: Action? =
            streams.contains { $0.id == streamID && $0.activity == .playing } ? closeStream(streamID, now: now) : nil
        let (index, name, query) = try begin(streamID, name: playName, refusal: .playStreamNotFound)
        streams[index].activity = .decidingPlay
        isDeciding = true
        let request = Action.play(
            PlayRequest(
                messageStreamID: streamID, name: name, query: query, start: play.start, duration: play.duration,
                reset: play.reset, bufferLength: bufferLength, capabilities: capabilities))
        guard let stopped else { return request }
        queue.append(request)
        return stopped
    }

    /// The idle message stream and the validated name of a publish or play. A message stream that was never created is made
    /// up, since some clients use 0 or 1 without asking; but no other for a player, whose each costs the node a form of its own.
    private mutating func begin(
        _ streamID: UInt32, name text: String, refusal: StatusCode
    ) throws(RTMPError) -> (index: Int, name: StreamName, query: String) {
        guard let app else { throw .commandOrder }
        let index: Int
        if let known = streams.firstIndex(where: { $0.id == streamID }) {
            index = known
        } else {
            guard streamID <= 1 || refusal == .publishBadName else { throw .commandOrder }
            guard streams.count < configuration.limits.messageStreams else { throw .refused(.tooManyMessageStreams) }
            streams.append(MessageStream(id: streamID))
            index = streams.count &- 1
        }
        guard streams[index].activity == .idle else { throw .commandOrder }
        let (path, query) = StreamAddress.split(text)
        do {
            let name = try StreamAddress.stream(app: app, path: path)
            return (index, name, StreamAddress.merge([query, connectionQuery]))
        } catch {
            status(refusal, level: .error, "\(RelayCode.badStreamName): \(error)", streamID: streamID)
            throw .badName(error)
        }
    }

    // MARK: Ends

    /// Names a stream, not a message stream. With several publishes it is left to the `deleteStream` that always follows.
    private mutating func fcUnpublish(_ command: Command, streamID: UInt32, now: MonotonicTime) -> Action? {
        acknowledge(command, streamID: streamID)
        let publishing = streams.filter { $0.activity == .publishing }
        guard publishing.count == 1, let stream = publishing.first else { return nil }
        return end(stream.id, now: now)
    }

    private mutating func closeStream(_ streamID: UInt32, now: MonotonicTime) -> Action? {
        guard streams.contains(where: { $0.id == streamID }) else {
            counters.unknownStreams &+= 1
            return nil
        }
        return end(streamID, now: now)
    }

    private mutating func deleteStream(_ command: Command, now: MonotonicTime) -> Action? {
        guard let streamID = AMF0.exactUInt32(command.argument(0)?.numberValue) else {
            counters.unknownStreams &+= 1
            return nil
        }
        let action = closeStream(streamID, now: now)
        streams.removeAll { $0.id == streamID }
        return action
    }

    /// Makes a message stream idle; the action says what it was doing.
    private mutating func end(_ streamID: UInt32, now: MonotonicTime) -> Action? {
        guard let index = streams.firstIndex(where: { $0.id == streamID }) else { return nil }
        let activity = streams[index].activity
        streams[index].activity = .idle
        rearmSetup(now)
        switch activity {
        case .publishing:
            if speaksFCPublish { fcStatus("onFCUnpublish", .unpublishSuccess, "Stream is no longer published.") }
            status(.unpublishSuccess, "Stream is no longer published.", streamID: streamID)
            return .unpublish(streamID: streamID)
        case .playing:
            status(.playStop, "Stopped playing.", streamID: streamID)
            return .stopPlay(streamID: streamID)
        case .idle, .decidingPlay, .decidingPublish:
            return nil
        }
    }

    // MARK: Player's wishes

    private mutating func pause(_ command: Command, streamID: UInt32) -> Action? {
        guard isPlaying(streamID), let isPaused = command.argument(0)?.booleanValue else { return nil }
        if isPaused {
            status(.pauseNotify, "Paused.", streamID: streamID)
        } else {
            status(.unpauseNotify, "Playing again.", streamID: streamID)
        }
        return .pause(streamID: streamID, isPaused: isPaused)
    }

    private func receive(_ kind: MediaKind, _ command: Command, streamID: UInt32) -> Action? {
        guard isPlaying(streamID), let isWanted = command.argument(0)?.booleanValue else { return nil }
        return .receive(streamID: streamID, kind: kind, isWanted: isWanted)
    }

    private mutating func fcSubscribe(_ command: Command, streamID: UInt32) {
        acknowledge(command, streamID: streamID)
        fcStatus("onFCSubscribe", .playStart, "Subscribed.")
    }

    private func isPlaying(_ streamID: UInt32) -> Bool {
        streams.contains { $0.id == streamID && $0.activity == .playing }
    }

    // MARK: Answers

    /// `_result` with nothing in it, if an answer is waited for: encoders block on calls that nobody answers.
    private mutating func acknowledge(_ command: Command, streamID: UInt32) {
        reply(.result(command.transactionID, .undefined), to: command, streamID: streamID)
    }

    /// Answers go back on the message stream that the call came on.
    private mutating func reply(_ answer: Command, to command: Command, streamID: UInt32) {
        if command.wantsReply { send(answer, streamID: streamID) }
    }

    mutating func send(_ command: Command, streamID: UInt32 = 0) {
        command.encode(streamID: streamID, chunkSize: writeChunkSize, into: &outbox)
    }

    mutating func status(_ code: StatusCode, level: Status.Level = .status, _ description: String, streamID: UInt32) {
        Status(code, level: level, description: description)
            .encode(streamID: streamID, chunkSize: writeChunkSize, into: &outbox)
    }

    /// `onFCPublish` and its like. The transaction id has to be there: encoders broke on its absence.
    mutating func fcStatus(_ name: String, _ code: StatusCode, _ description: String) {
        send(Command(name, arguments: [.object(Status(code, description: description).object)]))
    }

    /// Gives a connection that has no stream any more some time for the next one.
    mutating func rearmSetup(_ now: MonotonicTime) {
        let isBusy = streams.contains { $0.activity != .idle }
        setupDeadline = isBusy ? nil : now + configuration.setupTimeout
    }
}
