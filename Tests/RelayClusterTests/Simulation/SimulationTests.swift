import RelayCluster
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `SIM_SEEDS=100000` runs that many seeds instead of 200, from `SIM_FIRST` on; `SIM_SEED=7` runs one and prints what happens.
@Suite("A cluster under faults, from a seed")
struct SimulationTests {
    /// Seeds that once found something; always run again.
    static let kept: [UInt64] = [3_273, 109_057]

    private static func environment(_ key: String) -> UInt64? { getenv(key).flatMap { UInt64(String(cString: $0)) } }

    @Test("keeps every promise in each of many runs")
    func seeds() {
        let count = Self.environment("SIM_SEEDS") ?? 200
        let first = Self.environment("SIM_FIRST") ?? 1
        var failures: [String] = []
        var totals = SimulationTotals()
        let clock = ContinuousClock()
        let began = clock.now
        for seed in Self.kept + Array(first..<first + count) {
            let simulation = Simulation(seed: seed)
            if let failure = simulation.run() { failures.append(failure) }
            totals.add(simulation)
            if failures.count >= 50 { break }
        }
        let seconds = (clock.now - began) / .seconds(1)
        print("\(totals.runs) runs, \(Int(Double(totals.runs) / seconds)) a second: \(totals)")
        #expect(
            failures.isEmpty, "\(failures.count) of \(totals.runs):\n\(failures.prefix(50).joined(separator: "\n"))")
        // Runs in which nothing happens prove nothing.
        #expect(totals.frames > totals.runs * 500)
        #expect(totals.failovers > totals.runs / 2)
        #expect(totals.losses > 0 && totals.localGrants > 0 && totals.promotions > 0)
    }

    @Test("goes the same way each time from the same seed")
    func determinism() {
        for seed in [3, 17, 4_711] as [UInt64] {
            let (one, other) = (Simulation(seed: seed), Simulation(seed: seed))
            #expect(one.run() == other.run())
            #expect(one.traceHash == other.traceHash)
            let another = Simulation(seed: seed + 1)
            _ = another.run()
            #expect(one.traceHash != another.traceHash)
        }
    }

    @Test("can be watched", .enabled(if: getenv("SIM_SEED") != nil, "set SIM_SEED to the seed to be watched"))
    func watched() {
        let simulation = Simulation(seed: Self.environment("SIM_SEED") ?? 0)
        simulation.isTracing = true
        let failure = simulation.run()
        #expect(failure == nil)
    }
}

/// What many runs went through.
struct SimulationTotals: CustomStringConvertible {
    var runs = 0
    var events = 0
    var frames = 0
    var failovers: UInt64 = 0
    var losses = 0
    var localGrants = 0
    var promotions = 0
    var staleRefusals = 0

    mutating func add(_ simulation: Simulation) {
        runs += 1
        events += simulation.events
        frames += simulation.framesSeen
        failovers += simulation.failovers + simulation.edges.reduce(0) { $0 + ($1.pull?.failovers ?? 0) }
        losses += simulation.losses
        localGrants += simulation.localGrants
        promotions += simulation.promotions
        staleRefusals += simulation.staleRefusals
    }

    var description: String {
        "\(events) events, \(frames) frames seen, \(failovers) changes of source, \(losses) streams lost to another, "
            + "\(localGrants) served without the registry, \(promotions) backups promoted, \(staleRefusals) refused as stale"
    }
}
