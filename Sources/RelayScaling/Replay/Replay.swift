/// Plays a trace to policies and measures them by SDA-1.
///
/// Time goes in ticks of 15 s, each policy decides at its own interval on demand as it was `metricDelay` ago, and what it
/// asks for serves one lead time later. Everything is deterministic.
package enum Replay {
    /// Seconds between ticks: the HPA's interval.
    static let tick = 15.0

    /// What the settings make of a trace: the demand of one node and the oracle.
    package struct Course: Sendable {
        /// Demand that one node carries at 100 % and at the planned utilisation.
        package var capacity: Double
        package var perNode: Double
        /// Demand at each tick.
        package var demand: [Double]
        /// The oracle at each epoch whose outcome is known.
        package var oracle: [Int]
        /// Demand in nodes at planned utilisation, at each of those epochs.
        package var need: [Double]

        package init(trace: DemandTrace, settings: ReplaySettings) {
            let sorted = trace.values.sorted()
            // bounded: the index is a share of the count.
            let rank = Int(exactly: (Double(max(0, sorted.count - 1)) * 0.999).rounded()) ?? 0
            let peak = max(sorted.isEmpty ? 0 : sorted[rank], 1e-30)
            let planned = ReplaySettings().utilisation
            // The fleet's size is set at the usual utilisation, so that another one changes the plan and not the nodes.
            capacity = peak / (max(1, settings.replicasAtPeak) * planned)
            perNode = capacity * max(0.01, settings.utilisation)
            let perEpoch = 4
            let epochs = trace.values.count
            var demand: [Double] = []
            demand.reserveCapacity(epochs * perEpoch)
            for index in 0..<max(0, (epochs - 1) * perEpoch + 1) {
                demand.append(trace.demand(at: Double(index) * Replay.tick))
            }
            let first = Self.ticks(settings.lead)
            let highest = SDA1.highest(demand, first: first, last: first + Self.ticks(settings.hold))
            var oracle: [Int] = []
            var need: [Double] = []
            for index in stride(from: 0, to: highest.count, by: perEpoch) {
                oracle.append((highest[index] / perNode).nodes)
                need.append(demand[index] / perNode)
            }
            self.demand = demand
            self.oracle = oracle
            self.need = need
        }

        private static func ticks(_ seconds: Double) -> Int {
            Int(exactly: (min(max(0, seconds), 86_400) / Replay.tick).rounded()) ?? 0
        }
    }

    /// Runs `policies` (the autoscaler's own first) over one trace.
    package static func run(_ trace: DemandTrace, settings: ReplaySettings, policies: [any ScalingPolicy])
        -> ReplayReport
    {
        let course = Course(trace: trace, settings: settings)
        return run(trace, course: course, settings: settings, policies: policies)
    }

    /// Runs the policies that `make` builds for the demand of one node at planned utilisation.
    package static func run(
        _ trace: DemandTrace, settings: ReplaySettings, make: (_ perNode: Double) -> [any ScalingPolicy]
    ) -> ReplayReport {
        let course = Course(trace: trace, settings: settings)
        return run(trace, course: course, settings: settings, policies: make(course.perNode))
    }

    /// Last value, HPA default and tuned, KPA and the pad of 5 %.
    package static func baselines(perNode: Double) -> [any ScalingPolicy] {
        [
            LastValuePolicy(perNode: perNode), LastValuePolicy(perNode: perNode, pad: 0.05, name: "last +5 %"),
            HorizontalPodPolicy.standard(perNode: perNode), HorizontalPodPolicy.tuned(perNode: perNode),
            KnativePolicy(perNode: perNode),
        ]
    }

    static func run(
        _ trace: DemandTrace, course: Course, settings: ReplaySettings, policies: [any ScalingPolicy]
    ) -> ReplayReport {
        var rows: [ReplayRow] = []
        var replicas: [[Int]] = []
        let lastValue = play(LastValuePolicy(perNode: course.perNode), course: course, settings: settings)
        let floor = lastValue.row(policy: "", course: course, lastValue: 0).sda
        for policy in policies {
            let outcome = play(policy, course: course, settings: settings)
            rows.append(outcome.row(policy: policy.name, course: course, lastValue: floor))
            replicas.append(outcome.replicas)
        }
        let series = ReplaySeries(
            time: course.oracle.indices.map { Double($0) * DemandTrace.epoch }, demand: course.need,
            oracle: course.oracle,
            replicas: replicas)
        return ReplayReport(trace: trace.name, settings: settings, rows: rows, series: series)
    }

    /// The pad whose SDA-1 is the best on this very trace: known only afterwards, so a bound and not a rival.
    package static func bestPad(_ trace: DemandTrace, settings: ReplaySettings) -> LastValuePolicy {
        let course = Course(trace: trace, settings: settings)
        var best = LastValuePolicy(perNode: course.perNode)
        var bestSDA = -1.0
        for percent in 0...20 {
            let policy = LastValuePolicy(
                perNode: course.perNode, pad: Double(percent) / 100, name: "best pad, +\(percent) %")
            let row = play(policy, course: course, settings: settings).row(policy: "", course: course, lastValue: 0)
            if row.sda > bestSDA { (best, bestSDA) = (policy, row.sda) }
        }
        return best
    }

    /// One policy over the whole course.
    private static func play(_ policy: some ScalingPolicy, course: Course, settings: ReplaySettings) -> ReplayOutcome {
        var policy = policy
        let start = ((course.demand.first ?? 0) / course.perNode).nodes
        var pool = ReplayPool(lead: settings.lead, ready: start)
        var outcome = ReplayOutcome()
        var nextDecision = 0.0
        for (index, demand) in course.demand.enumerated() {
            let now = Double(index) * tick
            pool.advance(to: now)
            if now >= nextDecision {
                let seen = measured(course.demand, index: index, delay: settings.metricDelay)
                let wanted = policy.decide(demand: seen, ready: pool.ready, requested: pool.requested, now: now)
                if wanted < pool.requested { outcome.scaleIns += 1 }
                pool.request(wanted, now: now)
                nextDecision = now + max(tick, policy.interval)
            }
            outcome.add(demand: demand, ready: pool.ready, requested: pool.requested, capacity: course.capacity)
            if index % 4 == 0, outcome.replicas.count < course.oracle.count { outcome.replicas.append(pool.requested) }
        }
        outcome.drained = pool.drained
        return outcome
    }

    /// Demand `delay` s before the tick, on the line between two ticks.
    private static func measured(_ demand: [Double], index: Int, delay: Double) -> Double {
        let back = min(max(0, delay), 86_400) / tick
        guard let whole = Int(exactly: back.rounded(.down)) else { return demand[index] }
        let newer = demand[max(0, index - whole)]
        let older = demand[max(0, index - whole - 1)]
        return newer + (older - newer) * (back - back.rounded(.down))
    }
}
