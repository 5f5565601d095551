import RealModule

extension FleetModel {
    /// Ends sessions: each viewer of a phase leaves within a tick with the same chance, so the count per share is binomial. Most
    /// shares lose nobody, which one number and one comparison tell.
    mutating func endSessions() {
        var dice = random
        let table = noLeave.base
        let size = Self.tableSize
        let chances = leaveChance
        let odds = chances.map { $0 / (1 - $0) }
        var left = 0
        func none(_ phase: Int, _ count: Int32) -> Double {
            let count = Int(count)
            return count < size
                ? table[phase * size + count] : Double.exp(-settings.step / Self.phaseSeconds[phase] * Double(count))
        }
        for index in 0..<sharesUsed {
            let counts = shares[index].counts
            if counts.total == 0 { continue }
            let zeros = (none(0, counts.bounce), none(1, counts.normal), none(2, counts.tail))
            var u = dice.unit()
            if u < zeros.0 * zeros.1 * zeros.2 { continue }
            // Conditional inversion: what is left of u after "none in this phase" is uniform again.
            for phase in 0..<3 {
                let zero = phase == 0 ? zeros.0 : phase == 1 ? zeros.1 : zeros.2
                if u < zero {
                    u /= zero
                    continue
                }
                let trials = Int(counts[phase])
                let count: Int
                if Double(trials) * chances[phase] > FleetRandom.pieceMean {
                    // `u` is above `zero`, which is nothing here: exp(-16) at most.
                    count = dice.binomial(trials, chances[phase])
                } else {
                    count = FleetRandom.binomial(u, trials, odds: odds[phase], zero: zero)
                }
                take(index, phase: phase, count: count)
                left += count
                u = dice.unit()
            }
        }
        random = dice
        totals.leaves += left
    }

    /// New sessions.
    mutating func arrive() {
        var dice = random
        random = FleetRandom(seed: dice.next())
        var joined = 0
        for index in 0..<audienceCount {
            let u = dice.unit()
            let zero = noArrival[index]
            if u < zero { continue }
            let rate = rates[index]
            let count =
                rate <= FleetRandom.pieceMean ? FleetRandom.poisson(u, mean: rate, zero: zero) : dice.poisson(rate)
            joined += count
            for _ in 0..<count {
                let v = dice.unit()
                let phase = v < Self.phaseShare[0] ? 0 : v < Self.phaseShare[0] + Self.phaseShare[1] ? 1 : 2
                if !place(index, phase: phase) { wait(index, phase: phase, count: 1) }
            }
        }
        random = dice
        totals.joins += joined
    }

    // MARK: Waiting

    /// Viewers that found no edge, or lost theirs, try again each tick.
    mutating func wait(_ index: Int, phase: Int, count: Int) {
        guard count > 0 else { return }
        audiences[index].waiting[phase] &+= Int32(truncatingIfNeeded: count)
        regionWaiting[Int(audiences[index].region)] += count
        if isWaiting[index] == 0 {
            isWaiting[index] = 1
            waitingAudiences.append(Int32(truncatingIfNeeded: index))
        }
    }

    /// Chance that a viewer who is refused gives up, by tick. [assumed]
    private static let givesUp = 0.05

    mutating func placeWaiting() {
        guard !waitingAudiences.isEmpty else { return }
        swap(&scratch, &waitingAudiences)
        waitingAudiences.removeAll(keepingCapacity: true)
        for audience in scratch {
            let index = Int(audience)
            isWaiting[index] = 0
            if groupWanted(index) > Int(audiences[index].groupCount) || audiences[index].viewers == 0 { regroup(index) }
            let region = Int(audiences[index].region)
            for phase in 0..<3 {
                let count = Int(audiences[index].waiting[phase])
                guard count > 0 else { continue }
                var placed = 0
                while placed < count, place(index, phase: phase) { placed += 1 }
                audiences[index].waiting[phase] &-= Int32(truncatingIfNeeded: count)
                regionWaiting[region] -= count
                totals.replaced += placed
                let refused = count - placed
                guard refused > 0 else { continue }
                // The first refusal was counted by `place`; the others would have met the same edges.
                if audiences[index].groupCount > 0 {
                    let edge = shares[groups[Int(audiences[index].groupStart)]].edge
                    loads[edge].rejects &+= UInt64(truncatingIfNeeded: refused - 1)
                }
                let gone = random.binomial(refused, Self.givesUp)
                totals.leaves += gone
                totals.gaveUp += gone
                wait(index, phase: phase, count: refused - gone)
            }
        }
        scratch.removeAll(keepingCapacity: true)
    }
}
