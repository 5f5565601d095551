import RealModule
import RelayCluster

/// Viewers sent from one stream to another.
struct FleetRaid {
    var from: Int32
    var to: Int32
    /// Chance per viewer and tick.
    var chance: Double
    var until: Int32
}

/// A crowd under way.
struct FleetCrowdState {
    var crowd: FleetCrowd
    var audience: Int32
    var began: Int32
    var perTick = 0.0
    var ends: Int32
    var leaves: Int32
}

extension FleetModel {
    /// Those that come for an event stay: share of each phase. [assumed]
    private static let eventPhases = [0.05, 0.25, 0.70]
    private static let raidSeconds = 60.0
    private static let exitSeconds = 180.0
    private static let exitShare = 0.95

    /// The settings' crowds, or three of a day: two kickoffs of 4 %/min for 25 min, one of them announced, five hours before their
    /// regions' peaks, and a tsunami (twice as many in 2 min) at the end of the third region's
    /// night.
    mutating func makeCrowds() {
        guard settings.hasCrowds else { return }
        var crowds = settings.crowds
        if crowds.isEmpty {
            for region in regions.indices.prefix(3) {
                let hours = regions[region].peakHour - (region == 2 ? 10 : 5) - settings.startHour
                let at = (hours - 24 * (hours / 24).rounded(.down)) * 3_600
                crowds.append(
                    region == 2
                        ? FleetCrowd(kind: .tsunami, region: region, at: at, seconds: 120, size: 1)
                        : FleetCrowd(
                            kind: .kickoff, region: region, at: at, seconds: 1_500, size: 1, staySeconds: 5_100,
                            isAnnounced: region == 1))
            }
        }
        for (index, crowd) in crowds.enumerated() where regions.indices.contains(crowd.region) {
            let stream = settings.streams + index % Self.eventStreams
            let audience = Int(audienceStart[stream]) + crowd.region
            let began = ticks(crowd.at)
            let ends = began &+ ticks(crowd.seconds)
            crowdStates.append(
                FleetCrowdState(
                    crowd: crowd, audience: Int32(truncatingIfNeeded: audience), began: began, ends: ends,
                    leaves: crowd.staySeconds.map { ends &+ ticks($0) } ?? .max))
            guard crowd.isAnnounced else { continue }
            let before = expectedViewers(crowd.region, at: crowd.at)
            let end = crowd.at + crowd.seconds + (crowd.staySeconds ?? 3_600)
            let highest = max(expectedViewers(crowd.region, at: end), before)
            regions[crowd.region].announced.append(
                AnnouncedEvent(
                    name: "event-\(index)", tier: .edge, startMilliseconds: wallMilliseconds(at: crowd.at),
                    endMilliseconds: wallMilliseconds(at: end), peak: highest + before * crowd.size, rampSeconds: 300))
        }
    }

    /// A Monday at 00:00 UTC and the start hour; the wall clock matters to seasons only.
    package func wallMilliseconds(at seconds: Double) -> Int64 {
        1_767_571_200_000 + Int64(clamping: ((settings.startHour * 3_600 + seconds) * 1_000).wholeNumber)
    }

    mutating func runCrowds() {
        for at in crowdStates.indices {
            let state = crowdStates[at]
            let region = state.crowd.region
            let index = Int(state.audience)
            if tick == state.began {
                let viewers = regions[region].watching + regionWaiting[region]
                crowdStates[at].perTick = Double(viewers) * state.crowd.size / Double(max(1, state.ends &- state.began))
            }
            if state.crowd.isSustained, tick >= state.began, tick < state.leaves {
                let wanted = crowdStates[at].perTick * Double(min(tick, state.ends) &- state.began &+ 1)
                come(index, mean: wanted - Double(audiences[index].viewers &+ audiences[index].waiting.total))
            } else if tick >= state.began, tick < state.ends {
                come(index, mean: crowdStates[at].perTick)
            }
            if tick == state.leaves {
                let count = ticks(Self.exitSeconds)
                let chance = 1 - Double.pow(1 - Self.exitShare, 1 / Double(count))
                falls.append(FleetFall(audience: state.audience, chance: chance, until: tick &+ count))
            }
        }
        guard settings.hasCrowds, settings.streams >= 8, regions.indices.contains(0) else { return }
        for _ in 0..<random.poisson(settings.raidsPerHour * settings.step / 3_600) { startRaid() }
    }

    private mutating func come(_ index: Int, mean: Double) {
        let count = random.poisson(mean)
        totals.joins += count
        for _ in 0..<count {
            let v = random.unit()
            let phase = v < Self.eventPhases[0] ? 0 : v < Self.eventPhases[0] + Self.eventPhases[1] ? 1 : 2
            if !place(index, phase: phase) { wait(index, phase: phase, count: 1) }
        }
    }

    /// Somebody popular sends viewers to somebody smaller, who gains 20–100 % within a minute.
    private mutating func startRaid() {
        let source = random.below(min(50, settings.streams / 2))
        let target = settings.streams / 100 + random.below(max(1, settings.streams / 20))
        guard source != target, target < settings.streams else { return }
        let targets = Int(audienceStart[target])..<Int(audienceStart[target + 1])
        let to = targets.lowerBound + random.below(targets.count)
        let region = audiences[to].region
        for from in Int(audienceStart[source])..<Int(audienceStart[source + 1]) where audiences[from].region == region {
            let viewers = Double(audiences[from].viewers)
            guard viewers > 0 else { return }
            let share = min(0.6, random.between(0.2, 1) * Double(audiences[to].viewers) / viewers)
            let count = ticks(Self.raidSeconds)
            totals.raids += 1
            raids.append(
                FleetRaid(
                    from: Int32(truncatingIfNeeded: from), to: Int32(truncatingIfNeeded: to),
                    chance: 1 - Double.pow(1 - share, 1 / Double(count)), until: tick &+ count))
        }
    }

    /// Moves raiders; they are the same sessions on another stream.
    mutating func runRaids() {
        raids.removeAll { $0.until <= tick }
        for raid in raids {
            let taken = remove(from: Int(raid.from), chance: raid.chance)
            for phase in 0..<3 { wait(Int(raid.to), phase: phase, count: Int(taken[phase])) }
        }
    }
}
