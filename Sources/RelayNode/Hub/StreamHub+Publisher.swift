import NIOCore
import RelayCore
import RelayLink

/// What the registry granted an origin for a stream.
struct StreamGrant: Sendable, Hashable {
    var incarnation: Incarnation
    /// Wall-clock instant of decoding time 0 where an earlier owner set it, so that the timeline goes on; nil for a new stream.
    var startWall: Int64?
}

/// How a publisher's wish for a stream ended.
enum ClaimOutcome: Sendable, Hashable {
    /// It sends the stream.
    case live
    /// It is kept in reserve.
    case standby
    case refused(RelayCode)
}

/// A second publisher, held in reserve: of what it sends only the newest headers are kept.
struct StandbyPublisher: Sendable {
    /// Headers kept: metadata and 16 tracks, as ``StreamHeaders``.
    static let maximumHeaders = StreamHeaders.maximumTracks + 1

    var publisher: Publisher
    var headers: [InboundMedia] = []
    var lastMedia: MonotonicTime

    /// Takes in a message.
    mutating func note(_ media: InboundMedia, now: MonotonicTime) {
        lastMedia = now
        let key: (MediaKind, UInt8)
        if media.kind == .data {
            guard media.isMetadata else { return }
            key = (.data, 0)
        } else {
            guard let header = try? MediaHeader.parse(kind: media.kind, body: media.body), header.isSequenceHeader
            else { return }
            key = (media.kind, header.track)
        }
        headers.removeAll { old in
            guard old.kind == key.0 else { return false }
            if old.kind == .data { return true }
            return (try? MediaHeader.parse(kind: old.kind, body: old.body))?.track == key.1
        }
        if headers.count < Self.maximumHeaders { headers.append(media) }
    }
}

extension StreamHub {
    // MARK: Publishers (on the home loop)

    /// A publisher asks for the stream.
    ///
    /// - Parameter grant: What the cluster granted; nil for a node alone, and for a publisher that returns to a stream the node
    ///   owns still.
    /// - Returns: `.refused(.streamEnded)` asks the caller to look the stream up anew.
    func claim(_ publisher: Publisher, grant: StreamGrant?, now: MonotonicTime) -> ClaimOutcome {
        switch state {
        case .ended:
            return .refused(.streamEnded)
        case .live(let old, _):
            if publisher.isBackup || old.isBackup { return holdInReserve(publisher, now: now) }
            guard settings.policy == .takeover else { return .refused(.streamBusy) }
            old.loop.execute { old.connection.endPublishing(.takenOver, to: self) }
            republishes &+= 1
        case .waiting(let timer):
            timer.cancel()
            republishes &+= 1
        case .pulling(let source):
            guard let grant else {
                return publisher.isBackup ? holdInReserve(publisher, now: now) : .refused(.streamBusy)
            }
            source.stop()
            resumeTimeline(grant, now: now)
            republishes &+= 1
        case nil:
            if grant == nil, directory.observer != nil {
                // The stream that it returned to ended a moment ago, and this one nobody granted.
                end(.streamEnded)
                return .refused(.lostOwnership)
            }
            home.adopt(self)
        }
        if let grant, grant.incarnation != incarnation {
            if incarnation == nil, let start = grant.startWall {
                let clock = max(0, WallClock.milliseconds - start)
                stamper = Stamper(timeline: Timeline(resumingAt: clock, now: now))
                startWall = start
            }
            incarnation = grant.incarnation
        } else if incarnation == nil {
            incarnation = Incarnation(epoch: 1, id: UInt64.random(in: 1...UInt64.max))
        }
        state = .live(publisher, since: now)
        publisherBytes = 0
        hops = 0
        beginSession()
        if !pendingReplicas.isEmpty { installPending(now: now) }
        directory.observer?.hub(self, did: .publisherCame)
        return .live
    }

    /// A pulled stream gets its publisher here: ids begin anew, the timeline of the viewers goes on.
    private func resumeTimeline(_ grant: StreamGrant, now: MonotonicTime) {
        let clock = viewerClock
        stamper = Stamper(timeline: Timeline(resumingAt: clock, now: newestFrameAt ?? now))
        startWall = 0
        history.clear()
        incarnation = grant.incarnation
        splice = Splice()
        headersToInject = []
        installPending(now: now)
    }

    private func holdInReserve(_ publisher: Publisher, now: MonotonicTime) -> ClaimOutcome {
        guard standby == nil else { return .refused(.standbyExists) }
        standby = StandbyPublisher(publisher: publisher, lastMedia: now)
        watchForSilence()
        directory.observer?.hub(self, did: .standbyCame)
        return .standby
    }

    /// Looks a few times in the threshold whether the publisher still sends, while there is a reserve.
    private func watchForSilence() {
        home.loop.scheduleTask(in: TimeAmount(settings.standbyAfter / 4)) { [self] in
            guard let standby else { return }
            let now = MonotonicTime.now()
            if case .live(let publisher, let since) = state,
                now - max(newestFrameAt ?? since, since) > settings.standbyAfter,
                now - standby.lastMedia < settings.standbyAfter
            {
                promoteStandby(grant: nil, now: now)
                publisher.loop.execute { publisher.connection.endPublishing(.takenOver, to: self) }
            } else {
                if isPulled, now - (newestFrameAt ?? startedAt) > settings.standbyAfter,
                    now - standby.lastMedia < settings.standbyAfter
                {
                    directory.observer?.hub(self, did: .sourceSilent)
                }
                watchForSilence()
            }
        }
    }

    /// The source of a pulled stream broke: a reserve need not wait for the silence.
    func sourceBroke() {
        if standby != nil, isPulled { directory.observer?.hub(self, did: .sourceSilent) }
    }

    /// The owner goes on under another epoch.
    func goOn(as incarnation: Incarnation) {
        if case .ended? = state { return }
        guard self.incarnation != incarnation else { return }
        flushOutbound(now: .now())
        self.incarnation = incarnation
        reacceptChildren()
    }

    /// Another node owns the stream now: the publisher is told and closed, children look it up again.
    ///
    /// - Returns: Whether viewers are here, for whom the stream is to be pulled.
    func giveUpOwnership(_ code: RelayCode) -> Bool {
        switch state {
        case .live(let publisher, _): publisher.loop.execute { publisher.connection.endPublishing(code, to: self) }
        case .waiting(let timer): timer.cancel()
        case .pulling, .ended, nil: return false
        }
        flushOutbound(now: .now())
        if let standby {
            self.standby = nil
            standby.publisher.loop.execute { standby.publisher.connection.endPublishing(code, to: self) }
        }
        endChildren(.lost)
        guard !replicas.isEmpty else {
            end(.streamEnded)
            return false
        }
        return true
    }

    /// The reserve becomes the publisher; viewers go on at its next keyframe.
    ///
    /// - Parameter grant: For a stream that was another node's.
    func promoteStandby(grant: StreamGrant?, now: MonotonicTime) {
        guard let standby else { return }
        self.standby = nil
        var publisher = standby.publisher
        // It is the publisher now; whoever comes next is held in reserve by its own word.
        publisher.isBackup = true
        switch state {
        case .pulling(let source):
            guard let grant else { return }
            source.stop()
            resumeTimeline(grant, now: now)
        case .waiting(let timer): timer.cancel()
        case .live, nil: break
        case .ended: return
        }
        state = .live(publisher, since: now)
        publisherBytes = 0
        republishes &+= 1
        hops = 0
        beginSession()
        for media in standby.headers { _ = ingest(media, from: publisher.id, now: now) }
        flushOutbound(now: now)
        directory.observer?.hub(self, did: .standbyPromoted)
    }

    private func beginSession() {
        hasTold = false
        flushOutbound(now: .now())
        stamper.beginSession()
        forgetMedia()
        reacceptChildren()
    }

    /// The publisher is gone.
    ///
    /// - Parameter isClean: Whether it said goodbye; if not, viewers are kept for its return.
    func lose(publisher id: UInt64, isClean: Bool) {
        if let standby, standby.publisher.id == id {
            self.standby = nil
            directory.observer?.hub(self, did: .standbyLeft)
            return
        }
        guard case .live(let publisher, _) = state, publisher.id == id else { return }
        let now = MonotonicTime.now()
        flushOutbound(now: now)
        if standby != nil {
            promoteStandby(grant: nil, now: now)
        } else if isClean || settings.grace <= .zero {
            end(.streamEnded)
        } else {
            let timer = home.loop.scheduleTask(in: TimeAmount(settings.grace)) { self.end(.streamEnded) }
            state = .waiting(timer)
            directory.observer?.hub(self, did: .publisherLost)
        }
    }

    /// Closes the publisher's connection; the stream waits or ends as if it had gone.
    ///
    /// - Returns: False when there is none.
    func kickPublisher(_ code: RelayCode) -> Bool {
        guard case .live(let publisher, _) = state else { return false }
        publisher.loop.execute { publisher.connection.endPublishing(code, to: self) }
        end(code)
        return true
    }

    /// Asks the publisher to go and come back elsewhere; viewers and children are kept for it.
    ///
    /// - Parameter url: Where to, for encoders that can be told.
    func sendPublisherAway(_ code: RelayCode, to url: String?) {
        if case .live(let publisher, _) = state {
            publisher.loop.execute { publisher.connection.moveAway(code, to: url, from: self) }
        }
        if let standby {
            standby.publisher.loop.execute { standby.publisher.connection.moveAway(code, to: url, from: self) }
        }
    }

    // MARK: Media (on the home loop)

    /// Takes in one message of the current publisher; frames go out at the next ``flushOutbound(now:)``.
    ///
    /// - Returns: Whether the publisher should be closed for broken media.
    func ingest(_ media: InboundMedia, from publisherID: UInt64, now: MonotonicTime) -> Bool {
        guard case .live(let publisher, _) = state, publisher.id == publisherID else {
            if standby?.publisher.id == publisherID { standby?.note(media, now: now) }
            return false
        }
        publisherBytes &+= UInt64(truncatingIfNeeded: media.body.readableBytes)
        let frame: Frame
        do {
            if media.kind == .data {
                frame = try stamper.stamp(data: media.body, isMetadata: media.isMetadata)
            } else {
                frame = try stamper.stamp(media: media.kind, timestamp: media.timestamp, body: media.body, now: now)
            }
        } catch {
            return stamper.isHopeless
        }
        noteFacts(frame)
        noteArrival(now: now)
        gop.append(frame)
        if mayHaveChildren { history.append(frame) }
        outbound.append(frame)
        if !hasTold, frame.kind != .data, !frame.flags.contains(.config) {
            hasTold = true
            if startWall == 0 { startWall = WallClock.milliseconds - frame.dts }
            directory.observer?.hub(self, did: .started)
        }
        return false
    }
}
