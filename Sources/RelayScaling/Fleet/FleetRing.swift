/// A region's ring of consistent hashing: which edges a stream's viewers are sent to, in which order. Edges stand on it at
/// `virtualNodes` places each. It changes with the membership and then only there, so most streams stay where they were.
struct FleetRing {
    private(set) var places: [UInt32] = []
    private(set) var edges: [Int32] = []
    private var nextPlaces: [UInt32] = []
    private var nextEdges: [Int32] = []

    init() {}

    /// - Parameters:
    ///   - keeps: Whether an edge stays.
    ///   - added: Edges that come, each with the serial number that its places are made from.
    mutating func update(keeps: (Int32) -> Bool, added: [(edge: Int32, serial: UInt32)], virtualNodes: Int) {
        var fresh: [(place: UInt32, edge: Int32)] = []
        fresh.reserveCapacity(added.count * virtualNodes)
        for (edge, serial) in added {
            for node in 0..<virtualNodes {
                let hash = FleetRandom.mix(UInt64(serial) << 16 | UInt64(truncatingIfNeeded: node))
                fresh.append((UInt32(truncatingIfNeeded: hash >> 32), edge))
            }
        }
        fresh.sort { ($0.place, $0.edge) < ($1.place, $1.edge) }
        nextPlaces.removeAll(keepingCapacity: true)
        nextEdges.removeAll(keepingCapacity: true)
        var at = 0
        for index in places.indices where keeps(edges[index]) {
            while at < fresh.count, fresh[at].place <= places[index] {
                nextPlaces.append(fresh[at].place)
                nextEdges.append(fresh[at].edge)
                at += 1
            }
            nextPlaces.append(places[index])
            nextEdges.append(edges[index])
        }
        while at < fresh.count {
            nextPlaces.append(fresh[at].place)
            nextEdges.append(fresh[at].edge)
            at += 1
        }
        swap(&places, &nextPlaces)
        swap(&edges, &nextEdges)
    }

    /// Index of the first place at or after `hash`, going round.
    func start(_ hash: UInt32) -> Int {
        var low = 0
        var high = places.count
        while low < high {
            let middle = (low + high) >> 1
            if places[middle] < hash { low = middle + 1 } else { high = middle }
        }
        return low == places.count ? 0 : low
    }
}
