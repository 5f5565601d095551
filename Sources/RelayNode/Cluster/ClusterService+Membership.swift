import Logging
import NIOCore
import RelayAPI
import RelayCluster
import RelayCore
import Synchronization

/// The node as a member: its lease, its reports, what it hears, what operators want of it.
extension ClusterService {
    /// Streams whose location is looked after with each beat, however many there are: finds owners whose news were lost, at a
    /// cost that does not grow with the streams.
    static let auditedPerBeat = 32
    /// Locations in one call when all of them are written again.
    static let restoredPerCall = 500

    // MARK: The lease

    func keepLease() async {
        while !Task.isCancelled {
            await runLease()
            let now = MonotonicTime.now()
            let deadline = state.withLock { $0.lease.nextDeadline } ?? now + .seconds(1)
            guard (try? await Task.sleep(for: max(.milliseconds(5), deadline - now))) != nil else { return }
            tellLease { $0.timerFired(now: $1) }
        }
    }

    /// Renews now and not with the next beat: what the record says has changed, or an operator wants something.
    func renewSoon() {
        tellLease { $0.connected(now: $1) }
        later { await self.runLease() }
    }

    private func tellLease(_ event: (inout NodeLease, MonotonicTime) -> Void) {
        let now = MonotonicTime.now()
        state.withLock { event(&$0.lease, now) }
    }

    private func runLease() async {
        while let action = state.withLock({ $0.lease.nextAction() }) { await perform(action) }
    }

    private func perform(_ action: NodeLease.Action) async {
        switch action {
        case .renew(let includeReport): await renew(includeReport: includeReport)
        case .becameOwner: tellOperators("joined", stream: nil, "\(me) (\(role.rawValue)) is in the cluster")
        case .restoreAll: await restoreAll()
        case .expired:
            logger.warning("the node's lease ran out; streams go on, nothing is asserted", metadata: ["node": "\(me)"])
        case .lost:
            logger.error(
                "\(RelayCode.nodeNameTaken.message)", metadata: ["code": "\(RelayCode.nodeNameTaken)", "node": "\(me)"])
            forEachOwned { $0.nodeLost(now: $1) }
        case .release: break
        }
    }

    private func renew(includeReport: Bool) async {
        let report = includeReport ? await report() : nil
        let record = state.withLock { $0.record }
        do throws(RegistryError) {
            let renewal = try await registry.renew(record, report: report, ttl: configuration.cluster.leaseTTL)
            noteRegistryAnswers()
            let now = MonotonicTime.now()
            state.withLock { $0.lease.renewed(renewal, now: now) }
            if case .renewed(_, _, let wish) = renewal { await follow(wish) }
            // A claim that the registry refused for a while is made again.
            forEachOwned { $0.registryBack(now: $1) }
            let ended = state.withLock { state in
                Array(state.toWithdraw.filter { state.owned[$0.key]?.machine.isServing != true })
            }
            if !ended.isEmpty { later { for (name, epoch) in ended { await self.withdraw(name, epoch: epoch) } } }
            await audit()
        } catch {
            noteRegistry(error)
            tellLease { $0.failed(now: $1) }
        }
    }

    private func restoreAll() async {
        forEachOwned { $0.registryBack(now: $1) }
        let locations = state.withLock { $0.owned.values.compactMap(\.location) }
        for start in stride(from: 0, to: locations.count, by: Self.restoredPerCall) {
            await restore(Array(locations[start..<min(start + Self.restoredPerCall, locations.count)]))
        }
        let (held, pulls) = state.withLock { ($0.holding, Array($0.pulls.values)) }
        // Beside the lease: a slow registry must not keep it from being renewed.
        later {
            for (name, hops) in held { try? await self.registry.hold(name, by: self.me, token: self.token, hops: hops) }
        }
        for puller in pulls { puller.hub.home.run { puller.reachable() } }
    }

    private func audit() async {
        let some = state.withLock { state -> [StreamLocation] in
            let now = MonotonicTime.now()
            state.owned = state.owned.filter { !$0.value.machine.isIdle(now: now) || $0.value.pending != nil }
            let names = state.owned.keys.sorted()
            guard !names.isEmpty else { return [] }
            var from = names.firstIndex { name in state.auditedUpTo.map { name > $0 } ?? true } ?? 0
            if names.count <= Self.auditedPerBeat { from = 0 }
            let slice = names[from..<min(from + Self.auditedPerBeat, names.count)]
            state.auditedUpTo = slice.last
            return slice.compactMap { state.owned[$0]?.location }
        }
        await restore(some)
    }

    /// Writes locations that this node believes to own, and hears whose they are.
    func restore(_ locations: [StreamLocation]) async {
        guard !locations.isEmpty else { return }
        do throws(RegistryError) {
            for (stream, location) in try await registry.restore(locations) {
                guard let name = try? StreamName(path: stream) else { continue }
                tellOwned(name) { $0.standing(against: location, now: $1) }
            }
        } catch {
            noteRegistry(error)
        }
    }

    // MARK: The registry's health

    /// How long the first connection may take before its absence is news.
    static let firstContact = Duration.seconds(2)

    func noteRegistry(_ error: RegistryError) {
        guard case .unavailable(let reason) = error else {
            // The client has told of the refusal, once in a while.
            logger.debug("the registry refuses", metadata: ["reason": "\(LogText.escaped("\(error)"))"])
            return
        }
        let isNews = state.withLock { state in
            // Before the first connection there is nothing to be told about, for a while.
            guard state.registryDown == nil, state.registryUpSince != nil || .now() - startedAt > Self.firstContact
            else { return false }
            state.registryDown = (.now(), reason)
            state.registryUpSince = nil
            return true
        }
        if isNews { logger.warning("the registry is away", metadata: ["reason": "\(LogText.escaped(reason))"]) }
    }

    private func noteRegistryAnswers() {
        let wasDown = state.withLock { state in
            defer { state.registryDown = nil }
            if state.registryUpSince == nil { state.registryUpSince = .now() }
            return state.registryDown
        }
        if let wasDown {
            logger.info(
                "the registry is back",
                metadata: ["away": "\((MonotonicTime.now() - wasDown.since).wholeMilliseconds) ms"])
        }
    }

    // MARK: News

    func followNews() async {
        for await news in registry.news() { hear(news) }
    }

    private func hear(_ news: RegistryNews) {
        switch news {
        case .connected: renewSoon()
        case .disconnected(let reason): noteRegistry(.unavailable(reason))
        case .stream(let text, let epoch, let owner, let isGone):
            guard let name = try? StreamName(path: text) else { return }
            let puller = state.withLock { state in
                // An epoch in the news may belong to a claim that the registry lost; what was looked up counts.
                if isGone { state.known.forget(name) } else { state.unknown.forget(name) }
                return state.pulls[name]
            }
            if let puller { puller.hub.home.run { puller.changed(epoch: epoch, isGone: isGone) } }
            tellOwned(name) { $0.heard(epoch: epoch, owner: owner, isGone: isGone, now: $1) }
        case .node: break
        case .wish(let node): if node == me { renewSoon() }
        case .question(let question): later { await self.answer(question) }
        }
    }

    private func answer(_ question: ClusterQuestion) async {
        guard let name = question.stream.flatMap({ try? StreamName(path: $0) }) else { return }
        switch question.kind {
        case .why:
            guard let part = await part(of: name), let body = Self.json(part) else { return }
            try? await registry.answer(ClusterAnswer(question: question.id, node: me, body: body))
        case .move:
            guard let hub = directory.hub(named: name) else { return }
            hub.home.run { if hub.hasPublisher { hub.sendPublisherAway(.movedAway, to: nil) } }
        }
    }

    // MARK: Reports

    /// What the node says about its load.
    func report() async -> NodeReport? {
        guard let inspector = state.withLock({ $0.inspector }), var report = try? await inspector.report() else {
            return nil
        }
        state.withLock { state in
            state.reportSequence &+= 1
            report.sequence = state.reportSequence
            report.state = state.record.state
            report.pulls = state.pulls.count
        }
        report.children = children.children
        return report
    }

    // MARK: Drain

    private func follow(_ wish: NodeWish?) async {
        let action = state.withLock { state in
            let action = state.orders.read(wish, now: .now())
            state.record.drain = state.orders.following
            return action
        }
        switch action {
        case .nothing: break
        case .forget: try? await registry.wish(nil, for: me)
        case .drain(let deadline): await beginDrain(within: deadline)
        case .cordon: cordon()
        case .undrain: undrain()
        case .refuse(let refusal):
            logger.warning(
                "an order is not followed: \(refusal.rawValue)",
                metadata: ["node": "\(me)", "wish": "\(LogText.escaped(wish?.id ?? ""))"])
        }
    }

    /// The process goes down: it drains, and no order takes that back.
    func drainForGood(within deadline: Duration) async {
        state.withLock { $0.orders.end() }
        await beginDrain(within: deadline)
    }

    /// No new work; publishers are sent away, children asked to look for another parent, viewers served until the deadline.
    func beginDrain(within deadline: Duration) async {
        let until = MonotonicTime.now() + deadline
        let isNew = state.withLock { state in
            // On top of a cordon it is as new as without one.
            let isNew = state.drain?.until == nil
            state.drain = DrainOrder(until: until)
            state.record.state = .draining
            return isNew
        }
        lifecycle.beginDrain()
        renewSoon()
        if isNew {
            tellOperators(
                "drain", stream: nil,
                "\(me) drains; \(gate.viewers) viewers are served for \(deadline.wholeMilliseconds / 1_000) s")
        }
        for hub in directory.all { hub.home.run { hub.sendPublisherAway(.draining, to: nil) } }
        children.goAway(deadline)
        later { await self.endDrain(at: until) }
    }

    /// No new work; publishers, children and viewers stay until they leave by themselves.
    private func cordon() {
        let isNew = state.withLock { state in
            // The process may have begun to go down since the order was read.
            guard state.drain == nil else { return false }
            state.drain = DrainOrder(until: nil)
            state.record.state = .draining
            return true
        }
        guard isNew else { return }
        lifecycle.beginDrain()
        renewSoon()
        tellOperators("drain", stream: nil, "\(me) takes no new work; publishers and viewers stay until they leave")
    }

    private func endDrain(at until: MonotonicTime) async {
        guard (try? await Task.sleep(for: until - .now())) != nil else { return }
        guard state.withLock({ $0.drain?.until == until }) else { return }
        let viewers = gate.viewers
        for hub in directory.all { hub.home.run { hub.end(.draining) } }
        if viewers > 0 { tellOperators("drained", stream: nil, "\(me) ended \(viewers) viewers at its deadline") }
    }

    private func undrain() {
        let wasDraining = state.withLock { state in
            defer { state.drain = nil }
            if state.drain != nil { state.record.state = .serving }
            return state.drain != nil
        }
        guard wasDraining else { return }
        lifecycle.undrain()
        renewSoon()
        tellOperators("undrain", stream: nil, "\(me) takes new work again")
    }

    /// nil while the node does not drain, and while it drains without a deadline.
    var drainSecondsLeft: Double? {
        state.withLock { state in state.drain?.until.map { max(0, ($0 - .now()).seconds) } }
    }
}
