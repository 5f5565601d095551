import Logging
import NIOCore
import RelayCluster
import RelayCore
import RelayCrypto
import RelayLink
import RelayRedis
import ServiceLifecycle
import Synchronization

/// The node's part in the cluster: its lease and reports, the streams it owns, the streams it pulls, and what operators want
/// of it. Everything that waits for the registry runs here, away from the event loops.
///
/// Decisions are made by the machines of RelayCluster under a lock; what they ask for is done outside of it.
final class ClusterService: Service, Sendable {
    let configuration: RelayConfiguration
    let role: NodeRole
    let me: NodeID
    let registry: any ClusterRegistry & ScalingStore
    let links: LinkPool
    let linkSettings: LinkSettings
    let security: LinkSecurity
    let children: LinkRegister
    let directory: StreamDirectory
    let fanouts: [LoopFanout]
    let lifecycle: NodeLifecycle
    let gate: ConnectionGate
    let events: EventCounter
    let logger: Logger
    /// Random with each start; proves who wrote what in the registry.
    let token: String
    let registryURL: String
    let startedAt = MonotonicTime.now()

    let state: Mutex<State>
    private let jobs: AsyncStream<@Sendable () async -> Void>
    private let jobSink: AsyncStream<@Sendable () async -> Void>.Continuation
    struct State {
        var record: NodeRecord
        var lease: NodeLease
        var reportSequence: UInt64 = 0
        /// Streams that ended while the registry did not answer, with their epochs.
        var toWithdraw: [StreamName: UInt64] = [:]
        /// Where the audit of owned streams stands.
        var auditedUpTo: StreamName?
        /// The nodes as they were last seen, for publishers that have to go somewhere while the registry is away.
        var lastNodes: [NodeEntry] = []
        var inspector: NodeInspector?
        var registryDown: (since: MonotonicTime, reason: String)?
        var registryUpSince: MonotonicTime?
        // Pulls
        var pulls: [StreamName: StreamPuller] = [:]
        var unknown: NegativeCache
        var budget: LookupBudget
        var breakers: ParentBreakers
        var known: LastKnownLocations
        /// What is about to be told to the registry of each stream held.
        var holding: [StreamName: Int] = [:]
        // Streams owned, or asked for
        var owned: [StreamName: OwnedStream] = [:]
        var figures = ClusterFigures()
        // Drain
        var drain: DrainOrder?
        var orders: DrainOrders
    }

    struct DrainOrder: Sendable {
        /// nil for a cordon: until the last has left.
        var until: MonotonicTime?
    }

    /// - Throws: ``ConfigurationError``.
    init(
        configuration: RelayConfiguration, role: NodeRole, group: any EventLoopGroup, fanouts: [LoopFanout],
        directory: StreamDirectory, lifecycle: NodeLifecycle, links: LinkRegister, gate: ConnectionGate,
        events: EventCounter, logger: Logger
    ) throws {
        var mistakes: [String] = []
        guard let me = NodeID(configuration.node.name) else {
            throw ConfigurationError(mistakes: [
                "node.name: \(configuration.node.name) cannot name a node; use 1…64 of A-Z a-z 0-9 . _ -"
            ])
        }
        if configuration.cluster.registry.isEmpty {
            mistakes.append("cluster.registry: an \(role.rawValue) needs a registry; use a redis:// URL")
        }
        if configuration.cluster.key.isEmpty, !Self.isLoopback(configuration.link.host) {
            mistakes.append(
                "cluster.key: is required when link.host (\(configuration.link.host)) is not loopback; use the same secret on all nodes"
            )
        }
        guard mistakes.isEmpty else { throw ConfigurationError(mistakes: mistakes) }
        self.configuration = configuration
        self.role = role
        self.me = me
        self.directory = directory
        self.fanouts = fanouts
        self.lifecycle = lifecycle
        self.children = links
        self.gate = gate
        self.events = events
        self.logger = logger
        token = SecureRandom.bytes(count: 16).map { byte in
            let hex = String(byte, radix: 16)
            return hex.count == 1 ? "0" + hex : hex
        }.joined()
        do { security = configuration.link.tls == .on ? try LinkSecurity(node: me) : .plain } catch {
            throw ConfigurationError(mistakes: ["link.tls: no certificate can be made: \(error)"])
        }
        var settings = LinkSettings(
            nodeID: me, release: RelayVersion.current, clusterKey: Array(configuration.cluster.key.utf8))
        settings.suspectAfter = configuration.link.suspectAfter
        settings.deadAfter = configuration.link.deadAfter
        settings.maxHops = configuration.link.maxHops
        settings.controlPerSecond = UInt32(clamping: configuration.link.controlPerSecond)
        settings.queue = LinkQueueLimits(
            dropAfter: configuration.link.dropAfter, skipAfter: configuration.link.skipAfter,
            maxBytes: configuration.link.maxBacklog)
        linkSettings = settings
        self.links = LinkPool(group: group, settings: settings, security: security, logger: logger)
        let allowed = configuration.cluster.allowedCidrs
        if configuration.cluster.registry == "memory" {
            registryURL = "memory"
            registry = MemoryRegistry(
                clock: { .now() }, wallMilliseconds: { WallClock.milliseconds },
                sleep: { try? await Task.sleep(for: $0) })
        } else {
            let url: RedisURL
            do { url = try RedisURL(configuration.cluster.registry) } catch {
                throw ConfigurationError(mistakes: ["cluster.registry: \(error)"])
            }
            registryURL = url.description
            var redis = RedisRegistrySettings()
            redis.prefix = configuration.cluster.prefix + ":"
            redis.isAllowedAddress = { Self.isAllowed($0, by: allowed) }
            registry = RedisRegistry(url: url, group: group, logger: logger, settings: redis)
        }
        let now = MonotonicTime.now()
        var record = NodeRecord(
            id: me, token: token, role: role, state: .starting, region: configuration.cluster.region,
            zone: configuration.cluster.zone, certificate: security.fingerprint, release: RelayVersion.current)
        record.machine = configuration.node.machine.isEmpty ? nil : configuration.node.machine
        switch configuration.node.spot {
        case .unknown: break
        case .yes: record.isSpot = true
        case .no: record.isSpot = false
        }
        var lease = NodeLease.Settings()
        lease.beat = configuration.cluster.beat
        lease.ttl = configuration.cluster.leaseTTL
        lease.reportEvery = configuration.cluster.reportEvery
        // Streams are audited a few with each beat instead; see `audit()`.
        lease.auditEvery = .seconds(3_600)
        state = Mutex(
            State(
                record: record,
                lease: NodeLease(settings: lease, seed: UInt64.random(in: 0...UInt64.max), now: now),
                unknown: NegativeCache(ttl: configuration.edge.negativeTTL, seed: UInt64.random(in: 0...UInt64.max)),
                budget: LookupBudget(
                    perNode: configuration.edge.lookupsPerSecond, perAddress: configuration.edge.lookupsPerAddress),
                breakers: ParentBreakers(seed: UInt64.random(in: 0...UInt64.max)),
                known: LastKnownLocations(), orders: DrainOrders(role: role)))
        (jobs, jobSink) = AsyncStream.makeStream(of: (@Sendable () async -> Void).self)
        directory.join(observer: self, opener: self)
    }

    /// The node's own figures, for reports; called once, before ``run()``.
    func use(_ inspector: NodeInspector) { state.withLock { $0.inspector = inspector } }

    /// The listeners are bound: from here on other nodes may be told where.
    func didBind(rtmp: Int?, link: Int?) async {
        let host = advertisedHost
        state.withLock { state in
            state.record.state = .serving
            if let link { state.record.link = Endpoint(host: host, port: link) }
            if let rtmp { state.record.rtmp = Endpoint(host: host, port: rtmp) }
        }
        renewSoon()
    }

    private var advertisedHost: String {
        if !configuration.link.advertise.isEmpty { return configuration.link.advertise }
        let host = configuration.link.host
        return host == "0.0.0.0" || host == "::" ? configuration.node.name : host
    }

    static func isLoopback(_ host: String) -> Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

    /// Whether other nodes may be at an address; host names are resolved by whoever connects and are the operator's to vouch for.
    static func isAllowed(_ host: String, by blocks: [AddressBlock]) -> Bool {
        guard let address = try? SocketAddress(ipAddress: host, port: 0) else { return !host.isEmpty }
        if let linkLocal = AddressBlock("169.254.0.0/16"), linkLocal.contains(address) { return false }
        return blocks.contains { $0.contains(address) }
    }

    /// Something that waits for the registry or another node; runs beside everything else, in no order.
    func later(_ work: @escaping @Sendable () async -> Void) { jobSink.yield(work) }

    func run() async throws {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.registry.run() }
            group.addTask { await self.followNews() }
            group.addTask { await self.keepLease() }
            group.addTask {
                await withDiscardingTaskGroup { workers in
                    for await job in self.jobs { workers.addTask { await job() } }
                }
            }
            try? await gracefulShutdown()
            await self.leave()
            self.jobSink.finish()
            group.cancelAll()
        }
    }

    /// Gives up what the registry says of this node, so that nobody waits for its lease.
    private func leave() async {
        let record = state.withLock { $0.record }
        try? await registry.release(record)
        tellOperators("left", stream: nil, "\(me) left the cluster")
    }

    /// An operator's event; lost when the registry is away, since the log of the node has it too.
    func tellOperators(_ kind: String, stream: StreamName?, _ text: String) {
        logger.info(
            "\(text)", metadata: stream.map { ["event": "\(kind)", "stream": "\($0)"] } ?? ["event": "\(kind)"])
        let event = ClusterEvent(node: me, kind: kind, stream: stream?.description, text: text)
        later { try? await self.registry.log(event) }
    }
}
