package import RelayCore

/// The registry's rules as a value: what Redis scripts do in a cluster, done in memory. ``MemoryRegistry`` gives it to a
/// standalone node, and simulations drive it directly; a copy is a replica that may miss the last writes.
package struct RegistryTable: Sendable {
    /// How long the epoch of a stream that was withdrawn, and an orphaned location, are remembered.
    static let memory = Duration.seconds(24 * 3_600)
    /// Events kept.
    static let maximumEvents = 10_000
    /// Distance of sweeps of what is no longer wanted.
    private static let sweepEvery = Duration.seconds(60)

    struct Node: Sendable {
        var record: NodeRecord
        var report: NodeReport?
        var until: MonotonicTime
    }

    private struct Remembered: Sendable {
        var epoch: UInt64
        var until: MonotonicTime
    }

    var nodes: [NodeID: Node] = [:]
    private var wishes: [NodeID: (wish: NodeWish, at: MonotonicTime)] = [:]
    private var locations: [String: StreamLocation] = [:]
    private var orphanedSince: [String: MonotonicTime] = [:]
    private var epochs: [String: Remembered] = [:]
    private var holders: [String: [NodeID: StreamHolder]] = [:]
    private var log: [ClusterEvent] = []
    private var logged: UInt64 = 0
    private var sweepAt = MonotonicTime.zero
    private var news: [RegistryNews] = []

    /// Empty.
    package init() {}

    /// What changed since this was last asked, in order.
    package mutating func takeNews() -> [RegistryNews] {
        defer { news.removeAll(keepingCapacity: true) }
        return news
    }

    /// Something that did not come from a change of the table, a question for instance, is news too.
    package mutating func tell(_ item: RegistryNews) { news.append(item) }

    // MARK: Nodes

    /// See ``ClusterRegistry/renew(_:report:ttl:)``.
    package mutating func renew(
        _ record: NodeRecord, report: NodeReport?, ttl: Duration, wallMilliseconds: Int64, now: MonotonicTime
    ) -> NodeRenewal {
        sweep(now: now)
        var old = living(record.id, now: now)
        if let held = old, held.record.token != record.token {
            // Two cannot listen at one address: the other is the process before this one.
            guard let link = record.link, held.record.link == link else { return .taken }
            old = nil
        }
        nodes[record.id] = Node(record: record, report: report ?? old?.report, until: now + ttl)
        if old?.record.state != record.state { tell(.node(record.id)) }
        return .renewed(wasAbsent: old == nil, wallMilliseconds: wallMilliseconds, wish: wishes[record.id]?.wish)
    }

    /// See ``ClusterRegistry/release(_:)``.
    package mutating func release(_ record: NodeRecord) {
        guard nodes[record.id]?.record.token == record.token else { return }
        nodes[record.id] = nil
        tell(.node(record.id))
    }

    /// See ``ClusterRegistry/nodes()``; by name.
    package func entries(now: MonotonicTime) -> [NodeEntry] {
        nodes.values.filter { now < $0.until }.map { entry($0, now: now) }.sorted { $0.record.id < $1.record.id }
    }

    /// See ``ClusterRegistry/wish(_:for:)``.
    package mutating func wish(_ wish: NodeWish?, for node: NodeID, now: MonotonicTime) {
        if let wish, let standing = wishes[node], !wish.mayReplace(standing.wish, age: now - standing.at) { return }
        wishes[node] = wish.map { ($0, now) }
        tell(.wish(node))
    }

    private func living(_ node: NodeID, now: MonotonicTime) -> Node? {
        guard let found = nodes[node], now < found.until else { return nil }
        return found
    }

    private func living(_ node: NodeID, token: String, now: MonotonicTime) -> Node? {
        guard let found = living(node, now: now), found.record.token == token else { return nil }
        return found
    }

    private func entry(_ node: Node, now: MonotonicTime) -> NodeEntry {
        NodeEntry(record: node.record, report: node.report, leaseMilliseconds: (node.until - now).wholeMilliseconds)
    }

    // MARK: Streams

    /// See ``ClusterRegistry/claim(_:)``. The epoch is max(remembered, current, floor, wall clock in ms) + 1, so that it grows
    /// even where everything was forgotten.
    package mutating func claim(_ claim: StreamClaim, wallMilliseconds: Int64, now: MonotonicTime) -> ClaimAnswer {
        var location = claim.location
        let current = locations[location.stream]
        if let current, !isFree(current, for: claim, now: now) { return .held(current) }
        let known = [
            remembered(location.stream, now: now), current?.epoch ?? 0, claim.floor, UInt64(clamping: wallMilliseconds),
        ]
        location.incarnation.epoch = (known.max() ?? 0) &+ 1
        if let current {
            location.startWallMilliseconds = current.startWallMilliseconds
            location.preferred = current.preferred ?? location.preferred
        }
        locations[location.stream] = location
        tell(.stream(location.stream, epoch: location.epoch, owner: location.owner, isGone: false))
        return .granted(location)
    }

    private func isFree(_ current: StreamLocation, for claim: StreamClaim, now: MonotonicTime) -> Bool {
        if current.state == .waiting || current.token == claim.location.token { return true }
        if case .over(current.epoch) = claim.mode { return true }
        return living(current.owner, token: current.token, now: now) == nil
    }

    /// See ``ClusterRegistry/restore(_:)``. An epoch that was passed and withdrawn while the caller was away stands against it
    /// too: as the caller's own location with that epoch and nobody's token.
    package mutating func restore(_ restored: [StreamLocation], now: MonotonicTime) -> [String: StreamLocation] {
        var against: [String: StreamLocation] = [:]
        for var location in restored {
            let passed = remembered(location.stream, now: now)
            if let current = locations[location.stream] {
                guard
                    current.epoch < location.epoch
                        || (current.epoch == location.epoch && current.token == location.token)
                else {
                    against[location.stream] = current
                    continue
                }
                location.preferred = current.preferred ?? location.preferred
                locations[location.stream] = location
                if current.epoch == location.epoch, current.state == location.state { continue }
            } else if location.epoch < passed {
                location.incarnation.epoch = passed
                location.token = ""
                against[location.stream] = location
                continue
            } else {
                locations[location.stream] = location
            }
            tell(.stream(location.stream, epoch: location.epoch, owner: location.owner, isGone: false))
        }
        return against
    }

    /// See ``ClusterRegistry/withdraw(_:token:epoch:)``.
    package mutating func withdraw(_ stream: String, token: String, epoch: UInt64, now: MonotonicTime) {
        guard let current = locations[stream], current.token == token, current.epoch == epoch else { return }
        locations[stream] = nil
        orphanedSince[stream] = nil
        epochs[stream] = Remembered(epoch: max(epoch, remembered(stream, now: now)), until: now + Self.memory)
        tell(.stream(stream, epoch: epoch, owner: current.owner, isGone: true))
    }

    private func remembered(_ stream: String, now: MonotonicTime) -> UInt64 {
        guard let found = epochs[stream], now < found.until else { return 0 }
        return found.epoch
    }

    /// See ``ClusterRegistry/locate(_:)``; holders by hops, then by name.
    package func locate(_ stream: String, now: MonotonicTime) -> StreamLookup {
        let location = locations[stream]
        let owner = location.flatMap { living($0.owner, token: $0.token, now: now) }
        var lookup = StreamLookup(
            location: owner == nil ? nil : location, isOrphaned: location != nil && owner == nil,
            lastEpoch: max(remembered(stream, now: now), location?.epoch ?? 0))
        if let owner { lookup.nodes.append(entry(owner, now: now)) }
        guard let held = holders[stream] else { return lookup }
        lookup.holders = held.values.filter { living($0.node, token: $0.token, now: now) != nil }
            .sorted { ($0.hops, $0.node) < ($1.hops, $1.node) }
        for holder in lookup.holders where holder.node != owner?.record.id {
            if let node = living(holder.node, now: now) { lookup.nodes.append(entry(node, now: now)) }
        }
        return lookup
    }

    /// See ``ClusterRegistry/streams(limit:)``; by name.
    package func streams(limit: Int) -> [StreamLocation] {
        Array(locations.values.sorted { $0.stream < $1.stream }.prefix(max(0, limit)))
    }

    /// See ``ClusterRegistry/prefer(_:for:)``.
    package mutating func prefer(_ node: NodeID?, for stream: String) {
        guard var location = locations[stream], location.preferred != node else { return }
        location.preferred = node
        locations[stream] = location
        tell(.stream(stream, epoch: location.epoch, owner: location.owner, isGone: false))
    }

    /// See ``ClusterRegistry/hold(_:by:token:hops:)``.
    package mutating func hold(_ stream: String, by node: NodeID, token: String, hops: Int?) {
        if let hops {
            holders[stream, default: [:]][node] = StreamHolder(node: node, token: token, hops: hops)
        } else if holders[stream]?[node]?.token == token {
            holders[stream]?[node] = nil
            if holders[stream]?.isEmpty == true { holders[stream] = nil }
        }
    }

    // MARK: Events

    /// See ``ClusterRegistry/log(_:)``.
    package mutating func append(_ event: ClusterEvent, wallMilliseconds: Int64) {
        logged &+= 1
        var event = event
        event.wallMilliseconds = wallMilliseconds
        event.id = "\(wallMilliseconds)-\(logged)"
        log.append(event)
        if log.count > Self.maximumEvents + Self.maximumEvents / 10 { log.removeFirst(log.count - Self.maximumEvents) }
    }

    /// See ``ClusterRegistry/events(after:limit:)``.
    package func events(after id: String?, limit: Int) -> [ClusterEvent] {
        guard let id else { return log.suffix(max(0, limit)) }
        guard let after = Self.number(of: id) else { return [] }
        return Array(log.drop { (Self.number(of: $0.id) ?? 0) <= after }.prefix(max(0, limit)))
    }

    /// Ids are told apart by their count alone: wall clocks jump.
    private static func number(of id: String) -> UInt64? { id.split(separator: "-").last.flatMap { UInt64($0) } }

    // MARK: Sweep

    private mutating func sweep(now: MonotonicTime) {
        guard sweepAt <= now else { return }
        sweepAt = now + Self.sweepEvery
        for (stream, location) in locations {
            if living(location.owner, token: location.token, now: now) != nil {
                orphanedSince[stream] = nil
            } else if let since = orphanedSince[stream] {
                guard since + Self.memory <= now else { continue }
                epochs[stream] = Remembered(
                    epoch: max(location.epoch, remembered(stream, now: now)), until: now + Self.memory)
                locations[stream] = nil
                orphanedSince[stream] = nil
            } else {
                orphanedSince[stream] = now
            }
        }
        nodes = nodes.filter { now < $0.value.until }
        epochs = epochs.filter { now < $0.value.until }
        for (stream, held) in holders {
            let believed = held.filter { living($0.key, token: $0.value.token, now: now) != nil }
            holders[stream] = believed.isEmpty ? nil : believed
        }
    }
}
