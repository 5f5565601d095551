/// One side of what a node carries; each asks for replicas on its own, and the largest demand binds.
package enum ScalingDimension: String, Hashable, Sendable, Codable, CaseIterable {
    case viewers, egress, pulls, cpu, publishers, ingest
}

/// What nodes carry, in each dimension: viewers and publishers as counts, egress and ingest in bit/s, pulls as distinct streams,
/// cpu as nodes' worth of all cores (a node at half of its cores adds 0.5).
package struct Load: Hashable, Sendable, Codable {
    package var viewers = 0.0
    package var egress = 0.0
    package var pulls = 0.0
    package var cpu = 0.0
    package var publishers = 0.0
    package var ingest = 0.0

    package init() {}

    package subscript(dimension: ScalingDimension) -> Double {
        get {
            switch dimension {
            case .viewers: viewers
            case .egress: egress
            case .pulls: pulls
            case .cpu: cpu
            case .publishers: publishers
            case .ingest: ingest
            }
        }
        set {
            switch dimension {
            case .viewers: viewers = newValue
            case .egress: egress = newValue
            case .pulls: pulls = newValue
            case .cpu: cpu = newValue
            case .publishers: publishers = newValue
            case .ingest: ingest = newValue
            }
        }
    }

    /// Adds `other`, `times` times over; negative takes away.
    package mutating func add(_ other: Load, times: Double = 1) {
        viewers += other.viewers * times
        egress += other.egress * times
        pulls += other.pulls * times
        cpu += other.cpu * times
        publishers += other.publishers * times
        ingest += other.ingest * times
    }

    /// The dimension that the forecast learns and that announced events are given in.
    package func demand(of tier: ScalingTier) -> Double {
        switch tier {
        case .edges: viewers
        case .origins: publishers
        }
    }
}

/// The two ways of scaling: by what viewers ask for, or by what publishers bring.
package enum ScalingTier: Hashable, Sendable {
    case edges, origins

    /// The dimensions that ask for replicas.
    package var dimensions: [ScalingDimension] {
        switch self {
        case .edges: [.viewers, .egress, .pulls, .cpu]
        case .origins: [.publishers, .ingest, .egress, .cpu]
        }
    }
}

extension NodeCapacity {
    /// At 100 %; 0 = this dimension does not count.
    package subscript(dimension: ScalingDimension) -> Double {
        let value =
            switch dimension {
            case .viewers: viewers
            case .egress: egress
            case .pulls: pulls
            case .cpu: cpu
            case .publishers: publishers
            case .ingest: ingest
            }
        return value.isFinite && value > 0 ? value : 0
    }
}
