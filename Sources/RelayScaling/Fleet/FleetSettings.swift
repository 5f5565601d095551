/// What the fleet model is made of. The defaults are the full size: ten million viewers at the daily peak, a hundred thousand
/// streams, five regions.
package struct FleetSettings: Hashable, Sendable, Codable {
    package var seed: UInt64 = 1
    /// Simulated time, h, and the hour of the day (UTC) that it starts at.
    package var hours = 24.0
    package var startHour = 4.0
    /// Length of a tick, s.
    package var step = 5.0

    /// Sum over all regions at the highest minute of the day, without crowds.
    package var peakViewers = 10_000_000.0
    package var streams = 100_000
    /// Exponent of the popularity of the k-th stream, k^-zipf.
    package var zipf = 1.0
    /// The most popular streams have viewers in all regions, the others in their own only.
    package var headStreams = 500
    /// Each region is a tier of its own, because a viewer is served in his region: an edge elsewhere is no help.
    /// 1 makes one tier of everything.
    package var regions = 5
    package var zones = 3
    /// Demand of a region at its lowest, as a share of its highest.
    package var nightShare = 0.35

    /// Largest number of edges, all regions together.
    package var maximumEdges = 5_000
    /// What one edge carries at 100 %.
    package var edgeViewers = 4_000.0
    package var edgeEgress = 10e9
    /// Edges admit viewers up to this many times their capacity and refuse above.
    package var admission = 1.10
    package var utilisation = 0.75

    /// Viewers per edge of one stream: a stream's affinity group has as many edges as its viewers fill.
    package var groupShare = 400
    /// No edge is given new viewers beyond this many times the region's mean while others have room
    /// (consistent hashing with bounded loads, Mirrokni, Thorup, Zadimoghaddam 2018).
    package var boundFactor = 1.25
    package var virtualNodes = 32

    package var machines = Machines()
    /// From the pod's creation on a machine to its first report, s.
    package var podSeconds = 8.0...20.0
    package var spotShare = 0.3
    /// How long the platform takes to replace the pods of a lost machine, s.
    package var replaceSeconds = 60.0
    /// Share of a drained edge's viewers that follow a request to move before the deadline; the others stay until they leave by
    /// themselves or are ended by the deadline. 0 = the node makes no such request.
    package var drainMoves = 0.0

    /// Publishers that drop out and come back; raids, kickoffs, tsunamis and exits.
    package var hasCliffs = true
    package var hasCrowds = true
    package var raidsPerHour = 6.0
    package var crowds: [FleetCrowd] = []
    package var faults: [FleetFault] = []

    /// New machines from the cloud.
    package struct Machines: Hashable, Sendable, Codable {
        /// Log-normal time from the request to a machine that takes pods, s.
        package var median = 60.0
        package var p99 = 240.0
        /// Chance that a request finds no capacity; it is repeated after `refusalWait` s.
        package var refusal = 0.005
        package var refusalWait = 60.0
        /// The cloud's limit on new machines per second and region.
        package var perSecond = 2.0
        /// How long an empty machine is kept, s: a pod that comes in that time finds it warm.
        package var keep = 300.0

        package init() {}
    }

    package init() {}
}

/// A crowd that the model sends. Times are seconds since the start of the run.
package struct FleetCrowd: Hashable, Sendable, Codable {
    package var kind: Kind
    package var region: Int
    package var at: Double
    package var seconds: Double
    /// What it adds, as a factor of the region's viewers at its start.
    package var size: Double
    /// After that time the crowd leaves, 95 % within 3 minutes; nil = it leaves by and by.
    package var staySeconds: Double?
    /// The autoscaler was told of it.
    package var isAnnounced: Bool
    /// Whoever leaves is replaced, so that the crowd is as large as it says until it leaves as a whole.
    package var isSustained = false

    package enum Kind: String, Hashable, Sendable, Codable {
        /// Grows linearly over `seconds`.
        case kickoff, tsunami
    }

    package init(
        kind: Kind, region: Int, at: Double, seconds: Double, size: Double, staySeconds: Double? = nil,
        isAnnounced: Bool = false
    ) {
        self.kind = kind
        self.region = region
        self.at = at
        self.seconds = seconds
        self.size = size
        self.staySeconds = staySeconds
        self.isAnnounced = isAnnounced
    }
}

/// Something that breaks.
package struct FleetFault: Hashable, Sendable, Codable {
    package var kind: Kind
    /// Seconds since the start of the run; how long it lasts, s.
    package var at: Double
    package var seconds: Double
    /// Share of what is hit, or the factor of a scaling by hand.
    package var amount: Double
    package var region: Int

    package enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        /// The registry does not answer.
        case registry
        /// A share (`amount`) of all heartbeats is lost, in all regions.
        case beats
        /// One edge reports 10^18 of everything.
        case wild
        /// All machines of one zone are gone, and the zone has no capacity for `seconds`.
        case zone
        /// A share (`amount`) of the region's spot machines is taken away within `seconds`, each with 120 s of notice.
        case spot
        /// The leader dies; the next one starts 15 s later from what was saved last.
        case leader
        /// Somebody multiplies the replicas by `amount`.
        case manual
    }

    package init(kind: Kind, at: Double, seconds: Double = 60, amount: Double = 0.1, region: Int = 0) {
        self.kind = kind
        self.at = at
        self.seconds = seconds
        self.amount = amount
        self.region = region
    }

    /// `kind@HOURS[h|m|s][:DURATION[s|m|h]][xAMOUNT][rREGION]`, e.g. `registry@3h:600s`, `manual@90mx1.5r2`; nil when it is not that.
    package init?(_ text: String) {
        guard let at = text.firstIndex(of: "@"), let kind = Kind(rawValue: String(text[..<at])) else { return nil }
        self.init(kind: kind, at: 0, amount: kind == .manual ? 1.5 : kind == .spot ? 0.3 : 0.1)
        if kind == .zone { seconds = 1_800 }
        if kind == .spot { seconds = 300 }
        var rest = text[text.index(after: at)...]
        func number() -> Double? {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            rest = rest.dropFirst(digits.count)
            return Double(digits)
        }
        func time() -> Double? {
            guard let value = number() else { return nil }
            let unit = rest.first
            guard let unit, let factor = ["h": 3_600.0, "m": 60, "s": 1][unit] else { return value }
            rest = rest.dropFirst()
            return value * factor
        }
        guard let start = time() else { return nil }
        self.at = start
        while let mark = rest.first {
            rest = rest.dropFirst()
            switch mark {
            case ":":
                guard let value = time() else { return nil }
                seconds = value
            case "x":
                guard let value = number() else { return nil }
                amount = value
            case "r":
                guard let value = number() else { return nil }
                region = value.wholeNumber
            default: return nil
            }
        }
    }
}
