package import NIOCore
import NIOPosix
import RelayCore
package import RelayRTMP

/// A player without a screen, over RTMP, HTTP-FLV or WS-FLV: `relayctl play`, tests and load tools watch with it.
package final class StreamPlayer: Sendable {
    /// How a player connects and behaves.
    package struct Options: Sendable {
        /// Time for the TCP connection.
        package var connectTimeout = Duration.seconds(10)
        /// Socket receive buffer, bytes; nil = the system's. A small one makes a slow viewer slow sooner.
        package var receiveBuffer: Int?
        /// Not to read from the socket until ``StreamPlayer/resume()``: a viewer that stalls from the first byte.
        package var startsPaused = false
        /// RTMP only.
        package var rtmp = RTMPClientConfiguration()

        package init() {}
    }

    /// What happens, for one consumer. Without one, events pile up: a player that only has to exist takes `onEvent`.
    package let events: AsyncStream<PlayerEvent>
    /// The connection, for tests that want to do harm to it.
    package let channel: any Channel

    private init(events: AsyncStream<PlayerEvent>, channel: any Channel) {
        self.events = events
        self.channel = channel
    }

    /// Connects and starts to play; returns once the TCP connection stands, and tells the rest as events.
    ///
    /// - Parameters:
    ///   - group: whose loop runs the player; all of it happens on one.
    ///   - onEvent: called on the loop for each event, instead of ``events``, which is then empty.
    /// - Throws: ``ClientError/cannotConnect(_:)``.
    package static func connect(
        to target: PlayTarget, options: Options = Options(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        onEvent: (@Sendable (PlayerEvent) -> Void)? = nil
    ) async throws(ClientError) -> StreamPlayer {
        let (events, continuation) = AsyncStream.makeStream(of: PlayerEvent.self)
        if onEvent != nil { continuation.finish() }
        let sink: @Sendable (PlayerEvent) -> Void =
            onEvent ?? { event in
                continuation.yield(event)
                if case .closed = event { continuation.finish() }
            }
        var bootstrap = ClientBootstrap(group: group)
            .connectTimeout(.nanoseconds(options.connectTimeout.wholeNanoseconds))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: !options.startsPaused)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try addHandlers(for: target, options: options, to: channel.pipeline.syncOperations, sink: sink)
                }
            }
        if let size = options.receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: size)
        }
        let (host, port) = target.address
        do {
            let channel = try await bootstrap.connect(host: host, port: port).get()
            return StreamPlayer(events: events, channel: channel)
        } catch {
            throw .cannotConnect(ClientError.reason(error))
        }
    }

    private static func addHandlers(
        for target: PlayTarget, options: Options, to pipeline: ChannelPipeline.SynchronousOperations,
        sink: @escaping @Sendable (PlayerEvent) -> Void
    ) throws {
        switch target {
        case .rtmp(let url):
            let machine = RTMPPlayClient(url: url, configuration: options.rtmp, digest: .openSSL)
            try pipeline.addHandler(RTMPClientHandler(machine: machine, sink: sink))
        case .http(let url):
            try HTTPFLVHandler.addHandlers(for: url, to: pipeline, sink: sink)
        case .webSocket(let url):
            try WebSocketFLVHandler.addHandlers(for: url, to: pipeline, sink: sink)
        }
    }

    /// Closes the connection; `closed(nil)` follows.
    package func close() async {
        channel.triggerUserOutboundEvent(ClientCloseEvent(), promise: nil)
        try? await channel.closeFuture.get()
    }

    /// Stops reading from the socket, as a player does whose network or disk is stuck.
    package func pause() async { try? await channel.setOption(.autoRead, value: false).get() }

    /// Reads again.
    package func resume() async {
        try? await channel.setOption(.autoRead, value: true).get()
        channel.read()
    }
}

/// Asks the handlers of a client's channel to end in the protocol's own way and close.
package struct ClientCloseEvent: Sendable {
    package init() {}
}

extension PlayTarget {
    /// Where to connect.
    var address: (host: String, port: Int) {
        switch self {
        case .rtmp(let url): (url.host, url.port)
        case .http(let url), .webSocket(let url): (url.host, url.port)
        }
    }
}

extension ClientError {
    /// One line out of NIO's errors about connecting.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as NIOConnectionError where error.dnsAError != nil && error.connectionErrors.isEmpty:
            "the host name has no address"
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { reason($0.error) } ?? "nothing accepts connections there"
        case let error as IOError: error.errnoCode == 111 ? "nothing accepts connections there" : "\(error.description)"
        case ChannelError.connectTimeout: "no answer in time"
        default: "\(error)"
        }
    }
}
