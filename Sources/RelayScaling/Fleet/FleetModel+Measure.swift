/// Counts since the start of a run.
package struct FleetTotals: Hashable, Sendable, Codable {
    /// Sessions begun and ended; the difference is who watches or waits.
    package var joins = 0
    package var leaves = 0
    package var watching = 0
    package var waiting = 0
    package var highestViewers = 0
    package var highestEdges = 0

    /// Viewers on edges above 100 % of their capacity, all viewers, and those between edges, in viewer-minutes.
    package var overloadedMinutes = 0.0
    package var watchedMinutes = 0.0
    package var waitedMinutes = 0.0
    /// Minutes with more than 1 % of a region's viewers on overloaded edges, regions added up.
    package var regionOverloadedMinutes = 0.0
    /// Viewers who gave up after they were refused.
    package var gaveUp = 0
    /// Placed on another edge after they lost theirs, raids and moves included.
    package var replaced = 0

    package var cliffs = 0
    package var raids = 0
    package var drains = 0
    package var undrains = 0
    /// Viewers that moved as asked during a drain, and those that a drain's deadline or the deletion of a drained pod ended.
    package var moved = 0
    package var endedByDrains = 0
    /// Pods deleted that nobody had drained, and their viewers.
    package var wrongVictims = 0
    package var cutByWrongVictims = 0
    package var cutByHand = 0
    package var cutByLoss = 0
    package var scales = 0
    package var conflicts = 0
    package var deleted = 0
    package var started = 0
    package var newMachines = 0
    package var refusedMachines = 0
    package var lostEdges = 0
    package var recalled = 0
    package var rehomeSeconds: [Double] = []
    /// Pods that exist (what is paid for), in hours.
    package var replicaHours = 0.0

    package init() {}
}

extension FleetModel {
    /// Looks at every edge and writes down what a tick was like.
    mutating func measure() {
        var watching = 0
        var waiting = 0
        var edgeCount = 0
        let minutes = settings.step / 60
        let isMinute = Int(tick) % ticksPerMinute == 0
        let viewersLimit = Int32(clamping: settings.edgeViewers.wholeNumber)
        let egressLimit = Int64(clamping: (settings.edgeEgress / 1_000).wholeNumber)
        for region in regions.indices {
            var viewers = 0
            var overloaded = 0
            var egress: Int64 = 0
            var serving = 0
            for at in regions[region].podRow.indices {
                let row = regions[region].podRow[at]
                guard edges[row].hasReports else { continue }
                let load = loads[row]
                viewers += Int(load.viewers)
                egress += load.egress
                if load.viewers > viewersLimit || load.egress > egressLimit { overloaded += Int(load.viewers) }
                guard edges[row].state == .serving else { continue }
                serving += 1
                if isMinute { pullCounts[min(Int(load.pulls), pullCounts.count - 1)] += 1 }
            }
            regions[region].watching = viewers
            regions[region].egress = egress
            regions[region].servingEdges = serving
            watching += viewers
            waiting += regionWaiting[region]
            edgeCount += regions[region].pods.count
            totals.overloadedMinutes += Double(overloaded) * minutes
            totals.waitedMinutes += Double(regionWaiting[region]) * minutes
            if overloaded * 100 > viewers { totals.regionOverloadedMinutes += minutes }
            if isMinute { note(region) }
        }
        totals.watching = watching
        totals.waiting = waiting
        totals.watchedMinutes += Double(watching) * minutes
        totals.replicaHours += Double(edgeCount) * minutes / 60
        totals.highestViewers = max(totals.highestViewers, watching + waiting)
        totals.highestEdges = max(totals.highestEdges, edgeCount)
        if !rehoming.isEmpty { noteRehoming() }
    }

    private mutating func note(_ region: Int) {
        regions[region].series.demand.append(need(region))
        // Drained edges are asked for no longer, though they still serve: SDA-1 judges what was decided.
        let draining = regions[region].podRow.reduce(0) { $0 + (edges[$1].state == .draining ? 1 : 0) }
        regions[region].series.requested.append(max(0, regions[region].replicas - draining))
        regions[region].series.serving.append(regions[region].servingEdges)
    }

    /// Edges that a region's viewers would fill to the planned utilisation, those who wait included.
    package func need(_ region: Int) -> Double {
        let waiting = Double(regionWaiting[region])
        let viewers = (Double(regions[region].watching) + waiting) / settings.edgeViewers
        let egress = (Double(regions[region].egress) + waiting * regions[region].bitrate) * 1_000 / settings.edgeEgress
        return max(viewers, egress) / settings.utilisation
    }

    package var regionCount: Int { regions.count }
    package func replicas(_ region: Int) -> Int { regions[region].replicas }
    package func servingEdges(_ region: Int) -> Int { regions[region].servingEdges }
    package func maximum(_ region: Int) -> Int { regions[region].maximum }
    package func waiting(_ region: Int) -> Int { regionWaiting[region] }
    /// Pods of all regions.
    package var edgeCount: Int { regions.reduce(0) { $0 + $1.pods.count } }
    package func announced(_ region: Int) -> Int { regions[region].announced.count }

    /// The pulls of serving edges at a percentile (0...100), over all minutes of the run.
    package func pulls(percentile: Double) -> Int {
        let total = pullCounts.reduce(0, +)
        var rest = (Double(total) * percentile / 100).wholeNumber
        for (pulls, count) in pullCounts.enumerated() {
            rest -= count
            if rest < 0 { return pulls }
        }
        return 0
    }

    /// Viewers as three independent tables count them, and the pulls of two: all must agree.
    package func audit() -> FleetAudit {
        var audit = FleetAudit()
        for index in 0..<audienceCount {
            audit.byAudiences += Int(audiences[index].viewers)
            audit.waiting += Int(audiences[index].waiting.total)
        }
        var egress: Int64 = 0
        for share in 0..<sharesUsed where shares[share].audience >= 0 {
            let count = Int(shares[share].counts.total)
            audit.byShares += count
            if count > 0 { audit.pullsByShares += 1 }
            egress += Int64(count) * Int64(audiences[shares[share].audience].bitrate)
            for phase in 0..<3 where shares[share].counts[phase] < 0 { audit.negatives += 1 }
            if count > 0, edges[shares[share].edge].state == .free { audit.strays += count }
        }
        for row in 0..<edgeRows {
            audit.byEdges += Int(loads[row].viewers)
            audit.pullsByEdges += Int(loads[row].pulls)
            egress -= loads[row].egress
        }
        audit.egressDifference = Int(egress)
        return audit
    }
}

/// See ``FleetModel/audit()``.
package struct FleetAudit: Hashable, Sendable {
    package var byAudiences = 0
    package var byShares = 0
    package var byEdges = 0
    package var waiting = 0
    package var pullsByShares = 0
    package var pullsByEdges = 0
    package var egressDifference = 0
    /// Counts below zero, and viewers on rows that no edge has; 0.
    package var negatives = 0
    package var strays = 0

    package init() {}
}
