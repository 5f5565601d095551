import Glibc
import NIOCore
import NIOPosix

/// The socket under a channel, for writing shared bytes to thousands of viewers without the cost of the channel's own
/// bookkeeping for each: profiling showed it as a quarter of a flush, the kernel's share being the rest.
///
/// The channel owns the descriptor and all of its life; whoever writes here has to know that the channel is active and has no
/// bytes of its own waiting. A channel without a socket (a test's) takes nothing here, and everything goes the ordinary way.
struct DirectSocket {
    private let descriptor: CInt
    private static let flags = CInt(truncatingIfNeeded: MSG_DONTWAIT) | CInt(truncatingIfNeeded: MSG_NOSIGNAL)

    init(of channel: any Channel) {
        let found = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            $0
        }
        descriptor = found ?? -1
    }

    /// Writes without waiting.
    ///
    /// - Returns: Bytes the kernel took; 0 when it takes none now or the connection is broken (the channel will see that).
    @inline(__always)
    func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        max(0, Glibc.send(descriptor, bytes.baseAddress, bytes.count, Self.flags))
    }
}
