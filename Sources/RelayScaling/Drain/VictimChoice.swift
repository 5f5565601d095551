package import RelayCore

/// Chooses which serving edges go, the cheapest for viewers first (autoscaler.md §2.6.2).
package enum VictimChoice {
    /// Weights of the score, in viewers.
    static let perChild = 20.0
    static let emptiesMachine = 50.0
    static let oldRelease = 25.0
    static let perRestart = 5.0
    /// Of each viewer that has to move, which is a nuisance, and of one that would be cut at the deadline: 1.
    static let perMove = 0.5
    /// What the preferred kind of machine is worth, as a share of the candidates' mean viewers: it decides between nodes that are
    /// about as full as each other, which behind a load balancer most are.
    static let perPreference = 0.15

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
        /// Whether its machine may be taken away at short notice; nil when nobody told.
        package var isSpot: Bool?
        /// Share of its viewers that would still be there at the drain's deadline if nobody asked them to move.
        package var staying: Double

        package init(
            node: NodeID, zone: String = "", machine: String? = nil, viewers: Double, children: Int = 0,
            publishers: Int = 0,
            release: String = "", restarts: Int = 0, isSpot: Bool? = nil, staying: Double = 1
        ) {
            self.node = node
            self.zone = zone
            self.machine = machine
            self.viewers = viewers
            self.children = children
            self.publishers = publishers
            self.release = release
            self.restarts = restarts
            self.isSpot = isSpot
            self.staying = staying
        }
    }

    /// Which machines are given back first among nodes that are about as full.
    package enum Preference: String, Hashable, Sendable, Codable, CaseIterable {
        /// They may be taken away at any time, and what is kept for that shrinks with them.
        case spot
        /// They cost more.
        case onDemand = "on-demand"
        case none
    }

    /// At most `count` of the candidates, in the order to be drained.
    ///
    /// Never the last node of a zone, never one with a publisher, and never one whose loss leaves the zones less even than they
    /// are by more than one node: the platform spreads only when it starts pods.
    package static func choose(
        _ count: Int, of candidates: [Candidate], preferring preference: Preference = .none
    ) -> [Candidate] {
        guard count > 0, candidates.count > 1 else { return [] }
        var perZone: [String: Int] = [:]
        var perMachine: [String: Int] = [:]
        var perRelease: [String: Int] = [:]
        for candidate in candidates {
            perZone[candidate.zone, default: 0] += 1
            if let machine = candidate.machine { perMachine[machine, default: 0] += 1 }
            perRelease[candidate.release, default: 0] += 1
        }
        let bonus = perPreference * candidates.reduce(0) { $0 + $1.viewers } / Double(candidates.count)
        let newest = perRelease.max { ($0.value, $0.key) < ($1.value, $1.key) }?.key
        func score(_ candidate: Candidate) -> Double {
            let staying = candidate.staying.isFinite ? min(1, max(0, candidate.staying)) : 1
            var score =
                candidate.viewers * (perMove + (1 - perMove) * staying) + perChild * Double(candidate.children)
                - perRestart * Double(min(10, candidate.restarts))
            switch (preference, candidate.isSpot) {
            case (.spot, true?), (.onDemand, false?): score -= bonus
            default: break
            }
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
