import NIOCore
import NIOWebSocket
import RelayCore
import RelayRTMP

/// What a WebSocket viewer may say: close and ping. Anything that breaks RFC 6455 closes the connection.
final class WebSocketInboundHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let viewer: FLVViewerHandler
    /// Pings answered in a second; more are read and not answered.
    static let pongsPerSecond: UInt32 = 10
    private var pongs = RateWindow()

    init(viewer: FLVViewerHandler) { self.viewer = viewer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        // 5.1: a client masks; 5.2: no reserved bits without an extension; 5.4: we are sent no fragments.
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3, frame.fin else {
            viewer.close(webSocketCode: .protocolError, reason: .webSocketProtocol)
            return
        }
        switch frame.opcode {
        case .connectionClose:
            // 5.5.1: a body holds a code of two bytes at least.
            let isBroken = frame.data.readableBytes == 1
            viewer.close(
                webSocketCode: isBroken ? .protocolError : .normalClosure, reason: isBroken ? .webSocketProtocol : nil)
        case .ping:
            guard pongs.take(limit: Self.pongsPerSecond, now: .now()) else { return }
            var payload = frame.unmaskedData
            var bytes = context.channel.allocator.buffer(capacity: payload.readableBytes + 2)
            WebSocketFraming.writeHeader(
                opcode: WebSocketFraming.pong, payloadLength: payload.readableBytes, into: &bytes)
            bytes.writeBuffer(&payload)
            viewer.send(bytes)
        case .pong: break
        default:
            // Data has no meaning here, and a player that sends it mistakes us for somebody else.
            viewer.close(
                webSocketCode: frame.opcode == .text || frame.opcode == .binary ? .unacceptableData : .protocolError,
                reason: .webSocketProtocol)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error as? NIOWebSocketError {
        case .invalidFrameLength?: viewer.close(webSocketCode: .messageTooLarge, reason: .webSocketProtocol)
        case .some: viewer.close(webSocketCode: .protocolError, reason: .webSocketProtocol)
        case nil: context.close(promise: nil)
        }
    }
}
