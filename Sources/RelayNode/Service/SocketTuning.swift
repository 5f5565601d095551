import Glibc
import NIOCore
import NIOPosix

/// Socket options of everything we accept, and of those that became viewers.
enum SocketTuning {
    /// A viewer's socket takes writes until this much waits in the channel, and again from the low mark on. A batch is larger
    /// than the low mark only at high bit rates, so in the ordinary case nothing ever waits.
    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 65_536, high: 262_144)

    /// How long the kernel may go without an acknowledgement before it gives up on a peer, ms: half-open publishers and
    /// viewers behind a dead path end here.
    static let userTimeout = 20_000

    static let userTimeoutOption = NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)

    /// Called once a connection plays.
    static func prepareViewer(_ channel: any Channel, configuration: RelayConfiguration) {
        guard let options = channel.syncOptions else { return }
        try? options.setOption(.writeBufferWaterMark, value: waterMark)
        try? options.setOption(.maxMessagesPerRead, value: 1)
        try? options.setOption(
            ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: TCP_NOTSENT_LOWAT)),
            value: SocketOptionValue(configuration.viewer.notSentLowat))
    }

    /// Called once a connection publishes: buffers that grow with what it sends, and are used again.
    static func preparePublisher(_ channel: any Channel) {
        try? channel.syncOptions?.setOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator())
    }
}

/// Buffers for connections that say little, which is all of them until they publish: one of fixed size for each read, given back
/// at once. A channel keeps the buffers of the usual allocators for its next read, which for thousands of viewers would be more
/// memory than everything else of theirs.
struct TransientReceiveAllocator: RecvByteBufferAllocator {
    /// Holds an RTMP handshake in two reads and nearly every HTTP request in one.
    static let size = 2_048

    mutating func record(actualReadBytes: Int) -> Bool { false }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { allocator.buffer(capacity: Self.size) }
}
