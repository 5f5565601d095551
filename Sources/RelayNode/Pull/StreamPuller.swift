import Logging
import NIOCore
import RelayCluster
import RelayCore
import RelayLink

/// What a pull needs of the rest of the node. Safe from any thread.
protocol PullWorld: AnyObject, Sendable {
    var me: NodeID { get }
    var links: LinkPool { get }
    var logger: Logger { get }
    /// Looks a stream up and calls back, on any thread.
    ///
    /// - Parameter heldHops: The hops at which this node serves the stream to others, if it does.
    func resolve(
        _ name: StreamName, sticky: NodeID?, seen: UInt64, heldHops: Int?,
        then: @escaping @Sendable (PullResolution) -> Void)
    /// A subscription is asked for.
    func pullAsks(_ puller: StreamPuller, at source: PullSource)
    /// A parent answered, or failed to.
    func parent(_ node: NodeID, didAnswer: Bool)
    /// The pull has this source now (nil: none), so many hops from the origin, of this epoch; for the registry's holders and the
    /// operators' events.
    func pull(_ puller: StreamPuller, has source: PullSource?, hops: Int, epoch: UInt64)
    /// Frames flow again after a change of source.
    func pull(_ puller: StreamPuller, did failover: StreamPull.Failover, lost: UInt64)
    /// The pull is over.
    func pullEnded(_ puller: StreamPuller, _ code: RelayCode?)
}

/// Carries out what the pull of one stream decides: lookups, subscriptions, and whose frames go to the hub.
///
/// Confined to the hub's home loop, hence the unchecked `Sendable`.
final class StreamPuller: HubSource, @unchecked Sendable {
    /// Frames kept of an attempt that is not adopted, at most; more than two GOPs would be cut anyway.
    static let maximumKept = 8_192

    let hub: StreamHub
    private unowned let world: any PullWorld
    private(set) var machine: StreamPull
    private var attempts: [Int: PullAttempt] = [:]
    private var adopted: PullAttempt?
    private var timer: Scheduled<Void>?
    private var armedFor: MonotonicTime?
    private var isRunning = false
    private var isStopped = false
    private var failoversTold: UInt64 = 0
    private var lostBefore: UInt64 = 0
    /// Frames lost around the newest change of source.
    private(set) var lostInFailover: UInt64 = 0

    init(hub: StreamHub, world: any PullWorld, settings: PullSettings, highestEpoch: UInt64, now: MonotonicTime) {
        self.hub = hub
        self.world = world
        machine = StreamPull(
            settings: settings, highestEpoch: highestEpoch, seed: UInt64.random(in: 0...UInt64.max), now: now)
    }

    private var home: any EventLoop { hub.home.loop }

    // MARK: Events (on the home loop)

    func start() {
        hub.beginPulling(from: self, now: .now())
        run()
    }

    func demandChanged(_ count: Int) { tell { $0.demand(count, now: $1) } }
    func changed(epoch: UInt64, isGone: Bool) { tell { $0.changed(epoch: epoch, isGone: isGone, now: $1) } }
    func reachable() { tell { $0.reachable(now: $1) } }

    func stop() {
        guard !isStopped else { return }
        isStopped = true
        timer?.cancel()
        for attempt in attempts.values { attempt.cancel() }
        attempts = [:]
        adopted = nil
        world.pullEnded(self, nil)
    }

    private func tell(_ event: (inout StreamPull, MonotonicTime) -> Void) {
        guard !isStopped else { return }
        event(&machine, .now())
        run()
    }

    fileprivate func attempt(_ attempt: PullAttempt, did event: LinkSubscriptionEvent) {
        guard !isStopped, attempts[attempt.number] === attempt else { return }
        let number = attempt.number
        let now = MonotonicTime.now()
        switch event {
        case .accepted(let accept): accepted(attempt, accept, now: now)
        case .frames(let frames):
            if adopted === attempt {
                deliver(frames, attempt, now: now)
            } else if attempt.kept.count + frames.count <= Self.maximumKept {
                attempt.kept += frames
            }
            machine.frames(attempt: number, now: now)
        case .skipped(let first, let count):
            if adopted === attempt, let incarnation = attempt.incarnation {
                hub.pullSkipped(from: first, count: count, of: incarnation)
            }
        case .refused(let refusal):
            forget(attempt)
            note(attempt, didAnswer: refusal != .overloaded)
            machine.refused(attempt: number, PullRefusal(refusal), now: now)
        case .ended(let reason):
            forget(attempt)
            machine.ended(attempt: number, isFinished: reason == .finished, now: now)
        case .lost:
            if adopted === attempt { hub.sourceBroke() }
            forget(attempt)
            note(attempt, didAnswer: false)
            machine.failed(attempt: number, now: now)
        case .suspect: machine.suspect(attempt: number, now: now)
        case .recovered: machine.recovered(attempt: number, now: now)
        case .goingAway: machine.goingAway(attempt: number, now: now)
        }
        run()
    }

    private func accepted(_ attempt: PullAttempt, _ accept: LinkAccept, now: MonotonicTime) {
        let isNews = attempt.accept != nil
        attempt.accept = accept
        if isNews {
            machine.accepted(attempt: attempt.number, epoch: accept.incarnation.epoch, now: now)
            if adopted === attempt {
                _ = hub.pullAccepted(accept, isNews: true, now: now)
                world.pull(self, has: attempt.source, hops: Int(accept.hops), epoch: accept.incarnation.epoch)
            } else {
                // What was kept belonged to another life, or to other headers.
                attempt.kept = []
            }
            return
        }
        note(attempt, didAnswer: true)
        machine.accepted(attempt: attempt.number, epoch: accept.incarnation.epoch, now: now)
    }

    private func deliver(_ frames: [Frame], _ attempt: PullAttempt, now: MonotonicTime) {
        guard let incarnation = attempt.incarnation else { return }
        hub.pullIngest(frames, of: incarnation, now: now)
    }

    private func forget(_ attempt: PullAttempt) {
        attempts[attempt.number] = nil
        if adopted === attempt { adopted = nil }
    }

    private func note(_ attempt: PullAttempt, didAnswer: Bool) {
        if case .parent(let parent) = attempt.source { world.parent(parent.node, didAnswer: didAnswer) }
    }

    // MARK: Actions

    private func run() {
        guard !isRunning else { return }
        isRunning = true
        while !isStopped, let action = machine.nextAction() { perform(action) }
        while let fault = machine.nextFault() {
            if case .parent(let parent) = fault { world.parent(parent.node, didAnswer: false) }
        }
        isRunning = false
        tellFailover()
        rearm()
    }

    private func perform(_ action: PullAction) {
        switch action {
        case .resolve:
            var sticky: NodeID?
            if case .parent(let parent) = machine.lastSource { sticky = parent.node }
            let home = home
            // Who serves others asks only those that are nearer to the origin: no ring of nodes that wait for each other.
            let heldHops = hub.children.isEmpty ? nil : Int(hub.hops)
            world.resolve(hub.name, sticky: sticky, seen: machine.highestEpoch, heldHops: heldHops) {
                [self] resolution in
                home.execute { self.tell { $0.resolved(resolution, now: $1) } }
            }
        case .subscribe(let number, let source): subscribe(number, source)
        case .cancel(let number): attempts.removeValue(forKey: number)?.cancel()
        case .adopt(let number): adopt(number)
        case .hold:
            adopted = nil
            hub.endChildren(.sourceLost)
            world.pull(self, has: nil, hops: 0, epoch: machine.highestEpoch)
            world.logger.info("stream has no source; viewers wait", metadata: ["stream": "\(hub.name)"])
        case .end(let code):
            finish(code)
            hub.end(code)
        case .release:
            finish(nil)
            hub.end(.streamNotFound)
        }
    }

    private func finish(_ code: RelayCode?) {
        isStopped = true
        timer?.cancel()
        for attempt in attempts.values { attempt.cancel() }
        attempts = [:]
        adopted = nil
        world.pullEnded(self, code)
    }

    private func subscribe(_ number: Int, _ source: PullSource) {
        let attempt = PullAttempt(number: number, source: source, puller: self, home: home)
        attempts[number] = attempt
        world.pullAsks(self, at: source)
        let start: LinkStart
        if let incarnation = hub.splice.incarnation, let id = hub.splice.lastID {
            start = .after(frameID: id, incarnation: incarnation)
        } else {
            start = .live
        }
        switch source {
        case .parent(let parent):
            let name = hub.name
            let me = world.me
            let seen = machine.highestEpoch
            attempt.subscribe(over: world.links.connection(to: parent)) { id in
                LinkSubscribe(id: id, stream: name, start: start, path: [me], highestEpoch: seen)
            }
        case .foreign(let url):
            attempt.play(url, fanout: hub.home, stream: hub.name)
        }
    }

    private func adopt(_ number: Int) {
        guard let attempt = attempts[number], let accept = attempt.accept else { return }
        adopted = attempt
        let now = MonotonicTime.now()
        lostBefore = hub.splice.counters.lost
        guard hub.pullAccepted(accept, isNews: false, now: now) else { return }
        world.pull(self, has: attempt.source, hops: Int(accept.hops), epoch: accept.incarnation.epoch)
        let kept = attempt.kept
        attempt.kept = []
        if !kept.isEmpty { deliver(kept, attempt, now: now) }
    }

    private func tellFailover() {
        guard machine.failovers != failoversTold, let failover = machine.lastFailover, failover.gap != nil else {
            return
        }
        failoversTold = machine.failovers
        lostInFailover = hub.splice.counters.lost &- lostBefore
        world.pull(self, did: failover, lost: lostInFailover)
    }

    private func rearm() {
        guard !isStopped, let deadline = machine.nextDeadline else { return }
        if let armedFor, armedFor <= deadline { return }
        timer?.cancel()
        armedFor = deadline
        timer = home.scheduleTask(deadline: NIODeadline(deadline)) { [self] in
            armedFor = nil
            timer = nil
            tell { machine, now in
                if let deadline = machine.nextDeadline, now >= deadline { machine.timerFired(now: now) }
            }
        }
    }

    // MARK: Views for the API (on the home loop)

    /// The parent in force; nil while there is none, and for a foreign source.
    var parent: PullParent? {
        if case .parent(let parent) = machine.source { parent } else { nil }
    }

    var parentNode: NodeID? { parent?.node }
    var hasSource: Bool { adopted != nil }

    /// The link of the parent in force.
    var connection: LinkConnection? { adopted?.connection }
}

extension PullRefusal {
    init(_ refusal: LinkRefusal) {
        switch refusal {
        case .notFound: self = .notFound
        case .moved: self = .moved
        case .loop: self = .loop
        case .overloaded: self = .overloaded
        case .denied: self = .denied
        case .draining: self = .draining
        case .stale: self = .stale
        }
    }
}

/// One attempt of a pull: a subscription at a parent, or a play of a foreign server. Its events go to the puller's loop.
final class PullAttempt: LinkSubscriber, @unchecked Sendable {
    let number: Int
    let source: PullSource
    private weak var puller: StreamPuller?
    private let home: any EventLoop
    // On the home loop:
    fileprivate(set) var accept: LinkAccept?
    fileprivate var kept: [Frame] = []
    private(set) var connection: LinkConnection?
    private var foreign: ForeignPull?
    // On the link's loop:
    private var subscription: UInt64?
    private var isCancelled = false

    init(number: Int, source: PullSource, puller: StreamPuller, home: any EventLoop) {
        self.number = number
        self.source = source
        self.puller = puller
        self.home = home
    }

    var incarnation: Incarnation? { accept?.incarnation }

    func subscribe(over connection: LinkConnection, _ make: @escaping @Sendable (UInt64) -> LinkSubscribe) {
        self.connection = connection
        connection.loop.execute { [self] in
            guard !isCancelled else { return }
            subscription = connection.subscribe(make, for: self)
            if subscription == nil { link(did: .lost("the link was closed")) }
        }
    }

    func play(_ url: String, fanout: LoopFanout, stream: StreamName) {
        let foreign = ForeignPull(url: url, loop: home) { [weak self] event in self?.link(did: event) }
        self.foreign = foreign
        foreign.start()
    }

    /// Ends it; nothing more comes of it.
    func cancel() {
        puller = nil
        foreign?.stop()
        guard let connection else { return }
        connection.loop.execute { [self] in
            isCancelled = true
            if let subscription { connection.unsubscribe(subscription) }
        }
    }

    func link(did event: LinkSubscriptionEvent) {
        var event = event
        if case .frames(let frames) = event {
            // What was read belongs to a buffer of many streams, which a GOP cache would keep alive.
            event = .frames(
                frames.map { frame in
                    var frame = frame
                    frame.body = ByteBuffer(bytes: frame.body.readableBytesView)
                    return frame
                })
        }
        let event2 = event
        if home.inEventLoop {
            puller?.attempt(self, did: event2)
        } else {
            home.execute { [self] in puller?.attempt(self, did: event2) }
        }
    }
}
