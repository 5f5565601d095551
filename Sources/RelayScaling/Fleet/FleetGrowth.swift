/// How long a tier takes to grow: one region in a steady state, then a crowd that needs many more edges.
package struct FleetGrowth: Hashable, Sendable, Codable {
    package var from: Int
    package var to: Int
    /// The cloud's limit on new machines, 1/s.
    package var machinesPerSecond: Double
    /// Length of the crowd's arrival, s.
    package var rampSeconds: Double
    /// From the crowd's first viewer to the first larger replica count; nil = never.
    package var firstScaleSeconds: Double?
    /// From the first larger replica count, and from the crowd's first viewer, to `to` serving edges; nil = not within the time.
    package var growSeconds: Double?
    package var wholeSeconds: Double?
    /// The time that the cloud's limit alone takes.
    package var boundSeconds: Double
    /// Viewer-minutes on overloaded edges and between edges.
    package var overloadedMinutes: Double
    package var waitedMinutes: Double
    package var scales: Int

    /// - Parameters:
    ///   - settings: Seed and machines are taken from it.
    ///   - progress: Called each tick with the serving edges.
    package static func run(
        _ settings: FleetSettings, from: Int, to: Int, rampSeconds: Double, limit: Double,
        pilot: ((TierSettings) -> any FleetPilot)? = nil, progress: (Int) -> Void = { _ in }
    ) -> FleetGrowth {
        let settle = 600.0
        var settings = settings
        settings.regions = 1
        settings.nightShare = 1
        settings.hasCliffs = false
        settings.hasCrowds = true
        settings.raidsPerHour = 0
        settings.faults = []
        settings.streams = min(settings.streams, 20_000)
        settings.headStreams = 0
        settings.maximumEdges = max(settings.maximumEdges, to + to / 5)
        // Viewers that need `from` edges; the model's bitrates come by chance, so ask it.
        settings.peakViewers = Double(from) * settings.edgeViewers * settings.utilisation
        var crowd = FleetCrowd(
            kind: .kickoff, region: 0, at: settle, seconds: rampSeconds, size: Double(to - from) / Double(from))
        crowd.isSustained = true
        settings.crowds = [crowd]
        let probe = FleetModel(settings)
        settings.peakViewers *= Double(from) / max(1, probe.need(0))
        let ceiling = settings.maximumEdges
        var run = FleetRun(settings) { _, tier in
            var tier = tier
            tier.maximum = ceiling
            return pilot?(tier) ?? AutoscalerPilot(tier)
        }
        var growth = FleetGrowth(
            from: from, to: to, machinesPerSecond: settings.machines.perSecond, rampSeconds: rampSeconds,
            boundSeconds: Double(to - from) / settings.machines.perSecond, overloadedMinutes: 0, waitedMinutes: 0,
            scales: 0)
        var firstScale: Double?
        while run.model.seconds < settle + limit {
            let before = run.model.replicas(0)
            run.advance()
            let now = run.model.seconds
            progress(run.model.servingEdges(0))
            guard now >= settle else { continue }
            if firstScale == nil, run.model.replicas(0) > before { firstScale = now }
            if run.model.servingEdges(0) >= to {
                growth.growSeconds = now - (firstScale ?? settle)
                growth.wholeSeconds = now - settle
                break
            }
        }
        growth.firstScaleSeconds = firstScale.map { $0 - settle }
        growth.overloadedMinutes = run.model.totals.overloadedMinutes
        growth.waitedMinutes = run.model.totals.waitedMinutes
        growth.scales = run.model.totals.scales
        return growth
    }
}
