package import RelayCore

/// The registry: who lives, who owns which stream, who holds it, what changed. Redis in a cluster (`RelayRedis`), memory for
/// standalone and tests; one contract suite runs against both.
///
/// Every call has a deadline of its own and throws ``RegistryError`` when it passes; none is retried inside. Called by the
/// node's cluster service, never per frame.
package protocol ClusterRegistry: Sendable {
    /// Opens connections and keeps them; returns when the surrounding task is cancelled. Calls made before or without it throw
    /// `.unavailable`.
    func run() async

    // MARK: Nodes

    /// Claims or renews the node lease and writes the record, and the report if one is given. A process of the same name whose
    /// link listens at the same address replaces the one before it at once, since two cannot listen there.
    ///
    /// - Parameter ttl: From the registry's receipt; the caller counts from before it sent.
    func renew(_ node: NodeRecord, report: NodeReport?, ttl: Duration) async throws(RegistryError) -> NodeRenewal
    /// Gives the node lease up at once, if the token still matches.
    func release(_ node: NodeRecord) async throws(RegistryError)
    /// All nodes with a living lease. Records that do not parse are left out and counted.
    func nodes() async throws(RegistryError) -> [NodeEntry]
    /// What an operator or the autoscaler wants of a node; read back with each of its renewals, and told to it at once. Nothing
    /// happens where a wish stands that it may not take the place of (``NodeWish/mayReplace(_:age:)``).
    func wish(_ wish: NodeWish?, for node: NodeID) async throws(RegistryError)

    // MARK: Streams

    /// Asks for a stream.
    func claim(_ claim: StreamClaim) async throws(RegistryError) -> ClaimAnswer
    /// Writes locations that the caller believes to own, where the registry knows none, an older epoch, or the same owner: after
    /// a change of state or codecs, and for all streams after the registry came back empty. Never takes a stream from a newer
    /// owner.
    ///
    /// - Returns: The locations that stand against the caller's, by stream: these it has lost.
    func restore(_ locations: [StreamLocation]) async throws(RegistryError) -> [String: StreamLocation]
    /// Removes a location, if token and epoch still match. The epoch stays remembered for a day.
    func withdraw(_ stream: StreamName, token: String, epoch: UInt64) async throws(RegistryError)
    /// Where a stream is, who holds it, and which of those nodes live.
    func locate(_ stream: StreamName) async throws(RegistryError) -> StreamLookup
    /// All locations, at most `limit`.
    func streams(limit: Int) async throws(RegistryError) -> [StreamLocation]
    /// Sets the origin that publishers of a stream are to be sent to; nil takes it away.
    func prefer(_ node: NodeID?, for stream: StreamName) async throws(RegistryError)

    /// Notes, or takes back (`hops` nil), that a node holds a stream.
    func hold(_ stream: StreamName, by node: NodeID, token: String, hops: Int?) async throws(RegistryError)

    // MARK: News

    /// What changes from here on, in order, until the registry ends. News can be lost; whoever listens looks again after
    /// `.connected`.
    func news() -> AsyncStream<RegistryNews>
    /// Asks all nodes; those that have something to say answer within the time.
    func ask(_ question: ClusterQuestion, within time: Duration) async throws(RegistryError) -> [ClusterAnswer]
    /// Answers a question that came as news.
    func answer(_ answer: ClusterAnswer) async throws(RegistryError)

    /// Appends to the cluster's log of events, of which the newest 10,000 are kept.
    func log(_ event: ClusterEvent) async throws(RegistryError)
    /// Events after an id (nil = the newest `limit`), oldest first.
    func events(after id: String?, limit: Int) async throws(RegistryError) -> [ClusterEvent]
}

/// Why the registry did not do it.
package enum RegistryError: Error, Hashable, Sendable {
    /// No connection, or no answer in time. Says nothing about any stream.
    case unavailable(String)
    /// The registry is there and refuses: read-only, out of memory, no authentication, loading…
    case refused(String)
    /// Its answer is not what it should be.
    case badAnswer(String)
}

/// The outcome of a renewal.
package enum NodeRenewal: Hashable, Sendable {
    /// The lease is the caller's for the time asked for.
    ///
    /// - wasAbsent: The registry did not know the lease (first claim, expiry, or a registry that came back empty): whatever else
    ///   the node has there is to be written again.
    /// - wallMilliseconds: The registry's wall clock, ms since 1970.
    case renewed(wasAbsent: Bool, wallMilliseconds: Int64, wish: NodeWish?)
    /// Another process lives under this name.
    case taken
}

/// A node as the registry shows it.
package struct NodeEntry: Hashable, Sendable, Codable {
    package var record: NodeRecord
    package var report: NodeReport?
    /// What is left of its lease, ms.
    package var leaseMilliseconds: Int64

    package init(record: NodeRecord, report: NodeReport?, leaseMilliseconds: Int64) {
        self.record = record
        self.report = report
        self.leaseMilliseconds = leaseMilliseconds
    }
}

/// What an operator, or the autoscaler, wants of a node. ``DrainOrders`` says which of several counts.
package struct NodeWish: Hashable, Sendable, Codable {
    /// The ``author`` of an autoscaler's orders.
    package static let autoscaler = "autoscaler"

    /// Drain until the deadline, ms after the node first reads the wish; nil = do not drain.
    package var drainMilliseconds: Int64?
    /// Tells wishes apart.
    package var id: String
    /// Who wants it; nil = an operator.
    package var author: String?
    /// Of the leader among autoscalers, so that orders of former leaders can be told; nil for operators.
    package var epoch: UInt64?

    package init(drainMilliseconds: Int64?, id: String, author: String? = nil, epoch: UInt64? = nil) {
        self.drainMilliseconds = drainMilliseconds
        self.id = id
        self.author = author
        self.epoch = epoch
    }
}

/// A wish to own a stream.
package struct StreamClaim: Hashable, Sendable {
    /// As it shall stand; of `incarnation.epoch` only the lower bound counts.
    package var location: StreamLocation
    /// The highest epoch the claimant has heard of; the granted one is higher than this and than the registry's.
    package var floor: UInt64
    package var mode: Mode

    package enum Mode: Hashable, Sendable {
        /// Granted when nobody owns the stream: no location, an owner whose lease is over, a stream that waits for a publisher, or
        /// the claimant itself.
        case ifFree
        /// Granted also against the owner of exactly this epoch, because the claimant knows it to be gone or its publisher to
        /// have moved.
        case over(epoch: UInt64)
    }

    package init(location: StreamLocation, floor: UInt64, mode: Mode) {
        self.location = location
        self.floor = floor
        self.mode = mode
    }
}

package enum ClaimAnswer: Hashable, Sendable {
    /// The location as it stands now, with the epoch granted and the wall-clock start kept from the last owner.
    case granted(StreamLocation)
    /// Somebody else's.
    case held(StreamLocation)
}

/// What the registry knows of a stream.
package struct StreamLookup: Hashable, Sendable {
    /// nil when there is none, or its owner does not live (see `lastEpoch`).
    package var location: StreamLocation?
    /// Whether a location stands there whose owner's lease is over.
    package var isOrphaned: Bool
    /// The highest epoch the registry remembers; 0 = none.
    package var lastEpoch: UInt64
    /// The owner's and the holders' records and reports, of those that live.
    package var nodes: [NodeEntry]
    package var holders: [StreamHolder]

    package init(
        location: StreamLocation? = nil, isOrphaned: Bool = false, lastEpoch: UInt64 = 0, nodes: [NodeEntry] = [],
        holders: [StreamHolder] = []
    ) {
        self.location = location
        self.isOrphaned = isOrphaned
        self.lastEpoch = lastEpoch
        self.nodes = nodes
        self.holders = holders
    }
}

/// What changed in the registry.
package enum RegistryNews: Hashable, Sendable {
    /// The connection stands (again): news before it may be missing.
    case connected
    case disconnected(String)
    /// A stream was claimed, changed its state, or was withdrawn (`isGone`).
    case stream(String, epoch: UInt64, owner: NodeID, isGone: Bool)
    /// A node came, changed its state, or went.
    case node(NodeID)
    /// An operator wants something of a node.
    case wish(NodeID)
    case question(ClusterQuestion)
}

/// Asked of all nodes through the registry.
package struct ClusterQuestion: Hashable, Sendable, Codable {
    /// Unique; answers carry it.
    package var id: String
    package var kind: Kind
    /// For questions about a stream.
    package var stream: String?

    package enum Kind: String, Sendable, Codable {
        /// What each node does for the stream; answers are `StreamPart` of RelayAPI in JSON.
        case why
        /// The owner of the stream is to send its publisher away, since another origin is preferred now.
        case move
    }

    package init(id: String, kind: Kind, stream: String?) {
        self.id = id
        self.kind = kind
        self.stream = stream
    }
}

package struct ClusterAnswer: Hashable, Sendable, Codable {
    package var question: String
    package var node: NodeID
    /// JSON.
    package var body: String

    package init(question: String, node: NodeID, body: String) {
        self.question = question
        self.node = node
        self.body = body
    }
}

/// Something an operator wants to know at three in the morning.
package struct ClusterEvent: Hashable, Sendable, Codable {
    /// Given by the registry; sorts by time. Empty until then.
    package var id: String
    /// ms since 1970, by the registry's clock.
    package var wallMilliseconds: Int64
    package var node: NodeID
    /// A short stable word: `claimed`, `lost`, `failover`, `drain`, `standby`, `ended`, `joined`, `left`, …
    package var kind: String
    package var stream: String?
    /// A sentence for people.
    package var text: String

    package init(
        id: String = "", wallMilliseconds: Int64 = 0, node: NodeID, kind: String, stream: String?, text: String
    ) {
        self.id = id
        self.wallMilliseconds = wallMilliseconds
        self.node = node
        self.kind = kind
        self.stream = stream
        self.text = text
    }
}
