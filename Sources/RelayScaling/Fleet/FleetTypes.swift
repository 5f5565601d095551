/// The viewers of one stream in one region. Sessions have three phases, which together are heavy-tailed: those that look in
/// (bounce), those that watch, and those that stay; a session never changes its phase.
struct FleetAudience: BitwiseCopyable {
    var stream: Int32 = 0
    var region: Int32 = 0
    var hash: UInt32 = 0
    /// kbit/s to each viewer.
    var bitrate: Int32 = 0
    /// First of its shares, a list by `next`; -1 = none.
    var first: Int32 = -1
    /// Its affinity group: shares that new viewers are spread over.
    var groupStart: Int32 = 0
    var groupCount: Int32 = 0
    var groupRoom: Int32 = 0
    /// On edges.
    var viewers: Int32 = 0
    /// Refused or displaced, trying again, by phase.
    var waiting = FleetCounts()
    /// Of the region's viewers in a normal hour, as a share.
    var weight = 0.0
    /// Of arrivals, because of what its publisher does.
    var gain = 1.0
}

/// Viewers by phase of their session.
struct FleetCounts: BitwiseCopyable, Hashable {
    var bounce: Int32 = 0
    var normal: Int32 = 0
    var tail: Int32 = 0

    @inline(__always)
    var total: Int32 { bounce &+ normal &+ tail }

    @inline(__always)
    subscript(phase: Int) -> Int32 {
        get { phase == 0 ? bounce : phase == 1 ? normal : tail }
        set {
            switch phase {
            case 0: bounce = newValue
            case 1: normal = newValue
            default: tail = newValue
            }
        }
    }
}

/// The viewers of one audience on one edge. Counts as a pull while it has any.
struct FleetShare: BitwiseCopyable {
    /// -1 = not in use.
    var audience: Int32 = -1
    var edge: Int32 = 0
    var next: Int32 = -1
    var counts = FleetCounts()
}

/// What changes on an edge with each viewer.
struct FleetLoad: BitwiseCopyable {
    var viewers: Int32 = 0
    /// New viewers are sent here while it has fewer; 0 while it does not serve. The second is where it refuses.
    var viewersBound: Int32 = 0
    var viewersLimit: Int32 = 0
    var pulls: Int32 = 0
    /// kbit/s.
    var egress: Int64 = 0
    var egressBound: Int64 = 0
    var egressLimit: Int64 = 0
    var joins: UInt64 = 0
    var leaves: UInt64 = 0
    var rejects: UInt64 = 0
}

/// The life of an edge, which is a pod of its region's workload and sits alone on its machine.
struct FleetEdge: BitwiseCopyable {
    var state = State.free
    var region: Int32 = 0
    var zone: Int32 = 0
    var isSpot = false
    var isOnRing = false
    /// Tick of the next change of state.
    var until: Int32 = .max
    /// Tick at which a drain ends what is left; and its viewers when it began.
    var deadline: Int32 = .max
    var drainBegan: Int32 = 0
    var drainViewers: Int32 = 0
    /// Nobody ordered its drain: its spot machine was recalled.
    var isRecalled = false
    /// Index in the region's list of pods, -1 = none; of entries in the registry.
    var pod: Int32 = -1
    var entry: Int32 = -1
    var serial: UInt32 = 0
    var machine: UInt32 = 0
    var created: Int32 = 0
    var sequence: UInt64 = 0
    /// Tick at which it began to serve, and of the last report that reached the registry.
    var served: Int32 = 0
    var reported: Int32 = 0

    /// requested → starting machine → starting pod → serving ⇄ draining → cooling → free; every state but the last two may also
    /// end in lost → cooling.
    enum State: UInt8, BitwiseCopyable {
        case free
        /// Waits for a machine.
        case requested
        case startingMachine, startingPod
        case serving, draining
        /// Its machine is gone, its pod not yet.
        case lost
        /// Gone; the row is used again when no audience remembers it.
        case cooling
    }

    var takesViewers: Bool { state == .serving }
    var hasReports: Bool { state == .serving || state == .draining }
}

/// A machine without a pod.
struct FleetMachine {
    var id: UInt32
    var zone: Int32
    var isSpot: Bool
    var until: Int32
}
