import RelayCore

/// Viewers that lost their edge, until 99 % of them have another.
struct FleetRehoming {
    var region: Int
    var began: Int32
    var viewers: Int
    var waitingBefore: Int
}

extension FleetModel {
    func isActive(_ fault: FleetFault) -> Bool {
        seconds >= fault.at && seconds < fault.at + max(fault.seconds, settings.step)
    }

    private func begins(_ fault: FleetFault) -> Bool { tick == ticks(max(fault.at, settings.step)) }

    mutating func runFaults() {
        for fault in settings.faults where regions.indices.contains(fault.region) {
            switch fault.kind {
            case .registry, .beats, .leader: break
            case .wild:
                if begins(fault) { wildEdge = regions[fault.region].entryRow.first ?? -1 }
                if !isActive(fault) && seconds > fault.at { wildEdge = -1 }
            case .zone: if begins(fault) { loseZone(fault) }
            case .spot: recallSpots(fault)
            case .manual:
                guard begins(fault) else { continue }
                let replicas = (Double(regions[fault.region].replicas) * fault.amount).wholeNumber
                setReplicas(replicas, in: fault.region, byHand: true)
            }
        }
    }

    /// The zone with the most edges of the region goes dark.
    private mutating func loseZone(_ fault: FleetFault) {
        let region = fault.region
        let pods = regions[region].zonePods
        guard let zone = pods.indices.max(by: { pods[$0] < pods[$1] }) else { return }
        regions[region].zoneDownUntil[zone] = tick &+ ticks(fault.seconds)
        regions[region].machines.removeAll { $0.zone == zone }
        var viewers = 0
        for index in 0..<edgeRows where edges[index].region == region && edges[index].zone == zone {
            guard edges[index].hasReports || edges[index].state == .startingPod else { continue }
            viewers += Int(loads[index].viewers)
            lose(Int32(truncatingIfNeeded: index))
        }
        noteLoss(region, viewers: viewers, began: tick)
    }

    /// One edge dies.
    package mutating func loseEdge(in region: Int) {
        guard regions.indices.contains(region), let row = serving[region].first else { return }
        let viewers = Int(loads[row].viewers)
        lose(row)
        // Called between two ticks: the next one is the first in which they can look for another.
        noteLoss(region, viewers: viewers, began: tick &+ 1)
    }

    private mutating func noteLoss(_ region: Int, viewers: Int, began: Int32) {
        guard viewers > 0 else { return }
        rehoming.append(
            FleetRehoming(region: region, began: began, viewers: viewers, waitingBefore: regionWaiting[region]))
    }

    /// Spot machines are recalled one by one over the fault's time; each edge drains within the notice and is then gone.
    private mutating func recallSpots(_ fault: FleetFault) {
        guard isActive(fault), fault.seconds > 0 else { return }
        let chance = min(1, fault.amount * settings.step / fault.seconds)
        for row in serving[fault.region] where edges[row].isSpot && edges[row].state == .serving {
            guard platformRandom.unit() < chance else { continue }
            recall(row)
        }
    }

    /// A loss of viewers by zone or edge is over once 99 % of them have an edge again. A client finds out within the 3 s of the
    /// lease, comes back with 0–2 s of jitter, and tries again each tick: within a tick the model has no finer clock than that.
    mutating func noteRehoming() {
        rehoming.removeAll { loss in
            let missing = regionWaiting[loss.region] - loss.waitingBefore
            guard missing * 100 <= loss.viewers else { return false }
            let rounds = Double(max(0, tick &- loss.began))
            totals.rehomeSeconds.append(3 + 0.99 * 2 + rounds * settings.step)
            return true
        }
    }
}
