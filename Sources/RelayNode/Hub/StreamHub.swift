import NIOCore
import RelayAPI
import RelayCore
import RelayLink

/// What a publisher's connection does for the hub. All calls on the connection's own event loop.
protocol PublisherConnection: AnyObject, Sendable {
    /// The publisher is no longer wanted: say why in the protocol's own words and close. Ignored when the connection publishes
    /// something else by now.
    func endPublishing(_ code: RelayCode, to hub: StreamHub)
    /// The publisher is to go on at another node: ask it where it can be asked, else close at its next keyframe.
    func moveAway(_ code: RelayCode, to url: String?, from hub: StreamHub)
}

/// A publisher as the hub knows it.
struct Publisher: Sendable {
    /// Unique within the process; also the id of the connection.
    var id: UInt64
    var connection: any PublisherConnection
    var loop: any EventLoop
    var remote: String
    /// The encoder's own words.
    var encoder: String?
    /// The most its frames may wait for company, where it asked for less than the node allows.
    var budget: Duration?
    /// It said that it is the reserve of another publisher (`?role=backup`).
    var isBackup = false
}

/// One audio, video or data message on its way from a publisher to the hub.
struct InboundMedia: Sendable {
    var kind: MediaKind
    var timestamp: UInt32
    var body: ByteBuffer
    /// For data: whether it is `onMetaData`.
    var isMetadata = false
}

/// The in-process fan-out of one stream: stamps what its publisher sends, or joins what other nodes send of it, and hands each
/// batch to every event loop that has viewers, and to every child, once.
///
/// Lives on one event loop (the first publisher's, or the first viewer's of a pulled stream); all state is confined to it,
/// hence the unchecked `Sendable`.
final class StreamHub: @unchecked Sendable {
    let name: StreamName
    let home: LoopFanout
    let directory: StreamDirectory
    let settings: Settings

    /// What the hub takes from the configuration.
    struct Settings: Sendable {
        var policy: RelayConfiguration.Publish.Policy
        var grace: Duration
        var standbyAfter: Duration
        var gop: GOPCache.Limits
    }

    enum State {
        /// A publisher sends. → `waiting`, `pulling`, `ended`
        case live(Publisher, since: MonotonicTime)
        /// The publisher was lost; viewers are kept for its return. → `live`, `pulling`, `ended`
        case waiting(Scheduled<Void>)
        /// Other nodes send. → `live`, `ended`
        case pulling(any HubSource)
        /// Over; a new publisher or pull gets a new hub.
        case ended
    }

    var state: State?
    let startedAt: MonotonicTime
    var stamper = Stamper()
    var headers = StreamHeaders()
    var gop: GOPCache
    /// Frames as stamped, for children; `gop` and `outbound` have the times of viewers. Empty on a node alone, which has none.
    var history: StreamHistory
    let mayHaveChildren: Bool
    var outbound: [Frame] = []
    var outboundRaw: [Frame] = []
    var replicas: [(replica: StreamReplica, fanout: LoopFanout)] = []
    var children: [any HubChild] = []
    var departed = LossLedger()
    var publisherBytes: UInt64 = 0
    var republishes: UInt64 = 0
    var meter = StreamMeter()
    var facts = StreamFacts()
    private(set) var newestFrameAt: MonotonicTime?
    /// The longest wait for a frame lately: a still picture may send one each few seconds.
    private var usualWait = Duration.zero
    /// The second publisher, in reserve.
    var standby: StandbyPublisher?

    /// The life of the stream that frames belong to; nil before the first.
    var incarnation: Incarnation?
    /// Wall-clock instant of decoding time 0, ms since 1970; 0 before the first frame.
    var startWall: Int64 = 0
    /// The first frame of the publisher was told about.
    var hasTold = false
    /// From the origin: 0 when the publisher is here.
    var hops: UInt8 = 0
    var splice = Splice()
    /// Sequence headers of a new source, to be put before its first frame.
    var headersToInject: [Frame] = []
    /// A pulled stream that no frame of has come yet keeps its viewers waiting.
    var pendingReplicas: [(replica: StreamReplica, fanout: LoopFanout)] = []
    var isFlowing = false
    /// Frames that sources sent, had already or not.
    var framesPulled: UInt64 = 0

    init(name: StreamName, home: LoopFanout, directory: StreamDirectory, settings: Settings, now: MonotonicTime) {
        self.name = name
        self.home = home
        self.directory = directory
        self.settings = settings
        self.gop = GOPCache(limits: settings.gop)
        self.history = StreamHistory(limits: settings.gop)
        self.mayHaveChildren = directory.observer != nil
        self.startedAt = now
    }

    /// Ends the stream for everyone.
    func end(_ code: RelayCode) {
        switch state {
        case .ended: return
        case .waiting(let timer): timer.cancel()
        case .pulling(let source): source.stop()
        case .live, nil: break
        }
        state = .ended
        directory.remove(self)
        home.release(self)
        if let standby {
            self.standby = nil
            standby.publisher.loop.execute { standby.publisher.connection.endPublishing(code, to: self) }
        }
        for child in children { child.run { child.end(code == .draining ? .draining : .finished) } }
        children = []
        for (replica, fanout) in replicas + pendingReplicas { fanout.run { fanout.drop(replica, code: code) } }
        replicas = []
        pendingReplicas = []
        directory.observer?.hub(self, did: .ended)
    }

    /// Hands the frames gathered from one read to every loop with viewers and to every child.
    func flushOutbound(now: MonotonicTime) {
        guard !outbound.isEmpty else { return }
        let frames = outbound
        outbound.removeAll(keepingCapacity: true)
        for (replica, fanout) in replicas { fanout.run { replica.deliver(frames, now: now) } }
        guard !outboundRaw.isEmpty else {
            for child in children { child.run { child.deliver(frames) } }
            return
        }
        let raw = outboundRaw
        outboundRaw.removeAll(keepingCapacity: true)
        for child in children { child.run { child.deliver(raw) } }
    }

    /// Forgets what leads nowhere: another publisher or another incarnation sends from here on.
    func forgetMedia() {
        headers.clear()
        gop.clear()
        facts = StreamFacts()
        let budget = publisherBudget
        for (replica, fanout) in replicas { fanout.run { replica.beginSession(budget: budget) } }
    }

    /// Notes what a frame says about the stream.
    func noteFacts(_ frame: Frame) {
        if frame.flags.contains(.config) {
            headers.note(frame)
            facts.note(frame)
        } else if !facts.knows(frame.kind) {
            facts.note(frame)
        }
        meter.note(frame)
        home.meter.framesIn &+= 1
        home.meter.bytesIn &+= UInt64(truncatingIfNeeded: frame.body.readableBytes)
    }

    // MARK: Replicas

    /// Adds a loop's replica and fills it; called on the replica's loop.
    func add(_ replica: StreamReplica, on loop: any EventLoop) {
        let fanout = replica.fanout
        home.run { [self] in
            if case .ended = state {
                fanout.run { fanout.drop(replica, code: .streamNotFound) }
                return
            }
            flushOutbound(now: .now())
            guard isFlowing || hasPublisher || isWaiting else {
                pendingReplicas.append((replica, fanout))
                noteDemand()
                return
            }
            install(replica, fanout, now: .now())
            noteDemand()
        }
    }

    /// Takes out a replica nobody watches; called on the replica's loop.
    func remove(_ replica: StreamReplica) {
        let ledger = replica.ledger
        home.run { [self] in
            departed += ledger
            replicas.removeAll { $0.replica === replica }
            pendingReplicas.removeAll { $0.replica === replica }
            noteDemand()
        }
    }

    // MARK: Views for the API (on the home loop)

    /// Once a second.
    func measure(now: MonotonicTime) {
        meter.tick(now: now)
        if isPulled, incarnation != nil, !isFlowing { installPending(now: now) }
    }

    var publisherBudget: Duration? {
        if case .live(let publisher, _) = state { publisher.budget } else { nil }
    }

    var hasPublisher: Bool { if case .live = state { true } else { false } }
    var isWaiting: Bool { if case .waiting = state { true } else { false } }
    var isPulled: Bool { if case .pulling = state { true } else { false } }

    /// How long no frame may come before a stream that flowed counts as silent (encoders send several a second; others may take three
    /// times as long as they did lately), and for how long that is news: who watched has gone by then, or waits for good.
    static let silentAfter = Duration.seconds(3), silenceIsNews = Duration.seconds(60)
    private static let usualWaits = 3
    /// Frames within which a wait that was longer is forgotten, more or less.
    private static let waitMemory = 64

    /// Whether the stream flowed and stopped lately, at its publisher or anywhere on the way here.
    func isNewlySilent(now: MonotonicTime) -> Bool {
        guard let newestFrameAt else { return false }
        let silence = now - newestFrameAt
        return silence >= max(Self.silentAfter, usualWait * Self.usualWaits) && silence < Self.silenceIsNews
    }

    /// A frame came, or several at once.
    func noteArrival(now: MonotonicTime) {
        if let newestFrameAt {
            let wait = now - newestFrameAt
            usualWait = wait > usualWait ? wait : usualWait - (usualWait - wait) / Self.waitMemory
        }
        newestFrameAt = now
    }

    /// The stream as the list shows it.
    func summary(viewers: Int, now: MonotonicTime) -> StreamSummary {
        StreamSummary(
            app: name.app, name: name.name, state: hasPublisher || (isPulled && isFlowing) ? "live" : "waiting",
            videoCodec: facts.video?.name,
            audioCodec: facts.audio?.name, width: facts.width, height: facts.height,
            framesPerSecond: meter.framesPerSecond, bitrate: meter.bitrate, viewers: viewers,
            uptimeSeconds: (now - startedAt).seconds)
    }

    /// The stream in full, given the sums over its viewers.
    func detail(viewers: Int, ledger: LossLedger, now: MonotonicTime) -> StreamDetail {
        var sum = departed
        sum += ledger
        var publisher: PublisherStatus?
        if case .live(let live, let since) = state {
            publisher = PublisherStatus(
                id: live.id, remote: live.remote, encoder: live.encoder, connectedSeconds: (now - since).seconds,
                bytesIn: publisherBytes)
        }
        let note: String? =
            switch gop.state {
            case .holding: nil
            case .waitingForKeyframe: facts.video == nil ? "no video" : "waiting for a keyframe"
            case .gaveUp: "GOP longer than the cache; late viewers wait for the next keyframe"
            }
        return StreamDetail(
            summary: summary(viewers: viewers, now: now), publisher: publisher,
            ledger: LedgerStatus(framesIn: isPulled ? framesPulled : stamper.framesStamped, sum),
            gopFrames: gop.frames.count,
            gopBytes: gop.bytes, gopMilliseconds: gop.milliseconds, gopNote: note,
            keyIntervalMs: meter.keyInterval, lastDts: viewerClock, timestampRebases: stamper.rebases,
            brokenTags: stamper.counters.broken, republishes: republishes)
    }

    /// What the publisher sent since it came, and whether there is one; for the node's sums.
    var totalBytesIn: UInt64 { meter.totalBytes }
    var bitrate: Double { meter.bitrate }
    /// The codecs in use, for deciding what a player can be given.
    var codecs: StreamFacts { facts }
}

extension LoopFanout {
    /// Runs on the fan-out's loop: at once when already there, so that a single loop costs no hop.
    func run(_ work: @escaping @Sendable () -> Void) {
        if loop.inEventLoop { work() } else { loop.execute(work) }
    }
}

extension LedgerStatus {
    init(framesIn: UInt64, _ ledger: LossLedger) {
        self.init(
            framesIn: framesIn, offered: ledger.offered, sent: ledger.sent, dropped: ledger.dropped,
            skipped: ledger.skipped, evicted: ledger.evicted, unsent: ledger.unsent)
    }
}

extension Duration {
    /// Seconds with fraction, for people and JSON.
    var seconds: Double { Double(wholeNanoseconds) / 1e9 }
}
