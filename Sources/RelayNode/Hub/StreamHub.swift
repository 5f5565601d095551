import NIOCore
import RelayAPI
import RelayCore

/// What a publisher's connection does for the hub. All calls on the connection's own event loop.
protocol PublisherConnection: AnyObject, Sendable {
    /// The publisher is no longer wanted: say why in the protocol's own words and close. Ignored when the connection publishes
    /// something else by now.
    func endPublishing(_ code: RelayCode, to hub: StreamHub)
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
}

/// One audio, video or data message on its way from a publisher to the hub.
struct InboundMedia: Sendable {
    var kind: MediaKind
    var timestamp: UInt32
    var body: ByteBuffer
    /// For data: whether it is `onMetaData`.
    var isMetadata = false
}

/// The in-process fan-out of one stream: stamps what the publisher sends and hands each batch to every event loop that has
/// viewers, once.
///
/// Lives on one event loop (the first publisher's); all state is confined to it, hence the unchecked `Sendable`.
final class StreamHub: @unchecked Sendable {
    let name: StreamName
    let home: LoopFanout
    private let directory: StreamDirectory
    private let settings: Settings

    /// What the hub takes from the configuration.
    struct Settings: Sendable {
        var policy: RelayConfiguration.Publish.Policy
        var grace: Duration
        var gop: GOPCache.Limits
    }

    private enum State {
        /// A publisher sends. → `waiting`, `ended`
        case live(Publisher, since: MonotonicTime)
        /// The publisher was lost; viewers are kept for its return. → `live`, `ended`
        case waiting(Scheduled<Void>)
        /// Over; a new publisher gets a new hub.
        case ended
    }

    private var state: State?
    private let startedAt: MonotonicTime
    private var stamper = Stamper()
    private var headers = StreamHeaders()
    private var gop: GOPCache
    private var outbound: [Frame] = []
    private var replicas: [(replica: StreamReplica, fanout: LoopFanout)] = []
    private var departed = LossLedger()
    private var publisherBytes: UInt64 = 0
    private var republishes: UInt64 = 0
    private var meter = StreamMeter()
    private var facts = StreamFacts()

    init(name: StreamName, home: LoopFanout, directory: StreamDirectory, settings: Settings, now: MonotonicTime) {
        self.name = name
        self.home = home
        self.directory = directory
        self.settings = settings
        self.gop = GOPCache(limits: settings.gop)
        self.startedAt = now
    }

    // MARK: Publishers (on the home loop)

    /// A publisher asks for the stream.
    ///
    /// - Returns: nil when it may go ahead, else why not; `.streamEnded` asks the caller to look the stream up anew.
    func claim(_ publisher: Publisher, now: MonotonicTime) -> RelayCode? {
        switch state {
        case .ended:
            return .streamEnded
        case .live(let old, _):
            guard settings.policy == .takeover else { return .streamBusy }
            old.loop.execute { old.connection.endPublishing(.takenOver, to: self) }
            republishes &+= 1
        case .waiting(let timer):
            timer.cancel()
            republishes &+= 1
        case nil:
            home.adopt(self)
        }
        state = .live(publisher, since: now)
        publisherBytes = 0
        beginSession()
        return nil
    }

    private func beginSession() {
        flushOutbound(now: .now())
        stamper.beginSession()
        headers.clear()
        gop.clear()
        facts = StreamFacts()
        let budget = publisherBudget
        for (replica, fanout) in replicas { fanout.run { replica.beginSession(budget: budget) } }
    }

    /// The publisher is gone.
    ///
    /// - Parameter isClean: Whether it said goodbye; if not, viewers are kept for its return.
    func lose(publisher id: UInt64, isClean: Bool) {
        guard case .live(let publisher, _) = state, publisher.id == id else { return }
        flushOutbound(now: .now())
        if isClean || settings.grace <= .zero {
            end(.streamEnded)
        } else {
            let timer = home.loop.scheduleTask(in: TimeAmount(settings.grace)) { self.end(.streamEnded) }
            state = .waiting(timer)
        }
    }

    /// Ends the stream for everyone.
    func end(_ code: RelayCode) {
        if case .waiting(let timer) = state { timer.cancel() }
        if case .ended = state { return }
        state = .ended
        directory.remove(self)
        home.release(self)
        for (replica, fanout) in replicas { fanout.run { fanout.drop(replica, code: code) } }
        replicas = []
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

    // MARK: Media (on the home loop)

    /// Takes in one message of the current publisher; frames go out at the next ``flushOutbound(now:)``.
    ///
    /// - Returns: Whether the publisher should be closed for broken media.
    func ingest(_ media: InboundMedia, from publisherID: UInt64, now: MonotonicTime) -> Bool {
        guard case .live(let publisher, _) = state, publisher.id == publisherID else { return false }
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
        if frame.flags.contains(.config) {
            headers.note(frame)
            facts.note(frame)
        } else if !facts.knows(frame.kind) {
            facts.note(frame)
        }
        meter.note(frame)
        home.meter.framesIn &+= 1
        home.meter.bytesIn &+= UInt64(truncatingIfNeeded: frame.body.readableBytes)
        gop.append(frame)
        outbound.append(frame)
        return false
    }

    /// Hands the frames gathered from one read to every loop with viewers.
    func flushOutbound(now: MonotonicTime) {
        guard !outbound.isEmpty else { return }
        let frames = outbound
        outbound.removeAll(keepingCapacity: true)
        for (replica, fanout) in replicas { fanout.run { replica.deliver(frames, now: now) } }
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
            replicas.append((replica, fanout))
            let headers = headers
            let frames = gop.frames
            let budget = publisherBudget
            fanout.run { replica.install(headers: headers, gop: frames, budget: budget, now: .now()) }
        }
    }

    /// Takes out a replica nobody watches; called on the replica's loop.
    func remove(_ replica: StreamReplica) {
        let ledger = replica.ledger
        home.run { [self] in
            departed += ledger
            replicas.removeAll { $0.replica === replica }
        }
    }

    // MARK: Views for the API (on the home loop)

    /// Once a second.
    func measure(now: MonotonicTime) { meter.tick(now: now) }

    private var publisherBudget: Duration? {
        if case .live(let publisher, _) = state { publisher.budget } else { nil }
    }

    var hasPublisher: Bool { if case .live = state { true } else { false } }

    /// The stream as the list shows it.
    func summary(viewers: Int, now: MonotonicTime) -> StreamSummary {
        StreamSummary(
            app: name.app, name: name.name, state: hasPublisher ? "live" : "waiting", videoCodec: facts.video?.name,
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
            ledger: LedgerStatus(framesIn: stamper.framesStamped, sum), gopFrames: gop.frames.count,
            gopBytes: gop.bytes, gopMilliseconds: gop.milliseconds, gopNote: note,
            keyIntervalMs: meter.keyInterval, lastDts: stamper.clock, timestampRebases: stamper.rebases,
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
