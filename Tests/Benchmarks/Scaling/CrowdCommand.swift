import ArgumentParser
import Foundation
import RelayCluster
import RelayScaling

/// `scalingbench crowds`: flash crowds on top of a demand, and for how long each policy leaves it without room.
///
/// Ticks of 5 s; the autoscaler and KPA see demand as it was 2 s ago (reports and scrapes are that frequent), HPA as it was 15 s
/// ago (metrics pipelines scrape every 15 s at best); what a policy asks for serves one lead time later.
struct CrowdCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crowds", abstract: "Inject flash crowds; overloaded minutes per event against HPA and KPA.")

    @Argument(help: "Folder with *.csv to inject the crowds into; without it, a made-up evening.")
    var folder: String?

    @Flag(help: "The cells as JSON.")
    var json = false

    func run() async throws {
        var bases = [CrowdBase(name: "made up", values: nil)]
        if let folder {
            // Noise has crowds of its own all day long: nobody could announce those.
            let traces = try ReplayCommand.load(folder)
            let quiet = traces.filter { !ReplayTable.isNoise($0) }
            for trace in traces where ReplayTable.isNoise(trace) && !json { print("left out as noise: \(trace.name)") }
            bases = quiet.map { CrowdBase(name: $0.name, values: $0) }
        }
        var cells: [CrowdCell] = []
        for utilisation in [0.75, 0.88] {
            for lead in [20.0, 60, 120] {
                for crowd in Crowd.allCases {
                    var cell = CrowdCell(
                        crowd: crowd.rawValue, lead: lead, utilisation: utilisation, minutes: [:], announced: 0)
                    var events = 0.0
                    for base in bases {
                        for start in base.starts {
                            cell.play(base, crowd, start: start)
                            events += 1
                        }
                    }
                    cell.divide(by: events)
                    cells.append(cell)
                }
            }
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            print(String(decoding: try encoder.encode(cells), as: UTF8.self))
        } else {
            show(cells, events: bases.reduce(0) { $0 + $1.starts.count })
        }
        if cells.contains(where: { !$0.isBest || $0.announced > 0 }) { throw ExitCode.failure }
    }

    private func show(_ cells: [CrowdCell], events: Int) {
        print("overloaded minutes per event (demand above ready capacity at 100 %), \(events) events a cell")
        let names = ["autoscaler", "HPA default", "HPA tuned", "KPA"]
        var head = "crowd".padding(toLength: 22, withPad: " ", startingAt: 0) + "  util  lead"
        for name in names + ["announced"] { head += String(repeating: " ", count: max(1, 13 - name.count)) + name }
        print(head)
        for cell in cells {
            var line = cell.crowd.padding(toLength: 22, withPad: " ", startingAt: 0)
            line += String(format: "  %.2f  %4.0f", cell.utilisation, cell.lead)
            for name in names { line += String(format: "%13.2f", cell.minutes[name] ?? 0) }
            line += String(format: "%13.2f", cell.announced) + (cell.isBest ? "" : "  not the best")
            print(line)
        }
        let best = cells.filter(\.isBest).count
        let tuned = cells.filter(\.isBetterThanTuned).count
        print("\(best) of \(cells.count) cells: fewer than HPA and KPA, or none at all")
        print("\(tuned) of them: fewer than a tuned HPA, too")
    }
}

/// How a crowd comes, as a share on top of the demand.
enum Crowd: String, CaseIterable {
    case raid = "raid +50 % in 1 min"
    case rush = "2x in 2 min"
    case kickoff = "+4 %/min for 25 min"

    /// - Parameter time: s since it began.
    func share(at time: Double) -> Double {
        guard time > 0 else { return 0 }
        switch self {
        case .raid: return time < 60 ? 0.5 * time / 60 : 0.5 * max(0, 1 - (time - 60) / 1_800)
        case .rush: return time < 120 ? time / 120 : max(0, 1 - max(0, time - 1_200) / 1_800)
        case .kickoff: return time < 1_500 ? 0.04 * time / 60 : max(0, 1 - max(0, time - 2_400) / 1_800)
        }
    }

    var peak: Double {
        switch self {
        case .raid: 0.5
        case .rush, .kickoff: 1
        }
    }

    static let length = 3_600.0
}

/// What crowds come on top of.
struct CrowdBase {
    var name: String
    var values: DemandTrace?

    /// Seconds at which crowds come, each with two hours before it and one after.
    var starts: [Double] {
        guard let values else { return [7_200] }
        let length = Double(values.values.count) * DemandTrace.epoch
        guard length > 14_400 else { return [] }
        return [0.3, 0.55, 0.8].map { max(7_200, (length * $0).rounded()) }
    }

    func demand(at time: Double) -> Double {
        if let values { return values.demand(at: time) }
        // An evening that rises slowly, with a little noise.
        return 70_000 * (1 + 0.05 * sin(time / 9_000) + 0.003 * sin(time / 37) + 0.002 * sin(time / 11))
    }
}

/// One crowd at one lead and utilisation.
struct CrowdCell: Codable {
    var crowd: String
    var lead: Double
    var utilisation: Double
    var minutes: [String: Double]
    var announced: Double

    static let tick = 5.0
    /// Age of what is decided on, s.
    static func metricDelay(_ policy: String) -> Double { policy.hasPrefix("HPA") ? 15 : 2 }
    static let hold = 300.0

    var isBest: Bool {
        let own = minutes["autoscaler"] ?? 0
        return own == 0 || ["HPA default", "KPA"].allSatisfy { minutes[$0] ?? 0 > own }
    }

    /// Whether a tuned HPA leaves users without room for longer, too. Nobody runs one by default.
    var isBetterThanTuned: Bool {
        let own = minutes["autoscaler"] ?? 0
        return own == 0 || minutes["HPA tuned"] ?? 0 > own
    }

    mutating func divide(by events: Double) {
        guard events > 0 else { return }
        for name in minutes.keys { minutes[name, default: 0] /= events }
        announced /= events
    }

    mutating func play(_ base: CrowdBase, _ crowd: Crowd, start: Double) {
        let before = base.demand(at: start)
        guard before > 0 else { return }
        // A node carries so much that the tier has some 60 nodes when the crowd comes.
        let capacity = before / (60 * utilisation)
        let perNode = capacity * utilisation
        var own = AutoscalerPolicy(
            perNode: perNode, utilisation: utilisation, lead: lead, hold: Self.hold, metricDelay: 2, interval: Self.tick
        )
        var policies: [any ScalingPolicy] = [
            own, HorizontalPodPolicy.standard(perNode: perNode), HorizontalPodPolicy.tuned(perNode: perNode),
            KnativePolicy(perNode: perNode, interval: Self.tick),
        ]
        for index in policies.indices {
            let overloaded = overload(&policies[index], base, crowd, start: start, capacity: capacity)
            minutes[policies[index].name, default: 0] += overloaded
        }
        // Announced with the peak of the whole tier in the policy's own viewers.
        let begin = Int64(start * 1_000)
        own.events = [
            AnnouncedEvent(
                name: "crowd", tier: .edge, startMilliseconds: begin,
                endMilliseconds: begin + Int64(Crowd.length * 1_000),
                peak: own.viewers(of: before * (1 + crowd.peak)), rampSeconds: 60)
        ]
        var announcedPolicy: any ScalingPolicy = own
        announced += overload(&announcedPolicy, base, crowd, start: start, capacity: capacity)
    }

    /// Minutes with more demand than ready nodes carry, from the crowd's start on.
    private func overload(
        _ policy: inout any ScalingPolicy, _ base: CrowdBase, _ crowd: Crowd, start: Double, capacity: Double
    ) -> Double {
        let first = start - 7_200
        func demand(_ time: Double) -> Double {
            base.demand(at: max(0, time)) * (1 + crowd.share(at: time - start))
        }
        var pool = ReplayPool(lead: lead, ready: (demand(first) / (capacity * utilisation)).nodes)
        var nextDecision = first
        var overloaded = 0.0
        var time = first
        while time < start + Crowd.length {
            pool.advance(to: time)
            if time >= nextDecision {
                let wanted = policy.decide(
                    demand: demand(time - Self.metricDelay(policy.name)), ready: pool.ready, requested: pool.requested,
                    now: time)
                pool.request(wanted, now: time)
                nextDecision = time + max(Self.tick, policy.interval)
            }
            if time >= start, demand(time) > Double(pool.ready) * capacity { overloaded += Self.tick / 60 }
            time += Self.tick
        }
        return overloaded
    }
}
