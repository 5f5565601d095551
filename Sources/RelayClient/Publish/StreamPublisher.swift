package import NIOCore
import NIOPosix
package import RelayCore
package import RelayRTMP

/// An encoder without a camera, over RTMP: sends media that the caller has.
package final class StreamPublisher: Sendable {
    /// The connection, for tests that want to do harm to it.
    package let channel: any Channel
    private let handler: NIOLoopBound<RTMPClientHandler<RTMPPublishClient>>
    private let outcome: EventLoopFuture<ClientError?>

    private init(
        channel: any Channel, handler: NIOLoopBound<RTMPClientHandler<RTMPPublishClient>>,
        outcome: EventLoopFuture<ClientError?>
    ) {
        self.channel = channel
        self.handler = handler
        self.outcome = outcome
    }

    /// Connects and starts to publish; returns when the server has accepted.
    ///
    /// - Parameter onReconnectRequest: called on the loop when the server asks the publisher to connect again, to this
    ///   `tcUrl` if there is one.
    /// - Throws: ``ClientError`` when nothing listens, the server refuses, or it does not go on in time.
    package static func connect(
        to url: RTMPURL, configuration: RTMPClientConfiguration = RTMPClientConfiguration(),
        connectTimeout: Duration = .seconds(10), group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        onReconnectRequest: (@Sendable (String?) -> Void)? = nil
    ) async throws(ClientError) -> StreamPublisher {
        let loop = group.next()
        let ready = loop.makePromise(of: Void.self)
        let outcome = loop.makePromise(of: ClientError?.self)
        let sink: @Sendable (PlayerEvent) -> Void = { event in
            switch event {
            case .ready: ready.succeed()
            case .closed(let error):
                ready.fail(error ?? ClientError.closed)
                outcome.succeed(error)
            case .reconnectRequested(let url): onReconnectRequest?(url)
            case .media, .ended: break
            }
        }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(connectTimeout.wholeNanoseconds))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
        do {
            let (channel, handler) = try await bootstrap.connect(host: url.host, port: url.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let machine = RTMPPublishClient(url: url, configuration: configuration, digest: .openSSL)
                    let handler = RTMPClientHandler(machine: machine, sink: sink)
                    try channel.pipeline.syncOperations.addHandler(handler)
                    return (channel, NIOLoopBound(handler, eventLoop: channel.eventLoop))
                }
            }
            try await ready.futureResult.get()
            return StreamPublisher(channel: channel, handler: handler, outcome: outcome.futureResult)
        } catch {
            let failure = error as? ClientError ?? .cannotConnect(ClientError.reason(error))
            ready.fail(failure)
            outcome.succeed(failure)
            throw failure
        }
    }

    /// Sends one message and waits until the kernel has taken it, so a server that does not read holds the caller back.
    ///
    /// - Throws: ``ClientError`` with the reason when the connection is gone.
    package func send(kind: MediaKind, timestamp: UInt32, payload: ByteBuffer) async throws(ClientError) {
        try await write { machine, buffer in
            machine.write(kind: kind, timestamp: timestamp, payload: payload, into: &buffer)
        }
    }

    /// Sends several messages as one write; otherwise as `send(kind:timestamp:payload:)`.
    ///
    /// - Throws: ``ClientError`` with the reason when the connection is gone.
    package func send(_ messages: [(kind: MediaKind, timestamp: UInt32, payload: ByteBuffer)]) async throws(ClientError)
    {
        guard !messages.isEmpty else { return }
        try await write { machine, buffer in
            messages.allSatisfy {
                machine.write(kind: $0.kind, timestamp: $0.timestamp, payload: $0.payload, into: &buffer)
            }
        }
    }

    private func write(_ body: @escaping @Sendable (inout RTMPPublishClient, inout ByteBuffer) -> Bool)
        async throws(ClientError)
    {
        do {
            try await channel.eventLoop.flatSubmit { [handler, channel] in
                handler.value.write(body) ?? channel.eventLoop.makeFailedFuture(ClientError.closed)
            }.get()
        } catch {
            // The server's last words say more than a failed write; they arrive with the close.
            guard !channel.isActive else { throw .closed }
            throw await closed() ?? .closed
        }
    }

    /// Ends the publish in the protocol's way and closes the connection.
    package func finish() async {
        channel.triggerUserOutboundEvent(ClientCloseEvent(), promise: nil)
        _ = await closed()
    }

    /// Closes the connection without a word, as an encoder does that crashes.
    package func abort() async {
        channel.close(promise: nil)
        _ = await closed()
    }

    /// Waits until the connection is gone and tells why; nil after ``finish()``.
    package func closed() async -> ClientError? {
        do { return try await outcome.get() } catch { return .closed }
    }
}
