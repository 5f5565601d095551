import NIOCore

/// Writes an answer and closes once the peer had a chance to read it.
///
/// Closing a socket with unread input makes the kernel send RST, which can destroy an answer that the peer has not read yet
/// (RFC 9112 section 9.6). So the sending side is closed first, and the rest a moment later.
enum LingeringClose {
    /// How long a peer may take to read the answer.
    static let patience = TimeAmount.seconds(1)
    /// How long an answer may wait behind what a slow peer has not taken yet.
    static let writePatience = TimeAmount.seconds(2)

    static func write(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let channel = context.channel
        channel.eventLoop.scheduleTask(in: writePatience) { channel.close(promise: nil) }
        context.writeAndFlush(NIOAny(bytes)).whenComplete { result in
            guard case .success = result else {
                channel.close(promise: nil)
                return
            }
            channel.close(mode: .output).whenComplete { _ in
                channel.eventLoop.scheduleTask(in: patience) { channel.close(promise: nil) }
            }
        }
    }
}
