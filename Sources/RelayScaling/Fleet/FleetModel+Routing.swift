extension FleetModel {
    /// Steps of the ring that one viewer's search goes.
    private static let searchSteps = 24

    /// How many edges an audience's viewers fill.
    func groupWanted(_ index: Int) -> Int {
        let viewers = Int(audiences[index].viewers) + Int(audiences[index].waiting.total)
        return max(1, (viewers + settings.groupShare - 1) / settings.groupShare)
    }

    /// Whether the router sends new viewers there.
    @inline(__always)
    func isOpen(_ edge: Int32) -> Bool {
        loads[edge].viewers < loads[edge].viewersBound && loads[edge].egress < loads[edge].egressBound
    }

    @inline(__always)
    private func isAdmitting(_ edge: Int32) -> Bool {
        loads[edge].viewers < loads[edge].viewersLimit && loads[edge].egress < loads[edge].egressLimit
    }

    /// Puts one viewer on an edge of the audience's group, else on the next one of the ring with room, else on any that admits.
    ///
    /// - Returns: false when all that were asked refuse.
    @inline(__always)
    mutating func place(_ index: Int, phase: Int) -> Bool {
        let count = Int(audiences[index].groupCount)
        if count > 0 {
            let start = Int(audiences[index].groupStart)
            var at = random.below(count)
            for _ in 0..<min(count, 4) {
                let share = groups[start + at]
                if isOpen(shares[share].edge) {
                    add(share, index, phase: phase)
                    return true
                }
                at = at + 1 == count ? 0 : at + 1
            }
        }
        return placeElsewhere(index, phase: phase)
    }

    private mutating func placeElsewhere(_ index: Int, phase: Int) -> Bool {
        let region = Int(audiences[index].region)
        if openEdges[region] > 0, let share = nextOnRing(index, region: region, admitting: false) {
            add(share, index, phase: phase)
            return true
        }
        // The region is full: up to the limit of admission nobody is sent away.
        let count = Int(audiences[index].groupCount)
        if count > 0 {
            let start = Int(audiences[index].groupStart)
            var at = random.below(count)
            for _ in 0..<min(count, 4) {
                let share = groups[start + at]
                if isAdmitting(shares[share].edge) {
                    add(share, index, phase: phase)
                    return true
                }
                at = at + 1 == count ? 0 : at + 1
            }
        }
        if let share = nextOnRing(index, region: region, admitting: true) {
            add(share, index, phase: phase)
            return true
        }
        if count > 0 { loads[shares[groups[Int(audiences[index].groupStart)]].edge].rejects &+= 1 }
        return false
    }

    /// The share on the first edge after the stream's place that has room, made if need be and taken into the group.
    private mutating func nextOnRing(_ index: Int, region: Int, admitting: Bool) -> Int32? {
        let size = rings[region].edges.count
        guard size > 0 else { return nil }
        // A large group has asked many already and covers a good part of the ring: go on at random.
        var at = audiences[index].groupCount > 8 ? random.below(size) : rings[region].start(audiences[index].hash)
        for _ in 0..<min(size, Self.searchSteps) {
            let edge = rings[region].edges[at]
            if admitting ? isAdmitting(edge) : isOpen(edge) {
                let share = share(of: index, on: edge)
                if !groupContains(index, share) { appendToGroup(index, share) }
                return share
            }
            at = at + 1 == size ? 0 : at + 1
        }
        return nil
    }

    private func groupContains(_ index: Int, _ share: Int32) -> Bool {
        let start = Int(audiences[index].groupStart)
        for at in start..<start + Int(audiences[index].groupCount) where groups[at] == share { return true }
        return false
    }

    @inline(__always)
    private func add(_ share: Int32, _ index: Int, phase: Int) {
        let edge = shares[share].edge
        if shares[share].counts.total == 0 { loads[edge].pulls &+= 1 }
        shares[share].counts[phase] &+= 1
        audiences[index].viewers &+= 1
        loads[edge].viewers &+= 1
        loads[edge].egress &+= Int64(audiences[index].bitrate)
        loads[edge].joins &+= 1
    }

    /// Takes viewers of one phase off a share; where they go is the caller's.
    @inline(__always)
    func take(_ share: Int, phase: Int, count: Int) {
        let index = shares[share].audience
        let edge = shares[share].edge
        let taken = Int32(truncatingIfNeeded: count)
        shares[share].counts[phase] &-= taken
        if shares[share].counts.total == 0 { loads[edge].pulls &-= 1 }
        audiences[index].viewers &-= taken
        loads[edge].viewers &-= taken
        loads[edge].egress &-= Int64(audiences[index].bitrate) &* Int64(taken)
        loads[edge].leaves &+= UInt64(truncatingIfNeeded: count)
    }

    // MARK: Groups

    /// Chooses an audience's group again: as many edges as its viewers fill, in the order of the ring, leaving out those that are
    /// above the bound. Shares outside the group keep their viewers until they leave; empty ones are given back. Each audience is
    /// looked at once a minute, which is how old a router's knowledge may be.
    ///
    /// - Parameter viewers: Expected, where they are not there yet.
    mutating func regroup(_ index: Int, viewers: Int = 0) {
        let region = Int(audiences[index].region)
        let size = rings[region].edges.count
        let wanted = min(max(groupWanted(index), viewers / settings.groupShare), max(1, serving[region].count))
        let first = audiences[index].first
        guard size > 0 else {
            audiences[index].groupCount = 0
            return
        }
        let start = rings[region].start(audiences[index].hash)
        // Most audiences are small and where they were.
        if wanted == 1, audiences[index].groupCount == 1, first >= 0, shares[first].next < 0,
            groups[Int(audiences[index].groupStart)] == first, shares[first].edge == rings[region].edges[start],
            isOpen(shares[first].edge)
        {
            return
        }
        stamp &+= 1
        var share = first
        while share >= 0 {
            markStamp[shares[share].edge] = stamp
            markShare[shares[share].edge] = share
            share = shares[share].next
        }
        pick(wanted, region: region, start: start)
        audiences[index].groupCount = 0
        for edge in picked {
            appendToGroup(index, markStamp[edge] == stamp ? markShare[edge] : makeShare(index, edge))
        }
        dropEmptyShares(index)
    }

    /// Fills `picked` with edges and stamps them.
    private mutating func pick(_ wanted: Int, region: Int, start: Int) {
        picked.removeAll(keepingCapacity: true)
        if wanted * 2 >= serving[region].count {
            // Nearly all of them: the order of the ring does not matter.
            for edge in serving[region] where picked.count < wanted && isOpen(edge) {
                picked.append(edge)
                pickStamp[edge] = stamp
            }
        } else {
            let size = rings[region].edges.count
            var at = start
            for _ in 0..<min(size, wanted * 8 + 64) {
                let edge = rings[region].edges[at]
                if pickStamp[edge] != stamp, isOpen(edge) {
                    picked.append(edge)
                    pickStamp[edge] = stamp
                    if picked.count == wanted { break }
                }
                at = at + 1 == size ? 0 : at + 1
            }
        }
        if picked.isEmpty {
            let edge = rings[region].edges[start]
            picked.append(edge)
            pickStamp[edge] = stamp
        }
    }

    private mutating func appendToGroup(_ index: Int, _ share: Int32) {
        let count = Int(audiences[index].groupCount)
        if count == Int(audiences[index].groupRoom) { growGroup(index) }
        groups[Int(audiences[index].groupStart) + count] = share
        audiences[index].groupCount &+= 1
    }

    /// Room of groups comes in powers of two; what is outgrown is used again.
    private mutating func growGroup(_ index: Int) {
        let old = audiences[index]
        let room = max(1, Int(old.groupRoom) * 2)
        let power = room.trailingZeroBitCount
        let start: Int
        if freeGroups[power] >= 0 {
            start = Int(freeGroups[power])
            freeGroups[power] = groups[start]
        } else {
            start = groupsUsed
            groupsUsed += room
            while groupsUsed > groups.count { groups.grow(with: 0) }
        }
        for at in 0..<Int(old.groupCount) { groups[start + at] = groups[Int(old.groupStart) + at] }
        if old.groupRoom > 0 {
            let oldPower = Int(old.groupRoom).trailingZeroBitCount
            groups[Int(old.groupStart)] = freeGroups[oldPower]
            freeGroups[oldPower] = old.groupStart
        }
        audiences[index].groupStart = Int32(truncatingIfNeeded: start)
        audiences[index].groupRoom = Int32(truncatingIfNeeded: room)
    }

    // MARK: Shares

    private mutating func share(of index: Int, on edge: Int32) -> Int32 {
        var share = audiences[index].first
        while share >= 0 {
            if shares[share].edge == edge { return share }
            share = shares[share].next
        }
        return makeShare(index, edge)
    }

    private mutating func makeShare(_ index: Int, _ edge: Int32) -> Int32 {
        let row: Int32
        if freeShare >= 0 {
            row = freeShare
            freeShare = shares[row].next
        } else {
            if sharesUsed == shares.count { shares.grow(with: FleetShare()) }
            row = Int32(truncatingIfNeeded: sharesUsed)
            sharesUsed += 1
        }
        shares[row] = FleetShare(
            audience: Int32(truncatingIfNeeded: index), edge: edge, next: audiences[index].first, counts: FleetCounts())
        audiences[index].first = row
        return row
    }

    private mutating func dropEmptyShares(_ index: Int) {
        var share = audiences[index].first
        var before: Int32 = -1
        while share >= 0 {
            let next = shares[share].next
            if shares[share].counts.total == 0, pickStamp[shares[share].edge] != stamp {
                if before < 0 { audiences[index].first = next } else { shares[before].next = next }
                shares[share] = FleetShare(audience: -1, edge: 0, next: freeShare, counts: FleetCounts())
                freeShare = share
            } else {
                before = share
            }
            share = next
        }
    }

    // MARK: Rings and bounds

    mutating func updateRings() {
        for region in regions.indices where ringDirty[region] {
            // A row may have been used again since: the serial tells.
            let added = ringNews[region].filter { edges[$0.edge].takesViewers && edges[$0.edge].serial == $0.serial }
            rings[region].update(keeps: { edges[$0].isOnRing }, added: added, virtualNodes: settings.virtualNodes)
            for news in added { edges[news.edge].isOnRing = true }
            ringNews[region].removeAll(keepingCapacity: true)
            ringDirty[region] = false
            serving[region].removeAll(keepingCapacity: true)
            for row in 0..<edgeRows where edges[row].isOnRing && edges[row].region == region {
                serving[region].append(Int32(truncatingIfNeeded: row))
            }
        }
    }

    /// Bounds of the tick that begins, from the loads as they are.
    mutating func setBounds() {
        for region in regions.indices {
            var viewers = 0
            for edge in serving[region] { viewers += Int(loads[edge].viewers) }
            setBounds(region, viewers: Double(viewers))
        }
    }

    mutating func setBounds(_ region: Int, viewers: Double, egress expected: Double = 0) {
        let count = serving[region].count
        guard count > 0 else {
            openEdges[region] = 0
            return
        }
        var egress = expected
        for edge in serving[region] { egress += Double(loads[edge].egress) }
        let meanViewers = viewers / Double(count)
        let meanEgress = egress / Double(count)
        let capacity = settings.edgeEgress / 1_000
        // Never so low that the mean does not fit, never above the capacity while there is room elsewhere.
        let viewersBound = max(
            meanViewers * 1.02 + 1, min(meanViewers * settings.boundFactor + 1, settings.edgeViewers * 0.97))
        let egressBound = max(meanEgress * 1.02 + 1, min(meanEgress * settings.boundFactor + 1, capacity * 0.97))
        let viewersLimit = Int32(clamping: (settings.edgeViewers * settings.admission).wholeNumber)
        let egressLimit = Int64(clamping: (capacity * settings.admission).wholeNumber)
        let boundedViewers = min(Int32(clamping: viewersBound.wholeNumber), viewersLimit)
        let boundedEgress = min(Int64(clamping: egressBound.wholeNumber), egressLimit)
        var open = 0
        for edge in serving[region] {
            loads[edge].viewersBound = boundedViewers
            loads[edge].egressBound = boundedEgress
            loads[edge].viewersLimit = viewersLimit
            loads[edge].egressLimit = egressLimit
            if isOpen(edge) { open += 1 }
        }
        openEdges[region] = open
    }
}
