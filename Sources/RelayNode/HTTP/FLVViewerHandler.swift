import NIOCore
import NIOHTTP1
import NIOWebSocket
import RelayCore
import RelayFLV

/// A viewer of FLV over HTTP or WebSocket, from the accepted request to the end.
final class FLVViewerHandler: ChannelInboundHandler, ViewerConnection {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let services: ConnectionServices
    private let fanout: LoopFanout
    private var ticket: ConnectionGate.Ticket?
    private let hub: StreamHub
    private let selection: MediaSelection
    private var head: ByteBuffer?
    private let isWebSocket: Bool
    let identity: ViewerIdentity

    private(set) var writeContext: ChannelHandlerContext?
    private var replica: StreamReplica?
    private var viewer: Viewer?
    private var isEnding = false

    init(
        services: ConnectionServices, fanout: LoopFanout, ticket: ConnectionGate.Ticket, hub: StreamHub,
        selection: MediaSelection, head: ByteBuffer, isWebSocket: Bool, identity: ViewerIdentity
    ) {
        self.services = services
        self.fanout = fanout
        self.ticket = ticket
        self.hub = hub
        self.selection = selection
        self.head = head
        self.isWebSocket = isWebSocket
        self.identity = identity
    }

    var transport: String { isWebSocket ? "ws-flv" : "http-flv" }
    var remote: SocketAddress? { writeContext?.remoteAddress }

    /// Gives back what the handler holds when it never got into a pipeline.
    func abandon() {
        guard let ticket else { return }
        self.ticket = nil
        services.gate.leaveViewer()
        services.gate.close(ticket)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard let ticket else { return }
        writeContext = context
        SocketTuning.prepareViewer(context.channel, configuration: services.configuration)
        let replica = fanout.replica(of: hub)
        self.replica = replica
        let form = WireForm(container: isWebSocket ? .webSocketFLV : .flv, selection: selection)
        replica.add(id: ticket.id, form: form, connection: self, now: .now()) { self.viewer = $0 }
    }

    /// FLV over HTTP negotiates nothing: the player has to know what it opened.
    func accepts(_ configurations: [Frame]) -> Bool { true }

    /// FLV has no word for it; sequence headers follow in any case.
    func publisherReturned() {}

    func didJoin(tracks: TrackKinds) {
        guard var head else { return }
        self.head = nil
        let header = FLVHeader(
            hasAudio: selection != .video && tracks.hasAudio, hasVideo: selection != .audio && tracks.hasVideo)
        if isWebSocket {
            WebSocketFraming.writeHeader(
                opcode: WebSocketFraming.binary, payloadLength: FLVHeader.lengthWithFirstField, into: &head)
        }
        header.encode(into: &head)
        viewer?.write(head)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // A viewer has nothing more to say: its bytes are read so that its end is seen, and dropped.
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if let viewer, context.channel.isWritable { viewer.feed.resume(viewer) }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        if let ticket { services.gate.close(ticket) }
        ticket = nil
        writeContext = nil
        context.fireChannelInactive()
    }

    private func leave() {
        guard let replica else { return }
        self.replica = nil
        if let viewer {
            replica.remove(viewer, now: .now())
            self.viewer = nil
        } else if let ticket {
            replica.removeWaiting(id: ticket.id)
        }
        services.gate.leaveViewer()
    }

    // MARK: Ending

    func end(_ code: RelayCode) {
        guard let context = writeContext, !isEnding else { return }
        if code != .streamEnded {
            services.events.reject(
                code, transport: .http, remote: context.remoteAddress, logger: services.logger, now: .now())
        }
        if let head {
            // Nothing was sent yet, so the refusal can still have a status of its own.
            self.head = nil
            isEnding = true
            fanout.meter.noteFailedJoin(code)
            leave()
            _ = head
            let answer = HTTPAnswer(
                allocator: context.channel.allocator,
                cors: CORSPolicy(origins: services.configuration.http.corsOrigins),
                origin: nil)
            let isGone = code == .streamNotFound || code == .streamEnded
            LingeringClose.write(answer.refusal(HTTPRefusal(isGone ? .notFound : .serviceUnavailable, code)), context)
            return
        }
        close(webSocketCode: Self.webSocketCode(for: code), reason: code, isCounted: true)
    }

    /// 1013 (try again later) is registered with IANA beside the codes of RFC 6455.
    private static func webSocketCode(for code: RelayCode) -> WebSocketErrorCode {
        switch code {
        case .streamEnded: .normalClosure
        case .draining: .goingAway
        case .tooSlow: .unknown(1013)
        default: .policyViolation
        }
    }

    /// Sends a control frame behind whatever is on its way.
    func send(_ frame: ByteBuffer) {
        viewer?.write(frame)
        viewer?.flush()
    }

    /// Leaves the stream and closes, as a WebSocket with a close frame.
    ///
    /// - Parameter isCounted: Whether the reason is in the counters and the log already.
    func close(webSocketCode: WebSocketErrorCode, reason: RelayCode?, isCounted: Bool = false) {
        guard let context = writeContext, !isEnding else { return }
        isEnding = true
        leave()
        if let reason, !isCounted {
            services.events.reject(
                reason, transport: .http, remote: context.remoteAddress, logger: services.logger, now: .now())
        }
        guard isWebSocket, context.channel.isWritable else {
            // Bytes still on their way to a slow viewer are not waited for.
            if context.channel.isWritable {
                LingeringClose.write(ByteBuffer(), context)
            } else {
                context.close(promise: nil)
            }
            return
        }
        var payload = ByteBuffer()
        payload.write(webSocketErrorCode: webSocketCode)
        if let reason { payload.writeString(String("\(reason) \(reason.message)".prefix(120))) }
        var bytes = context.channel.allocator.buffer(capacity: payload.readableBytes + 2)
        WebSocketFraming.writeHeader(
            opcode: WebSocketFraming.close, payloadLength: payload.readableBytes, into: &bytes)
        bytes.writeBuffer(&payload)
        LingeringClose.write(bytes, context)
    }
}
