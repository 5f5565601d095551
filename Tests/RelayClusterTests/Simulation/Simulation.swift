import RelayCluster
import RelayCore

/// A whole cluster in one thread and in virtual time: the machines of the product with simulated processes, wires, registry and
/// faults around them, all from one seed.
///
/// Two phases: faults come and go until ``healsAt``; from then on everything works, and everyone who wants to see the stream
/// must see it at the end.
final class Simulation {
    static let healsAt = MonotonicTime.zero + .seconds(24)
    static let endsAt = MonotonicTime.zero + .seconds(36)
    static let tickEvery = Duration.milliseconds(100)
    /// How long two owners may be at once when nothing is broken (P5).
    static let ownersBound = Duration.seconds(2)
    static let silence = Duration.milliseconds(300)
    static let linkDead = Duration.seconds(1)

    let stream = try! StreamName(app: "live", name: "one")
    let seed: UInt64
    var random: SeededGenerator
    var now = MonotonicTime.zero
    var queue = EventQueue()
    var table = RegistryTable()
    var snapshot = RegistryTable()
    var registryIsUp = true
    var registryIsFrozen = false
    var registryInbox: [(from: Int, message: Message)] = []
    var wallSkew: Int64 = 0
    var newsLoss = 0
    /// Frames of a thousand that links leave out.
    var lossiness = 0
    /// Whether parents serve children that have seen a higher epoch, as they should not.
    var isForgetful = false
    let origins: [SimOrigin]
    let edges: [SimEdge]
    let publishers: [SimPublisher]
    /// Directed: how many faults cut the way from one to the other.
    var cuts = [Int](repeating: 0, count: Peer.count * Peer.count)
    /// When the newest message of a lane arrives, so that none overtakes another.
    var lanes = [MonotonicTime](repeating: .zero, count: Peer.count * Peer.count * 3)
    var connections: [SimConnection] = []
    var settings = PullSettings()
    var leaseSettings = NodeLease.Settings()
    var ownershipSettings = StreamOwnership.Settings()

    private(set) var failure: String?
    /// Of everything that happened, for comparing two runs.
    private(set) var traceHash: UInt64 = 0xcbf2_9ce4_8422_2325
    var isTracing = false
    private(set) var events = 0
    private var manyOwnersSince: MonotonicTime?
    // What the run went through, so that a run in which nothing happened is noticed.
    var framesSeen = 0
    var failovers: UInt64 = 0
    var epochsGranted: Set<UInt64> = []
    var losses = 0
    var localGrants = 0
    var promotions = 0
    var staleRefusals = 0
    var hasFailedOver = false

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        let hasRegions = random.chance(40)
        origins = Peer.origins.map { SimOrigin(index: $0) }
        edges = Peer.edges.map { SimEdge(index: $0, region: hasRegions ? ($0 < 5 ? "east" : "west") : "") }
        processes = origins as [SimProcess] + edges as [SimProcess]
        if random.chance(30) { lossiness = 1 + random.below(30) }
        isForgetful = random.chance(15)
        let mode = random.below(3)
        publishers = [
            SimPublisher(index: 8, isBackup: false, isActive: true),
            SimPublisher(index: 9, isBackup: mode == 1, isActive: mode != 0),
        ]
        settings.linger = random.milliseconds(500...3_000)
        if random.chance(25) { settings.hold = .seconds(3) }
        leaseSettings.ttl = .seconds(4)
        leaseSettings.auditEvery = .seconds(1)
        if mode == 0, random.chance(20) { ownershipSettings.policy = .takeover }
    }

    /// Runs to the end, or to the first thing that must not be.
    func run() -> String? {
        for process in processes { start(process) }
        for publisher in publishers where publisher.isActive {
            queue.add(.publisher(publisher.index), at: now + random.milliseconds(100...2_000))
            publisher.origin = random.below(3)
        }
        for edge in edges {
            var at = now + random.milliseconds(0...3_000)
            for _ in 0..<(2 + random.below(6)) {
                queue.add(.viewer(edge: edge.index), at: at)
                at = at + random.milliseconds(50...8_000)
            }
        }
        planFaults()
        queue.add(.check, at: now + Self.tickEvery)
        while failure == nil, let (event, at) = queue.next(), at <= Self.endsAt {
            now = at
            events += 1
            handle(event)
        }
        if failure == nil { judgeEnd() }
        return failure
    }

    /// The first failure is the run's.
    func fail(_ text: @autoclosure () -> String) {
        if failure == nil { failure = "seed=\(seed) fail=\(text()) at t=\(now.nanoseconds / 1_000_000)ms" }
    }

    /// Notes that something happened.
    func trace(_ text: @autoclosure () -> String, _ numbers: UInt64...) {
        for number in [UInt64(bitPattern: now.nanoseconds)] + numbers {
            traceHash = (traceHash ^ number) &* 0x100_0000_01b3
            traceHash ^= traceHash >> 29
        }
        if isTracing { print(now.nanoseconds / 1_000_000, text()) }
    }

    let processes: [SimProcess]
    func process(_ index: Int) -> SimProcess { processes[index] }
    func edge(_ index: Int) -> SimEdge { edges[index - 3] }
    /// The registry's wall clock.
    var wall: Int64 { 1_700_000_000_000 + now.nanoseconds / 1_000_000 + wallSkew }

    func start(_ process: SimProcess) {
        process.life += 1
        process.isAlive = true
        process.isFrozen = false
        process.inbox.removeAll()
        process.calls.removeAll()
        process.isConnected = false
        process.leaseTimerAt = nil
        process.token = "t\(process.index).\(process.life)"
        process.record.token = process.token
        process.lease = NodeLease(settings: leaseSettings, seed: random.next(), now: now)
        if let origin = process.asOrigin { begin(origin) } else if let edge = process.asEdge { begin(edge) }
        queue.add(.tick(node: process.index, life: process.life), at: now + random.milliseconds(1...100))
        trace("start \(process.id)", UInt64(process.index))
    }

    // MARK: Events

    private func handle(_ event: SimEvent) {
        switch event {
        case .message(let from, let to, let life, let message): arrive(message, from: from, to: to, life: life)
        case .tick(let node, let life):
            let process = process(node)
            guard process.life == life, process.isAlive else { return }
            queue.add(.tick(node: node, life: life), at: now + Self.tickEvery)
            if !process.isFrozen { tick(process) }
        case .leaseTimer(let node, let life):
            let process = process(node)
            guard process.life == life, process.isAlive, !process.isFrozen else { return }
            process.leaseTimerAt = nil
            process.lease.timerFired(now: now)
            runLease(process)
        case .pullTimer(let index, let life):
            let edge = edge(index)
            guard edge.life == life, edge.isAlive, !edge.isFrozen else { return }
            edge.pullTimerAt = nil
            pullTimer(edge)
        case .callDeadline(let node, let life, let call):
            let process = process(node)
            guard process.life == life, process.isAlive, !process.isFrozen else { return }
            failCall(call, of: process)
        case .probeDeadline(let index, let life, let probe):
            let origin = origins[index]
            guard origin.life == life, origin.isAlive, !origin.isFrozen else { return }
            probeAnswered(origin, probe, .gone)
        case .connectDeadline(let index, let life, let connection):
            let edge = edge(index)
            guard edge.life == life, edge.isAlive, !edge.isFrozen else { return }
            if let open = edge.attempts.first(where: { $0.connection == connection }), !open.isOpen {
                lost(edge, connection)
            }
        case .publisher(let index): connect(publishers[index - 8])
        case .media(let publisher, let session): sendMedia(publishers[publisher - 8], session)
        case .viewer(let index): viewer(edge(index))
        case .fault(let fault): strike(fault)
        case .lift(let fault): lift(fault)
        case .check:
            check()
            queue.add(.check, at: now + Self.tickEvery)
        }
    }

    func tick(_ process: SimProcess) {
        watchRegistry(process)
        process.lease.timerFired(now: now)
        runLease(process)
        // Deadlines that passed while the process stood still are told by their own events or here.
        if let origin = process.asOrigin { tickOrigin(origin) } else if let edge = process.asEdge { tickEdge(edge) }
    }

    // MARK: Judgement

    private func check() {
        let owners = origins.filter { $0.isAlive && $0.own.isServing }
        if owners.count < 2 || now < Self.healsAt {
            manyOwnersSince = nil
        } else if let since = manyOwnersSince {
            if now - since > Self.ownersBound { fail("owners \(owners.map { "\($0.id) \($0.own.phase)" })") }
        } else {
            manyOwnersSince = now
        }
        for edge in edges where edge.isAlive {
            let pulls = edge.attemptsMade
            let elapsed = Int((now - .zero).wholeMilliseconds / 500)
            if pulls > edge.pullsMade * StreamPull.attemptBurst + elapsed { fail("\(edge.id) made \(pulls) attempts") }
            if edge.attempts.count > 2 { fail("\(edge.id) has \(edge.attempts.count) attempts at once") }
        }
    }

    private func judgeEnd() {
        for edge in edges {
            settleCounts(edge)
            guard edge.wantsViewers > 0, edge.demandSince <= Self.healsAt + .seconds(4) else { continue }
            let silent = now - edge.checker.newest
            if edge.checker.frames == 0 || silent > .milliseconds(1_500) {
                fail(
                    "\(edge.id) sees nothing: \(edge.pull.map { "\($0.phase)" } ?? "no pull"), owners \(origins.map { "\($0.own.phase)" })"
                )
            }
        }
    }

    /// The splice's account of what was lost is the truth's.
    func settleCounts(_ edge: SimEdge) {
        let truth = edge.checker.lossNow()
        if edge.splice.counters.lost != truth {
            fail("\(edge.id) counted \(edge.splice.counters.lost) lost frames of \(truth)")
        }
        framesSeen += edge.checker.frames
    }
}
