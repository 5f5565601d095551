import NIOCore
import RelayCore

/// One stream on one event loop: what the hub handed over, and the feeds that pass it on to the loop's viewers.
///
/// Confined to its event loop, hence the unchecked `Sendable`: references travel, calls do not.
final class StreamReplica: @unchecked Sendable {
    let name: StreamName
    let hub: StreamHub
    let fanout: LoopFanout

    /// A viewer that came before the hub's snapshot did.
    private struct Waiting {
        var id: UInt64
        var form: WireForm
        var connection: any ViewerConnection
        var askedAt: MonotonicTime
        var joined: (Viewer) -> Void
    }

    private var isInstalled = false
    private var waiting: [Waiting] = []
    private var headers = StreamHeaders()
    private var gop: GOPCache
    private var feeds: [WireForm: WireFeed] = [:]
    /// The feeds once more, for a loop without hashing.
    private var feedList: [WireFeed] = []
    private var departed = LossLedger()
    /// The loop's account has taken this replica's over.
    var isRetired = false
    /// The most the stream's frames may wait for company, if its publisher asked for less than the node allows.
    private var budget: Duration?
    private var urgentWindow = MonotonicTime.zero
    private var urgentFlushes = 0

    /// Keyframes and sequence headers go out at once, but no more than so many of them in an interval (or in the shortest
    /// window): a stream of nothing else would otherwise never be gathered.
    static let urgentFlushesPerInterval = 2
    static let urgentWindow = Duration.milliseconds(100)
    /// Wire forms of one stream on one loop, at most: 3 containers by 3 selections and dialects, and room for players on unusual
    /// message streams. Each costs a ring of its own.
    static let maximumFeeds = 24

    private var pending: [Frame] = []
    private var lastFlush = MonotonicTime.zero
    private var flushTask: Scheduled<Void>?
    /// When the last viewer left; a replica nobody watches is let go of after a while.
    private(set) var idleSince: MonotonicTime?

    init(name: StreamName, hub: StreamHub, fanout: LoopFanout) {
        self.name = name
        self.hub = hub
        self.fanout = fanout
        self.gop = GOPCache(limits: fanout.settings.gop)
    }

    var viewerCount: Int { feedList.reduce(0) { $0 + $1.viewers.count } }
    var viewers: [Viewer] { feedList.flatMap { $0.viewers.filter { $0.context != nil } } }
    var ledger: LossLedger { feedList.reduce(into: departed) { $0 += $1.ledger } }

    // MARK: From the hub

    /// What the hub holds at the moment the replica was added to it; frames follow without a gap.
    func install(headers: StreamHeaders, gop: [Frame], budget: Duration?, now: MonotonicTime) {
        self.headers = headers
        self.budget = budget
        for frame in gop { self.gop.append(frame) }
        isInstalled = true
        let waiting = waiting
        self.waiting = []
        for viewer in waiting { admit(viewer, now: now) }
        noteIdle(now: now)
    }

    /// Frames in the stream's order, as they come from the publisher.
    func deliver(_ frames: [Frame], now: MonotonicTime) {
        guard isInstalled else { return }
        if feedList.isEmpty, pending.isEmpty {
            absorb(frames)
            return
        }
        pending.append(contentsOf: frames)
        let interval = min(fanout.interval, budget ?? fanout.interval)
        if now >= lastFlush + interval || isUrgent(frames, interval: interval, now: now) {
            flush(now: now)
        } else if flushTask == nil {
            let wait = (lastFlush + interval) - now
            flushTask = fanout.loop.scheduleTask(in: TimeAmount(wait)) {
                self.flushTask = nil
                self.flush(now: .now())
            }
        }
    }

    private func isUrgent(_ frames: [Frame], interval: Duration, now: MonotonicTime) -> Bool {
        guard frames.contains(where: { !$0.flags.isDisjoint(with: [.key, .config]) }) else { return false }
        if now >= urgentWindow + max(interval, Self.urgentWindow) {
            urgentWindow = now
            urgentFlushes = 0
        }
        urgentFlushes += 1
        return urgentFlushes <= Self.urgentFlushesPerInterval
    }

    /// The publisher changed: what is cached does not lead to what follows.
    func beginSession(budget: Duration?) {
        flush(now: .now())
        self.budget = budget
        headers.clear()
        gop.clear()
        for feed in feedList {
            feed.forgetKeyframe()
            feed.setHeaders([])
        }
        for viewer in viewers { viewer.connection?.publisherReturned() }
    }

    /// The stream is over.
    func end(_ code: RelayCode) {
        flush(now: .now())
        flushTask?.cancel()
        for viewer in viewers { viewer.connection?.end(code) }
        let waiting = waiting
        self.waiting = []
        for viewer in waiting { viewer.connection.end(code) }
    }

    // MARK: Flushing

    private func flush(now: MonotonicTime) {
        guard !pending.isEmpty else { return }
        flushTask?.cancel()
        flushTask = nil
        lastFlush = now
        let frames = pending
        pending.removeAll(keepingCapacity: true)
        let headersChange = absorb(frames)
        for feed in feedList {
            guard let batch = feed.append(frames, now: now) else { continue }
            if headersChange { feed.setHeaders(headers.inOrder) }
            feed.write(batch, now: now)
        }
        if headersChange { endThoseWhoCannotTakeIt() }
    }

    /// The codec may have changed to one that a player did not offer.
    private func endThoseWhoCannotTakeIt() {
        let configurations = headers.configurations
        for viewer in viewers {
            if let connection = viewer.connection, !connection.accepts(configurations) { connection.end(.codecRefused) }
        }
    }

    @discardableResult
    private func absorb(_ frames: [Frame]) -> Bool {
        var headersChange = false
        for frame in frames {
            if frame.flags.contains(.config) {
                headers.note(frame)
                headersChange = true
            }
            gop.append(frame)
        }
        return headersChange
    }

    // MARK: Viewers

    /// Takes a viewer in, now or as soon as the hub's snapshot is here.
    ///
    /// - Parameter joined: Called with the viewer before its first bytes are written.
    func add(
        id: UInt64, form: WireForm, connection: any ViewerConnection, now: MonotonicTime,
        joined: @escaping (Viewer) -> Void
    ) {
        idleSince = nil
        let viewer = Waiting(id: id, form: form, connection: connection, askedAt: now, joined: joined)
        if isInstalled { admit(viewer, now: now) } else { waiting.append(viewer) }
    }

    private func admit(_ waiting: Waiting, now: MonotonicTime) {
        guard waiting.connection.writeContext != nil else { return }
        guard waiting.connection.accepts(headers.configurations) else {
            waiting.connection.end(.codecRefused)
            return
        }
        guard let feed = feed(for: waiting.form, now: now) else {
            waiting.connection.end(.tooManyMessageStreams)
            return
        }
        guard
            let viewer = Viewer(
                id: waiting.id, form: waiting.form, connection: waiting.connection, feed: feed,
                askedAt: waiting.askedAt, now: now)
        else { return }
        waiting.joined(viewer)
        fanout.meter.joins &+= 1
        feed.add(viewer, tracks: trackKinds, now: now)
    }

    /// What the sequence headers and the cached frames say; a stream that has just begun may still get other tracks.
    private var trackKinds: TrackKinds {
        let kinds = Set((headers.configurations + gop.frames).map(\.kind))
        guard !kinds.isDisjoint(with: [.audio, .video]) else { return TrackKinds() }
        return TrackKinds(hasAudio: kinds.contains(.audio), hasVideo: kinds.contains(.video))
    }

    private func feed(for form: WireForm, now: MonotonicTime) -> WireFeed? {
        if let feed = feeds[form] { return feed }
        guard feedList.count < Self.maximumFeeds else { return nil }
        let feed = WireFeed(
            form: form, settings: fanout.settings, meter: fanout.meter,
            hasVideo: headers.configuration(of: .video)?.trackID == 0)
        feed.setHeaders(headers.inOrder)
        feed.append(gop.frames, now: now)
        feeds[form] = feed
        feedList.append(feed)
        return feed
    }

    /// Lets go of a viewer that left.
    func remove(_ viewer: Viewer, now: MonotonicTime) {
        viewer.feed.remove(viewer)
        if viewer.feed.viewers.isEmpty, !viewer.form.isUsual { drop(viewer.feed) }
        noteIdle(now: now)
    }

    /// A connection that closed before the snapshot came.
    func removeWaiting(id: UInt64) { waiting.removeAll { $0.id == id } }

    private func drop(_ feed: WireFeed) {
        guard feeds[feed.form] === feed else { return }
        departed += feed.departed
        feeds[feed.form] = nil
        feedList.removeAll { $0 === feed }
    }

    private func noteIdle(now: MonotonicTime) {
        if waiting.isEmpty, viewerCount == 0 { idleSince = now }
    }

    // MARK: Sweep

    /// Once a second: disconnects the hopelessly slow, drops feeds without viewers, trims what idles.
    func sweep(now: MonotonicTime) {
        for viewer in viewers
        where viewer.queue.shouldDisconnect(log: viewer.feed.log, limits: fanout.settings.queue, now: now) {
            fanout.meter.slowDisconnects &+= 1
            viewer.connection?.end(.tooSlow)
        }
        for feed in feedList {
            feed.trim(now: now)
            if feed.viewers.isEmpty { drop(feed) }
        }
        // A viewer that left inside a write, or was refused, leaves nobody who would note it.
        if idleSince == nil { noteIdle(now: now) }
    }
}
