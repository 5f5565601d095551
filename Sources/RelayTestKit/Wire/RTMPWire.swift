import NIOCore
import RelayCore
package import RelayRTMP

/// An RTMP client whose every byte the test chooses. Blocking; belongs on a thread.
package final class RTMPWire {
    package let wire: WireClient
    private var decoder = ChunkDecoder(
        limits: {
            var limits = RTMPLimits()
            limits.chunkHeadersPerSecond = .max
            return limits
        }())
    private var transaction = 1.0
    /// The chunk size we write with.
    package var chunkSize = 128

    /// Connects the socket; says nothing.
    ///
    /// - Throws: `POSIXError`.
    package init(port: Int, source: String = "127.0.0.1", receiveBuffer: Int32? = nil) throws {
        wire = try WireClient(port: port, source: source, receiveBuffer: receiveBuffer)
    }

    package func send(_ bytes: [UInt8]) { wire.send(bytes) }

    /// The simple handshake.
    ///
    /// - Throws: ``NotInTime``.
    package func handshake() throws {
        wire.send(RTMPBytes.c0c1)
        guard let answer = wire.read(3073) else { throw NotInTime("S0, S1 and S2", within: .seconds(5)) }
        wire.send(Array(answer[1..<1537]))
    }

    /// The next message; nil when the end or the limit came first.
    ///
    /// - Throws: `RTMPError` when the server's bytes are no chunks.
    package func next(within limit: Duration = .seconds(5)) throws -> RTMPMessage? {
        let deadline = ContinuousClock.now + limit
        while true {
            if let message = try decoder.next(now: .zero) { return message }
            guard case .bytes(let bytes) = wire.receive(within: deadline - .now) else { return nil }
            decoder.append(ByteBuffer(bytes: bytes))
        }
    }

    /// Messages up to the first that fits.
    ///
    /// - Throws: ``NotInTime`` when there is none.
    package func message(
        _ what: String, within limit: Duration = .seconds(5), where fits: (RTMPMessage) -> Bool
    ) throws -> RTMPMessage {
        let deadline = ContinuousClock.now + limit
        while let message = try next(within: deadline - .now) {
            if fits(message) { return message }
        }
        throw NotInTime("message: \(what)", within: limit)
    }

    /// Commands up to the first that fits.
    ///
    /// - Throws: ``NotInTime`` when there is none.
    package func command(
        _ what: String, within limit: Duration = .seconds(5), where fits: (Command) -> Bool
    ) throws -> Command {
        var found: Command?
        _ = try message(what, within: limit) { message in
            guard message.type == RTMPMessageType.commandAMF0, let command = try? Command(message) else { return false }
            if fits(command) { found = command }
            return found != nil
        }
        guard let found else { throw NotInTime("command: \(what)", within: limit) }
        return found
    }

    /// Sends a command and waits for its answer.
    @discardableResult
    package func call(_ name: String, _ arguments: [AMF0Value] = [.null]) throws -> Command {
        transaction += 1
        let id = transaction
        send(RTMPBytes.command([.string(name), .number(id)] + arguments, chunkSize: chunkSize))
        return try command("answer to \(name)") { $0.transactionID == id && ["_result", "_error"].contains($0.name) }
    }

    /// `connect` and its answer.
    @discardableResult
    package func connect(app: String = "live") throws -> Command {
        send(RTMPBytes.connect(app: app))
        return try command("answer to connect") { $0.transactionID == 1 && ["_result", "_error"].contains($0.name) }
    }

    /// `createStream`.
    ///
    /// - Returns: the message stream's id.
    package func createStream() throws -> UInt32 {
        let answer = try call("createStream")
        guard answer.name == "_result", let id = AMF0.exactUInt32(answer.arguments.first?.numberValue) else {
            throw NotInTime("a message stream; the answer was \(answer.name)", within: .zero)
        }
        return id
    }

    /// Waits for an `onStatus`.
    ///
    /// - Returns: its code.
    package func status(within limit: Duration = .seconds(5), where fits: (Status) -> Bool = { _ in true }) throws
        -> Status
    {
        var found: Status?
        _ = try command("onStatus", within: limit) { command in
            guard command.name == "onStatus", let status = Status(command.arguments.first), fits(status) else {
                return false
            }
            found = status
            return true
        }
        guard let found else { throw NotInTime("onStatus", within: limit) }
        return found
    }

    /// Everything up to an accepted publish.
    ///
    /// - Returns: the code of the status that answered.
    @discardableResult
    package func publish(_ name: String, app: String = "live") throws -> StatusCode {
        try handshake()
        try connect(app: app)
        let id = try createStream()
        send(RTMPBytes.setChunkSize(65_536))
        chunkSize = 65_536
        send(
            RTMPBytes.command(
                [.string("publish"), .number(0), .null, .string(name), .string("live")], streamID: id,
                chunkSize: chunkSize))
        return try status().code
    }

    /// Everything up to the answer to a play.
    @discardableResult
    package func play(_ name: String, app: String = "live") throws -> StatusCode {
        try handshake()
        try connect(app: app)
        let id = try createStream()
        send(RTMPBytes.command([.string("play"), .number(0), .null, .string(name)], streamID: id))
        return try status { $0.code != .playReset }.code
    }

    /// Sends one message of media on message stream 1.
    package func media(_ type: UInt8, _ timestamp: UInt32, _ payload: [UInt8]) {
        send(
            RTMPBytes.message(
                type: type, timestamp: timestamp, streamID: 1, csid: type == 9 ? 6 : type == 8 ? 4 : 5,
                chunkSize: chunkSize,
                payload))
    }

    /// Whether the connection still works: a ping is answered.
    package func answersPing(within limit: Duration = .seconds(5)) throws -> Bool {
        let mark: [UInt8] = [0xC0, 0xFF, 0xEE, 0x01]
        send(RTMPBytes.userControl(6, mark))
        return
            (try? message("pong", within: limit) { message in
                message.type == RTMPMessageType.userControl
                    && Array(message.payload.readableBytesView) == [0, 7] + mark
            }) != nil
    }
}
