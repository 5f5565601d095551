import RelayCluster
import RelayCore

extension FleetModel {
    /// A pod that waits for a machine.
    ///
    /// - Returns: Its row; nil when all rows are in use.
    mutating func makePod(in region: Int) -> Int32? {
        guard let row = freeEdges.popLast() else { return nil }
        podSerial &+= 1
        let name = "r\(region)-\(podSerial)"
        edges[row] = FleetEdge()
        edges[row].state = .requested
        edges[row].region = Int32(truncatingIfNeeded: region)
        edges[row].serial = podSerial
        edges[row].created = tick
        edges[row].pod = Int32(truncatingIfNeeded: regions[region].pods.count)
        loads[row] = FleetLoad()
        names[Int(row)] = NodeID(name)
        rowOf[name] = row
        regions[region].pods.append(
            PodStatus(name: name, uid: name, phase: .pending, isReady: false, createdAt: seconds))
        regions[region].podRow.append(row)
        return row
    }

    mutating func removePod(_ row: Int32) {
        let region = Int(edges[row].region)
        let at = Int(edges[row].pod)
        guard at >= 0, at < regions[region].pods.count else { return }
        rowOf[regions[region].pods[at].name] = nil
        let last = regions[region].pods.count - 1
        if at != last {
            regions[region].pods.swapAt(at, last)
            regions[region].podRow.swapAt(at, last)
            edges[regions[region].podRow[at]].pod = Int32(truncatingIfNeeded: at)
        }
        regions[region].pods.removeLast()
        regions[region].podRow.removeLast()
        edges[row].pod = -1
    }

    /// The controller makes the pods that are missing.
    mutating func fillWorkload(_ region: Int) {
        while regions[region].pods.count < regions[region].replicas {
            guard let row = makePod(in: region) else { return }
            regions[region].queue.append(row)
        }
    }

    // MARK: Actions

    /// Carries a decision's actions out for a region's workload.
    ///
    /// - Returns: The codes of those that were refused.
    @discardableResult
    package mutating func perform(_ actions: [ScalingAction], in region: Int) -> [String] {
        guard regions.indices.contains(region) else { return [] }
        var refusals: [String] = []
        for action in actions {
            switch action {
            case .scale(let from, let to, let uid):
                totals.scales += 1
                guard from == regions[region].replicas, uid == Self.uid(region) else {
                    refusals.append("conflict")
                    totals.conflicts += 1
                    continue
                }
                setReplicas(to, in: region, byHand: false)
            case .drain(let nodes, let deadline):
                for node in nodes {
                    if let row = rowOf[node.text] { drain(row, seconds: deadline) }
                }
            case .undrain(let nodes):
                for node in nodes {
                    if let row = rowOf[node.text] { undrain(row) }
                }
            case .mark(let costs):
                for cost in costs {
                    guard let row = rowOf[cost.pod], edges[row].pod >= 0 else { continue }
                    regions[region].pods[Int(edges[row].pod)].deletionCost = cost.cost
                }
            }
        }
        return refusals
    }

    static func uid(_ region: Int) -> String { "edges-\(region)" }

    mutating func setReplicas(_ count: Int, in region: Int, byHand: Bool) {
        regions[region].replicas = max(0, count)
        fillWorkload(region)
        let excess = regions[region].pods.count - regions[region].replicas
        guard excess > 0 else { return }
        let rows = regions[region].pods.indices
            .sorted { FleetPodOrder.goesBefore(regions[region].pods[$0], regions[region].pods[$1]) }
            .prefix(excess).map { regions[region].podRow[$0] }
        for row in rows {
            let viewers = Int(loads[row].viewers)
            switch edges[row].state {
            case .draining: totals.endedByDrains += viewers
            case .serving where byHand: totals.cutByHand += viewers
            case .serving:
                totals.wrongVictims += 1
                totals.cutByWrongVictims += viewers
            default: break
            }
            totals.deleted += 1
            deletePod(row, keepsMachine: edges[row].state != .lost)
        }
    }

    // MARK: What the autoscaler is shown

    /// The workload of a region as the platform tells it.
    package func workload(_ region: Int) -> WorkloadStatus {
        WorkloadStatus(uid: Self.uid(region), replicas: regions[region].replicas, pods: regions[region].pods)
    }

    /// Everything that a tick of a region's decision looks at.
    package mutating func observe(_ region: Int) -> ScalingObservations {
        let isAway = settings.faults.contains { $0.kind == .registry && isActive($0) }
        var observations = ScalingObservations(
            registry: isAway ? .away : .nodes(regions[region].entries), workload: workload(region),
            wallMilliseconds: wallMilliseconds(at: seconds))
        observations.events = regions[region].announced
        observations.epoch = epoch
        return observations
    }

    mutating func addEntry(_ row: Int32) {
        guard let name = names[Int(row)] else { return }
        let region = Int(edges[row].region)
        var record = NodeRecord(
            id: name, token: "", role: .edge, state: .serving, region: "r\(region)", zone: "z\(edges[row].zone)")
        record.machine = "m\(edges[row].machine)"
        record.isSpot = edges[row].isSpot
        edges[row].entry = Int32(truncatingIfNeeded: regions[region].entries.count)
        regions[region].entries.append(NodeEntry(record: record, report: nil, leaseMilliseconds: 10_000))
        regions[region].entryRow.append(row)
        report(row)
    }

    mutating func removeEntry(_ row: Int32) {
        let region = Int(edges[row].region)
        let at = Int(edges[row].entry)
        guard at >= 0, at < regions[region].entries.count else { return }
        let last = regions[region].entries.count - 1
        if at != last {
            regions[region].entries.swapAt(at, last)
            regions[region].entryRow.swapAt(at, last)
            edges[regions[region].entryRow[at]].entry = Int32(truncatingIfNeeded: at)
        }
        regions[region].entries.removeLast()
        regions[region].entryRow.removeLast()
        edges[row].entry = -1
    }

    mutating func expireEntries(_ region: Int) {
        guard !regions[region].expiring.isEmpty else { return }
        for (row, until) in regions[region].expiring where until <= tick { removeEntry(row) }
        regions[region].expiring.removeAll { $0.until <= tick }
    }

    /// All edges' reports as of now, but for those whose heartbeats were lost.
    package mutating func sendReports() {
        let lost = settings.faults.first { $0.kind == .beats && isActive($0) }?.amount ?? 0
        for region in regions.indices {
            // A stream's viewers are spread over many edges, so that each sees its share of them.
            let stranded = min(1, Double(regions[region].stranded) / Double(max(1, regions[region].watching)))
            regions[region].stranded = 0
            for at in regions[region].entries.indices {
                let row = regions[region].entryRow[at]
                guard edges[row].hasReports else {
                    regions[region].entries[at].leaseMilliseconds = max(
                        0,
                        regions[region].entries[at].leaseMilliseconds
                            - Int64(clamping: (settings.step * 1_000).wholeNumber))
                    continue
                }
                // Two or three beats of 2 s fall into a tick of 5 s; one that arrives is enough.
                if lost > 0, platformRandom.unit() < lost * lost * (tick % 2 == 0 ? 1 : lost) { continue }
                report(row, strandedShare: stranded)
            }
        }
    }

    private mutating func report(_ row: Int32, strandedShare: Double = 0) {
        let region = Int(edges[row].region)
        let at = Int(edges[row].entry)
        let load = loads[row]
        let state: NodeRecord.State = edges[row].state == .draining ? .draining : .serving
        edges[row].sequence &+= 1
        edges[row].reported = tick
        var report = NodeReport()
        report.sequence = edges[row].sequence
        report.state = state
        report.uptimeSeconds = Double(tick &- edges[row].served) * settings.step
        report.egressBitrate = Double(load.egress) * 1_000
        report.egressCapacity = settings.edgeEgress
        report.ingestBitrate = Double(load.pulls) * 2.8e6
        report.viewers = Int(load.viewers)
        report.strandedViewers = (Double(load.viewers) * strandedShare).wholeNumber
        report.joinsTotal = load.joins
        report.leavesTotal = load.leaves
        report.pulls = Int(load.pulls)
        report.streams = Int(load.pulls)
        report.cpu = min(1, 0.05 + 0.6 * report.egressBitrate / settings.edgeEgress)
        report.busiestLoop = report.cpu
        report.rejectsTotal = load.rejects
        report.connections = Int(load.viewers)
        if row == wildEdge {
            report.viewers = 1_000_000_000_000_000_000
            report.egressBitrate = 1e18
            report.pulls = 1_000_000_000_000_000_000
        }
        if regions[region].entries[at].record.state != state { regions[region].entries[at].record.state = state }
        regions[region].entries[at].report = report
        regions[region].entries[at].leaseMilliseconds = 10_000
    }
}

/// The order in which a ReplicaSet deletes pods when it has too many (KEP-2255, `ActivePodsWithRanks`), written down here once
/// more, apart from the autoscaler's own: the model must not share its mistakes. Pods of a machine are not counted, because each
/// edge sits alone on its own.
enum FleetPodOrder {
    static func goesBefore(_ a: PodStatus, _ b: PodStatus) -> Bool {
        if (a.machine == nil) != (b.machine == nil) { return a.machine == nil }
        if a.phase != b.phase { return rank(a.phase) < rank(b.phase) }
        if a.isReady != b.isReady { return !a.isReady }
        let costs = (a.deletionCost ?? 0, b.deletionCost ?? 0)
        if costs.0 != costs.1 { return costs.0 < costs.1 }
        if a.isReady, let since = a.readySince, let other = b.readySince, since != other { return since > other }
        if a.restarts != b.restarts { return a.restarts > b.restarts }
        if a.createdAt != b.createdAt { return a.createdAt > b.createdAt }
        return a.name < b.name
    }

    private static func rank(_ phase: PodStatus.Phase) -> Int {
        switch phase {
        case .pending: 0
        case .unknown: 1
        case .running: 2
        }
    }
}
