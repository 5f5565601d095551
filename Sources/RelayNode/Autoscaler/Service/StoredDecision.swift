import RelayCluster
import RelayCore
import RelayScaling

/// A tier's newest decision as the registry has it: what those who do not lead answer with, and go on from when they do.
struct StoredDecision: Sendable {
    let decision: Decision
    let driver: String
    /// By the registry's clock, when it was read.
    let ageThen: Duration
    let readAt: MonotonicTime

    static func read(
        _ store: any ScalingStore, now: MonotonicTime
    ) async throws(RegistryError) -> [NodeRole: StoredDecision] {
        var found: [NodeRole: StoredDecision] = [:]
        for (document, age) in try await store.currentDecisions() {
            guard let record = ScalingRecord.parse(document.json) else { continue }
            found[record.decision.tier] = StoredDecision(
                decision: record.decision, driver: record.driver, ageThen: .milliseconds(age), readAt: now)
        }
        return found
    }

    /// The epoch that wrote a tier's newest decision; nil when there is none.
    static func epoch(of tier: NodeRole, _ store: any ScalingStore) async throws(RegistryError) -> UInt64? {
        for (document, _) in try await store.currentDecisions()
        where ScalingRecord.parse(document.json)?.decision.tier == tier {
            return document.epoch
        }
        return nil
    }

    func age(at now: MonotonicTime) -> Duration { ageThen + (now - readAt) }

    /// The count that its leader believed to be wanted once it had decided; nil where it offered none, or so long ago that the
    /// nodes that live say more.
    func wanted(at now: MonotonicTime) -> Int? {
        guard driver == RegistryDriver.exportName, decision.mode == .on || decision.mode == .upOnly,
            age(at: now) < ScalingLimits.fence
        else { return nil }
        var wanted = decision.current
        for case .scale(_, let to, _) in decision.actions { wanted = to }
        return wanted
    }
}

extension DesiredReplicas {
    /// What a decision was made without: then it is no word on what is needed.
    private static let blind: Set<String> = ["redis_down", "stale_metrics"]

    /// - Parameters:
    ///   - isPaused: Whether scaling is paused: then what there is is wanted.
    ///   - age: Of the decision; nil is returned when that is more than `limit`, or when it was made without knowing
    ///     the load and is not paused anyhow.
    init?(_ decision: Decision, isPaused: Bool, age: Duration, limit: Duration) {
        guard age <= limit, isPaused || !Self.blind.contains(decision.reason) else { return nil }
        self.init(
            target: decision.tier, desired: isPaused ? decision.current : decision.target, ageSeconds: age.seconds,
            reason: isPaused ? "paused" : decision.reason)
    }
}
