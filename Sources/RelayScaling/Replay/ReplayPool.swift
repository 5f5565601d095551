import DequeModule

/// Replicas that take a lead time to serve and leave at once: what replay gives to policies instead of a cluster.
package struct ReplayPool: Sendable {
    /// Seconds from asking for a replica until it serves.
    package let lead: Double
    package private(set) var ready: Int
    /// Replicas taken away so far while they served.
    package private(set) var drained = 0
    private var starting: Deque<(at: Double, count: Int)> = []
    private var pending = 0

    package init(lead: Double, ready: Int) {
        self.lead = lead
        self.ready = max(0, ready)
    }

    /// Those that serve and those that start.
    package var requested: Int { ready + pending }

    /// Lets replicas become ready whose time has come.
    package mutating func advance(to now: Double) {
        while let first = starting.first, first.at <= now {
            ready += first.count
            pending -= first.count
            starting.removeFirst()
        }
    }

    /// Asks for `replicas` in all. Those that start go first when there are too many, the newest of them before the others.
    package mutating func request(_ replicas: Int, now: Double) {
        let wanted = min(max(0, replicas), 1_000_000_000)
        guard wanted < requested else {
            let more = wanted - requested
            guard more > 0 else { return }
            starting.append((now + lead, more))
            pending += more
            return
        }
        while requested > wanted, let last = starting.popLast() {
            let kept = max(0, last.count - (requested - wanted))
            pending -= last.count - kept
            guard kept > 0 else { continue }
            starting.append((last.at, kept))
            break
        }
        let fewer = requested - wanted
        guard fewer > 0 else { return }
        ready -= fewer
        drained += fewer
    }
}
