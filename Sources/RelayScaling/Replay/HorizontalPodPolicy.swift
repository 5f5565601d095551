import DequeModule

/// Kubernetes' HorizontalPodAutoscaler on a total with an average per pod as its target (`AverageValue`).
///
/// From `pkg/controller/podautoscaler` (`horizontal.go`, `replica_calculator.go`) and the defaults of `autoscaling/v2`: a
/// decision every 15 s; within the tolerance nothing changes; going down waits for the highest recommendation of the
/// window; going up is limited to the larger of +100 % and +4 pods per 15 s. Going down is not limited.
package struct HorizontalPodPolicy: ScalingPolicy {
    package let name: String
    package let interval = 15.0
    private let target: Double
    private let tolerance: Double
    private let window: Double
    private var recommendations: Deque<Recommendation> = []

    private struct Recommendation {
        var time: Double
        var replicas: Int
    }

    /// - Parameters:
    ///   - target: demand per pod that is aimed at.
    ///   - tolerance: share that the ratio may be off before anything changes.
    ///   - window: stabilisation of scale-in, s.
    package init(name: String, target: Double, tolerance: Double, window: Double) {
        self.name = name
        self.target = target
        self.tolerance = tolerance
        self.window = window
    }

    /// As Kubernetes ships it: tolerance 10 %, window 300 s.
    package static func standard(perNode: Double) -> Self {
        Self(name: "HPA default", target: perNode, tolerance: 0.10, window: 300)
    }

    /// As a careful operator sets it: no tolerance, and 5 % of headroom in the target.
    package static func tuned(perNode: Double) -> Self {
        Self(name: "HPA tuned", target: perNode / 1.05, tolerance: 0, window: 300)
    }

    package mutating func decide(demand: Double, ready: Int, requested: Int, now: Double) -> Int {
        let current = max(1, requested)
        let ratio = demand / (target * Double(current))
        let wanted = abs(ratio - 1) <= tolerance ? current : (demand / target).nodes
        while let first = recommendations.first, first.time < now - window { recommendations.removeFirst() }
        recommendations.append(Recommendation(time: now, replicas: wanted))
        let highest = recommendations.reduce(wanted) { max($0, $1.replicas) }
        // Stabilisation holds back a scale-in only: it never raises above what there is.
        let stable = wanted >= current ? wanted : min(current, highest)
        let (doubled, overflow) = current.multipliedReportingOverflow(by: 2)
        return min(stable, max(overflow ? .max : doubled, current &+ 4))
    }
}
