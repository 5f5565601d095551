import RelayCluster
import RelayCore

/// The registry, and how processes call it.
extension Simulation {
    // MARK: Calls

    /// Calls the registry, or fails at once when there is no connection.
    func call(_ call: RegistryCall, by process: SimProcess) {
        guard process.isConnected else { return failed(process, call) }
        process.nextCall += 1
        let id = process.nextCall
        process.calls.append((id, call))
        send(.call(id: id, call), from: process.index, to: Peer.registry, lane: 0)
        queue.add(.callDeadline(node: process.index, life: process.life, call: id), at: now + .seconds(1))
    }

    func failCall(_ id: Int, of process: SimProcess) {
        guard let index = process.calls.firstIndex(where: { $0.id == id }) else { return }
        failed(process, process.calls.remove(at: index).call)
    }

    private func failed(_ process: SimProcess, _ call: RegistryCall) {
        switch call {
        case .renew:
            process.lease.failed(now: now)
            runLease(process)
        case .claim:
            guard let origin = process.asOrigin else { return }
            origin.own.claimed(.failure(.unavailable("")), now: now)
            runOwnership(origin)
        case .withdraw(let epoch): process.asOrigin?.withdrawals.append(epoch)
        case .locate: if let edge = process.asEdge { located(edge, nil) }
        case .restore, .hold: break
        }
    }

    func answered(_ process: SimProcess, _ id: Int, _ answer: RegistryAnswer) {
        guard let index = process.calls.firstIndex(where: { $0.id == id }) else { return }
        process.calls.remove(at: index)
        switch answer {
        case .renewal(let renewal):
            process.lease.renewed(renewal, now: now)
            runLease(process)
        case .claim(let answer):
            guard let origin = process.asOrigin else { return }
            origin.own.claimed(.success(answer), now: now)
            runOwnership(origin)
        case .standing(let location):
            guard let origin = process.asOrigin, let location else { return }
            origin.own.standing(against: location, now: now)
            runOwnership(origin)
        case .lookup(let lookup): if let edge = process.asEdge { located(edge, lookup) }
        case .done: break
        }
    }

    // MARK: The connection

    /// Whether the registry answers, as a client finds out by its pings.
    func watchRegistry(_ process: SimProcess) {
        let answers =
            registryIsUp && !registryIsFrozen && !isCut(process.index, Peer.registry)
            && !isCut(Peer.registry, process.index)
        // A frozen registry is only noticed by calls that take too long.
        if process.isConnected, registryIsFrozen, !answers { return }
        guard process.isConnected != answers else { return }
        process.isConnected = answers
        trace("\(process.id) registry \(answers)", UInt64(process.index))
        if answers {
            process.lease.connected(now: now)
            runLease(process)
            if let origin = process.asOrigin {
                origin.own.registryBack(now: now)
                runOwnership(origin)
            } else if let edge = process.asEdge {
                edge.pull?.reachable(now: now)
                runPull(edge)
            }
        } else {
            while let call = process.calls.first { failCall(call.id, of: process) }
        }
    }

    func runLease(_ process: SimProcess) {
        while let action = process.lease.nextAction() {
            switch action {
            case .renew: call(.renew, by: process)
            case .becameOwner, .expired, .release: trace("\(process.id) lease \(action)", UInt64(process.index))
            case .restoreAll:
                if let origin = process.asOrigin {
                    for epoch in origin.withdrawals { call(.withdraw(epoch: epoch), by: origin) }
                    origin.withdrawals.removeAll()
                    origin.own.registryBack(now: now)
                    runOwnership(origin)
                    if let location = origin.own.location { call(.restore(location), by: origin) }
                } else if let edge = process.asEdge {
                    noteHolding(edge, isSure: true)
                }
            case .lost:
                trace("\(process.id) name taken", UInt64(process.index))
                guard let origin = process.asOrigin else { continue }
                origin.own.nodeLost(now: now)
                runOwnership(origin)
            }
        }
        if let due = process.lease.nextDeadline, process.leaseTimerAt.map({ due < $0 || $0 < now }) ?? true {
            process.leaseTimerAt = max(due, now)
            queue.add(.leaseTimer(node: process.index, life: process.life), at: max(due, now))
        }
    }

    // MARK: The registry itself

    func serve(_ message: Message, from: Int) {
        guard case .call(let id, let call) = message else { return }
        let process = process(from)
        let name = stream.description
        let answer: RegistryAnswer
        switch call {
        case .renew:
            answer = .renewal(
                table.renew(process.record, report: nil, ttl: leaseSettings.ttl, wallMilliseconds: wall, now: now))
        case .claim(let claim):
            let result = table.claim(claim, wallMilliseconds: wall, now: now)
            if case .granted(let location) = result {
                trace("granted \(location.owner) \(location.epoch)", location.epoch)
                if !epochsGranted.insert(location.epoch).inserted, !hasFailedOver {
                    fail("epoch \(location.epoch) granted twice")
                }
            }
            answer = .claim(result)
        case .restore(let location): answer = .standing(table.restore([location], now: now)[name])
        case .withdraw(let epoch):
            table.withdraw(name, token: process.token, epoch: epoch, now: now)
            answer = .done
        case .locate: answer = .lookup(table.locate(name, now: now))
        case .hold(let hops):
            table.hold(name, by: process.id, token: process.token, hops: hops)
            answer = .done
        }
        send(.answer(call: id, answer), from: Peer.registry, to: from, lane: 0)
        publish()
    }

    private func publish() {
        for news in table.takeNews() {
            for process in processes where process.isConnected && process.isAlive {
                if random.chance(newsLoss) { continue }
                send(.news(news), from: Peer.registry, to: process.index, lane: 1)
            }
        }
    }

    func heard(_ process: SimProcess, _ news: RegistryNews) {
        guard case .stream(_, let epoch, let owner, let isGone) = news else { return }
        if let origin = process.asOrigin {
            origin.own.heard(epoch: epoch, owner: owner, isGone: isGone, now: now)
            runOwnership(origin)
        } else if let edge = process.asEdge {
            if isGone { edge.known.forget(stream) }
            edge.pull?.changed(epoch: epoch, isGone: isGone, now: now)
            runPull(edge)
        }
    }
}
