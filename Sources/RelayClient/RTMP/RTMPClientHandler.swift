package import NIOCore
import RelayCore
import RelayRTMP

/// Runs an RTMP client session on a channel: the session decides, this reads, writes and keeps its timer.
package final class RTMPClientHandler<Machine: RTMPClientMachine>: ChannelInboundHandler, ChannelOutboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = Never
    package typealias OutboundOut = ByteBuffer

    package private(set) var machine: Machine
    private let sink: @Sendable (PlayerEvent) -> Void
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var timerDeadline: MonotonicTime?
    private var failure: ClientError?
    private var isEndExpected = false
    private var isClosing = false
    private var isClosed = false

    package init(machine: Machine, sink: @escaping @Sendable (PlayerEvent) -> Void) {
        self.machine = machine
        self.sink = sink
    }

    package func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        timer?.cancel()
    }

    package func channelActive(context: ChannelHandlerContext) {
        let now = MonotonicTime.now()
        machine.start(now: now)
        pump(context, now)
        context.fireChannelActive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let now = MonotonicTime.now()
        machine.receive(unwrapInboundIn(data), now: now)
        pump(context, now)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        close(context)
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A reset is how many peers say goodbye; what matters is whether the end was expected.
        context.close(promise: nil)
    }

    package func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?)
    {
        guard event is ClientCloseEvent else { return context.triggerUserOutboundEvent(event, promise: promise) }
        finish(context)
        promise?.succeed()
    }

    /// Ends in the protocol's way and closes.
    private func finish(_ context: ChannelHandlerContext) {
        isEndExpected = true
        machine.finish()
        pump(context, .now())
        closeAfterWrites(context)
    }

    /// Lets `body` write into the session, as a publisher does with media, and sends what it wrote. Called on the loop.
    package func write(_ body: (inout Machine, inout ByteBuffer) -> Bool) -> EventLoopFuture<Void>? {
        guard let context, !isClosing, context.channel.isActive else { return nil }
        var buffer = context.channel.allocator.buffer(capacity: 0)
        guard body(&machine, &buffer) else { return nil }
        let promise = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
        return promise.futureResult
    }

    private func pump(_ context: ChannelHandlerContext, _ now: MonotonicTime) {
        var hasWritten = false
        while let action = machine.nextAction(now: now) {
            switch action {
            case .send(let bytes):
                context.write(wrapOutboundOut(bytes), promise: nil)
                hasWritten = true
            case .ready: sink(.ready(at: now))
            case .media(let kind, let timestamp, let payload):
                sink(.media(ReceivedMedia(kind: kind, timestamp: timestamp, payload: payload, receivedAt: now)))
            case .rejected(let code, let description): failure = .refused(code: code, description: description)
            case .redirect(let url): failure = .redirected(url)
            case .reconnectRequested(let url, _): sink(.reconnectRequested(url))
            case .ended:
                isEndExpected = true
                sink(.ended)
            case .close(let error):
                if failure == nil { failure = Self.clientError(error) }
                closeAfterWrites(context)
                hasWritten = false
            }
        }
        if hasWritten { context.flush() }
        schedule(context)
    }

    private func closeAfterWrites(_ context: ChannelHandlerContext) {
        guard !isClosing else { return }
        isClosing = true
        let context = NIOLoopBound(context, eventLoop: context.eventLoop)
        // The close follows the last bytes through the pipeline; a peer that does not take them gets a second.
        context.value.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in context.value.close(promise: nil)
        }
        context.value.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { context.value.close(promise: nil) }
    }

    private func schedule(_ context: ChannelHandlerContext) {
        let deadline = isClosing ? nil : machine.nextDeadline
        guard deadline != timerDeadline else { return }
        timer?.cancel()
        timer = nil
        timerDeadline = deadline
        guard let deadline else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline.deadline) { [weak self] in
            guard let self, let context = self.context else { return }
            self.timerDeadline = nil
            let now = MonotonicTime.now()
            self.machine.timerFired(now: now)
            self.pump(context, now)
        }
    }

    private func close(_ context: ChannelHandlerContext) {
        guard !isClosed else { return }
        isClosed = true
        isClosing = true
        timer?.cancel()
        sink(.closed(failure ?? (isEndExpected ? nil : .closed)))
    }

    private static func clientError(_ error: RTMPError) -> ClientError {
        switch error {
        case .handshakeTimeout, .setupTimeout: .timedOut("\(error)")
        default: .broken("\(error)")
        }
    }
}
