import NIOCore
import NIOHTTP1
import RelayCore

/// Plays HTTP-FLV: one GET, whose answer is FLV without end.
final class HTTPFLVHandler: ChannelInboundHandler, ChannelOutboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = Never
    typealias OutboundOut = HTTPClientRequestPart

    /// Longest body of a refusal that is kept, bytes.
    static let maximumRefusalBytes = 16 << 10

    private let url: FLVURL
    /// The request asks for a WebSocket, so that any other answer is a refusal.
    private let isUpgrade: Bool
    private let sink: @Sendable (PlayerEvent) -> Void
    private var intake: FLVIntake
    /// Set while the answer is a refusal, whose body is collected.
    private var refusal: (status: HTTPResponseStatus, body: ByteBuffer)?
    private var failure: ClientError?
    private var isEndExpected = false
    private var isClosed = false

    init(url: FLVURL, isUpgrade: Bool = false, sink: @escaping @Sendable (PlayerEvent) -> Void) {
        self.url = url
        self.isUpgrade = isUpgrade
        self.sink = sink
        intake = FLVIntake(sink: sink)
    }

    static func addHandlers(
        for url: FLVURL, to pipeline: ChannelPipeline.SynchronousOperations,
        sink: @escaping @Sendable (PlayerEvent) -> Void
    ) throws {
        try pipeline.addHTTPClientHandlers()
        try pipeline.addHandler(HTTPFLVHandler(url: url, sink: sink))
    }

    /// The request that every play over HTTP starts with; the WebSocket upgrade adds its own fields to it.
    static func request(_ url: FLVURL) -> HTTPRequestHead {
        HTTPRequestHead(
            version: .http1_1, method: .GET, uri: url.target,
            headers: ["Host": url.authority, "User-Agent": "relayctl", "Accept": "*/*"])
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(Self.request(url))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            if head.status == .ok, !isUpgrade {
                sink(.ready(at: .now()))
            } else {
                refusal = (head.status, ByteBuffer())
            }
        case .body(let bytes):
            if refusal != nil {
                let room = max(0, Self.maximumRefusalBytes - (refusal?.body.readableBytes ?? 0))
                refusal?.body.writeBytes(bytes.readableBytesView.prefix(room))
                return
            }
            do throws(ClientError) { try intake.receive(bytes) } catch {
                failure = error
                context.close(promise: nil)
            }
        case .end:
            isEndExpected = true
            if let refusal {
                failure = .refused(code: "HTTP \(refusal.status.code)", description: String(buffer: refusal.body))
            } else {
                sink(.ended)
            }
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isClosed {
            isClosed = true
            if failure == nil, let refusal {
                failure = .refused(code: "HTTP \(refusal.status.code)", description: String(buffer: refusal.body))
            }
            sink(.closed(failure ?? (isEndExpected ? nil : .closed)))
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if failure == nil {
            switch error {
            case is HTTPParserError: failure = .broken("the answer is not HTTP")
            case is NIOHTTPClientUpgradeError: failure = .broken("the answer is not a WebSocket handshake")
            default: break
            }
        }
        context.close(promise: nil)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is ClientCloseEvent else { return context.triggerUserOutboundEvent(event, promise: promise) }
        isEndExpected = true
        context.close(promise: promise)
    }
}
