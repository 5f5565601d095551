import Logging
import NIOCore
import NIOPosix
import RelayClient
import RelayCore
import RelayRTMP

/// Passes a publisher's stream on to an origin over RTMP: encoders do not follow redirects, so an edge that one connects to goes
/// there for it. When the origin is lost the encoder stays, and its stream goes on at another origin from the next keyframe.
///
/// Confined to the publisher's event loop.
final class PublishForwarder: @unchecked Sendable {
    /// Between two attempts once the stream has run: a lost origin is followed by another one at once, then with patience.
    static let retryEvery = TimeAmount.milliseconds(250)
    static let connectTimeout = TimeAmount.seconds(2)

    /// What the publisher's connection does for it, on its loop.
    struct Owner {
        /// An origin has taken the stream; called once.
        var ready: () -> Void
        /// No origin takes it, or none came back in time; nothing follows.
        var failed: (RelayCode, _ detail: String) -> Void
        /// The socket to the origin takes bytes again, or no longer.
        var writabilityChanged: () -> Void
        /// Looks the origins up anew.
        var targets: () -> EventLoopFuture<[PublishTarget]>
    }

    private let name: StreamName
    private let query: String
    private let loop: any EventLoop
    private let logger: Logger
    private let patience: Duration
    private var owner: Owner?
    private var targets: [PublishTarget]
    private var position = 0
    private var wasReady = false
    private var lostAt: MonotonicTime?
    private var channel: (any Channel)?
    private var handler: RTMPClientHandler<RTMPPublishClient>?
    private var isReady = false
    private var attempt = 0
    private var headers: [(kind: MediaKind, track: UInt8, body: ByteBuffer)] = []
    private var awaitsKeyframe = false
    private var hasVideo = false

    /// - Parameter patience: How long an encoder is kept without an origin.
    init(
        name: StreamName, query: String, targets: [PublishTarget], loop: any EventLoop, patience: Duration,
        logger: Logger, owner: Owner
    ) {
        self.name = name
        self.query = query
        self.targets = targets
        self.loop = loop
        self.patience = patience
        self.logger = logger
        self.owner = owner
    }

    /// Whether the encoder may go on sending. While there is no origin its frames are dropped, not kept.
    var isWritable: Bool { !isReady || channel?.isWritable != false }

    func start() { connect() }

    /// The encoder is gone.
    ///
    /// - Parameter isClean: Whether it said goodbye; the origin is told the same.
    func finish(isClean: Bool) {
        owner = nil
        attempt += 1
        if isClean {
            channel?.triggerUserOutboundEvent(ClientCloseEvent(), promise: nil)
        } else {
            channel?.close(promise: nil)
        }
    }

    // MARK: Media

    func send(_ kind: MediaKind, timestamp: UInt32, _ body: ByteBuffer) {
        let header = kind == .data ? nil : try? MediaHeader.parse(kind: kind, body: body)
        if kind == .video { hasVideo = true }
        if header?.isSequenceHeader == true || (kind == .data && MetadataProbe.isMetadata(body)) {
            let track = header?.track ?? 0
            headers.removeAll { $0.kind == kind && $0.track == track }
            if headers.count < StandbyPublisher.maximumHeaders { headers.append((kind, track, body)) }
        } else if awaitsKeyframe {
            guard kind == .video, header?.isKeyframe == true else { return }
            guard isReady else { return }
            awaitsKeyframe = false
            for header in headers { write(header.kind, timestamp, header.body) }
        }
        write(kind, timestamp, body)
    }

    private func write(_ kind: MediaKind, _ timestamp: UInt32, _ body: ByteBuffer) {
        guard isReady else { return }
        _ = handler?.write { machine, buffer in
            machine.write(kind: kind, timestamp: timestamp, payload: body, into: &buffer)
        }
    }

    // MARK: The origin

    private func connect() {
        attempt += 1
        let attempt = attempt
        guard !targets.isEmpty, let url = url(of: targets[position % targets.count]) else {
            fail(attempt, .sourceLost, "no origin is known")
            return
        }
        let node = targets[position % targets.count].node
        let sink: @Sendable (PlayerEvent) -> Void = { [self] event in
            guard attempt == self.attempt else { return }
            switch event {
            case .ready: didConnect(node.text)
            case .reconnectRequested:
                // The origin drains: go on elsewhere, without the goodbye that would end the stream.
                channel?.close(promise: nil)
            case .closed(let error): fail(attempt, Self.code(of: error), error.map { "\($0)" } ?? "closed")
            case .media, .ended: break
            }
        }
        ClientBootstrap(group: loop)
            .connectTimeout(Self.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    var configuration = RTMPClientConfiguration()
                    configuration.flashVer = "edge-relay"
                    let handler = RTMPClientHandler(
                        machine: RTMPPublishClient(url: url, configuration: configuration, digest: .clientOpenSSL),
                        sink: sink)
                    self.handler = handler
                    self.channel = channel
                    try channel.pipeline.syncOperations.addHandlers([
                        handler, WritabilityRelay { self.owner?.writabilityChanged() },
                    ])
                }
            }
            .connect(host: url.host, port: url.port)
            .whenFailure { [self] error in
                loop.execute { self.fail(attempt, .sourceLost, "cannot connect to \(node): \(error)") }
            }
    }

    private func url(of target: PublishTarget) -> RTMPURL? {
        RTMPURL("rtmp://\(target.rtmp)/\(name)" + (query.isEmpty ? "" : "?\(query)"))
    }

    private func didConnect(_ node: String) {
        isReady = true
        lostAt = nil
        logger.info("publisher forwarded", metadata: ["stream": "\(name)", "origin": "\(node)"])
        if wasReady {
            awaitsKeyframe = hasVideo
            if !hasVideo { for header in headers { write(header.kind, 0, header.body) } }
        } else {
            wasReady = true
            owner?.ready()
        }
        owner?.writabilityChanged()
    }

    private func fail(_ attempt: Int, _ code: RelayCode, _ detail: String) {
        guard attempt == self.attempt, let owner else { return }
        self.attempt += 1
        isReady = false
        channel = nil
        handler = nil
        position += 1
        owner.writabilityChanged()
        let now = MonotonicTime.now()
        let since = lostAt ?? now
        lostAt = since
        guard wasReady ? now - since < patience : position < targets.count else {
            self.owner = nil
            owner.failed(code, detail)
            return
        }
        let delay = since == now ? TimeAmount.zero : Self.retryEvery
        loop.scheduleTask(in: delay) { [self] in
            guard self.owner != nil else { return }
            self.owner?.targets().whenComplete { result in
                if case .success(let targets) = result, !targets.isEmpty { self.targets = targets }
                if self.owner != nil { self.connect() }
            }
        }
    }

    /// Our own code in the other node's words, where there is one.
    private static func code(of error: ClientError?) -> RelayCode {
        guard case .refused(_, let description) = error else { return .sourceLost }
        return RelayCode.catalogue.first { description.contains($0.description) } ?? .peerRefused
    }
}

/// Tells when the socket takes bytes again.
private final class WritabilityRelay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let changed: () -> Void

    init(_ changed: @escaping () -> Void) { self.changed = changed }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        changed()
        context.fireChannelWritabilityChanged()
    }
}

extension RTMPConnectionHandler {
    /// Another node takes the stream: passes it on.
    func forward(_ request: RTMPServerSession.PublishRequest, to targets: [PublishTarget]) {
        guard let context else { return }
        let desk = services.publishDesk
        let loop = context.eventLoop
        let streamID = request.messageStreamID
        let forwarder = PublishForwarder(
            name: request.name, query: request.query, targets: targets, loop: loop,
            patience: services.configuration.publish.grace, logger: services.logger,
            owner: PublishForwarder.Owner(
                ready: { [weak self] in self?.didForward(streamID) },
                failed: { [weak self] code, detail in self?.forwardFailed(streamID, code, detail) },
                writabilityChanged: { [weak self] in self?.adjustReading() },
                targets: { desk.targets(for: request.name, on: loop) }))
        self.forwarder = forwarder
        forwarder.start()
    }

    private func didForward(_ streamID: UInt32) {
        guard !isClosing else { return }
        fanout.removeIdle(self)
        if var ticket {
            services.gate.settle(&ticket)
            self.ticket = ticket
        }
        if let channel = context?.channel { SocketTuning.preparePublisher(channel) }
        mediaDeadline = .now() + services.configuration.limits.firstMediaTimeout
        session.acceptPublish(streamID: streamID, now: .now())
        runAndFlush()
    }

    private func forwardFailed(_ streamID: UInt32, _ code: RelayCode, _ detail: String) {
        guard !isClosing else { return }
        forwarder = nil
        services.logger.warning(
            "\(code.message)",
            metadata: ["code": "\(code)", "detail": "\(LogText.escaped(detail))"])
        if mediaDeadline == nil {
            publishStreamID = nil
            reject(streamID, code, .publishBadName)
            runAndFlush()
        } else {
            session.endPublish(streamID: streamID, code: code, now: .now())
            runAndFlush()
            closeAfterFlush()
        }
    }
}
