import RealModule
import RelayCluster
import RelayCore

/// A mean-field model of a whole fleet: ten million viewers of a hundred thousand streams on thousands of edges, tick by tick, with
/// whole viewers (no fractions): arrivals are Poisson, ends of sessions binomial, and every viewer is on one edge or waiting for one.
///
/// What it leaves out: single connections, media, the link, the origins, queues within a tick. Its unit is the share: the viewers
/// of one stream of one region on one edge. The scaling decisions come from outside (``FleetRun``); the model carries out their
/// actions with a ReplicaSet, machines from a cloud with limits, and drains.
package struct FleetModel: ~Copyable {
    package let settings: FleetSettings
    /// Ticks done.
    package internal(set) var tick: Int32 = 0
    package internal(set) var totals = FleetTotals()

    var random: FleetRandom
    /// Of faults and machines, so that a fault does not change the audience's dice.
    var platformRandom: FleetRandom

    // Audiences, in order of streams; `audienceStart[s] ..< audienceStart[s + 1]` are stream s's.
    var audiences: FleetColumn<FleetAudience>
    let audienceCount: Int
    let streamCount: Int
    let audienceStart: FleetColumn<Int32>
    /// Expected arrivals of a tick and exp(-it), refreshed every minute.
    let rates: FleetColumn<Double>
    let noArrival: FleetColumn<Double>
    /// What each stream's publisher does.
    let publishers: FleetColumn<FleetPublisher>

    var shares: FleetColumn<FleetShare>
    var sharesUsed = 0
    var freeShare: Int32 = -1
    var groups: FleetColumn<Int32>
    var groupsUsed = 0
    /// Heads of lists of free group room, by its power of two.
    var freeGroups = [Int32](repeating: -1, count: 32)

    let loads: FleetColumn<FleetLoad>
    let edges: FleetColumn<FleetEdge>
    let edgeRows: Int
    var freeEdges: [Int32] = []
    var names: [NodeID?]
    var rings: [FleetRing]
    var ringNews: [[(edge: Int32, serial: UInt32)]]
    var ringDirty: [Bool]
    /// Edges of a region that take viewers; how many of them had room at the tick's start.
    var serving: [[Int32]]
    var openEdges: [Int]
    // Marks of a walk over the ring, by edge.
    let markStamp: FleetColumn<Int32>
    let markShare: FleetColumn<Int32>
    let pickStamp: FleetColumn<Int32>
    var stamp: Int32 = 0
    var picked: [Int32] = []

    var regions: [FleetRegion]
    let regionWaiting: FleetColumn<Int>
    /// Rows of edges by the names of their pods.
    var rowOf: [String: Int32] = [:]
    /// Something must be taken off edges that are gone.
    var mustEvacuate = false
    var pullCounts = [Int](repeating: 0, count: 4_096)
    var rehoming: [FleetRehoming] = []
    var wildEdge: Int32 = -1
    var machineSerial: UInt32 = 0
    var podSerial: UInt32 = 0

    /// (1 - q)^n of each phase for n < tableSize.
    let noLeave: FleetColumn<Double>
    static let tableSize = 512
    let leaveChance: [Double]
    var falls: [FleetFall] = []
    var raids: [FleetRaid] = []
    var crowdStates: [FleetCrowdState] = []
    var waitingAudiences: [Int32] = []
    let isWaiting: FleetColumn<UInt8>
    /// Share of each edge's viewers that has to go in this tick.
    let evacuation: FleetColumn<Double>
    /// Of the leader; grows when one dies.
    package internal(set) var epoch: UInt64 = 1
    var scratch: [Int32] = []

    /// Share of arrivals and mean length, s, of each phase of sessions: 45 % look in, 40 % watch, 15 % stay. The mixture of three
    /// exponentials stands for the heavy tail; no session is cut at a length.
    static let phaseShare = [0.45, 0.40, 0.15]
    static let phaseSeconds = [30.0, 720.0, 3_600.0]
    static let meanSession = 0.45 * 30.0 + 0.40 * 720 + 0.15 * 3_600
    /// Streams that exist for crowds only.
    static let eventStreams = 8

    var ticksPerMinute: Int { max(1, (60 / settings.step).rounded().wholeNumber) }
    /// Seconds since the start of the run.
    package var seconds: Double { Double(tick) * settings.step }

    /// Ticks of a time in seconds, one at least.
    func ticks(_ seconds: Double) -> Int32 {
        Int32(clamping: max(1, (seconds / settings.step).rounded().wholeNumber))
    }

    /// Viewers on edges.
    package var watching: Int { totals.watching }
    /// Viewers between edges, or refused, who try again.
    package var waiting: Int { totals.waiting }

    package init(_ settings: FleetSettings) {
        self.settings = settings
        random = FleetRandom(seed: settings.seed)
        platformRandom = FleetRandom(seed: settings.seed ^ 0x5eed_0f_f1ee7)
        let regionCount = max(1, settings.regions)
        let head = min(settings.headStreams, settings.streams)
        streamCount = settings.streams + Self.eventStreams
        audienceCount = settings.streams - head + (head + Self.eventStreams) * regionCount
        audiences = FleetColumn(repeating: FleetAudience(), count: audienceCount)
        audienceStart = FleetColumn(repeating: 0, count: streamCount + 1)
        rates = FleetColumn(repeating: 0, count: audienceCount)
        noArrival = FleetColumn(repeating: 1, count: audienceCount)
        publishers = FleetColumn(repeating: FleetPublisher(), count: streamCount)
        shares = FleetColumn(repeating: FleetShare(), count: audienceCount * 2)
        groups = FleetColumn(repeating: 0, count: audienceCount * 2)
        // Rows of edges that are gone rest for a while, so there are more rows than edges.
        regions = FleetRegion.all(settings, count: regionCount)
        edgeRows = regions.reduce(settings.maximumEdges + 64) { $0 + $1.maximum }
        regionWaiting = FleetColumn(repeating: 0, count: regionCount)
        loads = FleetColumn(repeating: FleetLoad(), count: edgeRows)
        edges = FleetColumn(repeating: FleetEdge(), count: edgeRows)
        freeEdges = (0..<edgeRows).reversed().map { Int32(truncatingIfNeeded: $0) }
        names = Array(repeating: nil, count: edgeRows)
        rings = Array(repeating: FleetRing(), count: regionCount)
        ringNews = Array(repeating: [], count: regionCount)
        ringDirty = Array(repeating: false, count: regionCount)
        serving = Array(repeating: [], count: regionCount)
        openEdges = Array(repeating: 0, count: regionCount)
        markStamp = FleetColumn(repeating: 0, count: edgeRows)
        markShare = FleetColumn(repeating: 0, count: edgeRows)
        pickStamp = FleetColumn(repeating: 0, count: edgeRows)
        leaveChance = Self.phaseSeconds.map { 1 - Double.exp(-settings.step / $0) }
        noLeave = FleetColumn(repeating: 1, count: 3 * Self.tableSize)
        for phase in 0..<3 {
            for count in 0..<Self.tableSize {
                noLeave[phase * Self.tableSize + count] = Double.exp(
                    -settings.step / Self.phaseSeconds[phase] * Double(count))
            }
        }
        isWaiting = FleetColumn(repeating: 0, count: audienceCount)
        evacuation = FleetColumn(repeating: 0, count: edgeRows)
        makeAudiences()
        makeCrowds()
        makeFirstEdges()
        fill()
    }

    /// One tick, without the autoscaler.
    package mutating func advance() {
        tick &+= 1
        runFaults()
        runMachines()
        runEdges()
        updateRings()
        runStreams()
        endSessions()
        runFalls()
        runRaids()
        runDrains()
        setBounds()
        placeWaiting()
        arrive()
        runCrowds()
        measure()
    }
}
