import RelayCore
import Testing

@testable import RelayScaling

@Suite struct FleetModelTests {
    static func small(seed: UInt64 = 1) -> FleetSettings {
        var settings = FleetSettings()
        settings.seed = seed
        settings.peakViewers = 30_000
        settings.streams = 400
        settings.headStreams = 20
        settings.regions = 2
        settings.maximumEdges = 60
        settings.edgeViewers = 1_200
        settings.edgeEgress = 3e9
        settings.groupShare = 100
        settings.startHour = 12
        return settings
    }

    /// Everybody is counted exactly once, by every table.
    private func expectBalance(_ model: borrowing FleetModel, _ location: SourceLocation = #_sourceLocation) {
        let audit = model.audit()
        let totals = model.totals
        #expect(totals.joins - totals.leaves == audit.byAudiences + audit.waiting, sourceLocation: location)
        #expect(audit.byShares == audit.byAudiences, sourceLocation: location)
        #expect(audit.byEdges == audit.byAudiences, sourceLocation: location)
        #expect(audit.pullsByShares == audit.pullsByEdges, sourceLocation: location)
        #expect(audit.egressDifference == 0, sourceLocation: location)
        #expect(audit.negatives == 0 && audit.strays == 0, sourceLocation: location)
        #expect(totals.watching + totals.waiting == totals.joins - totals.leaves, sourceLocation: location)
    }

    @Test func joinsLessLeavesIsWhoWatchesOrWaitsAtEveryTick() {
        var settings = Self.small()
        settings.crowds = [
            FleetCrowd(kind: .tsunami, region: 0, at: 300, seconds: 120, size: 1.5, staySeconds: 600),
            FleetCrowd(kind: .kickoff, region: 1, at: 900, seconds: 600, size: 0.5, isAnnounced: true),
        ]
        settings.raidsPerHour = 60
        settings.drainMoves = 0.5
        settings.faults = [
            FleetFault(kind: .zone, at: 600, seconds: 300),
            FleetFault(kind: .spot, at: 1_500, seconds: 300, amount: 0.5),
            FleetFault(kind: .manual, at: 2_100, amount: 0.6, region: 1),
        ]
        var run = FleetRun(settings)
        expectBalance(run.model)
        for tick in 0..<600 {
            run.advance()
            // A loss is carried out within the tick, a deletion by the decision in the next one.
            if tick % 7 == 0 { expectBalance(run.model) }
        }
        let totals = run.model.totals
        #expect(totals.joins > 30_000 && totals.raids > 0 && totals.cutByLoss > 0 && totals.recalled > 0)
        #expect(totals.cutByHand > 0 && totals.drains > 0 && totals.replaced > 0)
    }

    @Test func theSameSeedGivesTheSameDayAndAnotherSeedAnother() {
        func totals(_ seed: UInt64) -> FleetTotals {
            var run = FleetRun(Self.small(seed: seed))
            for _ in 0..<240 { run.advance() }
            return run.model.totals
        }
        let first = totals(1)
        #expect(first == totals(1))
        #expect(first != totals(2))
    }

    @Test func withoutEventsTheAudienceStaysAtItsLevel() {
        var settings = Self.small()
        settings.hasCliffs = false
        settings.hasCrowds = false
        settings.nightShare = 1
        var run = FleetRun(settings)
        let expected = run.model.expectedViewers(0, at: 0) + run.model.expectedViewers(1, at: 0)
        var sum = 0.0
        for _ in 0..<720 {
            run.advance()
            sum += Double(run.model.watching)
        }
        #expect(abs(sum / 720 / expected - 1) < 0.02)
        #expect(run.model.totals.overloadedMinutes == 0)
    }

    @Test func noEdgeIsGivenViewersBeyondItsBoundWhileOthersHaveRoom() {
        var settings = Self.small()
        settings.zipf = 1.3
        settings.hasCrowds = false
        var run = FleetRun(settings)
        // The first viewers were placed by expected loads; what lies above the real bound then leaves within minutes.
        for tick in 0..<120 {
            run.advance()
            for region in 0..<2 where tick >= 36 {
                let rows = run.model.serving[region]
                let mean = rows.reduce(0.0) { $0 + Double(run.model.loads[$1].viewers) } / Double(max(1, rows.count))
                // The bound is made from the mean at the tick's start, which moves by a few viewers within it.
                let limit = Int32(mean * settings.boundFactor * 1.02) + 8
                let highest = rows.map { run.model.loads[$0].viewers }.max() ?? 0
                #expect(highest <= limit)
            }
        }
    }

    @Test func aStreamsGroupGrowsWithItsViewersAndASmallStreamStaysOnOneEdge() {
        var run = FleetRun(Self.small())
        for _ in 0..<60 { run.advance() }
        var single = 0
        var small = 0
        var crowded = 0
        for index in 0..<run.model.audienceCount {
            let audience = run.model.audiences[index]
            if audience.viewers > 1_000 {
                // As many as its viewers fill, of those that are there; edges above the bound are left out for a while.
                let edges = run.model.serving[Int(audience.region)].count
                let wanted = min(Int(audience.viewers) / Self.small().groupShare, edges)
                #expect(wanted > 4 && Int(audience.groupCount) * 2 >= wanted)
                crowded += 1
            }
            guard audience.viewers > 0, audience.viewers < 50 else { continue }
            small += 1
            if audience.groupCount == 1 { single += 1 }
        }
        #expect(crowded > 0)
        #expect(small > 100)
        #expect(single * 10 >= small * 9)
    }

    @Test func anEdgeThatComesTakesOnlyItsShareOfTheRing() {
        var ring = FleetRing()
        ring.update(keeps: { _ in true }, added: (0..<50).map { (Int32($0), UInt32($0 + 1)) }, virtualNodes: 32)
        func owners(_ ring: FleetRing) -> [Int32] {
            (0..<20_000).map { ring.edges[ring.start(UInt32(truncatingIfNeeded: FleetRandom.mix(UInt64($0))))] }
        }
        let before = owners(ring)
        ring.update(keeps: { _ in true }, added: [(50, 51)], virtualNodes: 32)
        let after = owners(ring)
        let moved = zip(before, after).filter { $0 != $1 }
        #expect(moved.allSatisfy { $0.1 == 50 })
        #expect(moved.count > 100 && moved.count < 1_000)
        ring.update(keeps: { $0 != 50 }, added: [], virtualNodes: 32)
        #expect(owners(ring) == before)
        #expect(zip(ring.places, ring.places.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test func newEdgesTakeAMachinesAndAPodsTime() {
        var settings = Self.small()
        settings.hasCrowds = false
        settings.hasCliffs = false
        settings.maximumEdges = 3_000
        settings.machines.perSecond = 1_000
        settings.machines.refusal = 0
        var model = FleetModel(settings)
        let before = model.servingEdges(0)
        let requested = before + 2_000
        model.perform([.scale(from: model.replicas(0), to: requested, uid: FleetModel.uid(0))], in: 0)
        var served: [Double] = []
        var last = before
        while model.servingEdges(0) < requested, model.seconds < 3_600 {
            model.advance()
            served += Array(repeating: model.seconds, count: model.servingEdges(0) - last)
            last = model.servingEdges(0)
        }
        #expect(served.count == 2_000)
        // Machine p50 60 s and p99 240 s, plus a pod's 8–20 s and up to two ticks of rounding.
        let median = served[1_000]
        let p99 = served[1_980]
        #expect(median >= 65 && median <= 90)
        #expect(p99 >= 205 && p99 <= 300)
    }

    @Test func theCloudsLimitHoldsNewMachinesBack() {
        var settings = Self.small()
        settings.hasCrowds = false
        settings.maximumEdges = 3_000
        settings.machines.perSecond = 1
        var model = FleetModel(settings)
        model.perform([.scale(from: model.replicas(0), to: model.replicas(0) + 600, uid: FleetModel.uid(0))], in: 0)
        for _ in 0..<60 { model.advance() }
        #expect(model.totals.newMachines <= 300)
        #expect(model.totals.newMachines >= 280)
    }

    @Test func aScaleWithAnOldCountIsRefused() {
        var model = FleetModel(Self.small())
        let replicas = model.replicas(0)
        let refusals = model.perform(
            [
                .scale(from: replicas + 1, to: 1, uid: FleetModel.uid(0)),
                .scale(from: replicas, to: 1, uid: "another"),
            ], in: 0)
        let after = model.replicas(0)
        #expect(refusals == ["conflict", "conflict"])
        #expect(after == replicas)
    }

    @Test func aDrainedEdgeTakesNobodyAndItsDeadlineEndsTheRest() throws {
        var settings = Self.small()
        settings.hasCrowds = false
        settings.hasCliffs = false
        var model = FleetModel(settings)
        let row = try #require(model.serving[0].first)
        let name = try #require(model.names[Int(row)])
        let before = model.loads[row].viewers
        model.perform([.drain([name], deadline: 60)], in: 0)
        model.advance()
        let joins = model.loads[row].joins
        for _ in 0..<10 { model.advance() }
        let during = model.loads[row]
        #expect(during.joins == joins && during.viewers < before && during.viewers > 0)
        for _ in 0..<3 { model.advance() }
        let after = model.loads[row].viewers
        let ended = model.totals.endedByDrains
        #expect(after == 0 && ended > 0 && ended <= Int(during.viewers))
        model.perform([.undrain([name])], in: 0)
        for _ in 0..<24 { model.advance() }
        let again = model.loads[row].viewers
        #expect(again > 0)
    }

    @Test func faultsAreReadFromText() {
        #expect(FleetFault("registry@3h:600s") == FleetFault(kind: .registry, at: 10_800, seconds: 600, amount: 0.1))
        #expect(
            FleetFault("manual@90mx1.5r2") == FleetFault(kind: .manual, at: 5_400, seconds: 60, amount: 1.5, region: 2))
        #expect(FleetFault("beats@30s:1mx0.2") == FleetFault(kind: .beats, at: 30, seconds: 60, amount: 0.2))
        for text in ["", "registry", "fire@3h", "zone@", "zone@1h;2", "zone@1hx"] { #expect(FleetFault(text) == nil) }
    }
}
