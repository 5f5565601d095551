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
    static let userTimeout = 10_000

    static let userTimeoutOption = NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)

    /// Called once a connection plays.
    static func prepareViewer(_ channel: any Channel, configuration: RelayConfiguration) {
        guard let options = channel.syncOptions else { return }
        try? options.setOption(.writeBufferWaterMark, value: waterMark)
        try? options.setOption(
            ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: TCP_NOTSENT_LOWAT)),
            value: SocketOptionValue(configuration.viewer.notSentLowat))
    }

    /// Called once a connection publishes: buffers that grow with what it sends, and are used again.
    static func preparePublisher(_ channel: any Channel) {
        guard let options = channel.syncOptions else { return }
        try? options.setOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator())
        try? options.setOption(.maxMessagesPerRead, value: 4)
    }
}

/// Buffers for connections that say little, which is all of them until they publish.
///
/// A channel keeps the first buffer it was given for as long as it lives, which for thousands of viewers would be more memory
/// than everything else of theirs. So the first is small, and the ones after it are given back with each read.
struct TransientReceiveAllocator: RecvByteBufferAllocator {
    /// Bytes of the first read: a player's HTTP request often fits.
    static let firstSize = 256
    /// Bytes of the others: the rest of an RTMP handshake takes two.
    static let size = 2_048

    private var hasRead = false

    /// - Returns: True, "the next may be larger", which is what keeps the channel from using the first one again.
    mutating func record(actualReadBytes: Int) -> Bool {
        hasRead = true
        return true
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        allocator.buffer(capacity: hasRead ? Self.size : Self.firstSize)
    }
}
