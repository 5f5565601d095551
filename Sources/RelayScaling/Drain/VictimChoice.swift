package import RelayCore

/// Chooses which serving edges go, the cheapest for viewers first (autoscaler.md §2.6.2).
package enum VictimChoice {
    /// Weights of the score, in viewers.
    static let perChild = 20.0
    static let emptiesMachine = 50.0
    static let oldRelease = 25.0
    static let perRestart = 5.0

    package struct Candidate: Sendable {
        package var node: NodeID
        package var zone: String
        package var machine: String?
        package var viewers: Double
        /// Other nodes that pull from this one: each would have to find another parent.
        package var children: Int
        package var publishers: Int
        package var release: String
        package var restarts: Int

        package init(
            node: NodeID, zone: String = "", machine: String? = nil, viewers: Double, children: Int = 0,
            publishers: Int = 0,
            release: String = "", restarts: Int = 0
        ) {
            self.node = node
            self.zone = zone
            self.machine = machine
            self.viewers = viewers
            self.children = children
            self.publishers = publishers
            self.release = release
            self.restarts = restarts
        }
    }

    /// At most `count` of the candidates, in the order to be drained.
    ///
    /// Never the last node of a zone, never one with a publisher, and never one whose loss leaves the zones less even than they
    /// are by more than one node: the platform spreads only when it starts pods.
    package static func choose(_ count: Int, of candidates: [Candidate]) -> [Candidate] {
        guard count > 0, candidates.count > 1 else { return [] }
        var perZone: [String: Int] = [:]
        var perMachine: [String: Int] = [:]
        var perRelease: [String: Int] = [:]
        for candidate in candidates {
            perZone[candidate.zone, default: 0] += 1
            if let machine = candidate.machine { perMachine[machine, default: 0] += 1 }
            perRelease[candidate.release, default: 0] += 1
        }
        let newest = perRelease.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key
        func score(_ candidate: Candidate) -> Double {
            var score =
                candidate.viewers + perChild * Double(candidate.children) - perRestart
                * Double(min(10, candidate.restarts))
            if let machine = candidate.machine, perMachine[machine] == 1 { score -= emptiesMachine }
            if candidate.release != newest { score -= oldRelease }
            return score
        }
        let ordered = candidates.filter { $0.publishers == 0 }
            .map { (score: score($0), candidate: $0) }
            .sorted { ($0.score, $0.candidate.node.text) < ($1.score, $1.candidate.node.text) }
        // One queue a zone, so that each pick looks at the zones' heads only.
        var queues: [String: [(score: Double, candidate: Candidate)]] = [:]
        for item in ordered.reversed() { queues[item.candidate.zone, default: []].append(item) }
        let zones = queues.keys.sorted()
        var chosen: [Candidate] = []
        while chosen.count < count {
            let most = perZone.values.max() ?? 0
            var best: (zone: String, score: Double)?
            for zone in zones {
                guard let head = queues[zone]?.last, let here = perZone[zone], here > 1 else { continue }
                guard here == most || most - (here - 1) <= 1 else { continue }
                if best.map({ head.score < $0.score }) ?? true { best = (zone, head.score) }
            }
            guard let best, let victim = queues[best.zone]?.popLast() else { break }
            perZone[best.zone, default: 1] -= 1
            chosen.append(victim.candidate)
        }
        return chosen
    }
}
