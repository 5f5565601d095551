import Logging
import NIOCore
import RelayCore
import RelayRTMP

extension RTMPConnectionHandler {
    /// A publisher asks for a stream; the directory decides.
    func publish(_ request: RTMPServerSession.PublishRequest) {
        guard let ticket, let context else { return }
        guard hub == nil, publishStreamID == nil, playStreamID == nil else {
            reject(request.messageStreamID, .commandOrder, .publishBadName)
            return
        }
        publishStreamID = request.messageStreamID
        saidGoodbye = false
        let publisher = Publisher(
            id: ticket.id, connection: self, loop: context.eventLoop,
            remote: context.remoteAddress.map(RemoteText.describe) ?? "?", encoder: identity.player,
            budget: Self.budget(request.query), isBackup: Self.isBackup(request.query))
        let future = services.publishDesk.publish(request.name, publisher, on: fanout)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let id = ticket.id
        future.whenSuccess { bound.value.publishDecided(request, id, $0) }
    }

    /// The publisher's wish for a latency budget: `?budget=MS` behind the stream's name.
    static func budget(_ query: String) -> Duration? {
        for pair in query.split(separator: "&") where pair.hasPrefix("budget=") {
            return UInt16(pair.dropFirst("budget=".count)).map { .milliseconds($0) }
        }
        return nil
    }

    /// Whether the publisher says that it is the reserve of another: `?role=backup`.
    static func isBackup(_ query: String) -> Bool { query.split(separator: "&").contains("role=backup") }

    private func publishDecided(_ request: RTMPServerSession.PublishRequest, _ id: UInt64, _ route: PublishRoute) {
        switch route {
        case .elsewhere(let targets):
            guard !isClosing else { return }
            forward(request, to: targets)
        case .here(let hub, let outcome):
            guard !isClosing else {
                // The connection went while the hub decided, and took its id with it.
                hub.home.run { hub.lose(publisher: id, isClean: false) }
                return
            }
            self.hub = hub
            fanout.removeIdle(self)
            if var ticket {
                services.gate.settle(&ticket)
                self.ticket = ticket
            }
            if let channel = context?.channel { SocketTuning.preparePublisher(channel) }
            mediaDeadline = .now() + services.configuration.limits.firstMediaTimeout
            session.acceptPublish(streamID: request.messageStreamID, now: .now())
            services.logger.info(
                outcome == .standby ? "publishing in reserve" : "publishing",
                metadata: ["stream": "\(hub.name)", "remote": "\(remote?.ipAddress ?? "?")"])
        case .refused(let code):
            publishStreamID = nil
            reject(request.messageStreamID, code, .publishBadName)
        }
        runAndFlush()
    }

    func reject(_ streamID: UInt32, _ code: RelayCode, _ status: StatusCode) {
        services.events.reject(
            code, transport: .rtmp, remote: context?.remoteAddress, logger: services.logger, now: .now())
        session.reject(streamID: streamID, code: code, status: status, now: .now())
    }

    // MARK: Media

    func ingest(
        _ kind: MediaKind, timestamp: UInt32, _ payload: ByteBuffer, streamID: UInt32, now: MonotonicTime
    ) {
        guard streamID == publishStreamID else { return }
        if let forwarder {
            mediaDeadline = now + services.configuration.limits.mediaTimeout
            forwarder.send(kind, timestamp: timestamp, payload)
            return
        }
        guard let hub else { return }
        if kind == .video { hasVideo = true }
        if let code = leavesAtKeyframe, isGoodPlaceToLeave(kind, payload) {
            leavesAtKeyframe = nil
            endPublishing(code, to: hub)
            return
        }
        mediaDeadline = now + services.configuration.limits.mediaTimeout
        let inbound = InboundMedia(
            kind: kind, timestamp: timestamp, body: payload,
            isMetadata: kind == .data && MetadataProbe.isMetadata(payload))
        if hub.home.loop.inEventLoop {
            hasIngested = true
            if hub.ingest(inbound, from: connectionID, now: now) { endPublishing(.badMedia, to: hub) }
        } else {
            outbox.append(inbound)
        }
    }

    /// Hands on what one read brought.
    func passOnMedia(now: MonotonicTime) {
        guard let hub else { return }
        if hasIngested {
            hasIngested = false
            hub.flushOutbound(now: now)
        }
        guard !outbox.isEmpty else { return }
        let batch = outbox
        outbox.removeAll(keepingCapacity: true)
        let id = connectionID
        let bytes = batch.reduce(0) { $0 &+ $1.body.readableBytes }
        inFlight += bytes
        hub.home.loop.execute { [self] in
            var isHopeless = false
            for media in batch { isHopeless = hub.ingest(media, from: id, now: now) || isHopeless }
            hub.flushOutbound(now: .now())
            fanout.loop.execute { [isHopeless] in
                self.inFlight -= bytes
                self.adjustReading()
                if isHopeless { self.endPublishing(.badMedia, to: hub) }
            }
        }
    }

    // MARK: Ending

    /// The encoder said that it stops.
    func stopPublishing() {
        saidGoodbye = true
        passOnMedia(now: .now())
        leavePublishing(isClean: true)
    }

    /// The hub or a timeout ends the publishing: the encoder is told why.
    func endPublishing(_ code: RelayCode, to hub: StreamHub) {
        guard !isClosing, context != nil, self.hub === hub, let publishStreamID else { return }
        services.events.reject(
            code, transport: .rtmp, remote: context?.remoteAddress, logger: services.logger, now: .now())
        if code == .draining { _ = session.reconnectRequest(description: code.hint) }
        session.endPublish(streamID: publishStreamID, code: code, now: .now())
        runAndFlush()
        closeAfterFlush()
    }

    /// How long an encoder that was asked to connect elsewhere may take before it is closed.
    static let moveTimeout = TimeAmount.seconds(5)

    func moveAway(_ code: RelayCode, to url: String?, from hub: StreamHub) {
        guard !isClosing, let context, self.hub === hub, publishStreamID != nil else { return }
        wasSentAway = true
        if session.reconnectRequest(tcUrl: url, description: code.hint) {
            runAndFlush()
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: Self.moveTimeout) {
                if bound.value.hub === hub { bound.value.leavesAtKeyframe = code }
            }
        } else {
            leavesAtKeyframe = code
        }
    }

    /// Before a keyframe nothing is cut in two; a stream without video has no better place than any.
    private func isGoodPlaceToLeave(_ kind: MediaKind, _ payload: ByteBuffer) -> Bool {
        guard let header = try? MediaHeader.parse(kind: kind, body: payload) else { return false }
        return kind == .video
            ? header.isKeyframe && !header.isSequenceHeader : !hasVideo && kind == .audio && header.isCoded
    }

    func leavePublishing(isClean: Bool) {
        publishStreamID = nil
        mediaDeadline = nil
        leavesAtKeyframe = nil
        hasVideo = false
        if let forwarder {
            self.forwarder = nil
            forwarder.finish(isClean: isClean)
        }
        guard let hub else { return }
        self.hub = nil
        if !isClosing { fanout.addIdle(self) }
        let id = connectionID
        services.logger.info(
            "publisher left", metadata: ["stream": "\(hub.name)", "clean": "\(isClean)"])
        let isGoodbye = isClean && !wasSentAway
        wasSentAway = false
        hub.home.run { hub.lose(publisher: id, isClean: isGoodbye) }
    }
}
