package import RelayCluster
package import RelayCore

/// What one tick's reports say about a tier, all nodes together.
package struct TierSignals: Hashable, Sendable {
    /// Demand to grow for: fresh reports, and what nodes that went missing less than 30 s ago carried last.
    package var load = Load()
    /// The part of ``load`` that fresh nodes carry.
    package var freshLoad = Load()
    /// What missing nodes carried last, while their viewers are on the way elsewhere.
    package var lostLoad = Load()
    /// Nodes of the registry, of this tier.
    package var known = 0
    /// Nodes whose sequence moved lately.
    package var fresh = 0
    /// Fresh ones that take viewers.
    package var serving = 0
    /// Living leases without a fresh report.
    package var missing = 0
    /// Serving fresh nodes that are not pods of the workload.
    package var foreignServing = 0
    package var foreignKnown = 0
    /// Pods of the workload that drain though nobody here ordered it, an operator's or the platform's doing: no capacity, never
    /// removed or taken back by us, and replaced for as long as they stay.
    package var foreignDraining = 0
    /// Pods that drain by an autoscaler's order which this process does not know: a former leader's, or one that it took back
    /// and that was not heard.
    package var adoptable: [NodeID] = []
    /// Nodes with impossible figures, or that came twice.
    package var quarantined: [NodeID] = []
    /// Rises of the counters since the last tick.
    package var joins = 0.0
    package var leaves = 0.0
    package var refused = 0.0
    package var drops = 0.0
    /// Viewers of fresh nodes whose stream fell silent lately.
    package var stranded = 0.0
    /// Fresh nodes that said how long first frames take, and how many of them took too long.
    package var firstFrameNodes = 0
    package var firstFrameSlow = 0
    /// Mean of what one fresh node may send, bit/s; 0 = not limited by it.
    package var egressCapacity = 0.0
    /// Serving nodes in the largest zone, and how many zones there are.
    package var largestZone = 0
    package var zones = 0
    package var spot = 0
    /// First fresh reports of nodes that were new since the last tick.
    package var arrived: [NodeID] = []

    package init() {}

    /// Most names that a text shows.
    static let namesShown = 5
    /// How long what a missing node carried still counts: its viewers come back elsewhere within that time (autoscaler.md §2.7).
    static let lostFor = Duration.seconds(30)
}

/// The autoscaler's memory of the nodes of a tier.
package struct NodeTracks: Sendable {
    /// In no order; nodes are found by ``slots``, or quicker by where the last tick's list had them.
    private var tracks: [NodeTrack] = []
    private var slots: [NodeID: Int] = [:]
    private var lastOrder: [Int] = []
    private var tick: UInt64 = 0
    /// Whether a tick has read the registry before: only then is a node that was not there new, rather than unknown.
    private var hasRead = false

    package init() {}

    subscript(node: NodeID) -> NodeTrack? { slots[node].map { tracks[$0] } }

    /// The registry was not read: what was new is unknown again.
    package mutating func skip() { hasRead = false }

    /// Reads the tick's reports.
    ///
    /// - Parameters:
    ///   - pods: The workload's pods; when the platform lists none, all nodes are its own.
    ///   - ordered: Nodes that we ordered to drain.
    package mutating func read(
        _ nodes: [NodeEntry], pods: PodIndex, ordered: Set<NodeID>, settings: TierSettings, now: MonotonicTime
    ) -> TierSignals {
        tick &+= 1
        let staleAfter = Duration.seconds(max(1, settings.staleAfter))
        var signals = TierSignals()
        var zones: [String: Int] = [:]
        var egressCapacity = 0.0
        var order: [Int] = []
        order.reserveCapacity(nodes.count)
        for entry in nodes {
            let id = entry.record.id
            var track: NodeTrack
            let slot: Int
            if let known = self.slot(of: id, at: order.count) {
                slot = known
                guard tracks[slot].tick != tick else {
                    signals.quarantined.append(id)
                    continue
                }
                track = tracks[slot]
            } else {
                track = NodeTrack(id: id, token: entry.record.token)
                track.tick = tick
                if let report = entry.report {
                    track.beginAnew(report, token: entry.record.token)
                    // At the start nobody knows whether a report moves; of a node that just came it is the first one.
                    if hasRead { track.movedAt = now }
                }
                slot = tracks.count
                tracks.append(track)
                slots[id] = slot
            }
            order.append(slot)
            let pod = pods.find(id.text, hint: &track.podHint)
            let isForeign = pod == nil && !pods.isEmpty
            track.tick = tick
            signals.known += 1
            if isForeign { signals.foreignKnown += 1 }
            var isQuarantined = false
            if let report = entry.report {
                if track.token != entry.record.token || report.sequence < track.sequence {
                    track.beginAnew(report, token: entry.record.token)
                    track.movedAt = now
                } else if report.sequence != track.sequence {
                    track.sequence = report.sequence
                    track.movedAt = now
                }
                let believed = BelievedReport(report, settings)
                if believed.isImpossible {
                    isQuarantined = true
                    signals.quarantined.append(id)
                } else if track.isFresh(now: now, within: staleAfter) || track.movedAt == nil {
                    track.load = believed.load
                    track.isDraining = report.state == .draining || entry.record.state == .draining
                }
            }
            let isFresh = !isQuarantined && track.isFresh(now: now, within: staleAfter)
            if isFresh, let report = entry.report {
                track.lostAt = nil
                if !track.wasFresh {
                    track.wasFresh = true
                    signals.arrived.append(id)
                }
                signals.fresh += 1
                signals.freshLoad.add(track.load)
                signals.joins += track.rise(\.joins, to: report.joinsTotal)
                let left = track.rise(\.leaves, to: report.leavesTotal)
                signals.leaves += left
                track.noteLeaves(left, now: now)
                signals.refused += track.rise(\.refused, to: report.rejectsTotal &+ report.joinFailuresTotal)
                signals.drops += track.rise(\.drops, to: report.dropsTotal)
                // Never more than there are: a node that says otherwise is believed no further.
                signals.stranded += min(max(0, Double(report.strandedViewers ?? 0)), track.load.viewers)
                if let slow = report.firstFrameP95, slow.isFinite, slow >= 0 {
                    signals.firstFrameNodes += 1
                    if slow > settings.firstFrameLimit { signals.firstFrameSlow += 1 }
                }
                if track.isDraining, let pod, !pod.isTerminating, !ordered.contains(id) {
                    let isMarked = pod.deletionCost.map { $0 <= DrainPlan.cost } ?? false
                    if entry.record.drain?.isAutoscalers ?? isMarked {
                        signals.adoptable.append(id)
                    } else {
                        signals.foreignDraining += 1
                    }
                }
                egressCapacity += BelievedReport.egressCapacity(report, settings)
                if !track.isDraining, report.state == .serving {
                    signals.serving += 1
                    if isForeign { signals.foreignServing += 1 }
                    zones[entry.record.zone, default: 0] += 1
                    if entry.record.isSpot == true { signals.spot += 1 }
                }
            } else {
                signals.missing += 1
                if track.lostAt == nil { track.lostAt = now }
                if let lostAt = track.lostAt, now - lostAt < TierSignals.lostFor { signals.lostLoad.add(track.load) }
            }
            tracks[slot] = track
        }
        lastOrder = order
        if signals.known < tracks.count { sweep(into: &signals, now: now) }
        if signals.fresh > 0 { signals.egressCapacity = egressCapacity / Double(signals.fresh) }
        signals.zones = zones.count
        signals.largestZone = zones.values.max() ?? 0
        signals.load = signals.freshLoad
        signals.load.add(signals.lostLoad)
        hasRead = true
        return signals
    }

    /// Counts what vanished nodes carried for as long as their viewers may be on the way, then forgets them.
    private mutating func sweep(into signals: inout TierSignals, now: MonotonicTime) {
        var isForgetting = false
        for slot in tracks.indices where tracks[slot].tick != tick {
            let lostAt = tracks[slot].lostAt ?? now
            tracks[slot].lostAt = lostAt
            if now - lostAt < TierSignals.lostFor {
                signals.lostLoad.add(tracks[slot].load)
            } else {
                isForgetting = true
            }
        }
        guard isForgetting else { return }
        tracks.removeAll { $0.tick != tick && now - ($0.lostAt ?? now) >= TierSignals.lostFor }
        slots.removeAll(keepingCapacity: true)
        for (slot, track) in tracks.enumerated() { slots[track.id] = slot }
        lastOrder = []
    }

    /// Where a node is remembered; the registry mostly lists nodes in the order of the last tick.
    private func slot(of id: NodeID, at position: Int) -> Int? {
        if position < lastOrder.count, lastOrder[position] < tracks.count, tracks[lastOrder[position]].id == id {
            return lastOrder[position]
        }
        return slots[id]
    }
}

extension NodeTrack {
    /// How much a counter rose; a counter that jumps by more than any node could serve counts as not moved.
    mutating func rise(_ counter: WritableKeyPath<NodeTrack, UInt64>, to value: UInt64) -> Double {
        let before = self[keyPath: counter]
        self[keyPath: counter] = value
        guard value >= before, value - before < 10_000_000 else { return 0 }
        return Double(value - before)
    }
}
