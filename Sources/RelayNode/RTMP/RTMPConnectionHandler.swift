import NIOCore
import RelayCore
import RelayRTMP

/// One RTMP connection: bytes into the session machine, its actions out to the hub, the fan-out and the socket.
///
/// Confined to the channel's event loop, hence the unchecked `Sendable`: the hub keeps a reference to call back on that loop.
final class RTMPConnectionHandler: ChannelInboundHandler, ViewerConnection, PublisherConnection, IdleConnection,
    @unchecked Sendable
{
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let services: ConnectionServices
    let fanout: LoopFanout
    var ticket: ConnectionGate.Ticket?
    var session: RTMPServerSession
    var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?
    private var isRunning = false
    private var isReading = true
    var isClosing = false
    var info: RTMPServerSession.ConnectInfo?

    // Publishing
    var hub: StreamHub?
    var publishStreamID: UInt32?
    /// The publisher said that it stops, so its leaving opens no grace window.
    var saidGoodbye = false
    var mediaDeadline: MonotonicTime?
    /// Messages for a hub on another loop, gathered over one read.
    var outbox: [InboundMedia] = []
    var hasIngested = false
    /// Bytes on their way to a hub on another loop.
    var inFlight = 0
    /// At which the publisher is held back: one keyframe at the cap of a video message.
    static let maximumInFlight = 8 << 20
    /// Passes the stream on to an origin, when this node does not take publishers itself.
    var forwarder: PublishForwarder?
    /// The publisher is to leave before its next keyframe, for this reason.
    var leavesAtKeyframe: RelayCode?
    /// The publisher was asked to go on elsewhere, so its goodbye is none of the stream's.
    var wasSentAway = false
    /// The publisher has sent video.
    var hasVideo = false

    // Playing
    var replica: StreamReplica?
    var viewer: Viewer?
    var playStreamID: UInt32?
    var countsAsViewer = false
    var capabilities = EnhancedCapabilities()

    init(services: ConnectionServices, fanout: LoopFanout, ticket: ConnectionGate.Ticket) {
        self.services = services
        self.fanout = fanout
        self.ticket = ticket
        self.session = RTMPServerSession(
            configuration: RTMPServerSession.Configuration(services.configuration), digest: .openSSL, now: .now())
    }

    var remote: SocketAddress? { context?.remoteAddress }
    var transport: String { "rtmp" }
    var identity: ViewerIdentity {
        ViewerIdentity(
            player: info.flatMap {
                $0.flashVer.isEmpty ? nil : String($0.flashVer.prefix(ViewerIdentity.maximumLength))
            })
    }
    var connectionID: UInt64 { ticket?.id ?? 0 }

    // MARK: Channel events

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        fanout.addIdle(self)
        rearm()
    }

    /// A channel that never became active has no other end than this.
    func handlerRemoved(context: ChannelHandlerContext) { giveTicketBack() }

    private func giveTicketBack() {
        if let ticket { services.gate.close(ticket) }
        ticket = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        session.receive(unwrapInboundIn(data), now: .now())
        run(now: .now())
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        passOnMedia(now: .now())
        context.flush()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if let viewer, context.channel.isWritable { viewer.feed.resume(viewer) }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosing = true
        timer?.cancel()
        passOnMedia(now: .now())
        leavePublishing(isClean: saidGoodbye)
        leavePlaying()
        fanout.removeIdle(self)
        giveTicketBack()
        self.context = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // RST and the like: the end of the connection says all there is to say.
        context.close(promise: nil)
    }

    // MARK: Running the machine

    /// Carries out the session's actions until it needs more bytes or a decision.
    func run(now: MonotonicTime) {
        // An action may lead back here (a decision given at once); the outer loop goes on with what follows.
        guard !isRunning else { return }
        isRunning = true
        while !isClosing, let action = session.nextAction(now: now) { perform(action, now: now) }
        isRunning = false
        adjustReading()
        rearm()
    }

    /// Leaves bytes in the socket while the session can do nothing with them: a decision is awaited, or the peer costs more
    /// work than it may. TCP then holds the peer back.
    func adjustReading() {
        let isWanted = session.wantsInput && inFlight < Self.maximumInFlight && forwarder?.isWritable != false
        guard !isClosing, let context, isWanted != isReading else { return }
        isReading = isWanted
        try? context.channel.syncOptions?.setOption(.autoRead, value: isReading)
    }

    private func perform(_ action: RTMPServerSession.Action, now: MonotonicTime) {
        switch action {
        case .send(let bytes): send(bytes)
        case .connect(let info): self.info = info
        case .publish(let request): publish(request)
        case .play(let request): play(request)
        case .media(let kind, let timestamp, let payload, let streamID):
            ingest(kind, timestamp: timestamp, payload, streamID: streamID, now: now)
        case .unpublish: stopPublishing()
        case .stopPlay: leavePlaying()
        case .pause, .receive: break
        case .close(let error): close(error)
        }
    }

    /// Writes the session's own words; a viewer's go the way of its frames, so that they cannot end up inside one.
    func send(_ bytes: ByteBuffer) {
        if let viewer { viewer.write(bytes) } else { context?.write(NIOAny(bytes), promise: nil) }
    }

    /// Sends what a decision made the session say, at once: no read has to come first.
    func runAndFlush() {
        run(now: .now())
        passOnMedia(now: .now())
        context?.flush()
    }

    /// The node goes down, and the connection neither publishes nor plays.
    func endIdle(_ code: RelayCode) {
        session.shutDown(code: code, now: .now())
        closeAfterFlush()
    }

    // MARK: Timers

    private func rearm() {
        guard !isClosing, let context else { return }
        let deadline = [session.nextDeadline, mediaDeadline].compactMap { $0 }.min()
        // Deadlines move on with every message; a timer that is early looks again, which is cheaper than moving it.
        guard let deadline else { return }
        if let armedFor, armedFor <= deadline { return }
        timer?.cancel()
        armedFor = deadline
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(deadline: NIODeadline(deadline)) { bound.value.timerFired(now: .now()) }
    }

    private var armedFor: MonotonicTime?

    private func timerFired(now: MonotonicTime) {
        armedFor = nil
        timer = nil
        if let mediaDeadline, now >= mediaDeadline, let hub {
            self.mediaDeadline = nil
            endPublishing(.mediaTimeout, to: hub)
            return
        }
        guard let deadline = session.nextDeadline, now >= deadline else {
            rearm()
            return
        }
        session.timerFired(now: now)
        runAndFlush()
        // Input that a spent budget held back may have held media.
        passOnMedia(now: now)
    }

    // MARK: Closing

    private func close(_ error: RTMPError) {
        // What the node decided itself is counted where it decided.
        if case .refused = error {
            closeAfterFlush()
            return
        }
        services.events.reject(
            error.code, transport: .rtmp, remote: context?.remoteAddress, detail: error.description,
            logger: services.logger,
            now: .now())
        closeAfterFlush()
    }

    /// Closes once what was said is out, without waiting for a peer that does not read.
    func closeAfterFlush() {
        guard let context, !isClosing else { return }
        // What the session has said already, and what ended it, has to be read by the peer.
        while let words = session.takeOutput() { send(words) }
        isClosing = true
        timer?.cancel()
        passOnMedia(now: .now())
        leavePublishing(isClean: saidGoodbye)
        leavePlaying()
        if context.channel.isWritable {
            LingeringClose.write(ByteBuffer(), context)
        } else {
            context.close(promise: nil)
        }
    }
}
