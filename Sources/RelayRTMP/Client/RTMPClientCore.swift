import NIOCore
import RelayCore

/// What a publishing and a playing client have in common: everything up to the running stream.
struct RTMPClientCore: Sendable {
    enum Role: Sendable, Hashable {
        case publisher
        case player
    }

    /// idle → handshaking → connecting → creating a stream → starting it → ready → closed
    enum Phase: Sendable {
        case idle
        case handshaking(RTMPHandshakeClient)
        case connecting
        case creatingStream
        case starting
        case ready
        case closed
    }

    /// Transaction ids: each command of the set-up is sent once.
    private enum Transaction {
        static let connect = 1.0
        static let releaseStream = 2.0
        static let fcPublish = 3.0
        static let createStream = 4.0
        static let start = 5.0
        static let fcUnpublish = 6.0
        static let deleteStream = 7.0
    }

    let role: Role
    let url: RTMPURL
    let configuration: RTMPClientConfiguration
    private let digest: RTMPDigest
    private(set) var phase = Phase.idle
    /// The message stream that the server gave us; 0 before.
    private(set) var streamID: UInt32 = 0
    /// The chunk size we write with now.
    private(set) var writeChunkSize = ChunkDecoder.initialChunkSize
    /// What the server announced for Enhanced RTMP.
    private(set) var serverCapabilities = EnhancedCapabilities()

    private var decoder: ChunkDecoder
    private var outbox = ByteBuffer()
    private var queue: [RTMPClientAction] = []
    private var acknowledgements = AcknowledgementWindow()
    private var sentWindow: UInt32 = 0
    private var deadline: MonotonicTime?
    private var hasEnded = false

    init(role: Role, url: RTMPURL, configuration: RTMPClientConfiguration, digest: RTMPDigest) {
        self.role = role
        self.url = url
        self.configuration = configuration
        self.digest = digest
        decoder = ChunkDecoder(limits: configuration.limits)
    }

    var isReady: Bool { if case .ready = phase { true } else { false } }
    private var isClosed: Bool { if case .closed = phase { true } else { false } }

    var nextDeadline: MonotonicTime? {
        guard let partial = decoder.nextDeadline else { return deadline }
        return deadline.map { Swift.min($0, partial) } ?? partial
    }

    mutating func start(now: MonotonicTime) {
        guard case .idle = phase else { return }
        phase = .handshaking(RTMPHandshakeClient(kind: configuration.handshake, digest: digest))
        deadline = now + configuration.handshakeTimeout
    }

    mutating func receive(_ bytes: consuming ByteBuffer) {
        guard !isClosed else { return }
        acknowledgements.received(bytes.readableBytes)
        decoder.append(bytes)
        if decoder.isThrottled, decoder.input.readableBytes > configuration.limits.waitingInputBytes {
            fail(.decodeBudget)
        }
    }

    mutating func timerFired(now: MonotonicTime) {
        guard !isClosed else { return }
        do {
            try decoder.checkDeadline(now: now)
        } catch {
            return fail(error)
        }
        guard let deadline, now >= deadline else { return }
        if case .handshaking = phase { fail(.handshakeTimeout) } else { fail(.setupTimeout) }
    }

    mutating func nextAction(now: MonotonicTime) -> RTMPClientAction? {
        while true {
            if outbox.readableBytes > 0 {
                defer { outbox = ByteBuffer() }
                return .send(outbox)
            }
            if !queue.isEmpty { return queue.removeFirst() }
            do {
                switch phase {
                case .idle, .closed: return nil
                case .handshaking(var handshake):
                    let step = try handshake.advance(&decoder.input)
                    phase = .handshaking(handshake)
                    switch step {
                    case .needMore: return nil
                    case .send(let bytes): outbox.writeBytes(bytes)
                    case .done: connect(now: now)
                    }
                case .connecting, .creatingStream, .starting, .ready:
                    if let acknowledgement = acknowledgements.due() {
                        acknowledgement.encode(into: &outbox)
                        continue
                    }
                    guard let message = try decoder.next(now: now) else { return nil }
                    if let action = try handle(message) { return action }
                }
            } catch {
                fail(error)
            }
        }
    }

    /// Writes the proper end of a running stream; the interpreter closes after it is sent.
    mutating func finish() {
        guard isReady else { return }
        if role == .publisher, configuration.announcesPublish {
            send(
                Command("FCUnpublish", transactionID: Transaction.fcUnpublish, arguments: [.string(url.nameWithQuery)]))
        }
        send(
            Command("deleteStream", transactionID: Transaction.deleteStream, arguments: [.number(Double(streamID))]))
    }

    private mutating func fail(_ error: RTMPError) {
        guard !isClosed else { return }
        phase = .closed
        deadline = nil
        queue.append(.close(error))
        decoder.reset()
    }

    private mutating func send(_ command: Command, streamID: UInt32 = 0) {
        command.encode(streamID: streamID, chunkSize: writeChunkSize, into: &outbox)
    }
}

// MARK: - Set-up

extension RTMPClientCore {
    private mutating func connect(now: MonotonicTime) {
        phase = .connecting
        deadline = now + configuration.setupTimeout
        let connect = ConnectCommand(
            app: url.app, tcUrl: url.tcUrl, flashVer: configuration.flashVer, capabilities: configuration.capabilities)
        send(connect.command(transactionID: Transaction.connect, isPublisher: role == .publisher))
    }

    private mutating func createStream() {
        phase = .creatingStream
        sentWindow = configuration.windowAcknowledgementSize
        WindowAcknowledgementSize(size: sentWindow).encode(into: &outbox)
        SetChunkSize(size: UInt32(clamping: configuration.chunkSize)).encode(into: &outbox)
        writeChunkSize = configuration.chunkSize
        if role == .publisher, configuration.announcesPublish {
            let name = AMF0Value.string(url.nameWithQuery)
            send(Command("releaseStream", transactionID: Transaction.releaseStream, arguments: [name]))
            send(Command("FCPublish", transactionID: Transaction.fcPublish, arguments: [name]))
        }
        send(Command("createStream", transactionID: Transaction.createStream))
    }

    private mutating func startStream(_ id: UInt32) {
        phase = .starting
        streamID = id
        switch role {
        case .publisher:
            send(PublishCommand(name: url.nameWithQuery).command(transactionID: Transaction.start), streamID: id)
        case .player:
            send(
                PlayCommand(name: url.nameWithQuery, start: -2).command(transactionID: Transaction.start), streamID: id)
            UserControl.setBufferLength(streamID: id, milliseconds: configuration.bufferLength).encode(into: &outbox)
        }
    }

    private mutating func becomeReady() {
        phase = .ready
        deadline = nil
    }
}

// MARK: - Messages

extension RTMPClientCore {
    private mutating func handle(_ message: RTMPMessage) throws(RTMPError) -> RTMPClientAction? {
        switch message.type {
        case RTMPMessageType.audio: return media(.audio, message.timestamp, message.payload)
        case RTMPMessageType.video: return media(.video, message.timestamp, message.payload)
        case RTMPMessageType.dataAMF0, RTMPMessageType.dataAMF3:
            guard let body = DataMessage.body(of: message, limits: configuration.limits.amf),
                !DataMessage.isNoticeToPlayer(body)
            else { return nil }
            return media(.data, message.timestamp, body)
        case RTMPMessageType.commandAMF0, RTMPMessageType.commandAMF3:
            guard let command = try Command(message, limits: configuration.limits.amf) else { return nil }
            return try handle(command)
        case RTMPMessageType.userControl:
            switch try UserControl(message.payload) {
            case .pingRequest(let value): UserControl.pingResponse(value).encode(into: &outbox)
            case .streamEOF where role == .player: return end()
            default: break
            }
        case RTMPMessageType.windowAcknowledgementSize:
            if let body = try WindowAcknowledgementSize(message.payload) { acknowledgements.announce(body.size) }
        case RTMPMessageType.setPeerBandwidth:
            if let body = try SetPeerBandwidth(message.payload), body.size > 0, body.size != sentWindow {
                sentWindow = body.size
                WindowAcknowledgementSize(size: body.size).encode(into: &outbox)
            }
        default: break
        }
        return nil
    }

    private mutating func media(_ kind: MediaKind, _ timestamp: UInt32, _ payload: ByteBuffer) -> RTMPClientAction? {
        guard role == .player else { return nil }
        let action = RTMPClientAction.media(kind: kind, timestamp: timestamp, payload: payload)
        switch phase {
        case .ready: return action
        case .starting:
            // Some servers send media without ever sending Play.Start.
            becomeReady()
            queue.append(action)
            return .ready
        case .idle, .handshaking, .connecting, .creatingStream, .closed: return nil
        }
    }

    private mutating func handle(_ command: Command) throws(RTMPError) -> RTMPClientAction? {
        switch command.name {
        case "_result": try result(command)
        case "_error": return error(command)
        case "onStatus": return status(command)
        case "close": throw .peerRefused
        default: break
        }
        return nil
    }

    private mutating func result(_ command: Command) throws(RTMPError) {
        switch (phase, command.transactionID) {
        case (.connecting, Transaction.connect):
            // Servers differ in which of the two objects carries the announcement.
            for value in [command.object, command.argument(0)] {
                guard let object = value?.objectValue else { continue }
                let announced = EnhancedCapabilities(object)
                if !announced.isLegacy { serverCapabilities = announced }
            }
            createStream()
        case (.creatingStream, Transaction.createStream):
            guard let id = AMF0.exactUInt32(command.argument(0)?.numberValue) else { throw .unexpectedReply }
            startStream(id)
        default: break
        }
    }

    private mutating func error(_ command: Command) -> RTMPClientAction? {
        switch (phase, command.transactionID) {
        case (.connecting, Transaction.connect), (.creatingStream, Transaction.createStream),
            (.starting, Transaction.start):
            return refuse(command.argument(0) ?? command.object)
        default:
            // releaseStream and FCPublish are answered with errors by many servers, and nothing depends on them.
            return nil
        }
    }

    private mutating func refuse(_ information: AMF0Value) -> RTMPClientAction {
        defer { fail(.peerRefused) }
        let object = information.objectValue ?? AMF0Object()
        if let redirection = object["ex"]?.objectValue, AMF0.exactInt(redirection["code"]?.numberValue) == 302,
            let target = redirection["redirect2"]?.stringValue ?? redirection["redirect"]?.stringValue
        {
            return .redirect(target)
        }
        let status = Status(information)
        return .rejected(code: status?.code.rawValue ?? "", description: status?.description ?? "")
    }

    private mutating func status(_ command: Command) -> RTMPClientAction? {
        guard let information = command.argument(0), let status = Status(information) else { return nil }
        if status.code == .reconnectRequest {
            let object = information.objectValue
            return .reconnectRequested(
                tcUrl: object?["tcUrl"]?.stringValue, description: object?["description"]?.stringValue)
        }
        if status.level == .error || status.code == .connectRejected { return refuse(information) }
        switch (role, status.code) {
        case (.publisher, .publishStart), (.player, .playStart):
            guard case .starting = phase else { return nil }
            becomeReady()
            return .ready
        case (.publisher, .publishBadName), (.publisher, .publishDenied), (.player, .playStreamNotFound),
            (.player, .playFailed):
            return refuse(information)
        case (.publisher, .unpublishSuccess), (.player, .playUnpublishNotify), (.player, .playStop),
            (.player, .playComplete):
            return end()
        default: return nil
        }
    }

    /// Servers say the end in two or three ways; it is reported once.
    private mutating func end() -> RTMPClientAction? {
        guard isReady, !hasEnded else { return nil }
        hasEnded = true
        return .ended
    }
}
