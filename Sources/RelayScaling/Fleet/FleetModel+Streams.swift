import RealModule

/// What a stream's publisher does, looked at once a minute.
struct FleetPublisher: BitwiseCopyable {
    var state = State.on
    var until: Int32 = 0

    /// on → restarting → on; on → away → returning → on.
    enum State: UInt8, BitwiseCopyable {
        case on
        /// Back within the minute; few leave.
        case restarting
        case away
        /// Those that left come back.
        case returning
    }
}

/// Viewers of an audience leaving at a rate of their own until a tick.
struct FleetFall {
    var audience: Int32
    /// Chance per viewer and tick.
    var chance: Double
    var until: Int32
}

extension FleetModel {
    /// Mean time between two drop-outs of a publisher, s; share of them that is a short restart; time away of the others, s; share
    /// of viewers that leave within a minute; arrivals while it is away and after its return, as factors. [assumed, but for the
    /// cliff of 40–60 % and the rebound of 10–60 min, which are the plan's]
    private static let dropSeconds = 8 * 3_600.0
    private static let restartShare = 0.7
    private static let awaySeconds = 600.0...3_600.0
    private static let fallShare = 0.4...0.6
    private static let restartFall = 0.1
    private static let awayGain = 0.2
    private static let returnGain = 3.0
    private static let returnSeconds = 300.0

    /// A twelfth of the streams each tick of 5 s, so each once a minute: publishers, rates, groups.
    mutating func runStreams() {
        setRates()
        let slices = ticksPerMinute
        let cliffChance = settings.hasCliffs ? 60 / Self.dropSeconds : 0
        for stream in stride(from: Int(tick) % slices, to: streamCount, by: slices) {
            if cliffChance > 0, stream < settings.streams { runPublisher(stream, chance: cliffChance) }
            for index in Int(audienceStart[stream])..<Int(audienceStart[stream + 1]) {
                setRate(index)
                regroup(index)
            }
        }
    }

    /// Arrivals of a tick in each region at this hour.
    mutating func setRates() {
        for region in regions.indices {
            let viewers = expectedViewers(region, at: seconds) / (settings.hasCliffs ? Self.availability : 1)
            regions[region].arrivals = viewers / Self.meanSession * settings.step
        }
    }

    mutating func setRate(_ index: Int) {
        let audience = audiences[index]
        let rate = regions[Int(audience.region)].arrivals * audience.weight * audience.gain
        rates[index] = rate
        noArrival[index] = rate > FleetRandom.pieceMean ? 0 : Double.exp(-rate)
    }

    private mutating func runPublisher(_ stream: Int, chance: Double) {
        let publisher = publishers[stream]
        switch publisher.state {
        case .on:
            guard random.unit() < chance else { return }
            if random.unit() < Self.restartShare {
                publishers[stream] = FleetPublisher(state: .restarting, until: tick &+ ticks(60))
                drop(stream, share: Self.restartFall, gain: 0.5)
            } else {
                let away = random.between(Self.awaySeconds.lowerBound, Self.awaySeconds.upperBound)
                publishers[stream] = FleetPublisher(state: .away, until: tick &+ ticks(away))
                drop(
                    stream, share: random.between(Self.fallShare.lowerBound, Self.fallShare.upperBound),
                    gain: Self.awayGain)
            }
        case .restarting where publisher.until <= tick, .returning where publisher.until <= tick:
            publishers[stream] = FleetPublisher()
            setGain(stream, 1)
        case .away where publisher.until <= tick:
            publishers[stream] = FleetPublisher(state: .returning, until: tick &+ ticks(Self.returnSeconds))
            setGain(stream, Self.returnGain)
        case .restarting, .returning, .away: break
        }
    }

    /// The stream lost its publisher: a share of its viewers leaves within a minute, and fewer come.
    private mutating func drop(_ stream: Int, share: Double, gain: Double) {
        totals.cliffs += 1
        setGain(stream, gain)
        let count = ticks(60)
        let chance = 1 - Double.pow(1 - share, 1 / Double(count))
        for index in Int(audienceStart[stream])..<Int(audienceStart[stream + 1]) {
            regions[Int(audiences[index].region)].stranded += Int(audiences[index].viewers)
            falls.append(FleetFall(audience: Int32(truncatingIfNeeded: index), chance: chance, until: tick &+ count))
        }
    }

    private func setGain(_ stream: Int, _ gain: Double) {
        for index in Int(audienceStart[stream])..<Int(audienceStart[stream + 1]) { audiences[index].gain = gain }
    }

    mutating func runFalls() {
        var at = 0
        while at < falls.count {
            let fall = falls[at]
            guard fall.until > tick else {
                falls.swapAt(at, falls.count - 1)
                falls.removeLast()
                continue
            }
            totals.leaves += Int(remove(from: Int(fall.audience), chance: fall.chance).total)
            at += 1
        }
    }

    /// Takes each viewer on an edge off with a chance.
    ///
    /// - Returns: How many, by phase.
    mutating func remove(from index: Int, chance: Double) -> FleetCounts {
        var taken = FleetCounts()
        var share = audiences[index].first
        while share >= 0 {
            for phase in 0..<3 {
                let count = random.binomial(Int(shares[share].counts[phase]), chance)
                guard count > 0 else { continue }
                take(Int(share), phase: phase, count: count)
                taken[phase] &+= Int32(truncatingIfNeeded: count)
            }
            share = shares[share].next
        }
        return taken
    }
}
