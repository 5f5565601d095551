import RealModule

extension FleetModel {
    /// Bitrates that publishers send and how many of them do.
    private static let bitrates: [(kbits: Int32, share: Double)] = [
        (1_200, 0.25), (2_500, 0.35), (3_500, 0.25), (5_000, 0.15),
    ]
    /// Publishers are away for some of the day; the streams' base rates make up for it.
    static let availability = 0.975

    /// Streams by popularity, each with its audiences; the streams for crowds come last, without viewers of their own.
    mutating func makeAudiences() {
        var dice = FleetRandom(seed: settings.seed &+ 0x57_7265_616d)
        var next = 0
        var weights = [Double](repeating: 0, count: regions.count)
        for stream in 0..<streamCount {
            audienceStart[stream] = Int32(truncatingIfNeeded: next)
            let isEvent = stream >= settings.streams
            let popularity = isEvent ? 0 : Double.pow(Double(stream + 1), -settings.zipf)
            var u = dice.unit()
            var bitrate = Self.bitrates[0].kbits
            for (kbits, share) in Self.bitrates {
                bitrate = kbits
                u -= share
                if u < 0 { break }
            }
            if isEvent { bitrate = 3_500 }
            let home = homeRegion(&dice)
            let isEverywhere = isEvent || stream < settings.headStreams
            for region in isEverywhere ? Array(regions.indices) : [home] {
                let share = isEverywhere ? (region == home ? 0.5 : 0) + 0.5 * regions[region].weight : 1
                var audience = FleetAudience()
                audience.stream = Int32(truncatingIfNeeded: stream)
                audience.region = Int32(truncatingIfNeeded: region)
                audience.hash = UInt32(
                    truncatingIfNeeded: FleetRandom.mix(UInt64(truncatingIfNeeded: stream) &+ 0xa11ce))
                audience.bitrate = bitrate
                audience.weight = popularity * share
                weights[region] += audience.weight
                audiences[next] = audience
                next += 1
            }
        }
        audienceStart[streamCount] = Int32(truncatingIfNeeded: next)
        for index in 0..<next {
            let region = Int(audiences[index].region)
            if weights[region] > 0 { audiences[index].weight /= weights[region] }
            regions[region].bitrate += audiences[index].weight * Double(audiences[index].bitrate)
        }
    }

    private func homeRegion(_ dice: inout FleetRandom) -> Int {
        var u = dice.unit()
        for index in regions.indices {
            u -= regions[index].weight
            if u < 0 { return index }
        }
        return 0
    }

    /// Viewers that a region is expected to have at a time of the run, without crowds.
    func expectedViewers(_ region: Int, at seconds: Double) -> Double {
        let hour = settings.startHour + seconds / 3_600
        return regions[region].peak * regions[region].level(hour, night: settings.nightShare)
    }

    /// The edges that the first hour needs, serving from the start.
    mutating func makeFirstEdges() {
        for region in regions.indices {
            let viewers = expectedViewers(region, at: 0)
            let nodes = max(
                viewers / settings.edgeViewers, viewers * regions[region].bitrate * 1_000 / settings.edgeEgress)
            let count = min(regions[region].maximum, (nodes / settings.utilisation * 1.02).wholeNumber + 1)
            regions[region].replicas = count
            for _ in 0..<count {
                guard let row = makePod(in: region) else { break }
                let zone = quietestZone(region)
                edges[row].zone = zone
                regions[region].zonePods[Int(zone)] += 1
                takeMachine(row, newMachine(in: zone))
                startServing(row)
            }
        }
        updateRings()
    }

    /// The viewers of the first instant, in the proportions that sessions settle at.
    mutating func fill() {
        for region in regions.indices {
            let viewers = expectedViewers(region, at: 0)
            setBounds(region, viewers: viewers, egress: viewers * regions[region].bitrate)
        }
        for index in 0..<audienceCount {
            let audience = audiences[index]
            let viewers = expectedViewers(Int(audience.region), at: 0) * audience.weight
            regroup(index, viewers: viewers.wholeNumber)
            for phase in 0..<3 {
                let part = Self.phaseShare[phase] * Self.phaseSeconds[phase] / Self.meanSession
                let count = random.poisson(viewers * part)
                totals.joins += count
                for made in 0..<count where !place(index, phase: phase) {
                    wait(index, phase: phase, count: count - made)
                    break
                }
            }
        }
        setRates()
        for index in 0..<audienceCount { setRate(index) }
        measure()
    }
}
