/// Demand over time, recorded or made: what replay and the benchmark feed to scaling policies.
package struct DemandTrace: Hashable, Sendable {
    package var name: String
    /// Seconds between two values.
    package var step: Double
    /// In any unit: viewers, bit/s, requests.
    package var values: [Double]

    package init(name: String, step: Double, values: [Double]) {
        self.name = name
        self.step = step
        self.values = values
    }
}
