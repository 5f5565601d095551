import DequeModule

/// Knative's pod autoscaler on concurrency: a stable window of 60 s, a panic window of 6 s that begins at twice what is ready.
///
/// From `pkg/autoscaler/scaling/autoscaler.go` and the defaults of `config-autoscaler`. In panic it never goes down, and
/// stays for a stable window after the last value above the threshold; going down is limited to half; on start it holds
/// until a stable window of data is there.
package struct KnativePolicy: ScalingPolicy {
    package let name = "KPA"
    package let interval: Double
    private let perNode: Double
    private let stableWindow = 60.0
    private let panicWindow = 6.0
    private let panicThreshold = 2.0
    private var samples: Deque<Sample> = []
    private var start: Double?
    private var panicUntil: Double?
    private var panicReplicas = 0

    private struct Sample {
        var time: Double
        var demand: Double
    }

    /// - Parameter interval: s between decisions; Knative's own is 2.
    package init(perNode: Double, interval: Double = 15) {
        self.perNode = perNode
        self.interval = interval
    }

    package mutating func decide(demand: Double, ready: Int, requested: Int, now: Double) -> Int {
        while let first = samples.first, first.time <= now - stableWindow { samples.removeFirst() }
        samples.append(Sample(time: now, demand: demand))
        let began = start ?? now
        start = began
        guard now - began >= stableWindow else { return max(1, requested) }
        let stable = max((mean(since: now - stableWindow) / perNode).nodes, max(1, ready / 2))
        let panic = max((mean(since: now - panicWindow) / perNode).nodes, max(1, ready / 2))
        if Double(panic) >= panicThreshold * Double(max(1, ready)) {
            panicUntil = now + stableWindow
        } else if let until = panicUntil, now >= until {
            panicUntil = nil
            panicReplicas = 0
        }
        guard panicUntil != nil else { return stable }
        panicReplicas = max(panicReplicas, panic, ready)
        return panicReplicas
    }

    private func mean(since time: Double) -> Double {
        var sum = 0.0
        var count = 0.0
        for sample in samples.reversed() {
            guard sample.time > time else { break }
            sum += sample.demand
            count += 1
        }
        return sum / max(1, count)
    }
}
