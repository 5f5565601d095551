import NIOCore
import NIOEmbedded
import Testing

@testable import RelayNode

/// On an embedded channel a write waits until it is flushed, as on a socket whose peer does not read.
struct StalledWriteGuardTests {
    /// Nearest to the socket: keeps writes back and lets go of them one by one.
    private final class Dam: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private var held: [EventLoopPromise<Void>?] = []

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            held.append(promise)
        }

        func release(_ count: Int = .max) {
            for promise in held.prefix(count) { promise?.succeed() }
            held.removeFirst(min(count, held.count))
        }
    }

    private let loop = EmbeddedEventLoop()
    private let dam = Dam()

    private func channel() throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(
            handlers: [dam, StalledWriteGuard(patience: .seconds(30))], loop: loop)
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 1)).wait()
        return channel
    }

    private func write(_ channel: EmbeddedChannel) { channel.write(ByteBuffer(string: "answer"), promise: nil) }

    @Test func `a peer that takes nothing for so long is closed`() throws {
        let channel = try channel()
        write(channel)
        loop.advanceTime(by: .seconds(29))
        #expect(channel.isActive)
        // More of it does not buy time.
        write(channel)
        loop.advanceTime(by: .seconds(1))
        #expect(!channel.isActive)
        dam.release()
    }

    @Test func `a peer that takes some of what waits stays, and is closed once it takes no more`() throws {
        let channel = try channel()
        for _ in 0..<3 { write(channel) }
        for _ in 0..<2 {
            dam.release(1)
            loop.advanceTime(by: .seconds(30))
            #expect(channel.isActive)
        }
        loop.advanceTime(by: .seconds(30))
        #expect(!channel.isActive)
        dam.release()
    }

    @Test func `a peer that took everything may be silent for as long as it likes`() throws {
        let channel = try channel()
        for _ in 0..<10 {
            write(channel)
            loop.advanceTime(by: .seconds(29))
            dam.release()
        }
        loop.advanceTime(by: .hours(1))
        #expect(channel.isActive)
        write(channel)
        loop.advanceTime(by: .seconds(30))
        #expect(!channel.isActive)
        dam.release()
    }
}
