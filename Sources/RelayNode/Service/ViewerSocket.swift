import Glibc
import NIOCore
import NIOPosix

/// Socket options of everything we accept, and of those that became viewers.
enum ViewerSocket {
    /// A viewer's socket takes writes until this much waits in the channel, and again from the low mark on. A batch is larger
    /// than the low mark only at high bit rates, so in the ordinary case nothing ever waits.
    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 65_536, high: 262_144)

    /// How long the kernel may go without an acknowledgement before it gives up on a peer, ms: half-open publishers and
    /// viewers behind a dead path end here.
    static let userTimeout = 20_000

    static let userTimeoutOption = NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)

    /// Called once a connection plays.
    static func prepare(_ channel: any Channel, configuration: RelayConfiguration) {
        guard let options = channel.syncOptions else { return }
        try? options.setOption(.writeBufferWaterMark, value: waterMark)
        // A viewer says next to nothing from here on; the default buffers are for those who send media.
        try? options.setOption(.maxMessagesPerRead, value: 1)
        try? options.setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 512))
        try? options.setOption(
            ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: TCP_NOTSENT_LOWAT)),
            value: SocketOptionValue(configuration.viewer.notSentLowat))
    }
}
