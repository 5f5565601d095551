import Logging
import NIOCore
import RelayCluster
import RelayCore
import RelayLink
import Synchronization

extension ClusterService: PullOpener {
    func refuse(_ name: StreamName, remote: SocketAddress?, now: MonotonicTime) -> RelayCode? {
        let isExempt =
            remote.map { address in configuration.limits.pendingExempt.contains { $0.contains(address) } } ?? true
        let address = isExempt ? nil : remote?.ipAddress
        return state.withLock { state in
            if state.drain != nil { return .draining }
            if state.unknown.contains(name, now: now) { return .streamNotFound }
            // Streams of foreign servers cost no lookup.
            if foreignSource(of: name) != nil { return nil }
            return state.budget.take(address: address, now: now) ? nil : .lookupRate
        }
    }

    func open(_ hub: StreamHub) {
        var settings = PullSettings()
        settings.linger = configuration.edge.linger - min(FanoutSettings.replicaLinger, configuration.edge.linger / 2)
        settings.hold = configuration.edge.hold
        let seen = state.withLock { $0.known.highestEpoch(of: hub.name, now: .now()) }
        hub.home.run { [settings] in
            let puller = StreamPuller(hub: hub, world: self, settings: settings, highestEpoch: seen, now: .now())
            self.state.withLock { $0.pulls[hub.name] = puller }
            puller.start()
        }
    }

    func foreignSource(of name: StreamName) -> String? {
        guard
            let template = configuration.edge.pullFrom.first(where: {
                name.app == $0.app || name.app.hasPrefix($0.app + "/")
            })
        else { return nil }
        return template.url.replacing("{name}", with: name.name).replacing("{app}", with: name.app)
    }
}

extension ClusterService: PullWorld {
    func resolve(
        _ name: StreamName, sticky: NodeID?, seen: UInt64, heldHops: Int?,
        then: @escaping @Sendable (PullResolution) -> Void
    ) {
        if let url = foreignSource(of: name) {
            // A foreign server has no epochs; the clock stands in for them.
            then(.found(epoch: UInt64(clamping: WallClock.milliseconds), sources: [.foreign(url)], age: .zero))
            return
        }
        later { then(await self.resolve(name, sticky: sticky, seen: seen, heldHops: heldHops)) }
    }

    private func resolve(
        _ name: StreamName, sticky: NodeID?, seen: UInt64, heldHops: Int?
    ) async -> PullResolution {
        var lookup: StreamLookup
        var age = Duration.zero
        do throws(RegistryError) {
            lookup = try await registry.locate(name)
            let now = MonotonicTime.now()
            let found = lookup
            let last = state.withLock { state in
                let last = state.known.last(of: name, now: now)
                if found.location != nil { state.known.note(found, of: name, now: now) }
                return last
            }
            if lookup.location == nil, lookup.isOrphaned, let last, let location = last.lookup.location,
                location.epoch >= lookup.lastEpoch
            {
                // The owner's lease is over, which is not the owner's end: it may only have lost the registry.
                (lookup, age) = (last.lookup, last.age)
            }
        } catch {
            noteRegistry(error)
            let now = MonotonicTime.now()
            let last = state.withLock { state in
                let last = state.known.last(of: name, now: now)
                state.figures.lookups[last == nil ? .unavailable : .lastKnown, default: 0] &+= 1
                return last
            }
            guard let known = last else { return .unavailable }
            lookup = known.lookup
            age = known.age
        }
        let now = MonotonicTime.now()
        return state.withLock { state in
            guard let location = lookup.location else {
                if age == .zero { state.figures.lookups[.notFound, default: 0] &+= 1 }
                if age == .zero { state.unknown.note(name, now: now) }
                return .notFound
            }
            if age == .zero { state.figures.lookups[.found, default: 0] &+= 1 }
            state.unknown.forget(name)
            let parents = ParentSelection.order(
                lookup: lookup, me: state.record, breakers: state.breakers, sticky: sticky, seen: seen,
                maxHops: configuration.link.maxHops, heldHops: heldHops,
                isAllowed: { Self.isAllowed($0.host, by: self.configuration.cluster.allowedCidrs) }, now: now)
            return .found(epoch: location.epoch, sources: parents.map { .parent($0) }, age: age)
        }
    }

    func pullAsks(_ puller: StreamPuller, at source: PullSource) {
        let now = MonotonicTime.now()
        state.withLock { state in
            state.figures.attempts &+= 1
            if case .parent(let parent) = source { state.breakers.began(parent.node, now: now) }
        }
    }

    func parent(_ node: NodeID, didAnswer: Bool) {
        let now = MonotonicTime.now()
        state.withLock { state in
            if didAnswer { state.breakers.succeeded(node) } else { state.breakers.failed(node, now: now) }
        }
    }

    func pull(_ puller: StreamPuller, has source: PullSource?, hops: Int, epoch: UInt64) {
        let name = puller.hub.name
        guard case .parent? = source else {
            hold(name, hops: nil)
            return
        }
        hold(name, hops: hops)
    }

    func pull(_ puller: StreamPuller, did failover: StreamPull.Failover, lost: UInt64) {
        let gap = failover.gap ?? .zero
        state.withLock { state in
            state.figures.failovers &+= 1
            state.figures.framesLost &+= lost
        }
        tellOperators(
            "failover", stream: puller.hub.name,
            "\(Self.describe(failover.from)) -> \(Self.describe(failover.to)), gap \(gap.wholeMilliseconds) ms, \(lost) frames lost"
        )
    }

    func pullEnded(_ puller: StreamPuller, _ code: RelayCode?) {
        let name = puller.hub.name
        state.withLock { state in
            if state.pulls[name] === puller { state.pulls[name] = nil }
        }
        hold(name, hops: nil)
        if let code, code != .streamNotFound {
            logger.info("pull over", metadata: ["stream": "\(name)", "code": "\(code)"])
        }
    }

    static func describe(_ source: PullSource) -> String {
        switch source {
        case .parent(let parent): parent.node.text
        case .foreign: "foreign"
        }
    }

    /// Tells the registry that this node holds a stream, or no longer does; the newest word wins.
    private func hold(_ name: StreamName, hops: Int?) {
        let changed = state.withLock { state in
            let old = state.holding[name]
            state.holding[name] = hops
            return old != hops
        }
        guard changed else { return }
        later {
            let hops = self.state.withLock { $0.holding[name] }
            try? await self.registry.hold(name, by: self.me, token: self.token, hops: hops)
        }
    }
}
