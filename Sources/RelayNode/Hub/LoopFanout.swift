import Glibc
import NIOCore
import RelayCore

/// A connection that neither publishes nor plays. Implemented by the channel handlers; all calls on their event loop.
protocol IdleConnection: AnyObject {
    /// The node goes down: say so in the protocol's own words and close.
    func endIdle(_ code: RelayCode)
}

/// Everything one event loop does for viewers: its replicas of the streams, its flush pacing, its counters.
///
/// Confined to its event loop, hence the unchecked `Sendable`: references travel, calls do not.
final class LoopFanout: @unchecked Sendable {
    let index: Int
    let loop: any EventLoop
    let settings: FanoutSettings
    let meter = FanoutMeter()

    private var replicas: [StreamName: StreamReplica] = [:]
    /// Streams whose hub lives on this loop; the sweep takes their rates.
    private var homeHubs: [ObjectIdentifier: StreamHub] = [:]
    private var idle: [ObjectIdentifier: any IdleConnection] = [:]
    private var pacer: FlushPacer
    private var load = LoopLoad()
    private var tasks: [RepeatedTask] = []
    /// Ledgers of the replicas that are gone.
    private var retired = LossLedger()

    /// How often the pacer looks at the loop's load.
    static let paceEvery = Duration.milliseconds(200)
    /// How often viewers, feeds and rates are looked after.
    static let sweepEvery = Duration.seconds(1)

    init(index: Int, loop: any EventLoop, settings: FanoutSettings) {
        self.index = index
        self.loop = loop
        self.settings = settings
        self.pacer = FlushPacer(
            mode: settings.flushMode, target: settings.targetBusy, ceiling: settings.budget)
    }

    /// The flush interval in force.
    var interval: Duration { pacer.interval }
    /// Share of the last observation that the loop's thread ran or waited for a core, 0...1.
    var busy: Double { load.busy }

    // MARK: Life

    /// Starts the loop's own clockwork; called once, on the loop.
    func start() {
        tasks.append(
            loop.scheduleRepeatedTask(initialDelay: .zero, delay: TimeAmount(Self.paceEvery)) { [self] _ in
                if let busy = load.observe(now: .now()) { pacer.observe(busy: busy) }
            })
        tasks.append(
            loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: TimeAmount(Self.sweepEvery)) { [self] _ in
                sweep(now: .now())
            })
    }

    /// Ends it; called once, on the loop.
    func stop() {
        for task in tasks { task.cancel() }
        tasks = []
    }

    private func sweep(now: MonotonicTime) {
        meter.tick(now: now)
        for hub in homeHubs.values { hub.measure(now: now) }
        for (name, replica) in replicas {
            replica.sweep(now: now)
            if let idle = replica.idleSince, now - idle >= settings.replicaLinger {
                replicas[name] = nil
                retire(replica)
                replica.hub.remove(replica)
            }
        }
    }

    // MARK: Streams

    /// The loop's replica of a stream; made, and filled from the hub, when the first viewer asks for it.
    func replica(of hub: StreamHub) -> StreamReplica {
        if let replica = replicas[hub.name], replica.hub === hub { return replica }
        let replica = StreamReplica(name: hub.name, hub: hub, fanout: self)
        replicas[hub.name] = replica
        hub.add(replica, on: loop)
        return replica
    }

    /// Takes over the account of a replica that goes, once: the loop may let go of it before the hub hears of it and ends.
    private func retire(_ replica: StreamReplica) {
        guard !replica.isRetired else { return }
        replica.isRetired = true
        retired += replica.ledger
    }

    /// The stream is over; its replica goes with it.
    func drop(_ replica: StreamReplica, code: RelayCode) {
        if replicas[replica.name] === replica { replicas[replica.name] = nil }
        replica.end(code)
        retire(replica)
    }

    // MARK: Connections that neither publish nor play yet

    func addIdle(_ connection: any IdleConnection) { idle[ObjectIdentifier(connection)] = connection }
    func removeIdle(_ connection: any IdleConnection) { idle[ObjectIdentifier(connection)] = nil }

    /// Tells them that the node goes down; those that publish or play are told by their streams.
    func endIdleConnections(_ code: RelayCode) {
        for connection in Array(idle.values) { connection.endIdle(code) }
    }

    func adopt(_ hub: StreamHub) { homeHubs[ObjectIdentifier(hub)] = hub }
    func release(_ hub: StreamHub) { homeHubs[ObjectIdentifier(hub)] = nil }

    // MARK: Views for the API

    /// Where every frame offered to a viewer of this loop went, since start.
    var ledger: LossLedger { replicas.values.reduce(into: retired) { $0 += $1.ledger } }
    var allReplicas: some Collection<StreamReplica> { replicas.values }
    var viewerCount: Int { replicas.values.reduce(0) { $0 + $1.viewerCount } }

    /// Viewers here of some streams.
    func viewerCount(of streams: Set<StreamName>) -> Int {
        streams.reduce(0) { $0 + (replicas[$1]?.viewerCount ?? 0) }
    }

    /// Streams at home here that fell silent lately.
    func silentStreams(now: MonotonicTime) -> [StreamName] {
        homeHubs.values.compactMap { $0.isNewlySilent(now: now) ? $0.name : nil }
    }

    /// The viewer with an id, if it is on this loop.
    func viewer(id: UInt64) -> Viewer? {
        for replica in replicas.values {
            if let viewer = replica.viewers.first(where: { $0.id == id }) { return viewer }
        }
        return nil
    }
}
