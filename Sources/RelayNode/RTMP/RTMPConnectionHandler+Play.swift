import NIOCore
import RelayCore
import RelayRTMP

extension RTMPConnectionHandler {
    /// A player asks for a stream.
    func play(_ request: RTMPServerSession.PlayRequest) {
        guard let ticket else { return }
        guard hub == nil, publishStreamID == nil, playStreamID == nil else {
            reject(request.messageStreamID, .commandOrder, .playFailed)
            return
        }
        let hub: StreamHub
        switch services.directory.openForViewer(request.name, on: fanout, remote: remote) {
        case .success(let found): hub = found
        case .failure(let refusal):
            services.gate.noteRefusal(refusal.code)
            reject(
                request.messageStreamID, refusal.code,
                refusal.code == .streamNotFound ? .playStreamNotFound : .playFailed)
            return
        }
        guard let selection = Self.selection(request.query) else {
            reject(request.messageStreamID, .badQuery, .playFailed)
            return
        }
        if let code = services.gate.enterViewer() {
            reject(request.messageStreamID, code, .playFailed)
            return
        }
        countsAsViewer = true
        playStreamID = request.messageStreamID
        let form = WireForm(
            container: .rtmp(messageStreamID: request.messageStreamID, dialect: Self.dialect(request.capabilities)),
            selection: selection)
        capabilities = request.capabilities
        let replica = fanout.replica(of: hub)
        self.replica = replica
        replica.add(id: ticket.id, form: form, connection: self, now: .now()) { self.viewer = $0 }
    }

    private static func selection(_ query: String) -> MediaSelection? {
        for pair in query.split(separator: "&") where pair.hasPrefix("only=") {
            return MediaSelection(query: pair.dropFirst("only=".count))
        }
        return .all
    }

    private static func dialect(_ capabilities: EnhancedCapabilities) -> WireForm.Dialect {
        if capabilities.isLegacy { return .legacy }
        return capabilities.extensions.contains(.multitrack) ? .full : .singleTrack
    }

    var writeContext: ChannelHandlerContext? { isClosing ? nil : context }

    /// Whether the player said it can take the stream's codecs (Enhanced RTMP v2, `fourCcList` and the info maps). Codecs
    /// that have a legacy form need no saying.
    func accepts(_ configurations: [Frame]) -> Bool {
        configurations.allSatisfy { frame in
            guard frame.trackID == 0, let header = try? MediaHeader.parse(kind: frame.kind, body: frame.body),
                header.isExtended
            else { return true }
            if capabilities.isLegacy { return LegacyForm.rewrite(frame) != nil }
            guard let fourCC = header.codec.fourCC?.description else { return true }
            return frame.kind == .video ? capabilities.acceptsVideo(fourCC) : capabilities.acceptsAudio(fourCC)
        }
    }

    func didJoin(tracks: TrackKinds) {
        guard let context, let playStreamID, var ticket else { return }
        services.gate.settle(&ticket)
        self.ticket = ticket
        fanout.removeIdle(self)
        SocketTuning.prepareViewer(context.channel, configuration: services.configuration)
        session.acceptPlay(streamID: playStreamID, now: .now())
        // The session's words have to be out before the first frame, which the feed writes right after.
        while let bytes = session.takeOutput() { send(bytes) }
        // Whoever was let in outside of the session's own run still has to go on with it.
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute { bound.value.runAndFlush() }
    }

    /// The stream is over for this viewer.
    func end(_ code: RelayCode) {
        guard let playStreamID, !isClosing else { return }
        let hadJoined = viewer != nil
        if code != .streamEnded {
            services.events.reject(
                code, transport: .rtmp, remote: context?.remoteAddress, logger: services.logger, now: .now())
        }
        if !hadJoined { fanout.meter.noteFailedJoin(code) }
        leavePlaying()
        if hadJoined {
            session.endPlay(streamID: playStreamID, code: code, now: .now())
        } else {
            let isGone = code == .streamNotFound || code == .streamEnded
            session.reject(
                streamID: playStreamID, code: code, status: isGone ? .playStreamNotFound : .playFailed, now: .now())
        }
        runAndFlush()
        closeAfterFlush()
    }

    func publisherReturned() {
        guard let playStreamID, viewer != nil else { return }
        session.notifyPublish(streamID: playStreamID)
        while let bytes = session.takeOutput() { send(bytes) }
    }

    func leavePlaying() {
        if !isClosing, playStreamID != nil { fanout.addIdle(self) }
        playStreamID = nil
        if let replica {
            self.replica = nil
            if let viewer {
                replica.remove(viewer, now: .now())
                self.viewer = nil
            } else {
                replica.removeWaiting(id: connectionID)
            }
        }
        if countsAsViewer {
            countsAsViewer = false
            services.gate.leaveViewer()
        }
    }
}
