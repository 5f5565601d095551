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
        var wasLeader = false
        var savedAt: MonotonicTime?
        var keptAt: MonotonicTime?
        var checkedAt: MonotonicTime?
        var standingProblem: PlatformProblem?
        var toldProblem: String?
        var last: Decision?
        var lastAt: MonotonicTime?
        var ticks: UInt64 = 0
        var tickSeconds = 0.0
        var failures: [String: UInt64] = [:]
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
    /// - Parameter nodes: All nodes of the registry; nil when it did not answer.
    func tick(nodes: [NodeEntry]?, news: OperatorNews, standing: LeaderStanding) async {
        let began = MonotonicTime.now()
        await takeOver(standing)
        let workload: WorkloadStatus?
        var problem = await check()
        do throws(PlatformProblem) { workload = try await driver.observe(settings.tier) } catch {
            workload = nil
            problem = error
        }
        var observations = ScalingObservations(
            registry: nodes.map { .nodes($0.filter { $0.record.role == settings.tier }) } ?? .away,
            workload: workload, wallMilliseconds: WallClock.milliseconds)
        observations.platformProblem = problem
        observations.events = news.events.filter { $0.tier == settings.tier }
        observations.controls = news.controls
        observations.isLeader = standing.isLeader
        observations.epoch = standing.epoch
        let now = MonotonicTime.now()
        let (decision, before) = state.withLock { state in
            // Taken out, so that a day of history is not copied each tick.
            var scaling = state.scaling.take() ?? ScalingState(learned: nil)
            let decision = Autoscaler.decide(&scaling, observations, settings, now: now)
            state.scaling = scaling
            let before = state.last
            state.last = decision
            state.lastAt = now
            state.ticks &+= 1
            return (decision, before)
        }
        tell(decision, before: before, problem: problem)
        let failure = await perform(decision, standing)
        await write(decision, isNews: isNews(decision, before) || failure != nil, standing)
        state.withLock { $0.tickSeconds = (MonotonicTime.now() - began).seconds }
    }

    // MARK: Leadership

    /// What the last leader learned is taken over, at start and whenever leadership comes here.
    private func takeOver(_ standing: LeaderStanding) async {
        let isNew = state.withLock { state in
            defer { state.wasLeader = standing.isLeader }
            return state.scaling == nil || (standing.isLeader && !state.wasLeader)
        }
        guard isNew else { return }
        let document = try? await registry.scalingState(of: settings.tier)
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
        state.withLock { $0.standingProblem = found }
        return found
    }

    // MARK: Acting

    /// Does what was decided, in order; stops at what fails, since the next tick sees what became of it.
    private func perform(_ decision: Decision, _ standing: LeaderStanding) async -> String? {
        guard standing.isLeader else { return nil }
        for action in decision.actions {
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
        // Orders are repeated until reports show them, so the same order has the same id: a node follows it once.
        let id = "\(NodeWish.autoscaler)-\(epoch)-\(drainMilliseconds == nil ? "undrain" : "drain")"
        let wish = NodeWish(drainMilliseconds: drainMilliseconds, id: id, author: NodeWish.autoscaler, epoch: epoch)
        try await registry.wish(wish, for: node)
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

    private func write(_ decision: Decision, isNews: Bool, _ standing: LeaderStanding) async {
        guard standing.isLeader else { return }
        let now = MonotonicTime.now()
        let (isKept, isSaved, learned) = state.withLock { state in
            let isKept = isNews || (state.keptAt.map { now - $0 >= Self.keepEvery } ?? true)
            if isKept { state.keptAt = now }
            // What is under way has to be known to the next leader.
            let isSaved = !decision.actions.isEmpty || (state.savedAt.map { now - $0 >= Self.saveEvery } ?? true)
            if isSaved { state.savedAt = now }
            return (isKept, isSaved, state.scaling?.learned)
        }
        let record = ScalingRecord(leader: identity, driver: driver.name, decision: decision)
        do throws(RegistryError) {
            if let json = record.json {
                try await registry.logDecision(
                    ScalingDocument(epoch: standing.epoch, json: json), of: settings.tier, isKept: isKept)
            }
            if isSaved, let learned, let json = LearnedDocument.json(learned) {
                _ = try await registry.storeScalingState(
                    ScalingDocument(epoch: standing.epoch, json: json), of: settings.tier)
            }
        } catch {
            logger.debug("the decision was not written down", metadata: ["reason": "\(error)"])
        }
    }
}

/// What operators want, as it was last read.
struct OperatorNews: Sendable {
    var events: [AnnouncedEvent] = []
    var controls = ScalingControls()
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
