import RelayAPI

/// What is wrong with a stream, in words, told from everything the cluster knows of it.
struct StreamDiagnosis {
    /// One thing to know, worst first in ``findings``.
    struct Finding {
        var colour: Table.Colour
        /// Not yet escaped.
        var text: String
    }

    /// Frames that may wait for a child before it is worth a word: about 2 s of video with audio.
    static let worryingQueueFrames = 150
    /// A way to the parent that viewers feel when a lost packet has to be sent again, ms.
    static let worryingHopMs = 250.0
    /// A failover is news for this long, seconds.
    static let newsSeconds = 60.0

    private let name: String
    private let why: StreamWhy
    private(set) var findings: [Finding] = []

    /// - Parameter name: `app/name`.
    init(of name: String, _ why: StreamWhy) {
        self.name = name
        self.why = why
        judgeOwner()
        judgeParts()
        judgeViewers()
        judgeKnowledge()
        if findings.isEmpty { findings = [Finding(colour: .good, text: "Healthy.")] }
        let rank: [Table.Colour] = [.bad, .warning]
        // Stable: what was judged first stays first among its like.
        findings =
            rank.flatMap { colour in findings.filter { $0.colour == colour } }
            + findings.filter { !rank.contains($0.colour) }
    }

    private mutating func bad(_ text: String) { findings.append(Finding(colour: .bad, text: text)) }
    private mutating func warn(_ text: String) { findings.append(Finding(colour: .warning, text: text)) }
    private mutating func note(_ text: String) { findings.append(Finding(colour: .plain, text: text)) }

    private var viewers: Int { Units.total(why.parts.map(\.viewers)) }
    private var heldViewers: String {
        viewers == 1 ? "1 viewer is held" : viewers > 1 ? "\(viewers) viewers are held" : "viewers are held"
    }
    private var isRegistryAway: Bool { why.registry.state == "away" }

    private mutating func judgeOwner() {
        guard let stream = why.stream else {
            if isRegistryAway {
                bad("The registry is away and this node does not know \(name): whether it is published cannot be told.")
            } else if why.parts.isEmpty {
                bad("Nobody publishes it: no origin owns \(name). Does the encoder run, and is the name right?")
            } else {
                bad("Nobody publishes it: no origin owns it any more; \(heldViewers) until one claims it again.")
            }
            return
        }
        let standby = why.parts.first { $0.part == "standby" }
        if !stream.ownerLives || (why.ownerLeaseMs ?? 1) <= 0 {
            let next =
                standby.map { "\($0.node) has a standby publisher and should take it over" }
                ?? "it goes on when the encoder connects to another origin"
            bad("The origin's lease is over: \(stream.owner) did not renew it. \(heldViewers.sentence); \(next).")
            return
        }
        if stream.state == "waiting" {
            let next = standby.map { "\($0.node) has a standby publisher" } ?? "nobody else sends it"
            bad("The publisher is gone and \(stream.owner) waits for it to come back; \(heldViewers), \(next).")
            return
        }
        let owners = why.parts.filter { $0.part == "owner" }
        if owners.count > 1 {
            let names = owners.map { "\($0.node) (epoch \($0.epoch))" }.joined(separator: " and ")
            bad("More than one node takes itself for the owner: \(names). The lower epoch has lost it and should stop.")
        }
        guard let owner = owners.first(where: { $0.node == stream.owner }) else {
            if owners.isEmpty, !why.silent.contains(stream.owner) {
                bad("The registry names \(stream.owner) as the owner, and \(stream.owner) does not have the stream.")
            }
            return
        }
        if owner.framesPerSecond <= 0, owner.bitrate <= 0 {
            bad("The publisher is connected to \(owner.node) and sends nothing. Check the encoder.")
        }
        if let leaseMs = why.ownerLeaseMs, leaseMs < ClusterText.worryingLeaseMs {
            let left = Units.duration(seconds: Double(leaseMs) / 1000)
            warn(
                "\(stream.owner) is late to renew its lease, \(left) left: is it overloaded, or cut off from the registry?"
            )
        }
        if let preferred = stream.preferred, preferred != stream.owner {
            warn("\(preferred) is to own it; it moves there when its encoder connects again.")
        }
    }

    private mutating func judgeParts() {
        let newest = max(why.stream?.epoch ?? 0, why.parts.map(\.epoch).max() ?? 0)
        // Below an owner that is gone or waits, nothing flows, and that was said already.
        let isLive = why.stream.map { $0.ownerLives && $0.state == "live" && (why.ownerLeaseMs ?? 1) > 0 } ?? false
        let ownerSends =
            isLive && why.parts.contains { $0.part == "owner" && ($0.framesPerSecond > 0 || $0.bitrate > 0) }
        for part in why.parts.prefix(1000) {
            let isBelow = part.part == "pulling" || part.part == "serving"
            if isBelow, part.epoch < newest {
                warn(
                    "\(part.node) still has epoch \(part.epoch), and the newest is \(newest): it has not switched over yet."
                )
            }
            if part.part == "pulling", ownerSends, part.framesPerSecond <= 0, part.bitrate <= 0 {
                let parent = part.parent.map { " from \($0)" } ?? ""
                bad("\(part.node) receives nothing\(parent)\(part.phase.map { " (\($0))" } ?? "").")
            }
            if part.queueFrames > Self.worryingQueueFrames {
                warn(
                    "\(part.queueFrames) frames (\(Units.bytes(part.queueBytes))) wait at \(part.node) for its slowest child: the network between them is too slow."
                )
            }
            if let rtt = part.hopRTTMs, rtt > Self.worryingHopMs {
                let parent = part.parent ?? "its parent"
                warn(
                    "It is \(Units.milliseconds(rtt)) from \(part.node) to \(parent) and back: is a nearer parent there?"
                )
            }
        }
    }

    private mutating func judgeViewers() {
        for part in why.parts.prefix(1000) where part.slowViewers > 0 {
            let subject = part.slowViewers == 1 ? "1 viewer is" : "\(part.slowViewers) viewers are"
            warn(
                "\(subject) more than 1 s behind on \(part.node); relayctl viewers --stream \(name) asked there shows them."
            )
        }
        for part in why.parts.prefix(1000) {
            if let failover = part.lastFailover, failover.secondsAgo < Self.newsSeconds {
                note("\(part.node) changed its source \(Units.duration(seconds: failover.secondsAgo)) ago.")
            }
        }
    }

    private mutating func judgeKnowledge() {
        if !why.silent.isEmpty {
            let names = why.silent.prefix(8).joined(separator: ", ")
            let more = why.silent.count > 8 ? " and \(why.silent.count - 8) more" : ""
            warn("No answer from \(names)\(more): how it is there cannot be told.")
        }
        if isRegistryAway, why.stream != nil {
            warn("The registry is away: who watches goes on watching, and a failover is not seen before it is back.")
        }
    }
}

extension String {
    /// With a capital at the start.
    fileprivate var sentence: String { prefix(1).uppercased() + dropFirst() }
}
