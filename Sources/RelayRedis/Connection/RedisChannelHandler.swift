import NIOCore

/// The inside of one connection to Redis: sends what it is given, hands replies out in order, holds every command to its
/// deadline, and asks a silent peer whether it is there. Closes at the first thing that is wrong; whoever owns the
/// connection makes another.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    typealias Reply = Result<RESPValue, RedisError>

    private struct Pending {
        var deadline: NIODeadline
        var complete: (Reply) -> Void
    }

    private let settings: RedisSettings
    /// Takes what a channel was told; nil on a connection that does not subscribe.
    private let onMessage: (@Sendable (_ channel: String, _ payload: String) -> Void)?
    /// Resolved with the reason when the connection is over; made when the handler gets its channel.
    private(set) var ended: EventLoopFuture<String>?
    private var onEnd: EventLoopPromise<String>?
    private let reader: RESPReader
    private var pending = CircularBuffer<Pending>()
    private var context: ChannelHandlerContext?
    /// Why the connection is over; nothing is sent from then on.
    private var ending: String?
    private var lastRead = NIODeadline.now()
    private var timer: Scheduled<Void>?
    private var timerDeadline = NIODeadline.distantFuture

    init(
        settings: RedisSettings, onMessage: (@Sendable (_ channel: String, _ payload: String) -> Void)?
    ) {
        self.settings = settings
        self.onMessage = onMessage
        reader = RESPReader(limits: settings.limits)
    }

    /// Sends commands in one write. `complete` gets each reply in order, or one failure for all.
    func send(_ bytes: ByteBuffer, count: Int, timeout: TimeAmount, complete: @escaping (Reply) -> Void) {
        guard let context, ending == nil else {
            let reason = RedisError.unavailable(ending ?? "the connection to Redis is not open")
            for _ in 0..<count { complete(.failure(reason)) }
            return
        }
        guard pending.count + count <= settings.queueLimit else {
            let reason = RedisError.unavailable("\(pending.count) commands to Redis wait already")
            for _ in 0..<count { complete(.failure(reason)) }
            return
        }
        let deadline = NIODeadline.now() + timeout
        for _ in 0..<count { pending.append(Pending(deadline: deadline, complete: complete)) }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        schedule(deadline)
    }

    /// Ends the connection; commands on their way fail with the reason.
    func close(_ reason: String) {
        guard ending == nil else { return }
        ending = reason
        timer?.cancel()
        timer = nil
        let failed = pending
        pending.removeAll()
        for command in failed { command.complete(.failure(.unavailable(reason))) }
        onEnd?.succeed(reason)
        context?.close(promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let promise = context.eventLoop.makePromise(of: String.self)
        onEnd = promise
        ended = promise.futureResult
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        close("the connection to Redis ended")
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        lastRead = .now()
        schedule(lastRead + TimeAmount(settings.pingAfter))
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        close("Redis closed the connection")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close("the connection to Redis failed: \(RedisConnector.reason(error))")
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard ending == nil else { return }
        lastRead = .now()
        reader.append(unwrapInboundIn(data))
        do throws(RESPError) {
            while ending == nil, let value = try reader.next() { received(value) }
        } catch {
            close("Redis sent what is no reply: \(error)")
        }
    }

    private func received(_ value: RESPValue) {
        if let onMessage, case .array(let parts) = value, parts.count == 3, parts[0].text == "message",
            let channel = parts[1].text, let payload = parts[2].text
        {
            onMessage(channel, payload)
            return
        }
        guard let command = pending.popFirst() else {
            close("Redis sent a reply that nobody waits for")
            return
        }
        if case .error(let text) = value {
            command.complete(.failure(.refused(RedisRefusal(text))))
        } else {
            command.complete(.success(value))
        }
    }

    // MARK: Time

    private func schedule(_ deadline: NIODeadline) {
        guard let context, deadline < timerDeadline || timer == nil else { return }
        timer?.cancel()
        timerDeadline = deadline
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.look() }
    }

    /// The timer: the oldest command is late, or nothing was heard for a while.
    private func look() {
        timer = nil
        guard ending == nil else { return }
        let now = NIODeadline.now()
        let pause = TimeAmount(settings.pingAfter)
        if let oldest = pending.first {
            guard oldest.deadline > now else {
                close("Redis did not reply in time")
                return
            }
            schedule(min(oldest.deadline, now + pause))
        } else if lastRead + pause > now {
            schedule(lastRead + pause)
        } else if let ping = RESPCommand(["PING"]) {
            var bytes = ByteBuffer()
            ping.write(into: &bytes)
            // A refusal shows that somebody is there; what it says comes up with the next command that matters.
            send(bytes, count: 1, timeout: TimeAmount(settings.commandTimeout)) { _ in }
            schedule(now + pause)
        }
    }
}
