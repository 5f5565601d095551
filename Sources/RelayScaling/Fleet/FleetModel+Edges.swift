import RealModule
import RelayCluster
import RelayCore

extension FleetModel {
    /// Ticks that a row rests after its edge is gone: all audiences are looked at once a minute, after which none remembers it.
    private var restTicks: Int32 { ticks(75) }
    /// A spot machine's notice, s, and what a recalled edge takes for its drain.
    private static let recallNotice = 120.0
    private static let recallDrain = 90.0
    /// Life of a node's lease without heartbeats, s.
    private static let leaseSeconds = 10.0

    // MARK: Machines

    /// Gives machines to pods that wait: warm ones first, then new ones as the cloud's limits allow.
    mutating func runMachines() {
        var quota = settings.maximumEdges
        for region in regions.indices { quota -= regions[region].zonePods.reduce(0, +) }
        for region in regions.indices {
            regions[region].machines.removeAll { $0.until <= tick }
            let pace = settings.machines.perSecond * settings.step
            regions[region].tokens = min(regions[region].tokens + pace, max(pace, 1))
            while regions[region].queueHead < regions[region].queue.count {
                let row = regions[region].queue[regions[region].queueHead]
                // Its pod may have been deleted meanwhile.
                guard edges[row].state == .requested, edges[row].region == region, edges[row].until == .max else {
                    regions[region].queueHead += 1
                    continue
                }
                guard quota > 0 else { break }
                if let machine = regions[region].machines.popLast() {
                    regions[region].queueHead += 1
                    quota -= 1
                    settle(row, in: machine.zone)
                    takeMachine(row, machine)
                    startPod(row)
                    continue
                }
                guard regions[region].tokens >= 1 else { break }
                regions[region].tokens -= 1
                regions[region].queueHead += 1
                if platformRandom.unit() < settings.machines.refusal {
                    edges[row].until = tick &+ ticks(settings.machines.refusalWait)
                    totals.refusedMachines += 1
                    continue
                }
                quota -= 1
                settle(row, in: quietestZone(region))
                edges[row].state = .startingMachine
                edges[row].until = tick &+ ticks(machineSeconds())
                totals.newMachines += 1
            }
            if regions[region].queueHead == regions[region].queue.count {
                regions[region].queue.removeAll(keepingCapacity: true)
                regions[region].queueHead = 0
            }
        }
    }

    private mutating func machineSeconds() -> Double {
        // 2.3263 standard deviations above the median is the 99th percentile.
        let spread = Double.log(max(1, settings.machines.p99 / settings.machines.median)) / 2.3263
        return settings.machines.median * Double.exp(spread * platformRandom.normal())
    }

    private mutating func settle(_ row: Int32, in zone: Int32) {
        edges[row].zone = zone
        regions[Int(edges[row].region)].zonePods[Int(zone)] += 1
    }

    /// Topology spread: the zone with the fewest, of those with capacity.
    func quietestZone(_ region: Int) -> Int32 {
        var best = 0
        var fewest = Int.max
        for (zone, count) in regions[region].zonePods.enumerated()
        where regions[region].zoneDownUntil[zone] <= tick && count < fewest {
            fewest = count
            best = zone
        }
        return Int32(truncatingIfNeeded: best)
    }

    mutating func newMachine(in zone: Int32) -> FleetMachine {
        machineSerial &+= 1
        return FleetMachine(
            id: machineSerial, zone: zone, isSpot: platformRandom.unit() < settings.spotShare, until: .max)
    }

    mutating func takeMachine(_ row: Int32, _ machine: FleetMachine) {
        edges[row].machine = machine.id
        edges[row].isSpot = machine.isSpot
        let region = Int(edges[row].region)
        let pod = Int(edges[row].pod)
        guard pod >= 0 else { return }
        regions[region].pods[pod].machine = "m\(machine.id)"
        regions[region].pods[pod].phase = .running
    }

    private mutating func startPod(_ row: Int32) {
        edges[row].state = .startingPod
        edges[row].until =
            tick &+ ticks(platformRandom.between(settings.podSeconds.lowerBound, settings.podSeconds.upperBound))
    }

    // MARK: Life

    /// Changes of state whose time has come.
    mutating func runEdges() {
        for index in 0..<edgeRows where edges[index].until <= tick {
            let row = Int32(truncatingIfNeeded: index)
            edges[row].until = .max
            switch edges[row].state {
            case .requested: regions[Int(edges[row].region)].queue.append(row)
            case .startingMachine:
                takeMachine(row, newMachine(in: edges[row].zone))
                startPod(row)
            case .startingPod: startServing(row)
            case .serving, .draining: lose(row, isRecall: true)
            case .lost: deletePod(row, keepsMachine: false)
            case .cooling:
                edges[row].state = .free
                freeEdges.append(row)
            case .free: break
            }
        }
        for region in regions.indices {
            expireEntries(region)
            fillWorkload(region)
        }
    }

    mutating func startServing(_ row: Int32) {
        edges[row].state = .serving
        edges[row].served = tick
        edges[row].reported = tick
        edges[row].sequence = 0
        loads[row] = FleetLoad()
        putOnRing(row)
        let region = Int(edges[row].region)
        let pod = Int(edges[row].pod)
        if pod >= 0 {
            regions[region].pods[pod].isReady = true
            regions[region].pods[pod].readySince = seconds
        }
        addEntry(row)
        totals.started += 1
    }

    private mutating func putOnRing(_ row: Int32) {
        let region = Int(edges[row].region)
        ringDirty[region] = true
        if !edges[row].isOnRing { ringNews[region].append((row, edges[row].serial)) }
    }

    private mutating func takeOffRing(_ row: Int32) {
        ringDirty[Int(edges[row].region)] = true
        edges[row].isOnRing = false
        loads[row].viewersBound = 0
        loads[row].viewersLimit = 0
    }

    /// No new viewers from here on; those there stay until they leave, move, or the deadline ends them.
    mutating func drain(_ row: Int32, seconds limit: Double?, isRecall: Bool = false) {
        guard edges[row].state == .serving || (isRecall && edges[row].state == .draining) else { return }
        if edges[row].state == .serving { takeOffRing(row) }
        edges[row].state = .draining
        edges[row].drainBegan = tick
        edges[row].drainViewers = loads[row].viewers
        edges[row].deadline = limit.map { tick &+ ticks($0) } ?? .max
        edges[row].isRecalled = isRecall
        let pod = Int(edges[row].pod)
        if pod >= 0 { regions[Int(edges[row].region)].pods[pod].isReady = false }
        totals.drains += 1
    }

    /// The cloud takes a spot machine back and says so beforehand.
    mutating func recall(_ row: Int32) {
        drain(row, seconds: Self.recallDrain, isRecall: true)
        edges[row].until = tick &+ ticks(Self.recallNotice)
        totals.recalled += 1
    }

    mutating func undrain(_ row: Int32) {
        guard edges[row].state == .draining, !edges[row].isRecalled else { return }
        edges[row].state = .serving
        edges[row].deadline = .max
        putOnRing(row)
        let region = Int(edges[row].region)
        let pod = Int(edges[row].pod)
        if pod >= 0 {
            regions[region].pods[pod].isReady = true
            regions[region].pods[pod].readySince = seconds
        }
        totals.undrains += 1
    }

    /// Its machine is gone at once; the platform finds out later, the registry when the lease is over.
    mutating func lose(_ row: Int32, isRecall: Bool = false) {
        guard edges[row].hasReports || edges[row].state == .startingPod else { return }
        let wasServing = edges[row].hasReports
        let region = Int(edges[row].region)
        totals.lostEdges += 1
        totals.cutByLoss += Int(loads[row].viewers)
        takeOffRing(row)
        edges[row].state = .lost
        // A recall is known to the platform; a machine that falls silent is found out by its missing heartbeats.
        edges[row].until = tick &+ (isRecall ? 1 : ticks(settings.replaceSeconds))
        mustEvacuate = true
        if edges[row].pod >= 0 {
            regions[region].pods[Int(edges[row].pod)].isReady = false
            regions[region].pods[Int(edges[row].pod)].phase = .unknown
        }
        if wasServing { regions[region].expiring.append((row, tick &+ ticks(Self.leaseSeconds))) }
    }

    /// The pod is deleted, by the ReplicaSet or with its machine. Whoever still watches is cut off; the caller counts.
    mutating func deletePod(_ row: Int32, keepsMachine: Bool) {
        let region = Int(edges[row].region)
        if edges[row].hasReports {
            takeOffRing(row)
            removeEntry(row)
        }
        if edges[row].state != .requested {
            regions[region].zonePods[Int(edges[row].zone)] -= 1
            if keepsMachine, edges[row].machine != 0, !edges[row].isRecalled {
                regions[region].machines.append(
                    FleetMachine(
                        id: edges[row].machine, zone: edges[row].zone, isSpot: edges[row].isSpot,
                        until: tick &+ ticks(settings.machines.keep)))
            }
        }
        if loads[row].viewers > 0 { mustEvacuate = true }
        removePod(row)
        edges[row].state = .cooling
        edges[row].until = tick &+ restTicks
        edges[row].isRecalled = false
    }

    // MARK: Drains and losses

    /// Viewers of draining edges that move or are ended, and those of edges that are gone: all of them look for another edge.
    mutating func runDrains() {
        var isNeeded = mustEvacuate
        mustEvacuate = false
        for index in 0..<edgeRows {
            evacuation[index] = 0
            switch edges[index].state {
            case .draining where loads[index].viewers > 0:
                if edges[index].deadline <= tick {
                    evacuation[index] = 1
                    totals.endedByDrains += Int(loads[index].viewers)
                    isNeeded = true
                } else {
                    let chance = moveChance(index)
                    evacuation[index] = chance
                    if chance > 0 { isNeeded = true }
                }
            case .lost, .cooling:
                if loads[index].viewers > 0 { evacuation[index] = 1 }
            default: break
            }
        }
        guard isNeeded else { return }
        for share in 0..<sharesUsed where shares[share].counts.total > 0 {
            let chance = evacuation[shares[share].edge]
            guard chance > 0 else { continue }
            let index = Int(shares[share].audience)
            for phase in 0..<3 {
                let count =
                    chance >= 1
                    ? Int(shares[share].counts[phase]) : random.binomial(Int(shares[share].counts[phase]), chance)
                guard count > 0 else { continue }
                take(share, phase: phase, count: count)
                wait(index, phase: phase, count: count)
                if chance < 1 { totals.moved += count }
            }
        }
    }

    /// Those who follow are asked one after the other over the first half of the time.
    private func moveChance(_ index: Int) -> Double {
        guard settings.drainMoves > 0 else { return 0 }
        let end =
            edges[index].deadline == .max
            ? edges[index].drainBegan &+ ticks(300)
            : edges[index].drainBegan &+ (edges[index].deadline &- edges[index].drainBegan) / 2
        guard end > tick else { return 0 }
        let stay = Double(edges[index].drainViewers) * (1 - settings.drainMoves)
        let movable = Double(loads[index].viewers) - stay
        guard movable > 0 else { return 0 }
        return min(1, movable / Double(loads[index].viewers) / Double(end &- tick))
    }
}
