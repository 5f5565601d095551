import FoundationEssentials
import Logging
import NIOCore
import RelayCluster
import RelayCore
import RelayLink
import Synchronization

/// A stream that this node owns, asks for, or stands by for.
struct OwnedStream: Sendable {
    var machine: StreamOwnership
    /// Which life of the stream this is; new with each first claim.
    var incarnationID = UInt64.random(in: 1...UInt64.max)
    /// The publisher that waits for the decision.
    var pending: PendingPublisher?

    /// As it stands in the registry, as far as this node knows.
    var location: StreamLocation? { machine.location }
}

/// A publisher whose stream is being asked for.
struct PendingPublisher: Sendable {
    var publisher: Publisher
    var fanout: LoopFanout
    var answer: EventLoopPromise<PublishRoute>
}

extension ClusterService: PublishDesk {
    /// How long an owner has to say whether its publisher still sends.
    static let probeWithin = Duration.milliseconds(500)

    func publish(_ name: StreamName, _ publisher: Publisher, on fanout: LoopFanout) -> EventLoopFuture<PublishRoute> {
        let promise = fanout.loop.makePromise(of: PublishRoute.self)
        if state.withLock({ $0.drain != nil }) {
            promise.succeed(.refused(.draining))
            return promise.futureResult
        }
        later {
            if self.role == .edge {
                let targets = await self.targets(for: name, isBackup: publisher.isBackup)
                promise.succeed(targets.isEmpty ? .refused(.noOrigin) : .elsewhere(targets))
            } else if let preferred = await self.preferredTarget(of: name) {
                promise.succeed(.elsewhere([preferred]))
            } else {
                self.ask(name, PendingPublisher(publisher: publisher, fanout: fanout, answer: promise))
            }
        }
        return promise.futureResult
    }

    func targets(for name: StreamName, on loop: any EventLoop) -> EventLoopFuture<[PublishTarget]> {
        let promise = loop.makePromise(of: [PublishTarget].self)
        later { promise.succeed(await self.targets(for: name, isBackup: false)) }
        return promise.futureResult
    }

    /// Origins for a publisher, the best first: where an operator wants it, where the stream is (a reserve goes elsewhere), near
    /// ones, the least loaded.
    private func targets(for name: StreamName, isBackup: Bool) async -> [PublishTarget] {
        let nodes = await nodesOrLast()
        let location = try? await registry.locate(name).location
        let region = configuration.cluster.region
        func rank(_ entry: NodeEntry) -> (Int, Int, Int, Int, String) {
            let isOwner = entry.record.id == location?.owner
            return (
                entry.record.id == location?.preferred ? 0 : 1, isOwner == isBackup ? 1 : 0,
                entry.record.region == region ? 0 : 1, entry.report?.publishers ?? 0, entry.record.id.text
            )
        }
        return nodes.filter { $0.record.role == .origin && $0.record.state == .serving && $0.record.id != me }
            .sorted { rank($0) < rank($1) }
            .compactMap { entry in entry.record.rtmp.map { PublishTarget(node: entry.record.id, rtmp: $0) } }
    }

    private func preferredTarget(of name: StreamName) async -> PublishTarget? {
        guard let preferred = (try? await registry.locate(name))?.location?.preferred, preferred != me else {
            return nil
        }
        let entry = await nodesOrLast().first { $0.record.id == preferred && $0.record.state == .serving }
        return entry?.record.rtmp.map { PublishTarget(node: preferred, rtmp: $0) }
    }

    /// Whether a living node has this certificate: asked of what was last seen, then of the registry.
    func knows(certificate fingerprint: String) async -> Bool {
        func isThere(_ nodes: [NodeEntry]) -> Bool { nodes.contains { $0.record.certificate == fingerprint } }
        if isThere(state.withLock { $0.lastNodes }) { return true }
        return isThere(await nodesOrLast())
    }

    private func nodesOrLast() async -> [NodeEntry] {
        do throws(RegistryError) {
            let nodes = try await registry.nodes()
            state.withLock { $0.lastNodes = nodes }
            return nodes
        } catch {
            noteRegistry(error)
            return state.withLock { $0.lastNodes }
        }
    }

    /// Asks for the stream, unless the node serves it already.
    private func ask(_ name: StreamName, _ pending: PendingPublisher) {
        let now = MonotonicTime.now()
        enum Next { case here, refuse(RelayCode), asked }
        let next: Next = state.withLock { state in
            var owned =
                state.owned[name]
                ?? OwnedStream(
                    machine: StreamOwnership(
                        settings: ownershipSettings, me: me, token: token,
                        highestEpoch: state.known.highestEpoch(of: name, now: now)))
            if owned.machine.isServing { return .here }
            if owned.pending != nil { return .refuse(.streamBusy) }
            if case .standby = owned.machine.phase {
                return .refuse(pending.publisher.isBackup ? .standbyExists : .ownedElsewhere)
            }
            if owned.machine.isIdle(now: now) { owned.incarnationID = UInt64.random(in: 1...UInt64.max) }
            owned.pending = pending
            owned.machine.publisherAsks(isBackup: pending.publisher.isBackup, now: now)
            state.owned[name] = owned
            return .asked
        }
        switch next {
        case .here: publishHere(name, pending, grant: nil)
        case .refuse(let code): pending.answer.succeed(.refused(code))
        case .asked: runOwned(name)
        }
    }

    private var ownershipSettings: StreamOwnership.Settings {
        var settings = StreamOwnership.Settings()
        settings.policy = configuration.publish.policy == .takeover ? .takeover : .reject
        return settings
    }

    private func publishHere(_ name: StreamName, _ pending: PendingPublisher, grant: StreamGrant?) {
        pending.fanout.loop.execute {
            self.directory.publish(name, pending.publisher, grant: grant, on: pending.fanout).whenComplete { result in
                let route = (try? result.get()).map(PublishRoute.init) ?? .refused(.streamBusy)
                if case .refused = route, grant != nil { self.tellOwned(name) { $0.ended(now: $1) } }
                pending.answer.succeed(route)
            }
        }
    }

    // MARK: The machines

    /// Tells a stream's machine something, if there is one, and does what it asks for.
    func tellOwned(_ name: StreamName, _ event: (inout StreamOwnership, MonotonicTime) -> Void) {
        let now = MonotonicTime.now()
        let isThere = state.withLock { state in
            guard var owned = state.owned[name] else { return false }
            event(&owned.machine, now)
            state.owned[name] = owned
            return true
        }
        if isThere { runOwned(name) }
    }

    func forEachOwned(_ event: (inout StreamOwnership, MonotonicTime) -> Void) {
        for name in state.withLock({ Array($0.owned.keys) }) { tellOwned(name, event) }
    }

    private func runOwned(_ name: StreamName) {
        while true {
            let (action, pending): (StreamOwnership.Action?, PendingPublisher?) = state.withLock { state in
                guard var owned = state.owned[name] else { return (nil, nil) }
                guard let action = owned.machine.nextAction() else {
                    if owned.machine.isIdle(now: .now()), owned.pending == nil { state.owned[name] = nil }
                    return (nil, nil)
                }
                var pending: PendingPublisher?
                switch action {
                case .grant, .grantLocally, .standBy, .refuse:
                    pending = owned.pending
                    owned.pending = nil
                default: break
                }
                state.owned[name] = owned
                return (action, pending)
            }
            guard let action else { return }
            perform(action, name, pending)
        }
    }

    private func perform(_ action: StreamOwnership.Action, _ name: StreamName, _ pending: PendingPublisher?) {
        switch action {
        case .claim(let mode, let floor): later { await self.claim(name, mode, floor) }
        case .probe(let location): later { await self.probe(name, location) }
        case .grant(let location):
            serve(name, StreamGrant(incarnation: location.incarnation, startWall: start(of: location)), pending)
            tellOperators("claimed", stream: name, "\(me) owns \(name), epoch \(location.epoch)")
        case .grantLocally(let epoch):
            let id = state.withLock { $0.owned[name]?.incarnationID } ?? 1
            serve(name, StreamGrant(incarnation: Incarnation(epoch: epoch, id: id), startWall: nil), pending)
            logger.warning("served without the registry", metadata: ["stream": "\(name)", "epoch": "\(epoch)"])
        case .standBy(let owner): if let pending { standBy(name, pending, owner) }
        case .promote(let location):
            guard let hub = directory.hub(named: name) else { return }
            let grant = StreamGrant(incarnation: location.incarnation, startWall: start(of: location))
            hub.home.run { hub.promoteStandby(grant: grant, now: .now()) }
            tellOperators("standby", stream: name, "the reserve at \(me) takes \(name) over, epoch \(location.epoch)")
        case .standDown: break
        case .refuse(let code): pending?.answer.succeed(.refused(code))
        case .lose(let owner, let epoch): lose(name, to: owner, epoch: epoch)
        case .write(let location): later { await self.restore([location]) }
        case .withdraw(let epoch):
            later { await self.withdraw(name, epoch: epoch) }
            tellOperators("ended", stream: name, "\(name) ended at \(me)")
        }
    }

    /// Removes a location; one that cannot be removed now is tried again with each beat, or it would look alive for as long as
    /// this node does.
    func withdraw(_ name: StreamName, epoch: UInt64) async {
        do throws(RegistryError) {
            try await registry.withdraw(name, token: token, epoch: epoch)
            state.withLock { if $0.toWithdraw[name] == epoch { $0.toWithdraw[name] = nil } }
        } catch {
            noteRegistry(error)
            state.withLock { $0.toWithdraw[name] = epoch }
        }
    }

    private func start(of location: StreamLocation) -> Int64? {
        location.startWallMilliseconds > 0 ? location.startWallMilliseconds : nil
    }

    private func claim(_ name: StreamName, _ mode: StreamClaim.Mode, _ floor: UInt64) async {
        let (record, id) = state.withLock { ($0.record, $0.owned[name]?.incarnationID) }
        guard let id, let link = record.link else {
            tellOwned(name) { $0.claimed(.failure(.unavailable("the node is not ready")), now: $1) }
            return
        }
        let location = StreamLocation(
            stream: name, owner: me, token: token, incarnation: Incarnation(epoch: floor, id: id), state: .live,
            link: link, startWallMilliseconds: 0)
        let result: Result<ClaimAnswer, RegistryError>
        do throws(RegistryError) {
            result = .success(try await registry.claim(StreamClaim(location: location, floor: floor, mode: mode)))
        } catch {
            noteRegistry(error)
            result = .failure(error)
        }
        tellOwned(name) { $0.claimed(result, now: $1) }
    }

    private func probe(_ name: StreamName, _ location: StreamLocation) async {
        let record = await nodesOrLast().first { $0.record.id == location.owner }?.record
        let parent = PullParent(
            node: location.owner, link: location.link, hops: 0, certificate: record?.certificate)
        let answer = await links.query(name, at: parent, within: Self.probeWithin)
        tellOwned(name) { machine, now in
            guard let answer else { return machine.probed(.gone, now: now) }
            machine.probed(
                .alive(
                    hasPublisher: answer.isOwner && answer.hasPublisher, epoch: answer.epoch,
                    frameAge: .milliseconds(Int64(answer.frameAgeMilliseconds))), now: now)
        }
    }

    private func serve(_ name: StreamName, _ grant: StreamGrant, _ pending: PendingPublisher?) {
        if let pending {
            publishHere(name, pending, grant: grant)
        } else if let hub = directory.hub(named: name) {
            hub.home.run { hub.goOn(as: grant.incarnation) }
        }
    }

    private func standBy(_ name: StreamName, _ pending: PendingPublisher, _ owner: StreamLocation) {
        pending.fanout.loop.execute {
            let (found, isNew) = self.directory.hubOrNew(name, home: pending.fanout)
            if case .success(let hub) = found, isNew { self.open(hub) }
            self.publishHere(name, pending, grant: nil)
        }
        tellOperators("standby", stream: name, "a reserve for \(name) waits at \(me); \(owner.owner) sends")
    }

    private func lose(_ name: StreamName, to owner: NodeID?, epoch: UInt64) {
        tellOperators(
            "lost", stream: name, "\(me) lost \(name)" + (owner.map { " to \($0)" } ?? "") + ", epoch \(epoch)")
        guard let hub = directory.hub(named: name) else { return }
        hub.home.run {
            if hub.giveUpOwnership(.lostOwnership) { self.open(hub) }
        }
    }
}

extension ClusterService: HubObserver {
    func hub(_ hub: StreamHub, did event: HubEvent) {
        let name = hub.name
        switch event {
        case .publisherCame: tellOwned(name) { $0.publisherReturned(now: $1) }
        case .started:
            let (video, audio) = (hub.codecs.video?.name, hub.codecs.audio?.name)
            let start = hub.startWall
            tellOwned(name) {
                $0.described(videoCodec: video, audioCodec: audio, startWallMilliseconds: start, now: $1)
            }
        case .publisherLost: tellOwned(name) { $0.publisherLost(now: $1) }
        case .standbyLeft:
            // Of a stream that is owned here the machine knows nothing of the reserve.
            tellOwned(name) { machine, now in if !machine.isServing { machine.publisherLost(now: now) } }
        case .sourceSilent: tellOwned(name) { $0.ownerGone(now: $1) }
        case .subscriberSaw(let epoch): tellOwned(name) { $0.subscriberSaw(epoch: epoch, now: $1) }
        case .ended: tellOwned(name) { $0.ended(now: $1) }
        case .standbyCame, .standbyPromoted: break
        }
    }

    static func json(_ value: some Encodable) -> String? {
        (try? JSONEncoder().encode(value)).map { String(decoding: $0, as: UTF8.self) }
    }
}
