import NIOCore
import NIOHTTP1
import NIOWebSocket
import RelayCore

/// One request on the viewers' port: judged, answered, and, when it is for a stream, turned into a viewer. One request per
/// connection: the answer to a player has no end, and refusals close.
final class ViewerHTTPHandler: ChannelInboundHandler, RemovableChannelHandler, IdleConnection {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private enum State {
        /// → `accepted`, `done`
        case reading
        /// The head asks for a stream; the end of the request is awaited. → `done`
        case accepted(StreamName, MediaSelection, WebSocketOffer?, player: String?)
        /// Answered, or handed over to the viewer's handler.
        case done
    }

    private let services: ConnectionServices
    private let fanout: LoopFanout
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private var ticket: ConnectionGate.Ticket?
    private let refusal: RelayCode?
    private var state = State.reading
    private var timeout: Scheduled<Void>?
    private var answer: HTTPAnswer?
    private var context: ChannelHandlerContext?

    /// - Parameter admission: The gate's verdict; a refused connection is told so and closed.
    init(
        services: ConnectionServices, fanout: LoopFanout, decoder: ByteToMessageHandler<HTTPRequestDecoder>,
        admission: Result<ConnectionGate.Ticket, ConnectionGate.Refusal>
    ) {
        self.services = services
        self.fanout = fanout
        self.decoder = decoder
        switch admission {
        case .success(let ticket):
            self.ticket = ticket
            refusal = nil
        case .failure(let refusal): self.refusal = refusal.code
        }
    }

    func channelActive(context: ChannelHandlerContext) {
        if let refusal {
            refuse(HTTPRefusal(.serviceUnavailable, refusal), context)
            return
        }
        self.context = context
        fanout.addIdle(self)
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timeout = context.eventLoop.scheduleTask(in: TimeAmount(services.configuration.limits.httpRequestTimeout)) {
            let (handler, context) = loopBound.value
            handler.refuse(HTTPRefusal(.requestTimeout, .requestTimeout), context)
        }
    }

    /// A channel that never became active has no other end than this.
    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        fanout.removeIdle(self)
        giveTicketBack()
    }

    /// The node goes down before the request was whole.
    func endIdle(_ code: RelayCode) {
        if let context { refuse(HTTPRefusal(.serviceUnavailable, code), context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        timeout?.cancel()
        giveTicketBack()
        context.fireChannelInactive()
    }

    private func giveTicketBack() {
        if let ticket { services.gate.close(ticket) }
        ticket = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .reading): judge(head, context)
        case (.end, .accepted(let name, let selection, let offer, let player)):
            start(name, selection, offer, player: player, context)
        default: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard case .reading = state else {
            context.close(promise: nil)
            return
        }
        switch error {
        case is HTTPParserError: refuse(Self.refusal(for: error), context)
        default: context.close(promise: nil)
        }
    }

    private static func refusal(for error: any Error) -> HTTPRefusal {
        switch error as? HTTPParserError {
        case .headerOverflow?: HTTPRefusal(.requestHeaderFieldsTooLarge, .headersTooLarge)
        case .invalidMethod?: HTTPRefusal(.notImplemented, .methodNotAllowed)
        case .invalidVersion?: HTTPRefusal(.httpVersionNotSupported, .badRequest)
        default: HTTPRefusal(.badRequest, .badRequest)
        }
    }

    // MARK: Judging

    private func judge(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let answer = HTTPAnswer(
            allocator: context.channel.allocator, cors: CORSPolicy(origins: services.configuration.http.corsOrigins),
            origin: head.headers["Origin"].first)
        self.answer = answer
        let player = head.headers["User-Agent"].first.map { String($0.prefix(ViewerIdentity.maximumLength)) }
        switch ViewerRequest(head) {
        case .refuse(let refusal):
            refuse(refusal, context, withBody: head.method != .HEAD)
        case .preflight:
            finish(answer.preflight(), context)
        case .flv(let name, _, isHead: true):
            if services.directory.hub(named: name) == nil {
                refuse(HTTPRefusal(.notFound, .streamNotFound), context, withBody: false)
            } else {
                finish(answer.flv(), context)
            }
        case .flv(let name, let selection, isHead: false):
            state = .accepted(name, selection, nil, player: player)
        case .webSocket(let name, let selection, let offer):
            state = .accepted(name, selection, offer, player: player)
        }
    }

    private func refuse(_ refusal: HTTPRefusal, _ context: ChannelHandlerContext, withBody: Bool = true) {
        if case .done = state { return }
        services.events.reject(
            refusal.code, transport: .http, remote: context.remoteAddress, logger: services.logger, now: .now())
        let answer =
            answer
            ?? HTTPAnswer(
                allocator: context.channel.allocator,
                cors: CORSPolicy(origins: services.configuration.http.corsOrigins),
                origin: nil)
        finish(answer.refusal(refusal, withBody: withBody), context)
    }

    private func finish(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        state = .done
        timeout?.cancel()
        LingeringClose.write(bytes, context)
    }

    // MARK: Becoming a viewer

    private func start(
        _ name: StreamName, _ selection: MediaSelection, _ offer: WebSocketOffer?, player: String?,
        _ context: ChannelHandlerContext
    ) {
        let hub: StreamHub
        switch services.directory.openForViewer(name, on: fanout, remote: context.remoteAddress) {
        case .success(let found): hub = found
        case .failure(let refusal):
            services.gate.noteRefusal(refusal.code)
            let status = refusal.code == .streamNotFound ? HTTPResponseStatus.notFound : .serviceUnavailable
            refuse(HTTPRefusal(status, refusal.code), context)
            return
        }
        if let code = services.gate.enterViewer() {
            refuse(HTTPRefusal(.serviceUnavailable, code), context)
            return
        }
        guard var ticket, let answer else { return }
        state = .done
        timeout?.cancel()
        services.gate.settle(&ticket)
        self.ticket = nil
        let viewer = FLVViewerHandler(
            services: services, fanout: fanout, ticket: ticket, hub: hub, selection: selection,
            head: offer.map { answer.switchToWebSocket($0) } ?? answer.flv(), isWebSocket: offer != nil,
            identity: ViewerIdentity(player: player))
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(viewer)
        } catch {
            viewer.abandon()
            context.close(promise: nil)
            return
        }
        pipeline.removeHandler(context: context, promise: nil)
        // The decoder may still be reading what the peer sent behind its request, as another request; what comes of that reaches
        // nobody but the viewer's handler, which looks at nothing. Only when the decoder is gone may others read bytes.
        let gone = pipeline.removeHandler(decoder)
        guard offer != nil else { return }
        let limit = services.configuration.limits.webSocketFrameBytes
        let bound = NIOLoopBound((context.channel, viewer), eventLoop: context.eventLoop)
        gone.whenSuccess {
            let (channel, viewer) = bound.value
            guard channel.isActive else { return }
            let handlers: [any ChannelHandler] = [
                ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: limit)),
                WebSocketInboundHandler(viewer: viewer),
            ]
            do {
                try channel.pipeline.syncOperations.addHandlers(handlers, position: .before(viewer))
            } catch {
                channel.close(promise: nil)
            }
        }
    }
}
