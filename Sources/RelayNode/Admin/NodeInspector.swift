import NIOCore
package import RelayAPI
import RelayCluster
package import RelayCore
import Synchronization

/// What the admin API asks of a node. Each question is answered by the event loops themselves, so the answers are
/// consistent per loop and cost the hot path nothing between questions.
package final class NodeInspector: Sendable {
    private let role: NodeRole
    private let services: ConnectionServices
    private let fanouts: [LoopFanout]
    let lifecycle: NodeLifecycle
    /// nil on a node alone.
    let cluster: ClusterService?
    private let cpu = Mutex(CPUShare())
    private let egressCapacity: Double

    init(
        role: NodeRole, services: ConnectionServices, fanouts: [LoopFanout], lifecycle: NodeLifecycle,
        cluster: ClusterService?
    ) {
        self.role = role
        self.cluster = cluster
        self.services = services
        self.fanouts = fanouts
        self.lifecycle = lifecycle
        egressCapacity = EgressCapacity.bitsPerSecond(configured: services.configuration.node.egressCapacity)
    }

    /// Whether new work is welcome.
    var isReady: Bool { lifecycle.state == .running }

    private struct LoopView: Sendable {
        var status: LoopStatus
        var bytesIn: UInt64
        var bytesOut: UInt64
        var framesIn: UInt64
        var framesOut: UInt64
        var bitrateIn: Double
        var bitrateOut: Double
        var linkBitrateOut: Double
        var joins: UInt64
        var leaves: UInt64
        var joinFailures: UInt64
        var firstFrames: FirstFrameTimes
        var slowDisconnects: UInt64
        var ledger: LossLedger
        var viewersByTransport: [String: Int]
    }

    private func loopViews() async throws -> [LoopView] {
        var views: [LoopView] = []
        for fanout in fanouts {
            views.append(
                try await fanout.loop.submit {
                    LoopView(
                        status: LoopStatus(
                            index: fanout.index, busy: fanout.busy, flushIntervalMs: fanout.interval.seconds * 1000,
                            viewers: fanout.viewerCount),
                        bytesIn: fanout.meter.bytesIn, bytesOut: fanout.meter.bytesOut,
                        framesIn: fanout.meter.framesIn, framesOut: fanout.meter.framesOut,
                        bitrateIn: fanout.meter.bitrateIn, bitrateOut: fanout.meter.bitrateOut,
                        linkBitrateOut: fanout.meter.linkBitrateOut, joins: fanout.meter.joins,
                        leaves: fanout.meter.leaves, joinFailures: fanout.meter.joinFailures,
                        firstFrames: fanout.meter.firstFrames, slowDisconnects: fanout.meter.slowDisconnects,
                        ledger: fanout.ledger, viewersByTransport: fanout.viewersByTransport)
                }.get())
        }
        return views
    }

    /// `GET /v1/status`.
    package func status() async throws -> NodeStatus { try await status(try await loopViews()) }

    private func status(_ loops: [LoopView]) async throws -> NodeStatus {
        let hubs = services.directory.all
        var publishers = 0
        for hub in hubs where try await hub.home.loop.submit({ hub.hasPublisher }).get() { publishers += 1 }
        let configuration = services.configuration
        return NodeStatus(
            node: configuration.node.name, role: role.rawValue, state: lifecycle.state.rawValue,
            version: RelayVersion.current, uptimeSeconds: lifecycle.uptime.seconds, listeners: lifecycle.listeners,
            streams: hubs.count, publishers: publishers, viewers: loops.reduce(0) { $0 + $1.status.viewers },
            connections: services.gate.open, maxConnections: services.gate.maxConnections,
            bytesIn: loops.reduce(0) { $0 &+ $1.bytesIn }, bytesOut: loops.reduce(0) { $0 &+ $1.bytesOut },
            bitrateIn: loops.reduce(0) { $0 + $1.bitrateIn }, bitrateOut: loops.reduce(0) { $0 + $1.bitrateOut },
            loops: loops.map(\.status))
    }

    private struct ReplicaView: Sendable {
        var viewers = 0
        var ledger = LossLedger()
    }

    private func replicaViews(of wanted: StreamName? = nil) async throws -> [StreamName: ReplicaView] {
        var views: [StreamName: ReplicaView] = [:]
        for fanout in fanouts {
            let onLoop = try await fanout.loop.submit {
                fanout.allReplicas.filter { wanted == nil || $0.name == wanted }.map {
                    ($0.name, $0.viewerCount, $0.ledger)
                }
            }.get()
            for (name, viewers, ledger) in onLoop {
                views[name, default: ReplicaView()].viewers += viewers
                views[name, default: ReplicaView()].ledger += ledger
            }
        }
        return views
    }

    /// `GET /v1/streams`, by name.
    package func streams() async throws -> StreamList {
        let views = try await replicaViews()
        var summaries: [StreamSummary] = []
        for hub in services.directory.all.sorted(by: { $0.name < $1.name }) {
            let viewers = views[hub.name]?.viewers ?? 0
            summaries.append(try await hub.home.loop.submit { hub.summary(viewers: viewers, now: .now()) }.get())
        }
        return StreamList(streams: summaries)
    }

    /// `GET /v1/streams/{app}/{name}`; nil when there is none.
    package func stream(_ name: StreamName) async throws -> StreamDetail? {
        guard let hub = services.directory.hub(named: name) else { return nil }
        let view = try await replicaViews(of: name)[name] ?? ReplicaView()
        return try await hub.home.loop.submit {
            hub.detail(viewers: view.viewers, ledger: view.ledger, now: .now())
        }.get()
    }

    /// `GET /v1/viewers`, slowest first, at most `limit`.
    package func viewers(of name: StreamName?, limit: Int) async throws -> ViewerList {
        var all: [ViewerStatus] = []
        var total = 0
        for fanout in fanouts {
            let (onLoop, count) = try await fanout.loop.submit {
                fanout.viewerStatuses(of: name, limit: limit, now: .now())
            }.get()
            all += onLoop
            total += count
        }
        all.sort { ($1.lagMs, $1.framesLost, $0.id) < ($0.lagMs, $0.framesLost, $1.id) }
        return ViewerList(viewers: Array(all.prefix(limit)), total: total)
    }

    /// Ends a stream and closes its publisher; false when there is none.
    package func kickPublisher(of name: StreamName) async throws -> Bool {
        guard let hub = services.directory.hub(named: name) else { return false }
        return try await hub.home.loop.submit { hub.kickPublisher(.kicked) }.get()
    }

    /// Closes a viewer's connection; false when there is none.
    package func kickViewer(id: UInt64) async throws -> Bool {
        for fanout in fanouts {
            let found = try await fanout.loop.submit {
                guard let viewer = fanout.viewer(id: id) else { return false }
                viewer.connection?.end(.kicked)
                return true
            }.get()
            if found { return true }
        }
        return false
    }

    /// The load signals of the node, for the registry.
    func report() async throws -> NodeReport {
        let loops = try await loopViews()
        let status = try await status(loops)
        var report = NodeReport()
        report.uptimeSeconds = status.uptimeSeconds
        report.egressBitrate = loops.reduce(status.bitrateOut) { $0 + $1.linkBitrateOut }
        report.egressCapacity = egressCapacity
        report.ingestBitrate = status.bitrateIn
        report.viewers = status.viewers
        report.strandedViewers = try await strandedViewers()
        report.publishers = status.publishers
        report.streams = status.streams
        report.joinsTotal = loops.reduce(0) { $0 &+ $1.joins }
        report.leavesTotal = loops.reduce(0) { $0 &+ $1.leaves }
        report.busiestLoop = loops.map(\.status.busy).max() ?? 0
        let cpu = cpu.withLock { $0.look(now: .now()) }
        report.cpu = cpu.used
        report.throttled = cpu.throttled
        report.rejectsTotal = services.gate.turnedAway &+ (cluster?.lookupsExhausted ?? 0)
        report.joinFailuresTotal = loops.reduce(0) { $0 &+ $1.joinFailures }
        report.firstFrameP95 = FirstFrameTimes.percentile(0.95, of: loops.map(\.firstFrames))
        report.dropsTotal = loops.reduce(0) { $0 &+ $1.ledger.dropped &+ $1.ledger.skipped }
        report.connections = status.connections
        report.maxConnections = status.maxConnections
        return report
    }

    /// Viewers of the streams that fell silent lately; each loop is asked for its viewers only while there are such streams.
    private func strandedViewers() async throws -> Int {
        var silent: Set<StreamName> = []
        for fanout in fanouts {
            silent.formUnion(try await fanout.loop.submit { fanout.silentStreams(now: .now()) }.get())
        }
        guard !silent.isEmpty else { return 0 }
        var viewers = 0
        for fanout in fanouts {
            viewers += try await fanout.loop.submit { [silent] in fanout.viewerCount(of: silent) }.get()
        }
        return viewers
    }

    /// `GET /v1/drain`.
    package func drainStatus() async throws -> DrainStatus {
        let status = try await status()
        return DrainStatus(
            isDraining: lifecycle.state == .draining, secondsLeft: cluster?.drainSecondsLeft,
            publishers: status.publishers, children: cluster?.children.children ?? 0, viewers: status.viewers)
    }

    /// `GET /metrics`.
    package func metrics() async throws -> String {
        let loops = try await loopViews()
        let status = try await status(loops)
        var ledger = LossLedger()
        var byTransport: [String: Int] = [:]
        for loop in loops {
            ledger += loop.ledger
            byTransport.merge(loop.viewersByTransport) { $0 + $1 }
        }
        return MetricsText.render(
            NodeMetrics(
                status: status, isReady: isReady, viewersByTransport: byTransport,
                strandedViewers: try await strandedViewers(), ledger: ledger,
                framesIn: loops.reduce(0) { $0 &+ $1.framesIn }, framesOut: loops.reduce(0) { $0 &+ $1.framesOut },
                joins: loops.reduce(0) { $0 &+ $1.joins }, leaves: loops.reduce(0) { $0 &+ $1.leaves },
                joinFailures: loops.reduce(0) { $0 &+ $1.joinFailures },
                turnedAway: services.gate.turnedAway &+ (cluster?.lookupsExhausted ?? 0),
                firstFrameP95: FirstFrameTimes.percentile(0.95, of: loops.map(\.firstFrames)),
                egressCapacity: egressCapacity, cpu: cpu.withLock { $0.look(now: .now()) },
                slowDisconnects: loops.reduce(0) { $0 &+ $1.slowDisconnects }, rejects: services.events.counts,
                refused: services.gate.refused, process: ProcessFigures.read(), cluster: cluster?.figures))
    }
}

extension LoopFanout {
    /// Viewers by transport, for the metrics.
    var viewersByTransport: [String: Int] {
        var counts: [String: Int] = [:]
        for replica in allReplicas {
            for viewer in replica.viewers {
                if let transport = viewer.connection?.transport { counts[transport, default: 0] += 1 }
            }
        }
        return counts
    }

    /// The slowest viewers of a stream (or of all) as the API shows them, and how many there are. Texts are made for the few
    /// that are shown, since this runs on the loop that serves the many.
    func viewerStatuses(of name: StreamName?, limit: Int, now: MonotonicTime) -> (shown: [ViewerStatus], total: Int) {
        var ranked: [(lag: Duration, lost: UInt64, viewer: Viewer, stream: StreamName)] = []
        for replica in allReplicas where name == nil || replica.name == name {
            for viewer in replica.viewers {
                let queue = viewer.queue
                let isBehind = !queue.isCaughtUp(with: viewer.feed.log)
                ranked.append(
                    (
                        isBehind ? queue.lag(log: viewer.feed.log, now: now) : .zero,
                        queue.dropped &+ queue.skipped &+ queue.evicted, viewer, replica.name
                    ))
            }
        }
        ranked.sort { ($1.lag, $1.lost, $0.viewer.id) < ($0.lag, $0.lost, $1.viewer.id) }
        let shown = ranked.prefix(limit).compactMap { lag, lost, viewer, stream -> ViewerStatus? in
            guard let connection = viewer.connection else { return nil }
            return ViewerStatus(
                id: viewer.id, stream: stream.description, transport: connection.transport,
                selection: viewer.form.selection.rawValue, remote: connection.remote.map(RemoteText.describe) ?? "?",
                player: connection.identity.player, connectedSeconds: (now - viewer.joinedAt).seconds,
                bytesSent: viewer.queue.sentBytes, framesSent: viewer.queue.sent, framesLost: lost,
                lagMs: lag.wholeMilliseconds, lagBytes: viewer.feed.log.backlog(from: viewer.queue.cursor))
        }
        return (shown, ranked.count)
    }
}
