import RealModule
import RelayCluster

/// A region: its share of the viewers, its hours, and the workload of edges in it.
struct FleetRegion {
    /// Of all viewers, in a normal day; and the hour (UTC) at which it has the most.
    var weight: Double
    var peakHour: Double
    /// What the autoscaler may ask for at most.
    var maximum: Int
    /// Viewers at the region's highest hour.
    var peak: Double
    /// Mean kbit/s of its viewers, by the popularity of streams.
    var bitrate = 0.0
    /// Expected arrivals of a tick at this hour.
    var arrivals = 0.0

    // The workload as the platform and the registry show it.
    var replicas = 0
    var pods: [PodStatus] = []
    var podRow: [Int32] = []
    var entries: [NodeEntry] = []
    var entryRow: [Int32] = []
    /// Entries of edges that died without a word, and the tick at which their leases are over.
    var expiring: [(row: Int32, until: Int32)] = []

    var queue: [Int32] = []
    var queueHead = 0
    var tokens = 0.0
    var machines: [FleetMachine] = []
    var zonePods: [Int]
    var zoneDownUntil: [Int32]
    /// Viewers of streams that lost their publisher since the last report.
    var stranded = 0
    var announced: [AnnouncedEvent] = []

    // As measured in the last tick.
    var watching = 0
    var egress: Int64 = 0
    var servingEdges = 0
    var series = FleetSeries()

    /// Peaks of regions in hours UTC: 20:00 there.
    private static let peakHours = [1.0, 19, 12, 23, 15, 3, 9, 21, 6, 17]

    static func all(_ settings: FleetSettings, count: Int) -> [FleetRegion] {
        let raw = (0..<count).map { 1 / (1 + 0.4 * Double($0)) }
        let sum = raw.reduce(0, +)
        var regions = raw.enumerated().map { index, weight in
            FleetRegion(
                weight: weight / sum, peakHour: peakHours[index % peakHours.count], maximum: 0, peak: 0,
                zonePods: Array(repeating: 0, count: max(1, settings.zones)),
                zoneDownUntil: Array(repeating: 0, count: max(1, settings.zones)))
        }
        var highest = 0.0
        for minute in 0..<1_440 {
            let hour = Double(minute) / 60
            highest = max(highest, regions.reduce(0) { $0 + $1.weight * $1.level(hour, night: settings.nightShare) })
        }
        for index in regions.indices {
            let peak = settings.peakViewers * regions[index].weight / max(highest, 1e-9)
            regions[index].peak = peak
            // Room for a crowd on top of the evening; the sum over all is held by the cloud's quota.
            regions[index].maximum = min(
                settings.maximumEdges,
                (peak / (settings.edgeViewers * 0.85 * settings.utilisation) * 1.5).wholeNumber + 3)
        }
        return regions
    }

    /// Demand at an hour of the day as a share of the highest.
    func level(_ hour: Double, night: Double) -> Double {
        let wave = (1 + Double.cos(2 * .pi * (hour - peakHour) / 24)) / 2
        return night + (1 - night) * Double.pow(wave, 1.3)
    }
}

/// What is kept of a region, one value a minute.
struct FleetSeries {
    /// Demand in edges at the planned utilisation, waiting viewers included.
    var demand: [Double] = []
    var requested: [Int] = []
    var serving: [Int] = []
}
