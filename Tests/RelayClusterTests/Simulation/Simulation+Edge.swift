import RelayCluster
import RelayCore

/// Edges: the interpreter of ``StreamPull``, a hub that splices, and service to other edges.
extension Simulation {
    func begin(_ edge: SimEdge) {
        edge.pull = nil
        edge.pullTimerAt = nil
        edge.splice = Splice()
        edge.attempts.removeAll()
        edge.children.removeAll()
        edge.history.removeAll()
        edge.known = LastKnownLocations(maximumLookups: 8, maximumEpochs: 8)
        edge.breakers = ParentBreakers(seed: random.next())
        edge.sticky = nil
        edge.isHolding = false
        // Viewers of a process that is gone come back to the new one.
        edge.checker = ViewerChecker()
        edge.demandSince = now
        if edge.wantsViewers > 0 { startPull(edge) }
    }

    // MARK: Viewers

    func viewer(_ edge: SimEdge) {
        let wanted = edge.wantsViewers > 0 && random.chance(40) ? 0 : 1 + random.below(5)
        if edge.wantsViewers == 0, wanted > 0 { edge.demandSince = now }
        edge.wantsViewers = wanted
        guard edge.isAlive, !edge.isFrozen else { return }
        demand(edge)
    }

    private func demand(_ edge: SimEdge) {
        if edge.pull == nil {
            if edge.wantsViewers + edge.children.count > 0 { startPull(edge) }
            return
        }
        edge.pull?.demand(edge.wantsViewers + edge.children.count, now: now)
        runPull(edge)
    }

    private func startPull(_ edge: SimEdge) {
        edge.pullsMade += 1
        edge.asked.removeAll()
        edge.splice = Splice()
        edge.history.removeAll()
        edge.pull = StreamPull(
            settings: settings, highestEpoch: edge.known.highestEpoch(of: stream, now: now), seed: random.next(),
            now: now)
        edge.pull?.demand(max(1, edge.wantsViewers), now: now)
        runPull(edge)
    }

    // MARK: The pull

    func runPull(_ edge: SimEdge) {
        while let action = edge.pull?.nextAction() {
            trace("\(edge.id) \(action)", UInt64(edge.index), 78)
            switch action {
            case .resolve: call(.locate, by: edge)
            case .subscribe(let attempt, let source): subscribe(edge, attempt, source)
            case .cancel(let attempt):
                guard let index = edge.attempts.firstIndex(where: { $0.attempt == attempt }) else { continue }
                let connection = edge.attempts.remove(at: index).connection
                send(.closed(connection: connection), on: connection, isDown: false)
            case .adopt(let attempt): adopt(edge, attempt)
            case .hold: break
            case .end(let code): endPull(edge, code)
            case .release: endPull(edge, nil)
            }
        }
        while let fault = edge.pull?.nextFault() {
            if case .parent(let parent) = fault { edge.breakers.failed(parent.node, now: now) }
        }
        if let due = edge.pull?.nextDeadline, edge.pullTimerAt.map({ due < $0 || $0 < now }) ?? true {
            edge.pullTimerAt = max(due, now)
            queue.add(.pullTimer(edge: edge.index, life: edge.life), at: max(due, now))
        }
    }

    func pullTimer(_ edge: SimEdge) {
        guard let due = edge.pull?.nextDeadline else { return }
        if due <= now {
            edge.pull?.timerFired(now: now)
            if let next = edge.pull?.nextDeadline, next <= now { fail("\(edge.id) has a deadline that does not pass") }
        }
        runPull(edge)
    }

    private func endPull(_ edge: SimEdge, _ code: RelayCode?) {
        failovers += edge.pull?.failovers ?? 0
        edge.attemptsMade += edge.pull?.attempts ?? 0
        settleCounts(edge)
        edge.checker.restart()
        edge.pull = nil
        edge.splice = Splice()
        edge.history.removeAll()
        edge.attempts.removeAll()
        for child in edge.children {
            send(.ended(connection: child, isFinished: code == .streamEnded), on: child, isDown: true)
        }
        edge.children.removeAll()
        noteHolding(edge)
    }

    /// The registry's answer to a lookup; nil when it did not answer.
    func located(_ edge: SimEdge, _ lookup: StreamLookup?) {
        guard edge.pull != nil else { return }
        let resolution: PullResolution
        if let lookup, lookup.location != nil {
            edge.known.note(lookup, of: stream, now: now)
            resolution = found(edge, lookup, age: .zero)
        } else if let lookup, !lookup.isOrphaned {
            resolution = .notFound
        } else if let last = edge.known.last(of: stream, now: now),
            last.lookup.location?.epoch ?? 0 >= lookup?.lastEpoch ?? 0
        {
            resolution = found(edge, last.lookup, age: last.age)
        } else {
            resolution = lookup == nil ? .unavailable : .notFound
        }
        trace("\(edge.id) resolved \(resolution)", UInt64(edge.index), 79)
        edge.pull?.resolved(resolution, now: now)
        runPull(edge)
    }

    private func found(_ edge: SimEdge, _ lookup: StreamLookup, age: Duration) -> PullResolution {
        let parents = ParentSelection.order(
            lookup: lookup, me: edge.record, breakers: edge.breakers, sticky: edge.sticky,
            seen: edge.pull?.highestEpoch ?? 0, maxHops: 3, heldHops: edge.children.isEmpty ? nil : edge.hops,
            isAllowed: { _ in true }, now: now)
        return .found(epoch: lookup.location?.epoch ?? 0, sources: parents.map { .parent($0) }, age: age)
    }

    private func subscribe(_ edge: SimEdge, _ attempt: Int, _ source: PullSource) {
        guard case .parent(let parent) = source else { return }
        edge.breakers.began(parent.node, now: now)
        edge.asked.removeAll { $0 + .seconds(10) < now }
        edge.asked.append(now)
        if edge.asked.count > StreamPull.attemptBurst + 20 {
            fail("\(edge.id) asked \(edge.asked.count) times in ten seconds")
        }
        let index = index(of: parent.node)
        let connection = open(from: edge.index, to: index)
        edge.attempts.append(
            SimAttempt(connection: connection, attempt: attempt, parent: index, hops: parent.hops, heard: now))
        let path = [edge.index] + (edge.children.flatMap { edge.paths[$0] ?? [] })
        send(
            .subscribe(
                connection: connection, after: edge.splice.lastID, of: edge.splice.incarnation, path: path,
                highest: edge.pull?.highestEpoch ?? 0), on: connection, isDown: false)
        queue.add(.connectDeadline(edge: edge.index, life: edge.life, connection: connection), at: now + .seconds(2))
    }

    private func adopt(_ edge: SimEdge, _ attempt: Int) {
        guard let index = edge.attempts.firstIndex(where: { $0.attempt == attempt }) else {
            return fail("\(edge.id) adopts attempt \(attempt), which it has not")
        }
        edge.sticky = process(edge.attempts[index].parent).id
        edge.hops = edge.attempts[index].hops + 1
        guard let incarnation = edge.attempts[index].incarnation else {
            return fail("\(edge.id) adopts attempt \(attempt), which was not accepted")
        }
        take(edge, incarnation)
        let kept = edge.attempts[index].kept
        edge.attempts[index].kept.removeAll()
        for (incarnation, frames) in kept {
            take(edge, incarnation)
            for frame in frames { judge(edge, frame, of: incarnation) }
        }
    }

    /// The stream goes on in an incarnation, for viewers and children.
    private func take(_ edge: SimEdge, _ incarnation: Incarnation) {
        guard edge.splice.incarnation != incarnation, edge.splice.begin(incarnation) else { return }
        edge.known.note(epoch: incarnation.epoch, of: stream, now: now)
        edge.history.removeAll()
        for child in edge.children { send(.accept(connection: child, incarnation), on: child, isDown: true) }
    }

    private func judge(_ edge: SimEdge, _ frame: Frame, of incarnation: Incarnation) {
        if edge.splice.incarnation == incarnation { edge.checker.arrived(frame, of: incarnation) }
        guard case .pass(let offset) = edge.splice.judge(frame, of: incarnation, now: now) else { return }
        if let broken = edge.checker.passed(frame, offset: offset, of: incarnation, now: now) {
            fail("\(edge.id): \(broken)")
        }
        trace(
            "\(edge.id) frame \(incarnation) \(frame.id) \(frame.dts)", UInt64(edge.index), frame.id,
            UInt64(bitPattern: frame.dts + offset))
        if frame.flags.contains(.key) {
            edge.history.removeFirst(edge.history.lastIndex { $0.flags.contains(.key) } ?? edge.history.endIndex)
        }
        edge.history.append(frame)
        for child in edge.children { forward(frame, of: incarnation, on: child) }
    }

    // MARK: Wires

    func deliver(_ message: Message, from: Int, toEdge edge: SimEdge) {
        switch message {
        case .accept(let connection, let incarnation):
            guard let index = edge.attempts.firstIndex(where: { $0.connection == connection }) else { return }
            edge.attempts[index].isOpen = true
            edge.attempts[index].heard = now
            edge.attempts[index].incarnation = incarnation
            let attempt = edge.attempts[index].attempt
            edge.breakers.succeeded(process(from).id)
            edge.pull?.accepted(attempt: attempt, epoch: incarnation.epoch, now: now)
            if edge.pull?.adopted == attempt, edge.attempts.contains(where: { $0.connection == connection }) {
                take(edge, incarnation)
            }
            runPull(edge)
            noteHolding(edge)
        case .refuse(let connection, let refusal):
            guard let attempt = remove(edge, connection) else { return }
            edge.pull?.refused(attempt: attempt, refusal, now: now)
            runPull(edge)
        case .frames(let connection, let incarnation, let frames):
            guard let index = edge.attempts.firstIndex(where: { $0.connection == connection }) else { return }
            edge.attempts[index].heard = now
            let attempt = edge.attempts[index].attempt
            if edge.pull?.adopted != attempt { edge.attempts[index].kept.append((incarnation, frames)) }
            let wasAdopted = edge.pull?.adopted == attempt
            let isNews =
                incarnation != edge.splice.incarnation
                || frames.contains { frame in edge.splice.lastID.map { frame.id > $0 } ?? true }
            if isNews { edge.pull?.frames(attempt: attempt, now: now) }
            runPull(edge)
            if wasAdopted { for frame in frames { judge(edge, frame, of: incarnation) } }
            noteHolding(edge)
        case .skipped(let connection, let incarnation, let first, let count):
            guard let open = edge.attempts.first(where: { $0.connection == connection }),
                edge.pull?.adopted == open.attempt
            else { return }
            edge.splice.skip(from: first, count: count, of: incarnation)
            if edge.splice.incarnation == incarnation { edge.checker.skipped(upTo: first + count - 1, of: incarnation) }
        case .ended(let connection, let isFinished):
            guard let attempt = remove(edge, connection) else { return }
            edge.pull?.ended(attempt: attempt, isFinished: isFinished, now: now)
            runPull(edge)
        case .reset(let connection):
            if let index = edge.attempts.firstIndex(where: { $0.connection == connection }) {
                edge.breakers.failed(process(edge.attempts[index].parent).id, now: now)
                lost(edge, connection)
            } else {
                edge.children.removeAll { $0 == connection }
            }
        case .subscribe(let connection, let after, let known, let path, let highest):
            serve(edge, connection, after: after, of: known, path: path, highest: highest)
        case .closed(let connection):
            edge.children.removeAll { $0 == connection }
            edge.paths[connection] = nil
            demand(edge)
        default: break
        }
    }

    private func remove(_ edge: SimEdge, _ connection: Int) -> Int? {
        guard let index = edge.attempts.firstIndex(where: { $0.connection == connection }) else { return nil }
        return edge.attempts.remove(at: index).attempt
    }

    func lost(_ edge: SimEdge, _ connection: Int) {
        guard let attempt = remove(edge, connection) else { return }
        send(.closed(connection: connection), on: connection, isDown: false)
        edge.pull?.failed(attempt: attempt, now: now)
        runPull(edge)
        noteHolding(edge)
    }

    private func serve(
        _ edge: SimEdge, _ connection: Int, after: UInt64?, of known: Incarnation?, path: [Int], highest: UInt64
    ) {
        connections[connection].isKnown = true
        func refuse(_ reason: PullRefusal) {
            send(.refuse(connection: connection, reason), on: connection, isDown: true)
        }
        guard !path.contains(edge.index) else { return refuse(.loop) }
        guard edge.pull?.adopted != nil, let incarnation = edge.splice.incarnation, edge.checker.frames > 0 else {
            return refuse(.notFound)
        }
        guard highest <= incarnation.epoch || isForgetful else { return refuse(.stale) }
        // What this edge itself gets must not come from the one who asks.
        if let parent = edge.attempts.first(where: { $0.attempt == edge.pull?.adopted })?.parent, path.contains(parent)
        {
            return refuse(.loop)
        }
        send(.accept(connection: connection, incarnation), on: connection, isDown: true)
        let frames = beginning(of: edge.history, after: known == incarnation ? after : nil)
        if !frames.isEmpty { send(.frames(connection: connection, incarnation, frames), on: connection, isDown: true) }
        edge.children.append(connection)
        edge.paths[connection] = path
        demand(edge)
    }

    /// Tells the registry whether this edge has the stream.
    func noteHolding(_ edge: SimEdge, isSure: Bool = false) {
        let adopted = edge.attempts.first { $0.attempt == edge.pull?.adopted }
        let holds = adopted != nil && edge.splice.lastID != nil
        guard holds != edge.isHolding || (isSure && holds) else { return }
        edge.isHolding = holds
        call(.hold(hops: holds ? (adopted?.hops ?? 0) + 1 : nil), by: edge)
    }

    func tickEdge(_ edge: SimEdge) {
        for open in edge.attempts where open.isOpen {
            guard let index = edge.attempts.firstIndex(where: { $0.connection == open.connection }) else { continue }
            if hearsParent(open.connection) {
                edge.attempts[index].heard = now
                if open.isSuspect {
                    edge.attempts[index].isSuspect = false
                    edge.pull?.recovered(attempt: open.attempt, now: now)
                }
            } else if now - open.heard >= Self.linkDead {
                edge.breakers.failed(process(open.parent).id, now: now)
                lost(edge, open.connection)
            } else if now - open.heard >= Self.silence, !open.isSuspect {
                edge.attempts[index].isSuspect = true
                edge.pull?.suspect(attempt: open.attempt, now: now)
            }
        }
        let before = edge.children.count
        edge.children.removeAll {
            !process(connections[$0].child).isAlive || process(connections[$0].child).life != connections[$0].childLife
        }
        if before != edge.children.count { demand(edge) }
        pullTimer(edge)
        runPull(edge)
        if edge.pull == nil, edge.wantsViewers > 0, random.chance(10) { startPull(edge) }
    }
}
