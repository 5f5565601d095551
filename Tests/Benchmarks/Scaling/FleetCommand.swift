import ArgumentParser
import Foundation
import RelayScaling

/// A day of a whole fleet: ten million viewers, the real decisions in the loop.
struct FleetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "A day of ten million viewers, a hundred thousand streams and thousands of edges, modelled.",
        discussion: """
            Faults, any number: registry@3h:600s (it does not answer), beats@3h:60sx0.1 (a tenth of all heartbeats lost), \
            wild@3h:60s (an edge reports 10^18), zone@20h:30mr1 (a zone of region 1 dies), spot@20h:5mx0.3r0, \
            leader@19h, manual@19hx1.5r0.
            """)

    @OptionGroup var fleet: FleetOptions
    @Option(help: "Simulated hours.") var hours = 24.0
    @Option(help: "Hour of the day (UTC) that it starts at.") var start = 4.0
    @Option(help: "Something that breaks: KIND@TIME[:DURATION][xAMOUNT][rREGION].") var fault: [String] = []
    @Option(help: "Who decides: autoscaler or last-value.") var pilot = "autoscaler"
    @Flag(help: "No raids, kickoffs and tsunami.") var noCrowds = false
    @Flag(help: "Publishers never drop out.") var noCliffs = false
    @Option(help: "Share of viewers that move when a draining edge asks them to; 0 = they are not asked.") var moves =
        0.0
    @Option(help: "Print each region's state every so many simulated minutes.") var watch: Int?
    @Flag(help: "Print JSON instead of the table.") var json = false

    func run() throws {
        var settings = try fleet.settings()
        settings.hours = hours
        settings.startHour = start
        settings.hasCrowds = !noCrowds
        settings.hasCliffs = !noCliffs
        settings.drainMoves = moves
        for text in fault {
            guard let parsed = FleetFault(text) else { throw ValidationError("not a fault: \(text)") }
            settings.faults.append(parsed)
        }
        guard ["autoscaler", "last-value"].contains(pilot) else { throw ValidationError("no such pilot: \(pilot)") }

        var clock = FleetClock()
        let usesAutoscaler = pilot == "autoscaler"
        var run = FleetRun(settings) { _, tier -> any FleetPilot in
            if usesAutoscaler { return AutoscalerPilot(tier) }
            return LastValuePilot(tier)
        }
        clock.started()
        let ticks = Int((hours * 3_600 / settings.step).rounded())
        let decisions = FleetStopwatch()
        run.onDecisions = { $0 ? decisions.start() : decisions.stop() }
        for tick in 1...max(1, ticks) {
            run.advance()
            if let watch, tick % max(1, Int(Double(watch) * 60 / settings.step)) == 0 { show(run) }
            if tick % 20 == 0 {
                clock.progress(
                    Double(tick) / Double(ticks),
                    "\(Self.hour(settings.startHour + run.model.seconds / 3_600)) \(run.model.watching) viewers, "
                        + "\(run.model.edgeCount) edges")
            }
        }
        clock.ended()
        let outcome = run.outcome()
        let speed = FleetSpeed(
            seconds: clock.seconds, cpuSeconds: clock.cpuSeconds, setupSeconds: clock.setupSeconds, ticks: ticks,
            decisionSeconds: decisions.seconds, slowestDecisionMilliseconds: decisions.slowest * 1_000)
        if json {
            try FleetPrinting.json(FleetFigures(outcome: outcome, speed: speed))
        } else {
            FleetPrinting.table(outcome, speed)
        }
    }

    /// One line for each region, on standard error.
    private func show(_ run: borrowing FleetRun) {
        for region in 0..<run.model.regionCount {
            let decision = run.last[region]
            let line = String(
                format: "%@ r%d need %.1f requested %d (max %d) serving %d waiting %d",
                Self.hour(start + run.model.seconds / 3_600),
                region, run.model.need(region), run.model.replicas(region), run.model.maximum(region),
                run.model.servingEdges(region), run.model.waiting(region))
            let words =
                decision.map { " | \($0.reason) → \($0.target) \($0.blocks.map(\.code).joined(separator: " "))" } ?? ""
            FileHandle.standardError.write(Data((line + words + "\n").utf8))
        }
    }

    private static func hour(_ hours: Double) -> String {
        let minutes = Int((hours * 60).rounded(.down)) % 1_440
        return String(format: "%02d:%02d", minutes / 60, minutes % 60)
    }
}

/// What the fleet's commands have in common.
struct FleetOptions: ParsableArguments {
    @Option(help: "Viewers at the day's highest minute.") var viewers = 10_000_000.0
    @Option(help: "Streams.") var streams = 100_000
    @Option(help: "Exponent of the streams' popularity.") var zipf = 1.0
    @Option(help: "Regions, each a tier of its own; 1 = one tier of all.") var regions = 5
    @Option(help: "Most edges, all regions together.") var edges = 5_000
    @Option(help: "Planned share of an edge's capacity.") var utilisation = 0.75
    @Option(help: "Seconds of a tick.") var step = 5.0
    @Option(help: "New machines per second and region that the cloud gives.") var machines = 2.0
    @Option(help: "Seed.") var seed: UInt64 = 1

    func settings() throws -> FleetSettings {
        guard viewers >= 1, streams >= 10, regions >= 1, regions <= 20, edges >= 1, edges <= 100_000, step >= 1,
            step <= 60,
            utilisation > 0.1, utilisation <= 1, machines > 0
        else { throw ValidationError("an option is out of range") }
        var settings = FleetSettings()
        settings.peakViewers = viewers
        settings.streams = streams
        settings.headStreams = min(500, streams / 20)
        settings.zipf = zipf
        settings.regions = regions
        settings.maximumEdges = edges
        settings.utilisation = utilisation
        settings.step = step
        settings.machines.perSecond = machines
        settings.seed = seed
        return settings
    }
}

/// How long a tier takes to grow when a crowd comes.
struct GrowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grow", abstract: "Time to grow a tier by many edges under the cloud's limit, modelled.")

    @OptionGroup var fleet: FleetOptions
    @Option(help: "Edges before.") var from = 1_000
    @Option(help: "Edges that the crowd needs.") var to = 1_380
    @Option(help: "Seconds over which the crowd arrives.") var ramp = 120.0
    @Flag(help: "Print JSON instead of the table.") var json = false

    func run() throws {
        guard from >= 1, to > from, ramp > 0 else { throw ValidationError("from < to, please") }
        var clock = FleetClock()
        let settings = try fleet.settings()
        let limit = 3 * Double(to - from) / settings.machines.perSecond + 3_600
        clock.started()
        let growth = FleetGrowth.run(
            settings, from: from, to: to, rampSeconds: ramp, limit: limit,
            progress: { serving in
                clock.progress(Double(serving - from) / Double(to - from), "\(serving) of \(to) edges serve")
            })
        clock.ended()
        if json {
            try FleetPrinting.json(growth)
        } else {
            FleetPrinting.table(growth, seconds: clock.seconds)
        }
    }
}
