import NIOCore
import RelayCluster
import RelayCore

/// Origins: the interpreter of ``StreamOwnership``, and a hub that stamps.
extension Simulation {
    /// Media of a publisher that does not come for this long means that it is gone.
    static let publisherSilence = Duration.seconds(2)
    /// How long an owner waits for its publisher.
    static let publisherWait = Duration.seconds(5)

    func begin(_ origin: SimOrigin) {
        origin.own = StreamOwnership(settings: ownershipSettings, me: origin.id, token: origin.token)
        origin.incarnation = nil
        origin.history.removeAll()
        origin.children.removeAll()
        origin.session = nil
        origin.isStarted = false
        origin.waitUntil = nil
        origin.watched = nil
        origin.withdrawals.removeAll()
        origin.wallSkew = Int64(random.below(400)) - 200
    }

    func runOwnership(_ origin: SimOrigin) {
        while let action = origin.own.nextAction() {
            trace("\(origin.id) \(action)", UInt64(origin.index), 77)
            switch action {
            case .claim(let mode, let floor):
                origin.draft = random.next()
                let location = StreamLocation(
                    stream: stream, owner: origin.id, token: origin.token,
                    incarnation: Incarnation(epoch: 0, id: origin.draft), state: .live, link: origin.record.link!,
                    startWallMilliseconds: wall + origin.wallSkew)
                call(.claim(StreamClaim(location: location, floor: floor, mode: mode)), by: origin)
            case .probe(let owner):
                origin.probeID += 1
                send(.probe(id: origin.probeID), from: origin.index, to: index(of: owner.owner), lane: 0)
                queue.add(
                    .probeDeadline(origin: origin.index, life: origin.life, probe: origin.probeID),
                    at: now + .milliseconds(500))
            case .grant(let location):
                serve(origin, as: location.incarnation, startWall: location.startWallMilliseconds)
            case .promote(let location):
                promotions += 1
                origin.watched = nil
                serve(origin, as: location.incarnation, startWall: location.startWallMilliseconds)
            case .grantLocally(let epoch):
                localGrants += 1
                serve(
                    origin, as: Incarnation(epoch: epoch, id: random.next()), startWall: wall + origin.wallSkew)
            case .standBy(let owner):
                origin.watched = index(of: owner.owner)
                origin.watchedHeard = now
                if let session = origin.session, !origin.isStarted {
                    origin.isStarted = true
                    send(.started(session: session), from: origin.index, to: origin.sessionPeer, lane: 2)
                }
            case .standDown: origin.watched = nil
            case .refuse: dropPublisher(origin, isRefusal: true)
            case .lose:
                losses += 1
                stopServing(origin, isFinished: false)
                dropPublisher(origin, isRefusal: false)
            case .write(let location): if origin.lease.isHeld(now: now) { call(.restore(location), by: origin) }
            case .withdraw(let epoch): call(.withdraw(epoch: epoch), by: origin)
            }
        }
    }

    func index(of node: NodeID) -> Int { Int(node.text.dropFirst())! }

    private func serve(_ origin: SimOrigin, as incarnation: Incarnation, startWall: Int64) {
        if origin.incarnation == nil {
            origin.startWall = startWall
            origin.lastAudio = -1
            origin.lastVideo = -1
            origin.hasKeyframe = false
        }
        origin.incarnation = incarnation
        origin.nextID = 0
        origin.lastReference = nil
        // What goes on in the middle of a GOP is not decodable for those who come, nor for those who had the frames before.
        origin.history.removeAll()
        for child in origin.children { send(.accept(connection: child, incarnation), on: child, isDown: true) }
        if let session = origin.session, !origin.isStarted {
            origin.isStarted = true
            origin.lastMedia = now
            send(.started(session: session), from: origin.index, to: origin.sessionPeer, lane: 2)
        }
    }

    private func stopServing(_ origin: SimOrigin, isFinished: Bool) {
        for child in origin.children {
            send(.ended(connection: child, isFinished: isFinished), on: child, isDown: true)
        }
        origin.children.removeAll()
        origin.incarnation = nil
        origin.history.removeAll()
        origin.waitUntil = nil
    }

    private func dropPublisher(_ origin: SimOrigin, isRefusal: Bool) {
        guard let session = origin.session else { return }
        send(
            isRefusal ? .refused(session: session) : .dropped(session: session), from: origin.index,
            to: origin.sessionPeer, lane: 2)
        origin.session = nil
        origin.isStarted = false
        origin.watched = nil
    }

    // MARK: Wires

    func deliver(_ message: Message, from: Int, toOrigin origin: SimOrigin) {
        switch message {
        case .publish(let session, let isBackup): asked(origin, session, from: from, isBackup: isBackup)
        case .publisherFrame(let session, let kind, let isKey, let isDisposable):
            guard origin.session == session else {
                return send(.dropped(session: session), from: origin.index, to: from, lane: 2)
            }
            stamp(origin, kind, isKey: isKey, isDisposable: isDisposable)
        case .goodbye(let session):
            guard origin.session == session else { return }
            origin.session = nil
            origin.isStarted = false
            end(origin)
        case .dropped(let session):
            guard origin.session == session else { return }
            publisherLost(origin)
        case .probe(let id):
            let age = origin.session != nil && origin.isStarted ? now - origin.lastMedia : .seconds(3_600)
            let state = StreamOwnership.LinkState.alive(
                hasPublisher: origin.own.isServing && origin.session != nil, epoch: origin.own.epoch ?? 0, frameAge: age
            )
            send(.probeAnswer(id: id, state), from: origin.index, to: from, lane: 0)
        case .probeAnswer(let id, let state): probeAnswered(origin, id, state)
        case .subscribe(let connection, let after, let known, _, let highest):
            subscribed(origin, connection, after: after, of: known, highest: highest)
        case .closed(let connection): origin.children.removeAll { $0 == connection }
        default: break
        }
    }

    func probeAnswered(_ origin: SimOrigin, _ id: Int, _ state: StreamOwnership.LinkState) {
        guard origin.probeID == id else { return }
        origin.probeID += 1
        origin.own.probed(state, now: now)
        runOwnership(origin)
    }

    private func asked(_ origin: SimOrigin, _ session: Int, from: Int, isBackup: Bool) {
        let mayOwn = origin.lease.isHeld(now: now) || !origin.isConnected
        guard mayOwn, origin.lease.state(now: now) != .lost, origin.session == nil else {
            return send(.refused(session: session), from: origin.index, to: from, lane: 2)
        }
        origin.session = session
        origin.sessionPeer = from
        origin.isStarted = false
        origin.lastMedia = now
        origin.hasKeyframe = false
        origin.waitUntil = nil
        let wasServing = origin.own.isServing
        origin.own.publisherAsks(isBackup: isBackup, now: now)
        runOwnership(origin)
        if wasServing, origin.own.isServing, origin.session == session, !origin.isStarted {
            origin.isStarted = true
            send(.started(session: session), from: origin.index, to: from, lane: 2)
        }
    }

    func publisherLost(_ origin: SimOrigin) {
        origin.session = nil
        origin.isStarted = false
        origin.watched = nil
        if origin.own.isServing { origin.waitUntil = now + Self.publisherWait }
        origin.own.publisherLost(now: now)
        runOwnership(origin)
    }

    private func end(_ origin: SimOrigin) {
        if origin.own.isServing { stopServing(origin, isFinished: true) }
        origin.watched = nil
        origin.own.ended(now: now)
        runOwnership(origin)
    }

    private func stamp(_ origin: SimOrigin, _ kind: MediaKind, isKey: Bool, isDisposable: Bool) {
        origin.lastMedia = now
        guard let incarnation = origin.incarnation, origin.own.isServing, origin.watched == nil else { return }
        if kind == .video, isKey { origin.hasKeyframe = true }
        guard origin.hasKeyframe else { return }
        let present = wall + origin.wallSkew - origin.startWall
        var frame = Frame(id: origin.nextID, kind: kind, dts: 0, body: ByteBuffer())
        if kind == .audio {
            origin.lastAudio = max(present, origin.lastAudio + 1)
            frame.dts = origin.lastAudio
        } else {
            origin.lastVideo = max(present, origin.lastVideo + 1)
            frame.dts = origin.lastVideo
            frame.flags = isKey ? .key : isDisposable ? .disposable : []
            if !isKey {
                // A picture of before the incarnation cannot be named by an id of it: the distance is then one that never fits.
                frame.cts = origin.lastReference.map { Int32(truncatingIfNeeded: frame.id - $0) } ?? 0
            }
            if !isDisposable { origin.lastReference = frame.id }
        }
        origin.nextID += 1
        if isKey {
            let start = origin.history.lastIndex { $0.flags.contains(.key) } ?? origin.history.endIndex
            origin.history.removeFirst(start)
        }
        origin.history.append(frame)
        for child in origin.children { forward(frame, of: incarnation, on: child) }
    }

    private func subscribed(
        _ origin: SimOrigin, _ connection: Int, after: UInt64?, of known: Incarnation?, highest: UInt64
    ) {
        connections[connection].isKnown = true
        guard let incarnation = origin.incarnation, let epoch = origin.own.epoch else {
            return send(
                .refuse(connection: connection, origin.own.isIdle(now: now) ? .notFound : .moved), on: connection,
                isDown: true)
        }
        guard highest <= epoch || isForgetful else {
            staleRefusals += 1
            send(.refuse(connection: connection, .stale), on: connection, isDown: true)
            origin.own.subscriberSaw(epoch: highest, now: now)
            return runOwnership(origin)
        }
        send(.accept(connection: connection, incarnation), on: connection, isDown: true)
        let frames = beginning(of: origin.history, after: known == incarnation ? after : nil)
        if !frames.isEmpty { send(.frames(connection: connection, incarnation, frames), on: connection, isDown: true) }
        origin.children.append(connection)
    }

    /// Behind the frame that a child has, or from the newest keyframe.
    static func start(of history: [Frame], after: UInt64?) -> [Frame] {
        if let after, let first = history.first, let last = history.last, first.id <= after + 1, after <= last.id {
            return Array(history.drop { $0.id <= after })
        }
        guard let key = history.lastIndex(where: { $0.flags.contains(.key) }) else { return [] }
        return Array(history[key...])
    }

    func tickOrigin(_ origin: SimOrigin) {
        if origin.session != nil, origin.isStarted, now - origin.lastMedia > Self.publisherSilence {
            if let session = origin.session {
                send(.dropped(session: session), from: origin.index, to: origin.sessionPeer, lane: 2)
            }
            publisherLost(origin)
        }
        if let due = origin.waitUntil, due <= now, origin.session == nil {
            origin.waitUntil = nil
            if origin.own.isServing { end(origin) }
        }
        if let watched = origin.watched {
            let owner = origins[watched]
            if owner.isAlive, !owner.isFrozen, !isCut(watched, origin.index) { origin.watchedHeard = now }
            if now - origin.watchedHeard >= Self.silence || !owner.isAlive && !isCut(watched, origin.index) {
                origin.watched = nil
                origin.own.ownerGone(now: now)
                runOwnership(origin)
            }
        }
    }
}
