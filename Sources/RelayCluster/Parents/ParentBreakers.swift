package import RelayCore

/// The breakers of a node's parents. One per node, for all its pulls.
package struct ParentBreakers: Sendable {
    /// Parents remembered; the one whose breaker was used least lately goes first.
    static let maximumParents = 1_024

    private struct Entry: Sendable {
        var breaker = CircuitBreaker()
        var usedAt: MonotonicTime
    }

    private let settings: CircuitBreaker.Settings
    private var jitter: Jitter
    private var entries: [NodeID: Entry] = [:]

    package init(settings: CircuitBreaker.Settings = CircuitBreaker.Settings(), seed: UInt64) {
        self.settings = settings
        jitter = Jitter(seed: seed)
    }

    /// A subscription, or a link, to the parent begins.
    package mutating func began(_ node: NodeID, now: MonotonicTime) {
        guard entries[node] != nil else { return }
        entries[node]?.breaker.began(now: now)
        entries[node]?.usedAt = now
    }

    /// The parent took a subscription, or gave frames.
    package mutating func succeeded(_ node: NodeID) { entries[node] = nil }

    /// The parent could not be reached, its link died, or it did not answer. Not for refusals: these are answers.
    package mutating func failed(_ node: NodeID, now: MonotonicTime) {
        makeRoom(for: node)
        var entry = entries[node] ?? Entry(usedAt: now)
        entry.usedAt = now
        entry.breaker.failed(settings, now: now, jitter: &jitter)
        entries[node] = entry
    }

    package func state(of node: NodeID, now: MonotonicTime) -> CircuitBreaker.State {
        entries[node]?.breaker.state(now: now) ?? .closed
    }

    package func allows(_ node: NodeID, now: MonotonicTime) -> Bool {
        entries[node]?.breaker.allows(settings, now: now) ?? true
    }

    /// Those of the parents, in their order, that are not to be asked now: never more than half of them, so that a wide fault
    /// leaves someone to ask.
    package func ejected(of parents: [NodeID], now: MonotonicTime) -> [NodeID] {
        Array(parents.reversed().filter { !allows($0, now: now) }.prefix(parents.count / 2))
    }

    private mutating func makeRoom(for node: NodeID) {
        guard entries[node] == nil, entries.count >= Self.maximumParents else { return }
        let oldest = entries.min { ($0.value.usedAt, $0.key) < ($1.value.usedAt, $1.key) }
        if let oldest { entries[oldest.key] = nil }
    }
}
