import ArgumentParser
import Foundation
import RelayCluster
import RelayCore
import RelayScaling

/// `scalingbench tick`: what one decision costs with many nodes.
struct TickCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tick", abstract: "Time decide() with thousands of nodes.")

    @Option(help: "Nodes that report, with a pod each.")
    var nodes = 5_000

    @Option(help: "Ticks of 5 s.")
    var ticks = 600

    @Flag(help: "The figures as JSON.")
    var json = false

    struct Figures: Codable {
        var nodes: Int
        var ticks: Int
        var p50Milliseconds: Double
        var p99Milliseconds: Double
        var maxMilliseconds: Double
        var draining: UInt64
    }

    func run() async throws {
        var settings = TierSettings(tier: .edge)
        settings.mode = .on
        settings.capacity.viewers = 2_667
        settings.capacity.egress = 10e9
        settings.capacity.pulls = 5_000
        settings.maximum = 2 * nodes
        var state = ScalingState()
        var entries: [NodeEntry] = []
        var pods: [PodStatus] = []
        for index in 0..<nodes {
            let name = "edge-7c9d8b6f5-\(index)"
            guard let id = NodeID(name) else { continue }
            var report = NodeReport()
            report.state = .serving
            report.egressCapacity = 12e9
            let zone = "zone-\(index % 3)"
            entries.append(
                NodeEntry(
                    record: NodeRecord(id: id, token: "t\(index)", role: .edge, state: .serving, zone: zone),
                    report: report,
                    leaseMilliseconds: 5_000))
            pods.append(PodStatus(name: name, uid: "u\(index)", machine: "m\(index)", readySince: 1, createdAt: 1))
        }
        var costs: [Double] = []
        var draining = Set<NodeID>()
        for tick in 0..<ticks {
            // Demand goes up and down, so that drains and their choice are part of it.
            let share = 0.62 + 0.1 * sin(Double(tick) / 60)
            for index in entries.indices {
                entries[index].report?.sequence += 2
                entries[index].report?.viewers = Int(2_667 * share) + index % 7
                entries[index].report?.egressBitrate = 10e9 * share
                entries[index].report?.pulls = 1_000
                entries[index].report?.joinsTotal += 10
                entries[index].report?.leavesTotal += 10
                if draining.contains(entries[index].record.id) {
                    entries[index].report?.state = .draining
                    entries[index].report?.viewers = 0
                    pods[index].isReady = false
                } else {
                    entries[index].report?.state = .serving
                    pods[index].isReady = true
                }
            }
            let observations = ScalingObservations(
                registry: .nodes(entries), workload: WorkloadStatus(uid: "w", replicas: nodes, pods: pods),
                wallMilliseconds: 1_700_000_000_000 + Int64(tick) * 5_000)
            let began = ContinuousClock.now
            let decision: Decision = Autoscaler.decide(&state, observations, settings, now: .zero + .seconds(5 * tick))
            costs.append(Double((ContinuousClock.now - began).wholeNanoseconds) / 1e6)
            for action in decision.actions {
                switch action {
                case .drain(let nodes, _): draining.formUnion(nodes)
                case .undrain(let nodes): draining.subtract(nodes)
                default: break
                }
            }
        }
        costs.sort()
        let figures = Figures(
            nodes: nodes, ticks: ticks, p50Milliseconds: costs[costs.count / 2],
            p99Milliseconds: costs[costs.count * 99 / 100],
            maxMilliseconds: costs.last ?? 0, draining: state.counters.drains)
        if json {
            print(String(decoding: try JSONEncoder().encode(figures), as: UTF8.self))
        } else {
            print(
                String(
                    format:
                        "decide() with %d nodes, %d ticks: p50 %.2f ms, p99 %.2f ms, longest %.2f ms (%d drains ordered on the way)",
                    nodes, ticks, figures.p50Milliseconds, figures.p99Milliseconds, figures.maxMilliseconds,
                    Int(figures.draining)))
        }
    }
}
