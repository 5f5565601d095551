import RelayCluster
import RelayCore

/// Wires: latency, order, cuts, and processes that are gone or stand still.
extension Simulation {
    func isCut(_ from: Int, _ to: Int) -> Bool { cuts[from * Peer.count + to] > 0 }

    /// Whether something is at the other end that would take a message now.
    func isUp(_ peer: Int) -> Bool {
        switch peer {
        case Peer.registry: registryIsUp
        case Peer.publishers: true
        default: process(peer).isAlive
        }
    }

    func isFrozen(_ peer: Int) -> Bool {
        switch peer {
        case Peer.registry: registryIsFrozen
        case Peer.publishers: false
        default: process(peer).isFrozen
        }
    }

    func life(of peer: Int) -> Int {
        switch peer {
        case Peer.registry, Peer.publishers: 0
        default: process(peer).life
        }
    }

    /// Sends in order within a lane: 0 = control and registry, 1 = news, 2 = links.
    func send(_ message: Message, from: Int, to: Int, lane: Int) {
        guard !isCut(from, to) else { return }
        let index = (from * Peer.count + to) * 3 + lane
        let at = max(lanes[index], now + .microseconds(300 + random.below(4_000)))
        lanes[index] = at
        queue.add(.message(from: from, to: to, life: life(of: to), message), at: at)
    }

    /// Sends on a connection; one that lost anything in this direction carries nothing more.
    func send(_ message: Message, on connection: Int, isDown: Bool) {
        let link = connections[connection]
        let (from, to) = isDown ? (link.parent, link.child) : (link.child, link.parent)
        if isDown ? link.isDeadDown : link.isDeadUp { return }
        if isCut(from, to) {
            if isDown { connections[connection].isDeadDown = true } else { connections[connection].isDeadUp = true }
            return
        }
        send(message, from: from, to: to, lane: 2)
    }

    func arrive(_ message: Message, from: Int, to: Int, life: Int) {
        if to == Peer.registry {
            guard registryIsUp else { return }
            if registryIsFrozen { return registryInbox.append((from, message)) }
            return serve(message, from: from)
        }
        if Peer.publishers.contains(to) { return hear(publishers[to - 8], message, from: from) }
        let process = process(to)
        guard process.isAlive, process.life == life else {
            // A host whose process is gone says so.
            switch message {
            case .subscribe(let connection, _, _, _, _):
                send(.reset(connection: connection), from: to, to: from, lane: 2)
            case .publish(let session, _): send(.dropped(session: session), from: to, to: from, lane: 2)
            default: break
            }
            return
        }
        if process.isFrozen { return process.inbox.append((from, message)) }
        deliver(message, from: from, to: process)
    }

    func deliver(_ message: Message, from: Int, to process: SimProcess) {
        switch message {
        case .answer(let call, let answer): answered(process, call, answer)
        case .news(let news): heard(process, news)
        default:
            if let origin = process.asOrigin {
                deliver(message, from: from, toOrigin: origin)
            } else if let edge = process.asEdge {
                deliver(message, from: from, toEdge: edge)
            }
        }
    }

    /// Whether the child of a connection hears its parent: pings are not sent one by one.
    func hearsParent(_ connection: Int) -> Bool {
        let link = connections[connection]
        let parent = process(link.parent)
        if isCut(link.parent, link.child) { connections[connection].isDeadDown = true }
        return parent.isAlive && parent.life == link.parentLife && !parent.isFrozen && link.isKnown
            && !connections[connection].isDeadDown
    }

    /// Gives a child a frame; slow links leave out some, and say so of those that nobody refers to.
    func forward(_ frame: Frame, of incarnation: Incarnation, on connection: Int) {
        if lossiness > 0, random.below(1_000) < lossiness {
            if frame.flags.contains(.disposable) {
                send(
                    .skipped(connection: connection, incarnation, first: frame.id, count: 1), on: connection,
                    isDown: true)
            }
            return
        }
        send(.frames(connection: connection, incarnation, [frame]), on: connection, isDown: true)
    }

    /// What a new child is given first; now and then there is no GOP to give, and it begins in the middle of one.
    func beginning(of history: [Frame], after: UInt64?) -> [Frame] {
        random.chance(10) ? [] : Self.start(of: history, after: after)
    }

    /// Makes a connection and asks for the stream on it.
    func open(from child: Int, to parent: Int) -> Int {
        connections.append(
            SimConnection(
                child: child, parent: parent, parentLife: process(parent).life, childLife: process(child).life))
        return connections.count - 1
    }
}
