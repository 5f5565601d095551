import RelayCluster
import RelayCore

/// One process: what every node of a simulated cluster has.
class SimProcess {
    let index: Int
    let id: NodeID
    var life = 0
    var isAlive = true
    var isFrozen = false
    /// What came while the process stood still.
    var inbox: [(from: Int, message: Message)] = []
    var token = ""
    var record: NodeRecord
    var lease: NodeLease
    var leaseTimerAt: MonotonicTime?
    /// Whether its connection to the registry stands.
    var isConnected = false
    var nextCall = 0
    /// This process as what it is; casts cost more than the rest of an event.
    var asOrigin: SimOrigin? { nil }
    var asEdge: SimEdge? { nil }
    /// Calls under way.
    var calls: [(id: Int, call: RegistryCall)] = []

    init(index: Int, role: NodeRole, region: String) {
        self.index = index
        id = NodeID("n\(index)")!
        record = NodeRecord(
            id: id, token: "", role: role, state: .serving, region: region,
            link: Endpoint(host: "10.0.0.\(index)", port: 1985))
        lease = NodeLease(seed: 0, now: .zero)
    }
}

final class SimOrigin: SimProcess {
    override var asOrigin: SimOrigin? { self }
    var own: StreamOwnership
    var incarnation: Incarnation?
    var startWall: Int64 = 0
    var nextID: UInt64 = 0
    var history: [Frame] = []
    /// Newest decoding times, audio and video.
    var lastAudio: Int64 = -1
    var lastVideo: Int64 = -1
    /// The newest video frame that others refer to.
    var lastReference: UInt64?
    /// Whether the publisher's first keyframe was there.
    var hasKeyframe = false
    var children: [Int] = []
    /// The publisher's session: of the one served, asking, or standing by.
    var session: Int?
    var sessionPeer = 0
    var isStarted = false
    var lastMedia = MonotonicTime.zero
    var waitUntil: MonotonicTime?
    /// The owner watched by a standby.
    var watched: Int?
    var watchedHeard = MonotonicTime.zero
    var probeID = 0
    var withdrawals: [UInt64] = []
    var wallSkew: Int64 = 0
    var draft: UInt64 = 0

    init(index: Int) {
        own = StreamOwnership(me: NodeID("x")!, token: "")
        super.init(index: index, role: .origin, region: "core")
    }
}

/// A subscription as its child sees it.
struct SimAttempt {
    var connection: Int
    var attempt: Int
    var parent: Int
    var hops: Int
    var isOpen = false
    var incarnation: Incarnation?
    var heard: MonotonicTime
    var isSuspect = false
    /// Frames of before the adoption.
    var kept: [(Incarnation, [Frame])] = []
}

final class SimEdge: SimProcess {
    override var asEdge: SimEdge? { self }
    var pull: StreamPull?
    var pullTimerAt: MonotonicTime?
    var splice = Splice()
    var attempts: [SimAttempt] = []
    var children: [Int] = []
    var paths: [Int: [Int]] = [:]
    var history: [Frame] = []
    var known = LastKnownLocations(maximumLookups: 8, maximumEpochs: 8)
    var breakers = ParentBreakers(seed: 0)
    var sticky: NodeID?
    var wantsViewers = 0
    var isHolding = false
    /// From the origin, by the parent that was adopted last.
    var hops = 0
    var checker = ViewerChecker()
    var demandSince = MonotonicTime.zero
    var pullsMade = 0
    var attemptsMade = 0
    /// When the pull subscribed somewhere, in the last ten seconds.
    var asked: [MonotonicTime] = []

    init(index: Int, region: String) { super.init(index: index, role: .edge, region: region) }
}

final class SimPublisher {
    let index: Int
    let isBackup: Bool
    var isActive: Bool
    var session = 0
    var origin = 0
    var isConnected = false
    var isStarted = false
    var heard = MonotonicTime.zero
    var sent = 0

    init(index: Int, isBackup: Bool, isActive: Bool) {
        self.index = index
        self.isBackup = isBackup
        self.isActive = isActive
    }
}

/// One connection between a child and its parent, or a publisher and its origin; a direction that lost a byte is dead.
struct SimConnection {
    var child: Int
    var parent: Int
    var parentLife: Int
    var childLife: Int
    var isDeadDown = false
    var isDeadUp = false
    /// Whether the parent knows it.
    var isKnown = false
}
