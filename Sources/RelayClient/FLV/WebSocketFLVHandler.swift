import NIOCore
import NIOHTTP1
import NIOWebSocket
import RelayCore

/// Plays WS-FLV: binary messages whose bytes, one after the other, are FLV.
final class WebSocketFLVHandler: ChannelInboundHandler, ChannelOutboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = Never
    typealias OutboundOut = WebSocketFrame

    /// Longest frame that is accepted, bytes: a GOP of a very high bit rate in one.
    static let maximumFrameBytes = 64 << 20

    private let sink: @Sendable (PlayerEvent) -> Void
    private var intake: FLVIntake
    private var failure: ClientError?
    private var isEndExpected = false
    private var isClosed = false

    init(sink: @escaping @Sendable (PlayerEvent) -> Void) {
        self.sink = sink
        intake = FLVIntake(sink: sink)
    }

    static func addHandlers(
        for url: FLVURL, to pipeline: ChannelPipeline.SynchronousOperations,
        sink: @escaping @Sendable (PlayerEvent) -> Void
    ) throws {
        let upgrader = NIOWebSocketClientUpgrader(maxFrameSize: maximumFrameBytes, automaticErrorHandling: false) {
            channel, _ in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(WebSocketFLVHandler(sink: sink))
            }
        }
        // Sends the request, and plays the part of the refused client when there is no upgrade; else it has to go.
        let request = HTTPFLVHandler(url: url, isUpgrade: true, sink: sink)
        let bound = NIOLoopBound(request, eventLoop: pipeline.eventLoop)
        try pipeline.addHTTPClientHandlers(
            leftOverBytesStrategy: .forwardBytes,
            withClientUpgrade: (
                upgraders: [upgrader],
                completionHandler: { context in context.pipeline.syncOperations.removeHandler(bound.value, promise: nil)
                }
            ))
        try pipeline.addHandler(request)
    }

    func handlerAdded(context: ChannelHandlerContext) { sink(.ready(at: .now())) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .binary, .continuation:
            do throws(ClientError) { try intake.receive(frame.unmaskedData) } catch {
                failure = error
                context.close(promise: nil)
            }
        case .ping:
            send(.pong, frame.unmaskedData, context)
        case .connectionClose:
            var data = frame.unmaskedData
            let code = data.readInteger(as: UInt16.self)
            let reason = String(buffer: data)
            // 1000 and 1001 are ends like others; anything else is a reason (RFC 6455 section 7.4.1).
            if let code, ![1000, 1001].contains(code) {
                failure = .refused(code: "WebSocket \(code)", description: reason)
            }
            isEndExpected = true
            if failure == nil { sink(.ended) }
            send(.connectionClose, code.map { ByteBuffer(integer: $0) } ?? ByteBuffer(), context)
            context.close(promise: nil)
        default:
            break
        }
    }

    private func send(_ opcode: WebSocketOpcode, _ data: ByteBuffer, _ context: ChannelHandlerContext) {
        let frame = WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: data)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isClosed {
            isClosed = true
            sink(.closed(failure ?? (isEndExpected ? nil : .closed)))
        }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if failure == nil, error is NIOWebSocketError { failure = .broken("the frames are not WebSocket") }
        context.close(promise: nil)
    }

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is ClientCloseEvent else { return context.triggerUserOutboundEvent(event, promise: promise) }
        isEndExpected = true
        send(.connectionClose, ByteBuffer(integer: UInt16(1000)), context)
        context.close(promise: promise)
    }
}
