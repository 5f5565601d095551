import RelayCluster
import RelayCore

/// What goes wrong in a run, and when it is over.
extension Simulation {
    func planFaults() {
        let start = 4_000
        let end = Int((Self.healsAt - .zero).wholeMilliseconds)
        func plan(_ fault: Fault, at: Int, for length: Int) {
            queue.add(.fault(fault), at: .zero + .milliseconds(at))
            queue.add(.lift(fault), at: .zero + .milliseconds(min(at + length, end)))
        }
        for _ in 0..<(1 + random.below(6)) {
            let at = start + random.below(end - start - 1_000)
            let length = [200, 400, 1_000, 3_000, 5_000, 12_000][random.below(6)] + random.below(300)
            switch random.below(12) {
            case 0, 1: plan(.kill(node: random.below(3)), at: at, for: length)
            case 2: plan(.kill(node: 3 + random.below(4)), at: at, for: length)
            case 3, 4: plan(.freeze(node: random.below(random.chance(80) ? 3 : 7)), at: at, for: length)
            case 5: plan(.split(random.below(3), Peer.registry), at: at, for: length)
            case 6: plan(.split(random.below(3), 3 + random.below(4)), at: at, for: length)
            case 7:
                let (one, other) = (random.below(8), random.below(8))
                plan(one == other ? .split(0, 1) : .cut(from: one, to: other), at: at, for: length)
            case 8: plan(.registryDown(losesAll: random.chance(50)), at: at, for: length)
            case 9: plan(.registryFreeze, at: at, for: length)
            case 10:
                queue.add(.fault(.snapshot), at: .zero + .milliseconds(at - 20 - random.below(1_500)))
                let skew = random.chance(50) ? 0 : Int64(random.below(120_000)) - 60_000
                queue.add(.fault(.failover(skewMilliseconds: skew)), at: .zero + .milliseconds(at))
            default:
                if random.chance(50) {
                    plan(.newsLoss(percent: [20, 50, 100][random.below(3)]), at: at, for: length)
                } else {
                    queue.add(.fault(.goodbye(publisher: 8 + random.below(2))), at: .zero + .milliseconds(at))
                }
            }
        }
        if random.chance(25) { planSwizzle(end: end) }
        // A wide split: one origin against everyone else.
        if random.chance(15) {
            let alone = random.below(3)
            let at = start + random.below(10_000)
            for other in 0..<Peer.count where other != alone { plan(.split(alone, other), at: at, for: 6_000) }
        }
    }

    /// Ways are cut one after the other, and restored in another order.
    private func planSwizzle(end: Int) {
        var pairs: [(Int, Int)] = []
        for one in 0..<Peer.count { for other in 0..<one where random.chance(30) { pairs.append((one, other)) } }
        let start = 6_000 + random.below(6_000)
        for (one, other) in pairs {
            queue.add(.fault(.split(one, other)), at: .zero + .milliseconds(start + random.below(5_000)))
            queue.add(
                .lift(.split(one, other)), at: .zero + .milliseconds(min(end, start + 5_000 + random.below(5_000))))
        }
    }

    private func cut(_ from: Int, _ to: Int, by change: Int) { cuts[from * Peer.count + to] += change }

    func strike(_ fault: Fault) {
        trace("fault \(fault)", 80)
        switch fault {
        case .kill(let node):
            let process = process(node)
            guard process.isAlive else { return }
            kill(process)
        case .freeze(let node): process(node).isFrozen = true
        case .cut(let from, let to): cut(from, to, by: 1)
        case .split(let one, let other):
            cut(one, other, by: 1)
            cut(other, one, by: 1)
        case .registryDown: registryIsUp = false
        case .registryFreeze: registryIsFrozen = true
        case .snapshot: snapshot = table
        case .failover(let skew):
            table = snapshot
            hasFailedOver = true
            wallSkew += skew
            // Everyone has to connect anew.
            for process in processes where process.isAlive && !process.isFrozen && process.isConnected {
                process.isConnected = false
                while let call = process.calls.first { failCall(call.id, of: process) }
            }
        case .newsLoss(let percent): newsLoss = percent
        case .goodbye(let publisher): sayGoodbye(publishers[publisher - 8])
        }
    }

    func lift(_ fault: Fault) {
        trace("lift \(fault)", 81)
        switch fault {
        case .kill(let node): if !process(node).isAlive { start(process(node)) }
        case .freeze(let node): thaw(process(node))
        case .cut(let from, let to): cut(from, to, by: -1)
        case .split(let one, let other):
            cut(one, other, by: -1)
            cut(other, one, by: -1)
        case .registryDown(let losesAll):
            if losesAll { table = RegistryTable() }
            registryIsUp = true
        case .registryFreeze:
            guard registryIsFrozen else { return }
            registryIsFrozen = false
            let waiting = registryInbox
            registryInbox.removeAll()
            for (from, message) in waiting { serve(message, from: from) }
        case .newsLoss: newsLoss = 0
        case .snapshot, .failover, .goodbye: break
        }
    }

    private func kill(_ process: SimProcess) {
        process.isAlive = false
        process.inbox.removeAll()
        process.calls.removeAll()
        if let edge = process.asEdge {
            failovers += edge.pull?.failovers ?? 0
            edge.attemptsMade += edge.pull?.attempts ?? 0
            settleCounts(edge)
            edge.pull = nil
            edge.attempts.removeAll()
        }
        // Its kernel resets what is open.
        for (number, link) in connections.enumerated() {
            if link.parent == process.index, link.parentLife == process.life {
                send(.reset(connection: number), on: number, isDown: true)
            } else if link.child == process.index, link.childLife == process.life {
                send(.closed(connection: number), on: number, isDown: false)
            }
        }
    }

    /// A process goes on: what came meanwhile and what was due are seen in either order.
    private func thaw(_ process: SimProcess) {
        guard process.isFrozen else { return }
        process.isFrozen = false
        guard process.isAlive else { return }
        let timersFirst = random.chance(50)
        process.leaseTimerAt = nil
        process.asEdge?.pullTimerAt = nil
        if timersFirst { tick(process) }
        let waiting = process.inbox
        process.inbox.removeAll()
        for (from, message) in waiting where process.isAlive { deliver(message, from: from, to: process) }
        if !timersFirst { tick(process) }
        // Deadlines of calls that passed.
        while let call = process.calls.first { failCall(call.id, of: process) }
        if let edge = process.asEdge {
            for open in edge.attempts where !open.isOpen { lost(edge, open.connection) }
        } else if let origin = process.asOrigin {
            probeAnswered(origin, origin.probeID, .gone)
        }
    }
}
