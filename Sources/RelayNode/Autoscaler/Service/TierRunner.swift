import Logging
import RelayCluster
import RelayCore
import RelayScaling
import Synchronization

/// One tier's loop body: gathers what a decision looks at, decides, does what was decided, and writes it down.
final class TierRunner: Sendable {
    /// How often what was learned is kept in the registry, and a decision that changed nothing in its history.
    static let saveEvery = Duration.seconds(60)
    static let keepEvery = Duration.seconds(60)
    /// How often permissions and other masters are looked for: the first is seldom taken away, the second seldom added.
    static let checkEvery = Duration.seconds(300)
    static let checkAgainAfter = Duration.seconds(30)

    let settings: TierSettings
    private let driver: any ScalingDriver
    private let registry: any ClusterRegistry & ScalingStore
    private let identity: String
    private let logger: Logger

    struct State: Sendable {
        var scaling: ScalingState?
        /// The epoch that this process led in at the last tick; nil when it did not.
        var ledIn: UInt64?
        /// Whether what former leaders learned was read since then, or found not to be there.
        var isLoaded = false
        /// Whether it was proven that everything is allowed and nobody else scales the workload.
        var isProven = false
        var isPaused = false
        /// When the state was stored last, and whether something is under way that the store does not know.
        var savedAt: MonotonicTime?
        var isUnsaved = false
        var keptAt: MonotonicTime?
        var checkedAt: MonotonicTime?
        var standingProblem: PlatformProblem?
        var toldProblem: String?
        var last: Decision?
        /// Whether it was made as the leader.
        var lastIsLeaders = false
        var lastAt: MonotonicTime?
        var ticks: UInt64 = 0
        var tickSeconds = 0.0
        var failures: [String: UInt64] = [:]
        /// The later epochs that wrote where this leader would have.
        var fences: [Stored: UInt64] = [:]
        var fencedBy: UInt64? { fences.values.max() }
        var toldFenceAt: MonotonicTime?
    }

    /// What a leader writes, each under a key of its own.
    enum Stored: Sendable, Hashable {
        case state, decision
    }

    private let state = Mutex(State())

    init(
        settings: TierSettings, driver: any ScalingDriver, registry: any ClusterRegistry & ScalingStore,
        identity: String, logger: Logger
    ) {
        self.settings = settings
        self.driver = driver
        self.registry = registry
        self.identity = identity
        self.logger = logger
    }

    /// For metrics and `/v1/desired`.
    var view: State { state.withLock { $0 } }

    /// One tick. Ticks of one tier never overlap.
    ///
    /// - Parameters:
    ///   - nodes: All nodes of the registry; nil when it did not answer.
    ///   - standing: In which it decides.
    ///   - mayAct: Asked before each action, since a tick may take longer than a lease: whether that standing still holds.
    func tick(
        nodes: [NodeEntry]?, news: OperatorNews, standing: LeaderStanding,
        mayAct: @Sendable (LeaderStanding) -> Bool = { _ in true }
    ) async {
        let began = MonotonicTime.now()
        await takeOver(standing)
        let workload: WorkloadStatus?
        var problem = await check()
        do throws(PlatformProblem) { workload = try await driver.observe(settings.tier) } catch {
            workload = nil
            problem = Self.graver(of: problem, error)
        }
        var observations = ScalingObservations(
            registry: nodes.map { .nodes($0.filter { $0.record.role == settings.tier }) } ?? .away,
            workload: workload, wallMilliseconds: WallClock.milliseconds)
        observations.platformProblem = problem
        observations.events = news.events.filter { $0.tier == settings.tier }
        observations.controls = news.controls
        // Before permissions and other masters were looked for, it only decides.
        observations.isLeader = standing.isLeader && state.withLock(\.isProven)
        observations.epoch = standing.epoch
        let now = MonotonicTime.now()
        let (decision, before) = state.withLock { state in
            // Taken out, so that a day of history is not copied each tick.
            var scaling = state.scaling.take() ?? ScalingState(learned: nil)
            var decision = Autoscaler.decide(&scaling, observations, settings, now: now)
            if standing.isLeader, let later = state.fencedBy {
                decision.blocks.append(.init(code: "fenced", text: Self.fence(standing.epoch, by: later)))
            }
            state.scaling = scaling
            let before = state.last
            state.last = decision
            state.lastIsLeaders = standing.isLeader
            state.lastAt = now
            state.isPaused = news.controls.isPaused
            state.ticks &+= 1
            return (decision, before)
        }
        tell(decision, before: before, problem: problem)
        let failure = await perform(decision, standing, mayAct)
        // First what is under way: a decision that cannot be written down must not keep the next leader from knowing it.
        await save(standing, isUrgent: !decision.actions.isEmpty)
        await write(decision, isNews: isNews(decision, before) || failure != nil, standing)
        state.withLock { $0.tickSeconds = (MonotonicTime.now() - began).seconds }
    }

    // MARK: Leadership

    /// What the last leader learned is taken over, at start and whenever leadership comes here. Where it cannot be read, the next
    /// tick tries again, and until then it is not overwritten.
    private func takeOver(_ standing: LeaderStanding) async {
        let isDue = state.withLock { state in
            let leadsIn = standing.isLeader ? standing.epoch : nil
            if let leadsIn, leadsIn != state.ledIn { (state.isLoaded, state.fences) = (false, [:]) }
            state.ledIn = leadsIn
            return !state.isLoaded
        }
        guard isDue else { return }
        let document: ScalingDocument?
        do throws(RegistryError) { document = try await registry.scalingState(of: settings.tier) } catch {
            logger.debug("what was learned cannot be read now", metadata: ["reason": "\(error)"])
            return
        }
        var learned: LearnedState?
        if let document {
            do throws(LearnedDocument.Failure) { learned = try LearnedDocument.parse(document.json) } catch {
                logger.warning(
                    "\(RelayCode.learnedStateUnusable.message)",
                    metadata: [
                        "code": "\(RelayCode.learnedStateUnusable)", "tier": "\(settings.tier.rawValue)",
                        "reason": "\(error)",
                    ])
            }
        }
        state.withLock { state in
            state.isLoaded = true
            guard var scaling = state.scaling.take() else {
                state.scaling = ScalingState(learned: learned)
                return
            }
            // The windows that it filled in the shadow are as good as the former leader's.
            if let learned { scaling.adopt(learned) }
            state.scaling = scaling
        }
    }

    // MARK: Permissions

    /// What stands in the way of acting at all; looked at now and then, since it costs calls.
    private func check() async -> PlatformProblem? {
        let now = MonotonicTime.now()
        let (isDue, standing) = state.withLock { state in
            let wait = state.standingProblem == nil ? Self.checkEvery : Self.checkAgainAfter
            guard state.checkedAt.map({ now - $0 >= wait }) ?? true else { return (false, state.standingProblem) }
            state.checkedAt = now
            return (true, state.standingProblem)
        }
        guard isDue, settings.mode != .off else { return standing }
        var found: PlatformProblem?
        do throws(PlatformProblem) { try await driver.check(settings.tier) } catch { found = error }
        return state.withLock { state in
            if found == nil { state.isProven = true }
            state.standingProblem = found.map { Self.graver(of: state.standingProblem, $0) }
            return state.standingProblem
        }
    }

    /// A platform that does not answer now has not allowed what it refused before.
    private static func graver(of standing: PlatformProblem?, _ new: PlatformProblem) -> PlatformProblem {
        if case .away = new, let standing { standing } else { new }
    }

    // MARK: Acting

    /// Does what was decided, in order; stops at what fails, since the next tick sees what became of it.
    private func perform(
        _ decision: Decision, _ standing: LeaderStanding, _ mayAct: @Sendable (LeaderStanding) -> Bool
    ) async -> String? {
        guard standing.isLeader else { return nil }
        let isLoaded = state.withLock(\.isLoaded)
        for action in decision.actions {
            // Whose drains stand is not known before the former leader's state is.
            guard isLoaded || action.isGrowth else { continue }
            guard mayAct(standing) else {
                logger.info(
                    "no longer leading: what was decided is left to the next leader",
                    metadata: ["tier": "\(settings.tier.rawValue)", "epoch": "\(standing.epoch)"])
                return nil
            }
            do {
                try await perform(action, epoch: standing.epoch)
            } catch let error as PlatformProblem {
                remember(error)
                return await failed(error.code, "\(error)")
            } catch {
                return await failed("registry", "\(error)")
            }
        }
        return nil
    }

    private func perform(_ action: ScalingAction, epoch: UInt64) async throws {
        switch action {
        case .scale(let from, let to, let uid):
            try await driver.scale(settings.tier, from: from, to: to, uid: uid)
            let text = "\(settings.tier.rawValue) \(from) -> \(to): \(state.withLock { $0.last?.reason ?? "" })"
            await driver.record(
                settings.tier, reason: to > from ? "ScaledUp" : "ScaledDown", text: text, isWarning: false)
            await log("scale", text)
        case .drain(let nodes, let deadline):
            let milliseconds = deadline.map { Int64(clamping: Int($0 * 1_000)) } ?? Self.noDeadline
            for node in nodes { try await order(node, drainMilliseconds: milliseconds, epoch) }
            await log("drain", "the autoscaler drains \(names(nodes))")
        case .undrain(let nodes):
            for node in nodes { try await order(node, drainMilliseconds: nil, epoch) }
            await log("undrain", "the autoscaler takes \(names(nodes)) back into work")
        case .mark(let costs):
            try await driver.mark(settings.tier, costs)
        }
    }

    /// A drain "until the last has left", ms: longer than any stream.
    private static let noDeadline: Int64 = 30 * 86_400_000

    private func order(_ node: NodeID, drainMilliseconds: Int64?, _ epoch: UInt64) async throws(RegistryError) {
        try await registry.wish(
            Self.wish(drainMilliseconds: drainMilliseconds, epoch, wallMilliseconds: WallClock.milliseconds), for: node)
    }

    /// An order is repeated only when reports do not show it, or after it was taken back: each has an id of its own, or a node that
    /// heard the one before would not listen.
    static func wish(drainMilliseconds: Int64?, _ epoch: UInt64, wallMilliseconds: Int64) -> NodeWish {
        let word = drainMilliseconds == nil ? "undrain" : "drain"
        return NodeWish(
            drainMilliseconds: drainMilliseconds, id: "\(NodeWish.autoscaler)-\(epoch)-\(word)-\(wallMilliseconds)",
            author: NodeWish.autoscaler, epoch: epoch)
    }

    private func names(_ nodes: [NodeID]) -> String {
        nodes.count <= 5
            ? nodes.map(\.text).joined(separator: ", ")
            : nodes.prefix(4).map(\.text).joined(separator: ", ") + " and \(nodes.count - 4) more"
    }

    /// What will fail again the same way until somebody changes something is a problem of the next decisions, too.
    private func remember(_ problem: PlatformProblem) {
        if case .away = problem { return }
        state.withLock { state in
            state.standingProblem = problem
            state.checkedAt = .now()
        }
    }

    private func failed(_ code: String, _ text: String) async -> String {
        state.withLock { $0.failures[code, default: 0] &+= 1 }
        logger.warning(
            "an action of the autoscaler failed",
            metadata: ["tier": "\(settings.tier.rawValue)", "reason": "\(code)", "text": "\(LogText.escaped(text))"])
        await driver.record(settings.tier, reason: "ScalingFailed", text: "\(code): \(text)", isWarning: true)
        return code
    }

    // MARK: Telling

    private func isNews(_ decision: Decision, _ before: Decision?) -> Bool {
        !decision.actions.isEmpty || decision.target != before?.target || decision.reason != before?.reason
            || decision.current != before?.current || decision.blocks.map(\.code) != before?.blocks.map(\.code)
    }

    private func tell(_ decision: Decision, before: Decision?, problem: PlatformProblem?) {
        let isNewProblem = state.withLock { state in
            defer { state.toldProblem = problem?.code }
            return problem != nil && state.toldProblem != problem?.code
        }
        if isNewProblem, let problem {
            logger.error(
                "\(problem.relayCode.message)",
                metadata: [
                    "code": "\(problem.relayCode)", "tier": "\(settings.tier.rawValue)",
                    "reason": "\(LogText.escaped("\(problem)"))",
                ])
        }
        guard decision.target != before?.target || decision.reason != before?.reason else { return }
        logger.info(
            "decision",
            metadata: [
                "tier": "\(decision.tier.rawValue)", "current": "\(decision.current)", "target": "\(decision.target)",
                "reason": "\(decision.reason)", "mode": "\(decision.mode.rawValue)", "epoch": "\(decision.epoch)",
            ])
    }

    private func log(_ kind: String, _ text: String) async {
        logger.info("\(text)", metadata: ["event": "\(kind)"])
        guard let node = NodeID(identity) ?? NodeID("autoscaler") else { return }
        try? await registry.log(ClusterEvent(node: node, kind: kind, stream: nil, text: text))
    }

    /// Stores what the next leader has to know: now and then, and when something is under way; until it succeeds, with each tick.
    private func save(_ standing: LeaderStanding, isUrgent: Bool) async {
        guard standing.isLeader else { return }
        let now = MonotonicTime.now()
        let learned = state.withLock { state -> LearnedState? in
            if isUrgent { state.isUnsaved = true }
            let isDue = state.isUnsaved || (state.savedAt.map { now - $0 >= Self.saveEvery } ?? true)
            return state.isLoaded && isDue ? state.scaling?.learned : nil
        }
        guard let learned, let json = LearnedDocument.json(learned) else { return }
        do throws(RegistryError) {
            let isStored = try await registry.storeScalingState(
                ScalingDocument(epoch: standing.epoch, json: json), of: settings.tier)
            state.withLock { ($0.savedAt, $0.isUnsaved) = (now, false) }
            var later: UInt64?
            if !isStored { later = try await registry.scalingState(of: settings.tier)?.epoch }
            await note(fence: later, of: .state, standing)
        } catch {
            logger.debug("what was learned was not stored", metadata: ["reason": "\(error)"])
        }
    }

    /// How often a later epoch is warned of.
    static let tellFenceEvery = Duration.seconds(60)

    private static func fence(_ epoch: UInt64, by later: UInt64) -> String {
        "epoch \(later) wrote what this leader of epoch \(epoch) decides on: another autoscaler leads by another lease"
    }

    /// What was to be stored was not, since a later epoch wrote there; or it was (nil).
    private func note(fence later: UInt64?, of stored: Stored, _ standing: LeaderStanding) async {
        let now = MonotonicTime.now()
        let (isDue, isNews) = state.withLock { state in
            let before = state.fencedBy
            state.fences[stored] = later
            let isNews = state.fencedBy != before
            guard later != nil else { return (false, isNews) }
            let isDue = isNews || (state.toldFenceAt.map { now - $0 >= Self.tellFenceEvery } ?? true)
            if isDue { state.toldFenceAt = now }
            return (isDue, isNews)
        }
        guard let later, isDue else { return }
        let text = Self.fence(standing.epoch, by: later)
        logger.warning(
            "a later epoch fences this leader",
            metadata: [
                "tier": "\(settings.tier.rawValue)", "epoch": "\(standing.epoch)", "later": "\(later)",
                "reason": "\(text)",
            ])
        // Once where operators look, too: the decisions of this leader are not kept any more.
        if isNews { await log("fenced", "\(settings.tier.rawValue): \(text)") }
    }

    private func write(_ decision: Decision, isNews: Bool, _ standing: LeaderStanding) async {
        guard standing.isLeader else { return }
        let now = MonotonicTime.now()
        let isKept = state.withLock { state in
            let isKept = isNews || (state.keptAt.map { now - $0 >= Self.keepEvery } ?? true)
            if isKept { state.keptAt = now }
            return isKept
        }
        let record = ScalingRecord(leader: identity, driver: driver.name, decision: decision)
        guard let json = record.json() else { return }
        do throws(RegistryError) {
            let isWritten = try await registry.logDecision(
                ScalingDocument(epoch: standing.epoch, json: json), of: settings.tier, isKept: isKept)
            var later: UInt64?
            if !isWritten {
                later = try await StoredDecision.epoch(of: settings.tier, registry)
                // Refused, and by now nothing stands there that would refuse it: the next tick tells.
                guard let later, later > standing.epoch else { return }
            }
            await note(fence: later, of: .decision, standing)
        } catch {
            logger.debug("the decision was not written down", metadata: ["reason": "\(error)"])
        }
    }
}

extension ScalingAction {
    fileprivate var isGrowth: Bool {
        if case .scale(let from, let to, _) = self { to > from } else { false }
    }
}

extension PlatformProblem {
    var relayCode: RelayCode {
        switch self {
        case .away: .platformAway
        case .denied: .scalingDenied
        case .missing: .workloadMissing
        case .twoMasters: .twoMasters
        }
    }
}
