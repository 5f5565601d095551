import RelayCluster
import RelayCore

/// A fleet with an autoscaler in the loop, region by region.
package struct FleetRun: ~Copyable {
    package var model: FleetModel
    package private(set) var pilots: [any FleetPilot]
    /// Decisions that changed something, by their reason.
    package private(set) var reasons: [String: Int] = [:]
    package private(set) var blocks: [String: Int] = [:]
    /// Set by callers that have a clock, to tell the model's time from the autoscaler's: called before and after the decisions.
    package var onDecisions: ((Bool) -> Void)?
    /// Each region's newest decision.
    package private(set) var last: [Decision?]
    private var leaderAway: Int32 = 0

    /// How long nobody leads after a leader's death, s: the lease of the election.
    private static let leaseSeconds = 15.0

    package init(_ settings: FleetSettings, pilot: (_ region: Int, _ settings: TierSettings) -> any FleetPilot) {
        let model = FleetModel(settings)
        pilots = (0..<model.regionCount).map { pilot($0, Self.tier(settings, maximum: model.maximum($0))) }
        last = Array(repeating: nil, count: model.regionCount)
        self.model = model
    }

    package init(_ settings: FleetSettings) {
        self.init(settings) { AutoscalerPilot($1) }
    }

    /// The tier's settings that fit the model's edges.
    package static func tier(_ settings: FleetSettings, maximum: Int) -> TierSettings {
        var tier = TierSettings(tier: .edge)
        tier.mode = .on
        tier.maximum = maximum
        tier.capacity.viewers = settings.edgeViewers
        tier.capacity.egress = settings.edgeEgress
        tier.utilisation = settings.utilisation
        return tier
    }

    /// One tick: the audience, the platform, the reports, the decisions and what they do.
    package mutating func advance() {
        model.advance()
        model.sendReports()
        let faults = model.settings.faults
        if faults.contains(where: { $0.kind == .leader && model.tick == model.ticks(max($0.at, model.settings.step)) })
        {
            leaderAway = model.tick &+ model.ticks(Self.leaseSeconds)
            model.epoch &+= 1
            for index in pilots.indices { pilots[index].restart() }
        }
        guard model.tick >= leaderAway else { return }
        let now = MonotonicTime(nanoseconds: Int64(clamping: (model.seconds * 1e9).wholeNumber))
        let saves = Int(model.tick) % model.ticksPerMinute == 0
        onDecisions?(true)
        for region in pilots.indices {
            let decision = pilots[region].decide(model.observe(region), now: now)
            last[region] = decision
            if saves { pilots[region].save() }
            guard !decision.actions.isEmpty else { continue }
            reasons[decision.reason, default: 0] += 1
            for block in decision.blocks { blocks[block.code, default: 0] += 1 }
            model.perform(decision.actions, in: region)
        }
        onDecisions?(false)
    }

    /// The figures so far.
    package func outcome() -> FleetOutcome { FleetOutcome(self.model, reasons: reasons) }
}
