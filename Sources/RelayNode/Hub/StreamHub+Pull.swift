import NIOCore
import RelayCore
import RelayLink

/// What feeds a pulled stream. All calls on the hub's home loop.
protocol HubSource: AnyObject, Sendable {
    /// Viewers and children came or went.
    func demandChanged(_ count: Int)
    /// The stream has ended, or has a publisher here now: nothing more is wanted.
    func stop()
    /// The node whose frames the stream's are; nil while there is none, and for a foreign server.
    var parentNode: NodeID? { get }
    /// Whether frames come from anywhere.
    var hasSource: Bool { get }
}

extension StreamHub {
    // MARK: Other nodes as the source (on the home loop)

    /// The stream comes from other nodes from here on. For a new hub, and for one whose publisher's stream went to another owner.
    func beginPulling(from source: any HubSource, now: MonotonicTime) {
        switch state {
        case nil: home.adopt(self)
        case .waiting(let timer): timer.cancel()
        case .live, .pulling: break
        case .ended: return
        }
        flushOutbound(now: now)
        if state != nil, let incarnation {
            // Viewers keep the timeline that they have.
            splice = Splice(
                continuing: incarnation, clock: stamper.clock, lastArrival: newestFrameAt ?? now)
            isFlowing = true
        }
        state = .pulling(source)
        noteDemand()
    }

    /// A source took the subscription, or tells of another incarnation or of replaced headers.
    ///
    /// - Parameter isNews: Whether the source says it of a subscription that flows already.
    /// - Returns: False when its incarnation is older than what was seen.
    func pullAccepted(_ accept: LinkAccept, isNews: Bool, now: MonotonicTime) -> Bool {
        guard case .pulling = state else { return false }
        let isNew = splice.incarnation?.id != accept.incarnation.id
        let isRaised = !isNew && splice.incarnation != accept.incarnation
        guard splice.begin(accept.incarnation) else { return false }
        if isRaised {
            // The same life under a newer epoch: its frames go on.
            flushOutbound(now: now)
            incarnation = accept.incarnation
            hops = accept.hops
            reacceptChildren()
            return true
        }
        hops = accept.hops
        if startWall == 0 || isNew { startWall = accept.startWallMilliseconds }
        incarnation = accept.incarnation
        if isNew || isNews {
            flushOutbound(now: now)
            if isNew { history.clear() }
            forgetMedia()
            headersToInject = accept.headers
            reacceptChildren()
        } else {
            // Another parent of the same life: only headers that were missed are news to the viewers.
            let known = headers.inOrder
            headersToInject = accept.headers.filter { header in !known.contains { $0.body == header.body } }
        }
        return true
    }

    /// Frames of the source in force.
    func pullIngest(_ frames: [Frame], of incarnation: Incarnation, now: MonotonicTime) {
        guard case .pulling = state else { return }
        for frame in frames {
            guard case .pass(let offset) = splice.judge(frame, of: incarnation, now: now) else { continue }
            if !headersToInject.isEmpty { injectHeaders(before: frame, offset: offset) }
            takeIn(frame, offset: offset)
        }
        noteArrival(now: now)
        framesPulled &+= UInt64(frames.count)
        flushOutbound(now: now)
        if !isFlowing, !gop.frames.isEmpty || facts.video == nil {
            isFlowing = true
            installPending(now: now)
        }
    }

    /// The parent left frames out for this node's sake.
    func pullSkipped(from first: UInt64, count: UInt64, of incarnation: Incarnation) {
        splice.skip(from: first, count: count, of: incarnation)
    }

    /// For viewers; children were given them with the acceptance.
    private func injectHeaders(before frame: Frame, offset: Int64) {
        let headers = headersToInject
        headersToInject = []
        for var header in headers {
            header.id = frame.id
            header.dts = frame.dts
            noteFacts(header)
            gop.append(moved(header, by: offset))
            outbound.append(moved(header, by: offset))
        }
    }

    private func takeIn(_ frame: Frame, offset: Int64) {
        let shown = moved(frame, by: offset)
        noteFacts(shown)
        history.append(frame)
        gop.append(shown)
        outbound.append(shown)
        if !children.isEmpty { outboundRaw.append(frame) }
    }

    private func moved(_ frame: Frame, by offset: Int64) -> Frame {
        guard offset != 0 else { return frame }
        var frame = frame
        frame.dts &+= offset
        return frame
    }

    /// The newest decoding time that viewers have, ms.
    var viewerClock: Int64 { isPulled ? splice.clock ?? 0 : stamper.clock }

    func installPending(now: MonotonicTime) {
        isFlowing = true
        let pending = pendingReplicas
        pendingReplicas = []
        for (replica, fanout) in pending { install(replica, fanout, now: now) }
    }

    func install(_ replica: StreamReplica, _ fanout: LoopFanout, now: MonotonicTime) {
        replicas.append((replica, fanout))
        let headers = headers
        let frames = gop.frames
        let budget = publisherBudget
        fanout.run { replica.install(headers: headers, gop: frames, budget: budget, now: now) }
    }

    /// How many want the stream: loops with viewers, children, and a publisher in reserve.
    var demand: Int { replicas.count + pendingReplicas.count + children.count + (standby == nil ? 0 : 1) }

    func noteDemand() { if case .pulling(let source) = state { source.demandChanged(demand) } }
}
