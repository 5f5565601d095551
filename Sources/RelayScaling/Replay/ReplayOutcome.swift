/// What one policy did on one trace, and its figures.
struct ReplayOutcome {
    /// At each epoch whose outcome is known.
    var replicas: [Int] = []
    var scaleIns = 0
    /// Serving replicas taken away.
    var drained = 0
    private var ticks = 0
    private var overloadedTicks = 0
    private var load = 0.0
    private var replicaTicks = 0.0

    /// One tick of 15 s.
    mutating func add(demand: Double, ready: Int, requested: Int, capacity: Double) {
        let serving = Double(max(1, ready)) * capacity
        ticks += 1
        if demand > serving * (1 + 1e-9) { overloadedTicks += 1 }
        load += demand / serving
        replicaTicks += Double(requested)
    }

    /// - Parameter lastValue: SDA-1 of the last value on the same trace, which skill is measured from.
    func row(policy: String, course: Replay.Course, lastValue: Double) -> ReplayRow {
        var all = Share()
        var hard = Share()
        var zeroToTen = Share()
        var five = Share()
        var under = Share()
        var above = 0.0
        var oracleSum = 0.0
        for (index, replicas) in replicas.enumerated() where index < course.oracle.count {
            let oracle = course.oracle[index]
            let need = course.need[index].nodes
            let isRight = SDA1.isRight(replicas, oracle: oracle)
            all.count(isRight)
            if abs(oracle - need) * 50 >= need { hard.count(isRight) }
            zeroToTen.count(SDA1.isWithin(replicas, oracle: oracle, below: 0, above: 10))
            five.count(SDA1.isWithin(replicas, oracle: oracle, below: 5, above: 5))
            under.count(replicas < oracle - oracle * 2 / 100)
            above += Double(max(0, replicas - oracle))
            oracleSum += Double(oracle)
        }
        let days = max(Double(ticks) * Replay.tick / 86_400, 1e-9)
        let drainTicks = Double(drained) * 300 / Replay.tick
        // The oracle's epochs are four ticks long and end before the trace does: compare means.
        let oracleMean = oracleSum / Double(max(1, course.oracle.count))
        return ReplayRow(
            policy: policy, sda: all.percent, hardSDA: hard.percent, sdaZeroToTen: zeroToTen.percent,
            sdaFive: five.percent,
            skill: lastValue < 100 ? (all.percent - lastValue) / (100 - lastValue) : 0, under: under.percent,
            overProvision: 100 * above / max(1, oracleSum),
            cost: 100 * (replicaTicks + drainTicks) / Double(max(1, ticks)) / max(1, oracleMean),
            overloadedMinutesPerDay: Double(overloadedTicks) * Replay.tick / 60 / days,
            utilisation: 100 * load / Double(max(1, ticks)), scaleInsPerDay: Double(scaleIns) / days)
    }

    private struct Share {
        private var right = 0.0
        private var total = 0.0

        mutating func count(_ isRight: Bool) {
            total += 1
            if isRight { right += 1 }
        }

        var percent: Double { 100 * right / max(1, total) }
    }
}
