import NIOCore
import RelayCore
import RelayLink

/// Whoever acts on what a link says: the server for links that others opened, a connection for links that we opened. All calls
/// on the link's loop.
protocol LinkOwner: AnyObject {
    func link(_ handler: LinkHandler, did action: LinkAction)
    /// The last call.
    ///
    /// - Parameter error: nil when the peer closed without a word.
    func linkClosed(_ handler: LinkHandler, error: LinkError?)
}

/// One link on its channel: bytes into the session, its actions to the owner, its output to the socket as the socket takes it,
/// so that what waits can still be left out.
///
/// Confined to the channel's event loop, hence the unchecked `Sendable`.
final class LinkHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes asked of the session at once: about what the socket takes before it waits.
    static let outputStep = 65_536
    /// Beyond what the kernel holds unsent the rest waits in the session, where it can still be left out.
    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 16_384, high: 65_536)

    private(set) var session: LinkSession
    private let owner: any LinkOwner
    /// Counts what goes to children; nil on links to parents.
    private let meter: FanoutMeter?
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var armedFor: MonotonicTime?
    private var isPumping = false
    private var isPumpScheduled = false
    private var isReading = true
    private var isClosed = false
    private var failure: LinkError?

    init(session: LinkSession, owner: any LinkOwner, meter: FanoutMeter? = nil) {
        self.session = session
        self.owner = owner
        self.meter = meter
    }

    /// For the API: the other end's address.
    private(set) var remote: String = "?"
    var loop: (any EventLoop)? { context?.eventLoop }

    // MARK: Channel events

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        remote = context.remoteAddress.map(RemoteText.describe) ?? "?"
        session.start(now: .now())
        run()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosed else { return }
        session.receive(unwrapInboundIn(data), now: .now())
        run()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { pump() }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { finish() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: Running the machine

    /// Lets the owner speak; what it says goes out with everything else of this turn of the loop.
    func speak(_ words: (inout LinkSession) -> Void) {
        guard !isClosed else { return }
        words(&session)
        schedulePump()
    }

    private func run() {
        let now = MonotonicTime.now()
        while !isClosed, let action = session.nextAction(now: now) {
            if case .close(let error) = action {
                failure = error
                pump()
                context?.close(promise: nil)
                return
            }
            owner.link(self, did: action)
        }
        adjustReading()
        pump()
        rearm()
    }

    private func adjustReading() {
        guard let context, session.wantsInput != isReading else { return }
        isReading = session.wantsInput
        try? context.channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    /// Once at the end of the turn, however many frames came in it.
    private func schedulePump() {
        guard !isPumpScheduled, let context else { return }
        isPumpScheduled = true
        context.eventLoop.execute { [self] in
            isPumpScheduled = false
            pump()
            rearm()
        }
    }

    private func pump() {
        guard !isPumping, !isClosed, let context, context.channel.isActive else { return }
        isPumping = true
        defer { isPumping = false }
        var hasWritten = false
        let now = MonotonicTime.now()
        while context.channel.isWritable, let bytes = session.takeOutput(limit: Self.outputStep, now: now) {
            meter?.linkBytesOut &+= UInt64(truncatingIfNeeded: bytes.readableBytes)
            context.write(wrapOutboundOut(bytes), promise: nil)
            hasWritten = true
            // The water mark sees bytes once they are added; a flush tells whether the socket takes them.
            if !context.channel.isWritable {
                context.flush()
                hasWritten = false
            }
        }
        if hasWritten { context.flush() }
    }

    private func rearm() {
        guard !isClosed, let context, let deadline = session.nextDeadline else { return }
        if let armedFor, armedFor <= deadline { return }
        timer?.cancel()
        armedFor = deadline
        timer = context.eventLoop.scheduleTask(deadline: NIODeadline(deadline)) { [self] in
            armedFor = nil
            timer = nil
            let now = MonotonicTime.now()
            if let deadline = session.nextDeadline, now >= deadline { session.timerFired(now: now) }
            run()
        }
    }

    /// Closes without waiting for the peer.
    func close() {
        pump()
        context?.close(promise: nil)
    }

    private func finish() {
        guard !isClosed else { return }
        isClosed = true
        timer?.cancel()
        context = nil
        owner.linkClosed(self, error: failure)
    }
}
