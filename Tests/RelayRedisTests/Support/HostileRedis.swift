import NIOCore
import NIOPosix
import RelayRedis
import Synchronization

/// Something that lets clients in as Redis would, and answers what comes then with bytes of the test's choice.
final class HostileRedis: Sendable {
    /// Connections so far.
    var connections: Int { counted.withLock { $0 } }
    let port: Int
    private let channel: any Channel
    private let counted: SharedCount

    final class SharedCount: Sendable {
        private let value = Mutex(0)
        func withLock<T>(_ body: (inout sending Int) -> sending T) -> T { value.withLock(body) }
    }

    /// - Parameters:
    ///   - answers: by command; for SCRIPT, CLIENT, PING, AUTH and SUBSCRIBE there are friendly ones unless given here.
    static func start(_ answers: @escaping @Sendable ([String]) -> String?) async throws -> HostileRedis {
        let counted = SharedCount()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                counted.withLock { $0 += 1 }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(answers))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return HostileRedis(port: channel.localAddress?.port ?? 0, channel: channel, counted: counted)
    }

    private init(port: Int, channel: any Channel, counted: SharedCount) {
        self.port = port
        self.channel = channel
        self.counted = counted
    }

    func end() async { try? await channel.close() }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let answers: @Sendable ([String]) -> String?
        private let reader = RESPReader()

        init(_ answers: @escaping @Sendable ([String]) -> String?) { self.answers = answers }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            reader.append(unwrapInboundIn(data))
            while let command = try? reader.next()?.array?.compactMap(\.text) {
                guard let answer = answers(command) ?? Self.friendly(command) else { continue }
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private static func friendly(_ command: [String]) -> String? {
            switch command.first {
            case "PING": "+PONG\r\n"
            case "SCRIPT": "$40\r\n\(String(repeating: "0", count: 40))\r\n"
            case "SUBSCRIBE": "*3\r\n$9\r\nsubscribe\r\n$\(command[1].utf8.count)\r\n\(command[1])\r\n:1\r\n"
            default: "+OK\r\n"
            }
        }
    }
}
