/// The larger of what demand needs now and what the forecast says, and nothing else: the bare forecast in tables.
package struct ForecastPolicy: ScalingPolicy {
    package let name = "bare forecast"
    package let interval = 60.0
    private let perNode: Double
    private let lead: Double
    private let hold: Double
    private let metricDelay: Double
    private let start: Double
    private var forecast = DemandForecast()

    /// - Parameter start: UTC of the trace's start, s since 1970.
    package init(perNode: Double, lead: Double, hold: Double, metricDelay: Double = 15, start: Double = 0) {
        self.perNode = perNode
        self.lead = lead
        self.hold = hold
        self.metricDelay = metricDelay
        self.start = start
    }

    package mutating func decide(demand: Double, ready: Int, requested: Int, now: Double) -> Int {
        forecast.observe(demand, at: start + now)
        let answer = forecast.predict(lead: lead + metricDelay, hold: hold, perNode: perNode)
        return max((demand / perNode).nodes, (demand * answer.growth / perNode).nodes)
    }
}
