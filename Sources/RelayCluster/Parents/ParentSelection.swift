package import RelayCore

/// In which order the nodes that have a stream are asked for it.
package enum ParentSelection {
    private struct Candidate {
        var parent: PullParent
        var isSticky: Bool
        var isDraining: Bool
        var isNear: Bool
        /// Load in tenths, so that small differences do not decide.
        var load: Int
        var draw: UInt64
        var isOpen = false
    }

    /// Orders the living owner and holders of a stream for a node that wants it.
    ///
    /// The parent it has (or had) first, so that reconnects find their history; then, in a region of its own, near holders
    /// before the far owner, so that a region takes the stream once; else the owner; then the others by hops and load, equal
    /// ones in an order of the node's own. Nodes that drain come behind, those whose breaker is open last or, up to half, not
    /// at all. The node itself and those that `isAllowed` refuses are never among them.
    ///
    /// - Parameters:
    ///   - lookup: What the registry, or the memory of it, says.
    ///   - seen: The highest epoch seen of the stream; the sticky parent has no privilege when the location is older.
    ///   - maxHops: Most hops from the origin to this node.
    ///   - heldHops: The hops at which this node serves the stream to others, if it does. Only parents nearer to the origin are
    ///     then taken, so that no ring forms (the feasibility condition of distance-vector routing, RFC 8966 section 2.4).
    ///   - isAllowed: `cluster.allowed_cidrs`; for the address of a link.
    package static func order(
        lookup: StreamLookup, me: NodeRecord, breakers: ParentBreakers, sticky: NodeID?, seen: UInt64, maxHops: Int,
        heldHops: Int? = nil, isAllowed: (Endpoint) -> Bool, now: MonotonicTime
    ) -> [PullParent] {
        let isCurrent = (lookup.location?.epoch ?? lookup.lastEpoch) >= seen
        var candidates: [Candidate] = []
        func add(_ node: NodeID, link: Endpoint?, hops: Int, entry: NodeEntry?) {
            guard node != me.id, let link, isAllowed(link), hops >= 0, hops < min(maxHops, heldHops ?? .max) else {
                return
            }
            guard !candidates.contains(where: { $0.parent.node == node }) else { return }
            candidates.append(
                Candidate(
                    parent: PullParent(node: node, link: link, hops: hops, certificate: entry?.record.certificate),
                    isSticky: node == sticky && isCurrent,
                    isDraining: (entry?.record.state == .draining) || (entry?.report?.state == .draining),
                    isNear: !me.region.isEmpty && entry?.record.region == me.region,
                    load: loadTenths(entry?.report), draw: draw(me.id, node)))
        }
        if let location = lookup.location {
            let entry = lookup.nodes.first { $0.record.id == location.owner && $0.record.token == location.token }
            add(location.owner, link: location.link, hops: 0, entry: entry)
        }
        for holder in lookup.holders {
            let entry = lookup.nodes.first { $0.record.id == holder.node && $0.record.token == holder.token }
            guard let entry, holder.hops > 0 else { continue }
            add(holder.node, link: entry.record.link, hops: holder.hops, entry: entry)
        }
        for index in candidates.indices {
            candidates[index].isOpen = !breakers.allows(candidates[index].parent.node, now: now)
        }
        candidates.sort(by: isBefore)
        let ejected = breakers.ejected(of: candidates.map(\.parent.node), now: now)
        return candidates.map(\.parent).filter { !ejected.contains($0.node) }
    }

    private static func isBefore(_ one: Candidate, _ other: Candidate) -> Bool {
        if one.isOpen != other.isOpen { return other.isOpen }
        if one.isDraining != other.isDraining { return other.isDraining }
        if one.isSticky != other.isSticky { return one.isSticky }
        if one.isNear != other.isNear { return one.isNear }
        if one.parent.hops != other.parent.hops { return one.parent.hops < other.parent.hops }
        if one.load != other.load { return one.load < other.load }
        if one.draw != other.draw { return one.draw < other.draw }
        return one.parent.node < other.parent.node
    }

    /// The greater of the shares of egress and CPU in use, in tenths; what a node does not say counts as none.
    private static func loadTenths(_ report: NodeReport?) -> Int {
        guard let report else { return 0 }
        let egress = report.egressCapacity > 0 ? report.egressBitrate / report.egressCapacity : 0
        let share = max(egress, report.cpu, report.busiestLoop)
        guard share.isFinite, share > 0 else { return 0 }
        return Int(exactly: (min(share, 2) * 10).rounded(.down)) ?? 0
    }

    /// A number of the pair, the same in every process (FNV-1a), so that children spread over equal parents.
    private static func draw(_ me: NodeID, _ other: NodeID) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in [me.text, other.text].joined(separator: "/").utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return hash
    }
}
