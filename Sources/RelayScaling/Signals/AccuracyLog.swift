/// Scores past decisions by SDA-1 (autoscaler.md §3.1) once the time that they were made for is over. Kept over restarts.
package struct AccuracyLog: Hashable, Sendable, Codable {
    /// An epoch whose outcome is not known yet.
    private struct Open: Hashable, Sendable, Codable {
        /// UTC, s since 1970.
        var at: Double
        var lead: Double
        var hold: Double
        var replicas: Int
        /// What the demand of that moment needed.
        var then: Int
        /// Largest need seen within [at + lead, at + lead + hold].
        var need: Double
    }

    /// The epochs that were made in one hour, added up.
    private struct Hour: Hashable, Sendable, Codable {
        var hour: Int
        var epochs = 0
        var right = 0
        var lastRight = 0
        var oracle = 0
        var excess = 0
        var overloaded = 0.0
    }

    private var open: [Open] = []
    private var hours: [Hour] = []
    private var lastEpoch = -Double.infinity
    private var lastTick = -Double.infinity
    private var overloaded = 0.0

    /// Seconds between epochs, by definition.
    private static let epoch = 60.0
    /// More than are open at any lead and hold that makes sense.
    private static let mostOpen = 240
    private static let day = 24

    /// See ``LearnedState/isSound``: figures that sums of a day cannot overflow by.
    var isSound: Bool {
        func isSmall(_ values: Int...) -> Bool { values.allSatisfy { (0...Int(Int32.max)).contains($0) } }
        return open.count <= Self.mostOpen && hours.count <= Self.day + 1
            && open.allSatisfy { isSmall($0.replicas, $0.then) && $0.at.isFinite && $0.need.isFinite }
            && hours.allSatisfy {
                isSmall($0.hour, $0.epochs, $0.right, $0.lastRight, $0.oracle, $0.excess) && $0.overloaded.isFinite
            }
    }

    package init() {}

    private enum CodingKeys: String, CodingKey { case open, hours }

    /// Notes a tick.
    ///
    /// - Parameters:
    ///   - need: Nodes that demand needs now at planned utilisation, not rounded.
    ///   - replicas: Asked for and not draining.
    ///   - isOverloaded: Demand is above what ready nodes carry at 100 %.
    package mutating func note(
        need: Double, replicas: Int, isOverloaded: Bool, lead: Double, hold: Double, wallSeconds now: Double
    ) {
        guard need.isFinite, now.isFinite else { return }
        if now < lastTick || now - lastTick > 600 {
            // A step of the wall clock or a long pause: what is open has no known outcome.
            open.removeAll()
            lastEpoch = -.infinity
        } else if isOverloaded {
            overloaded += (now - lastTick) / 60
        }
        lastTick = now
        for index in open.indices where now >= open[index].at + open[index].lead {
            open[index].need = max(open[index].need, need)
        }
        var kept = 0
        while kept < open.count, now >= open[kept].at + open[kept].lead + open[kept].hold {
            score(open[kept])
            kept += 1
        }
        if kept > 0 { open.removeFirst(kept) }
        guard now - lastEpoch >= Self.epoch else { return }
        lastEpoch = now
        open.append(Open(at: now, lead: lead, hold: hold, replicas: replicas, then: wholeNodes(need), need: 0))
        if open.count > Self.mostOpen { open.removeFirst() }
    }

    private mutating func score(_ epoch: Open) {
        let oracle = max(1, wholeNodes(epoch.need))
        func isRight(_ replicas: Int) -> Bool {
            let below = oracle * 2 / 100
            let above = max(1, (oracle + 9) / 10)
            return replicas - oracle >= -below && replicas - oracle <= above
        }
        let hour = Int(exactly: (epoch.at / 3_600).rounded(.down)) ?? 0
        if hours.last?.hour != hour { hours.append(Hour(hour: hour)) }
        hours.removeAll { $0.hour <= hour - Self.day || $0.hour > hour }
        guard var last = hours.popLast() else { return }
        last.epochs += 1
        last.right += isRight(epoch.replicas) ? 1 : 0
        last.lastRight += isRight(max(1, epoch.then)) ? 1 : 0
        last.oracle += oracle
        last.excess += max(0, epoch.replicas - oracle)
        last.overloaded += overloaded
        overloaded = 0
        hours.append(last)
    }

    /// Over the epochs of the last 24 h whose outcome is known; nil while there is none.
    package var accuracy: LiveAccuracy? {
        let epochs = hours.reduce(0) { $0 + $1.epochs }
        guard epochs > 0 else { return nil }
        let oracle = hours.reduce(0) { $0 + $1.oracle }
        let excess = hours.reduce(0) { $0 + $1.excess }
        return LiveAccuracy(
            sda: 100 * Double(hours.reduce(0) { $0 + $1.right }) / Double(epochs),
            lastValue: 100 * Double(hours.reduce(0) { $0 + $1.lastRight }) / Double(epochs),
            overloadedMinutes: hours.reduce(0) { $0 + $1.overloaded },
            overProvision: oracle > 0 ? 100 * Double(excess) / Double(oracle) : 0, epochs: epochs)
    }
}

/// Rounds a need up to whole nodes; what no integer holds becomes the most that a tier may have.
package func wholeNodes(_ need: Double) -> Int {
    guard need.isFinite else { return need > 0 ? mostNodes : 0 }
    // A need of 42.0000001 is 42 nodes with a rounding error.
    return min(mostNodes, max(0, Int(exactly: (need - 1e-6).rounded(.up)) ?? (need > 0 ? mostNodes : 0)))
}

/// More replicas than any tier has; keeps sums of counts far from overflow.
package let mostNodes = 1_000_000
