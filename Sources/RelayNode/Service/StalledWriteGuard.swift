import NIOCore

/// Closes a connection whose peer takes nothing, or next to nothing, of what it asked for.
///
/// A peer that asks and does not read fills the socket's buffers, and then an answer waits in the process for as long as the peer
/// likes, and with it the connection, of which a small listener has few (``SmallListener/maximumConnections``).
final class StalledWriteGuard: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = Never
    typealias OutboundOut = Never

    /// Bytes that have to go out within the patience while an answer waits: 4 kbit/s at 30 s, which no link is below that answers are
    /// read over.
    static let leastProgress = 16_384

    private let patience: TimeAmount
    /// Writes that the socket has not taken whole.
    private var waiting = 0
    /// Grows with each write that was taken.
    private var taken: UInt64 = 0
    private var timer: Scheduled<Void>?

    /// - Parameter patience: How long the peer may take nothing; it is looked at once in this time.
    init(patience: TimeAmount) {
        self.patience = patience
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let promise = promise ?? context.eventLoop.makePromise()
        waiting += 1
        promise.futureResult.assumeIsolated().whenComplete { _ in
            self.waiting -= 1
            self.taken &+= 1
            guard self.waiting == 0 else { return }
            self.timer?.cancel()
            self.timer = nil
        }
        context.write(data, promise: promise)
        if timer == nil, waiting > 0 { watch(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    private func watch(_ context: ChannelHandlerContext) {
        let (before, bytes) = (taken, Self.buffered(context))
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: patience) {
            self.timer = nil
            guard self.waiting > 0 else { return }
            let left = Self.buffered(context)
            if self.taken != before || bytes - left >= Self.leastProgress {
                self.watch(context)
            } else {
                context.close(promise: nil)
            }
        }
    }

    /// Bytes that wait for the socket; a large answer is one write, so that only this shows that some of it was taken.
    private static func buffered(_ context: ChannelHandlerContext) -> Int {
        (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}
