/// What the autoscaler keeps in the registry, so that the next leader goes on where the last one was and any node can show it.
/// Documents are JSON objects that the store does not look into; how long they may be, and how many are kept, is told by
/// ``ScalingLimits``, and what is more is refused. Implemented beside ``ClusterRegistry`` by the same types.
///
/// What cannot be such a document is left out when it is read, and counted. A lower epoch counts again once the higher one has
/// not been written for ``ScalingLimits/fence``.
package protocol ScalingStore: Sendable {
    /// What was learned of a tier's demand; nil when nothing was stored.
    func scalingState(of tier: NodeRole) async throws(RegistryError) -> ScalingDocument?
    /// Replaces it, unless a later epoch wrote there.
    ///
    /// - Returns: false when a later epoch did.
    func storeScalingState(_ document: ScalingDocument, of tier: NodeRole) async throws(RegistryError) -> Bool

    /// Notes a tier's newest decision as the current one; appends it to the tier's history when `isKept`. History reaches back a
    /// day, and 20,000 decisions at most.
    ///
    /// - Returns: false when a later epoch wrote there, and nothing happened.
    @discardableResult
    func logDecision(_ document: ScalingDocument, of tier: NodeRole, isKept: Bool) async throws(RegistryError) -> Bool
    /// The newest decision of each tier and how old it is by the registry's clock, ms.
    func currentDecisions() async throws(RegistryError) -> [(document: ScalingDocument, ageMilliseconds: Int64)]
    /// Decisions of a tier's history, oldest first: the newest `limit` up to an instant (ms since 1970; nil = now).
    func decisions(of tier: NodeRole, until milliseconds: Int64?, limit: Int) async throws(RegistryError) -> [String]

    /// Announced events by name; JSON.
    func announcedEvents() async throws(RegistryError) -> [String: String]
    /// Adds, replaces, or takes away (nil). At most 1,000 are kept; more are refused.
    func announce(_ event: String?, named name: String) async throws(RegistryError)
    /// What operators (and the leader, for its own mark) have set, of these names; a name that nobody set is missing. nil when
    /// something stands there that cannot be read, which is not the same as nothing.
    func scalingControls(_ names: [String]) async throws(RegistryError) -> [String: String]?
    /// Sets one and leaves the others as they are.
    func setScalingControl(_ name: String, to value: String) async throws(RegistryError)

    /// Claims or renews the leadership of a group of autoscalers; outside Kubernetes. Not safe across a failover of the
    /// registry: two may believe to lead for as long as `ttl`.
    func lead(_ group: String, as holder: String, ttl: Duration) async throws(RegistryError) -> Leadership
    func resign(_ group: String, as holder: String) async throws(RegistryError)
}

/// JSON with the epoch of the leader that wrote it.
package struct ScalingDocument: Hashable, Sendable {
    package var epoch: UInt64
    package var json: String

    package init(epoch: UInt64, json: String) {
        self.epoch = epoch
        self.json = json
    }
}

/// Who leads, and since how many changes of leader.
package struct Leadership: Hashable, Sendable {
    package var holder: String
    /// Grows with each change; fences orders of former leaders.
    package var epoch: UInt64

    package init(holder: String, epoch: UInt64) {
        self.holder = holder
        self.epoch = epoch
    }
}
