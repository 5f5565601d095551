import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import RelayCore
import RelayLink
import ServiceLifecycle

/// The media side of a node as a service: binds the listeners, runs until it is asked to stop, then drains within the
/// deadline.
struct MediaService: Service {
    let group: MultiThreadedEventLoopGroup
    let fanouts: [LoopFanout]
    let services: ConnectionServices
    let lifecycle: NodeLifecycle
    let links: LinkRegister
    /// nil on a node alone.
    let cluster: ClusterService?

    /// Pending connections that the kernel holds for us; a thundering herd of players fits.
    static let backlog: Int32 = 4_096
    /// Accepts per turn of the loop: enough for 10,000 joins/s, few enough that running viewers are not kept waiting.
    static let acceptsPerRead: UInt = 16

    func run() async throws {
        for fanout in fanouts { try await fanout.loop.submit { fanout.start() }.get() }
        let configuration = services.configuration
        let rtmp = try await bind("rtmp", host: configuration.rtmp.host, port: configuration.rtmp.port, startRTMP)
        let http = try await bind("http", host: configuration.http.host, port: configuration.http.port, startHTTP)
        var listeners = [rtmp, http]
        if let cluster {
            let link = try await bind("link", host: configuration.link.host, port: configuration.link.port, startLink)
            listeners.append(link)
            await cluster.didBind(rtmp: rtmp.localAddress?.port, link: link.localAddress?.port)
        }
        lifecycle.didStart()
        services.logger.info(
            "ready",
            metadata: lifecycle.listeners.reduce(into: ["version": "\(RelayVersion.current)"]) {
                $0[$1.key] = "\($1.value)"
            })
        try? await gracefulShutdown()
        await drain(listeners: listeners)
    }

    // MARK: Listening

    private func bind(
        _ name: String, host: String, port: Int,
        _ start: @escaping @Sendable (any Channel, LoopFanout) throws -> Void
    ) async throws -> any Channel {
        let fanoutByLoop = Dictionary(
            uniqueKeysWithValues: fanouts.map { (ObjectIdentifier($0.loop), $0) })
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: Self.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: Self.acceptsPerRead)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(
                ChannelOptions.Types.SocketOption(level: .tcp, name: SocketTuning.userTimeoutOption),
                value: SocketOptionValue(SocketTuning.userTimeout)
            )
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: TransientReceiveAllocator())
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let fanout = fanoutByLoop[ObjectIdentifier(channel.eventLoop)] else { return }
                    try start(channel, fanout)
                }
            }
        do {
            let channel = try await bootstrap.bind(host: host, port: port).get()
            if let address = channel.localAddress { lifecycle.didBind(name, to: RemoteText.describe(address)) }
            return channel
        } catch {
            throw BindError(listener: name, host: host, port: port, cause: error)
        }
    }

    private func startRTMP(_ channel: any Channel, _ fanout: LoopFanout) throws {
        switch admit(channel) {
        case .success(let ticket):
            try channel.pipeline.syncOperations.addHandler(
                RTMPConnectionHandler(services: services, fanout: fanout, ticket: ticket))
        case .failure(let refusal):
            // Before the handshake RTMP has no word for this, so the connection just closes.
            services.events.reject(
                refusal.code, transport: .rtmp, remote: channel.remoteAddress, logger: services.logger, now: .now())
            channel.close(promise: nil)
        }
    }

    private func startHTTP(_ channel: any Channel, _ fanout: LoopFanout) throws {
        let limits = services.configuration.limits
        var decoderLimits = NIOHTTPDecoderLimitConfiguration()
        decoderLimits.maxHeaderFieldSize = limits.httpFieldBytes
        decoderLimits.maxHeaderListSize = limits.httpHeaderBytes
        decoderLimits.maxHeaderFieldCount = limits.httpFields
        let decoder = ByteToMessageHandler(
            HTTPRequestDecoder(
                leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .drop,
                limitConfiguration: decoderLimits),
            maximumBufferSize: limits.httpHeaderBytes + limits.httpFieldBytes)
        let admission = admit(channel)
        if case .failure = admission {
            // A refusal is told, but not to so many at once that telling takes the descriptors that are left.
            guard services.gate.enterRefusal() else {
                channel.close(promise: nil)
                return
            }
            let gate = services.gate
            channel.closeFuture.whenComplete { _ in gate.leaveRefusal() }
        }
        let handler = ViewerHTTPHandler(services: services, fanout: fanout, decoder: decoder, admission: admission)
        try channel.pipeline.syncOperations.addHandlers([decoder, handler])
    }

    private func startLink(_ channel: any Channel, _ fanout: LoopFanout) throws {
        guard let cluster else { return }
        guard links.enter() else {
            services.events.reject(
                .linkLimit, transport: .link, remote: channel.remoteAddress, logger: services.logger, now: .now())
            channel.close(promise: nil)
            return
        }
        do {
            let pipeline = channel.pipeline.syncOperations
            try channel.syncOptions?.setOption(.writeBufferWaterMark, value: LinkHandler.waterMark)
            try channel.syncOptions?.setOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator())
            try cluster.security.addServer(to: pipeline) { await cluster.knows(certificate: $0) }
            try pipeline.addHandler(
                LinkHandler(
                    session: LinkSession(
                        role: .listener, settings: cluster.linkSettings, crypto: .openSSL, now: .now()),
                    owner: LinkServer(services: services, links: links, me: cluster.me), meter: fanout.meter))
        } catch {
            links.settle()
            throw error
        }
    }

    private func admit(_ channel: any Channel) -> Result<ConnectionGate.Ticket, ConnectionGate.Refusal> {
        if lifecycle.state == .draining { return .failure(.init(code: .draining)) }
        return services.gate.admit(channel.remoteAddress)
    }

    // MARK: Draining

    /// How often the drain looks whether the last connection has gone.
    static let drainPoll = Duration.milliseconds(50)
    /// Of the deadline, for telling those that are left.
    static let lastWords = Duration.milliseconds(500)

    /// Ends everything in order: no new connections, no new streams, everyone told, until all have left or the deadline is here.
    private func drain(listeners: [any Channel]) async {
        lifecycle.beginDrain()
        services.logger.info("draining", metadata: ["connections": "\(services.gate.open)"])
        for listener in listeners { try? await listener.close() }
        let deadline = MonotonicTime.now() + services.configuration.shutdown.deadline
        if let cluster {
            // Viewers and children are served until they have gone, or until the deadline.
            await cluster.drainForGood(within: services.configuration.shutdown.deadline)
            while services.gate.open > 0, .now() < deadline - Self.lastWords {
                guard (try? await Task.sleep(for: Self.drainPoll)) != nil else { break }
            }
        }
        for hub in services.directory.close() {
            try? await hub.home.loop.submit {
                _ = hub.kickPublisher(.draining)
                hub.end(.draining)
            }.get()
        }
        for fanout in fanouts { try? await fanout.loop.submit { fanout.endIdleConnections(.draining) }.get() }
        while services.gate.open > 0, .now() < deadline {
            // Cancelled means that waiting is over, not that the next wait is shorter.
            guard (try? await Task.sleep(for: Self.drainPoll)) != nil else { break }
        }
        for fanout in fanouts { try? await fanout.loop.submit { fanout.stop() }.get() }
        services.logger.info("stopped", metadata: ["cut": "\(services.gate.open)"])
    }
}

/// A listener could not be bound; the message says what to do.
struct BindError: Error, CustomStringConvertible {
    var listener: String
    var host: String
    var port: Int
    var cause: any Error

    var description: String {
        let remedy =
            (cause as? IOError)?.errnoCode == 98
            ? "the port is in use; stop what listens there or set \(listener).port" : "\(cause)"
        return "cannot listen on \(host):\(port) (\(listener)): \(remedy)"
    }
}
