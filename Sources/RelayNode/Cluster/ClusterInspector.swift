import FoundationEssentials
import NIOCore
import RelayAPI
import RelayCluster
import RelayCore
import RelayLink
import Synchronization

/// What the admin API asks about the cluster. Answers come from the registry, and from what was last known when it is away.
extension ClusterService {
    /// How long other nodes have to say what they do for a stream.
    static let askWithin = Duration.milliseconds(400)

    var registryStatus: RegistryStatus {
        let now = MonotonicTime.now()
        return state.withLock { state in
            if let down = state.registryDown {
                return RegistryStatus(
                    state: "away", seconds: (now - down.since).seconds, reason: down.reason, url: registryURL)
            }
            return RegistryStatus(
                state: registryURL == "memory" ? "memory" : "connected",
                seconds: state.registryUpSince.map { (now - $0).seconds } ?? 0, reason: nil,
                url: registryURL)
        }
    }

    /// Lookups refused because the node makes as many as it may.
    var lookupsExhausted: UInt64 { state.withLock { $0.budget.exhausted } }

    /// For `/metrics`.
    var figures: ClusterFigures {
        let now = MonotonicTime.now()
        var figures = state.withLock { state in
            var figures = state.figures
            figures.isRegistryUp = state.registryDown == nil && state.registryUpSince != nil
            figures.isLeaseHeld = state.lease.isHeld(now: now)
            figures.owned = state.owned.values.filter { $0.machine.isServing }.count
            figures.pulls = state.pulls.count
            return figures
        }
        figures.children = children.children
        return figures
    }

    /// `GET /v1/cluster/nodes`. Without the registry: this node alone.
    func clusterNodes() async -> ClusterNodeList {
        var entries: [NodeEntry]
        do {
            entries = try await registry.nodes()
        } catch {
            noteRegistry(error)
            entries = [NodeEntry(record: state.withLock { $0.record }, report: await report(), leaseMilliseconds: 0)]
        }
        return ClusterNodeList(
            registry: registryStatus, nodes: entries.map(ClusterNode.init).sorted { $0.node < $1.node })
    }

    /// `GET /v1/cluster/streams`. Without the registry: what this node knows.
    func clusterStreams(limit: Int) async -> ClusterStreamList {
        do {
            let locations = try await registry.streams(limit: limit)
            let living = Set(try await registry.nodes().map { $0.record.token })
            let streams = locations.map { ClusterStream($0, ownerLives: living.contains($0.token)) }
            return ClusterStreamList(registry: registryStatus, streams: streams.sorted { $0.stream < $1.stream })
        } catch {
            noteRegistry(error)
            let streams = state.withLock {
                $0.owned.values.compactMap { $0.location.map { ClusterStream($0, ownerLives: true) } }
            }
            return ClusterStreamList(registry: registryStatus, streams: streams.sorted { $0.stream < $1.stream })
        }
    }

    /// `GET /v1/cluster/locate/…`.
    func locate(_ name: StreamName) async -> ClusterLocation {
        var lookup = StreamLookup()
        var age = Duration.zero
        do {
            lookup = try await registry.locate(name)
        } catch {
            noteRegistry(error)
            if let known = state.withLock({ $0.known.last(of: name, now: .now()) }) {
                (lookup, age) = (known.lookup, known.age)
            }
        }
        let now = MonotonicTime.now()
        let parents = state.withLock { state in
            ParentSelection.order(
                lookup: lookup, me: state.record, breakers: state.breakers, sticky: nil, seen: 0,
                maxHops: configuration.link.maxHops,
                isAllowed: { Self.isAllowed($0.host, by: self.configuration.cluster.allowedCidrs) }, now: now
            ).map {
                ClusterParent(
                    node: $0.node.text, link: "\($0.link)", hops: $0.hops,
                    breaker: state.breakers.state(of: $0.node, now: now).rawValue)
            }
        }
        return ClusterLocation(
            registry: registryStatus,
            stream: lookup.location.map { ClusterStream($0, ownerLives: !lookup.isOrphaned) }, parents: parents,
            ageSeconds: age.seconds)
    }

    /// `GET /v1/cluster/why/…`: every node tells its part.
    func why(_ name: StreamName) async -> StreamWhy {
        var lookup = StreamLookup()
        var parts: [StreamPart] = []
        do {
            lookup = try await registry.locate(name)
            let question = ClusterQuestion(id: UUID().uuidString, kind: .why, stream: name.description)
            let answers = try await registry.ask(question, within: Self.askWithin)
            let decoder = JSONDecoder()
            parts = answers.compactMap { try? decoder.decode(StreamPart.self, from: Data($0.body.utf8)) }
        } catch {
            noteRegistry(error)
            if let known = state.withLock({ $0.known.last(of: name, now: .now()) }) { lookup = known.lookup }
        }
        if !parts.contains(where: { $0.node == me.text }), let mine = await part(of: name) { parts.append(mine) }
        let order = ["owner": 0, "standby": 1, "pulling": 2, "serving": 3]
        parts.sort {
            (order[$0.part] ?? 9, $0.hops ?? 0, $0.node) < (order[$1.part] ?? 9, $1.hops ?? 0, $1.node)
        }
        let expected = lookup.holders.map(\.node.text) + (lookup.location.map { [$0.owner.text] } ?? [])
        let lease = lookup.location.flatMap { location in
            lookup.nodes.first { $0.record.id == location.owner }?.leaseMilliseconds
        }
        return StreamWhy(
            registry: registryStatus,
            stream: lookup.location.map { ClusterStream($0, ownerLives: !lookup.isOrphaned) }, ownerLeaseMs: lease,
            parts: parts, silent: expected.filter { name in !parts.contains { $0.node == name } }.sorted())
    }

    /// What this node does for a stream; nil when nothing.
    func part(of name: StreamName) async -> StreamPart? {
        guard let hub = directory.hub(named: name) else { return nil }
        let inspector = state.withLock { $0.inspector }
        let detail = try? await inspector?.stream(name)
        let viewers = try? await inspector?.viewers(of: name, limit: 10_000)
        let slow = viewers?.viewers.filter { $0.lagMs > 1_000 }.count ?? 0
        var queueFrames = 0
        var queueBytes = 0
        for server in children.all {
            guard let loop = server.handler?.loop else { continue }
            let queues = try? await loop.submit { server.queues(of: hub) }.get()
            for queue in queues ?? [] {
                queueFrames = max(queueFrames, queue.frames)
                queueBytes = max(queueBytes, queue.bytes)
            }
        }
        let puller = state.withLock { $0.pulls[name] }
        let connection = try? await hub.home.loop.submit { puller?.connection }.get()
        var roundTrip: Double?
        if let connection { roundTrip = try? await connection.loop.submit { connection.roundTrip?.seconds }.get() }
        let (frames, bytes) = (queueFrames, queueBytes)
        let rtt = roundTrip.map { $0 * 1_000 }
        return try? await hub.home.loop.submit { [me, role] in
            hub.part(
                node: me, role: role, puller: puller, detail: detail, slowViewers: slow, queueFrames: frames,
                queueBytes: bytes, roundTripMilliseconds: rtt, now: .now())
        }.get()
    }

    /// `GET /v1/cluster/events`.
    func clusterEvents(after id: String?, limit: Int) async throws(RegistryError) -> ClusterEventList {
        let events = try await registry.events(after: id, limit: limit)
        return ClusterEventList(
            events: events.map {
                ClusterEventEntry(
                    id: $0.id, wallMs: $0.wallMilliseconds, node: $0.node.text, kind: $0.kind, stream: $0.stream,
                    text: $0.text)
            })
    }

    /// Writes what an operator wants of a node; nil takes it back.
    func order(_ wish: NodeWish?, of node: NodeID) async throws(RegistryError) {
        try await registry.wish(wish, for: node)
        if node == me { renewSoon() }
    }

    /// Publishers of a stream are to be at another origin.
    func move(_ name: StreamName, to node: NodeID) async throws(RegistryError) -> ClusterOrder {
        let nodes = try await registry.nodes()
        guard let target = nodes.first(where: { $0.record.id == node }), target.record.role == .origin else {
            return ClusterOrder(accepted: false, text: "\(node) is no origin of this cluster; see relayctl nodes.")
        }
        guard target.record.state == .serving else {
            return ClusterOrder(accepted: false, text: "\(node) is \(target.record.state.rawValue).")
        }
        let lookup = try await registry.locate(name)
        guard let location = lookup.location else {
            return ClusterOrder(accepted: false, text: "Nobody owns \(name) now.")
        }
        guard location.owner != node else {
            return ClusterOrder(accepted: true, text: "\(node) owns \(name) already.")
        }
        try await registry.prefer(node, for: name)
        _ = try await registry.ask(
            ClusterQuestion(id: UUID().uuidString, kind: .move, stream: name.description), within: .milliseconds(50))
        tellOperators("move", stream: name, "publishers of \(name) go from \(location.owner) to \(node)")
        return ClusterOrder(
            accepted: true, text: "\(location.owner) sends the publisher of \(name) away; it goes on at \(node).")
    }
}

extension StreamHub {
    /// What the hub says to another node that wants to know whether its publisher still sends.
    func linkState(now: MonotonicTime) -> LinkStreamState {
        let age = newestFrameAt.map { (now - $0).wholeMilliseconds } ?? Int64(UInt32.max)
        return LinkStreamState(
            isOwner: hasPublisher || isWaiting, hasPublisher: hasPublisher, epoch: incarnation?.epoch ?? 0,
            frameAgeMilliseconds: UInt32(clamping: age))
    }

    func part(
        node: NodeID, role: NodeRole, puller: StreamPuller?, detail: StreamDetail?, slowViewers: Int, queueFrames: Int,
        queueBytes: Int, roundTripMilliseconds: Double?, now: MonotonicTime
    ) -> StreamPart {
        let isOwner = hasPublisher || isWaiting
        var part = StreamPart(
            node: node.text, role: role.rawValue,
            part: isOwner ? "owner" : standby == nil ? "pulling" : "standby", epoch: incarnation?.epoch ?? 0,
            incarnation: incarnation.map { String($0.id, radix: 16) } ?? "", viewers: detail?.summary.viewers ?? 0)
        part.children = children.count
        part.publisher = detail?.publisher?.remote ?? standby?.publisher.remote
        part.encoder = detail?.publisher?.encoder ?? standby?.publisher.encoder
        part.bitrate = bitrate
        part.framesPerSecond = meter.framesPerSecond
        part.queueFrames = queueFrames
        part.queueBytes = queueBytes
        part.slowViewers = slowViewers
        part.framesLost = splice.counters.lost
        part.duplicates = splice.counters.duplicates
        guard let puller, !isOwner else { return part }
        part.phase = puller.machine.phase.words(now: now)
        part.parent = puller.machine.source.map(ClusterService.describe)
        part.hops = Int(hops)
        part.hopRTTMs = roundTripMilliseconds
        part.failovers = Int(clamping: puller.machine.failovers)
        part.lastFailover = puller.machine.lastFailover.map {
            StreamFailover(
                secondsAgo: (now - $0.began).seconds, gapMs: ($0.gap ?? .zero).seconds * 1_000,
                framesLost: puller.lostInFailover, from: ClusterService.describe($0.from),
                to: ClusterService.describe($0.to))
        }
        return part
    }
}

extension StreamPull.Phase {
    /// For `relayctl why`.
    func words(now: MonotonicTime) -> String {
        switch self {
        case .resolving: "looking the stream up"
        case .connecting(let source): "asking \(ClusterService.describe(source))"
        case .waiting(let source): "waiting for frames of \(ClusterService.describe(source))"
        case .flowing(let source): "flowing from \(ClusterService.describe(source))"
        case .switching(let from, let to):
            "leaving \(ClusterService.describe(from))" + (to.map { " for \(ClusterService.describe($0))" } ?? "")
        case .holding(let since): "holding viewers without a source for \((now - since).wholeMilliseconds) ms"
        case .lingering: "kept without viewers"
        case .over: "over"
        }
    }
}

extension ClusterNode {
    init(_ entry: NodeEntry) {
        let record = entry.record
        self.init(
            node: record.id.text, role: record.role.rawValue, state: record.state.rawValue, region: record.region,
            zone: record.zone, link: record.link.map { "\($0)" }, release: record.release,
            leaseMs: entry.leaseMilliseconds, report: entry.report.map(ClusterNodeReport.init))
    }
}

extension ClusterNodeReport {
    init(_ report: NodeReport) {
        self.init(
            sequence: report.sequence, uptimeSeconds: report.uptimeSeconds, egressBitrate: report.egressBitrate,
            ingestBitrate: report.ingestBitrate, viewers: report.viewers, publishers: report.publishers,
            streams: report.streams, pulls: report.pulls, children: report.children,
            busiestLoop: report.busiestLoop, cpu: report.cpu, rejects: report.rejectsTotal, drops: report.dropsTotal)
    }
}

extension ClusterStream {
    init(_ location: StreamLocation, ownerLives: Bool) {
        self.init(
            stream: location.stream, state: location.state.rawValue, owner: location.owner.text,
            epoch: location.epoch, incarnation: String(location.incarnation.id, radix: 16), link: "\(location.link)",
            videoCodec: location.videoCodec, audioCodec: location.audioCodec, ownerLives: ownerLives,
            preferred: location.preferred?.text)
    }
}
