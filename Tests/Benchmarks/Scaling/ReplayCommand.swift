import ArgumentParser
import Foundation
import RelayScaling

/// `scalingbench replay FOLDER`: SDA-1 of the autoscaler and of what it is measured against, on every trace of a folder.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Play demand traces (CSV: t_s,demand) to the autoscaler and to its rivals.")

    @Argument(help: "Folder with *.csv; all of them are played.")
    var folder: String

    @Option(help: "Seconds from asking for a node until it serves.")
    var lead = 120.0

    @Option(help: "Nodes at the 99.9th percentile of demand.")
    var peak = 100.0

    @Option(help: "Planned share of a node's capacity.")
    var utilisation = 0.75

    @Flag(help: "The reports as JSON, with the series for plots.")
    var json = false

    @Flag(help: "Sweep the planned utilisation too: the highest use at 0.1 % of overloaded time.")
    var sweep = false

    @Flag(help: "Only the autoscaler's own rows.")
    var own = false

    @Option(
        name: .customLong("try"),
        help:
            "Settings of the tier that shall differ, by the names of TierSettings: --try turnGap=60 --try cliffShare=9."
    )
    var trials: [String] = []

    func run() async throws {
        let began = ContinuousClock.now
        var settings = ReplaySettings()
        settings.lead = lead
        settings.replicasAtPeak = peak
        settings.utilisation = utilisation
        let traces = try Self.load(folder)
        let differing = try TrialSettings(trials)
        let reports = try await Self.play(traces, settings: settings, own: own, differing: differing)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            print(String(decoding: try encoder.encode(reports), as: UTF8.self))
            return
        }
        ReplayTable(traces: traces, reports: reports).show()
        if sweep { try await UtilisationSweep.show(traces, settings: settings) }
        print("\n\(traces.count) traces in \(began.duration(to: .now))")
    }

    static func load(_ folder: String) throws -> [DemandTrace] {
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".csv") }.sorted()
        guard !files.isEmpty else { throw ValidationError("\(folder) has no *.csv.") }
        return try files.map { file in
            let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
            do throws(DemandTraceError) {
                return try DemandTrace.parse(csv: text, name: String(file.dropLast(4)))
            } catch {
                throw ValidationError("\(file): \(error)")
            }
        }
    }

    /// One task per trace: the longest decides how long it takes.
    static func play(
        _ traces: [DemandTrace], settings: ReplaySettings, own: Bool, differing: TrialSettings = TrialSettings()
    ) async throws -> [ReplayReport] {
        try await withThrowingTaskGroup(of: (Int, ReplayReport).self) { group in
            for (index, trace) in traces.enumerated() {
                group.addTask {
                    let report = Replay.run(trace, settings: settings) { perNode in
                        var policies = Self.ownPolicies(perNode: perNode, settings: settings, differing: differing)
                        guard !own else { return policies }
                        policies += Replay.baselines(perNode: perNode)
                        policies.append(Replay.bestPad(trace, settings: settings))
                        return policies
                    }
                    return (index, report)
                }
            }
            var reports: [Int: ReplayReport] = [:]
            for try await (index, report) in group { reports[index] = report }
            return traces.indices.compactMap { reports[$0] }
        }
    }

    /// The whole decision, and the forecast alone to tell what the rest of the decision costs or adds.
    static func ownPolicies(
        perNode: Double, settings: ReplaySettings, differing: TrialSettings = TrialSettings()
    ) -> [any ScalingPolicy] {
        var policy = AutoscalerPolicy(
            perNode: perNode, utilisation: settings.utilisation, lead: settings.lead, hold: settings.hold,
            metricDelay: settings.metricDelay, interval: 60)
        policy.settings = differing.applied(to: policy.settings)
        return [
            policy,
            ForecastPolicy(
                perNode: perNode, lead: settings.lead, hold: settings.hold, metricDelay: settings.metricDelay),
        ]
    }
}
