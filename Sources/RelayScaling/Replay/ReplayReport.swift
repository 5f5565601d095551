/// How several policies did on one trace, with what is needed to draw it.
package struct ReplayReport: Hashable, Sendable, Codable {
    package var trace: String
    package var settings: ReplaySettings
    /// The autoscaler's own policy first.
    package var rows: [ReplayRow]
    package var series: ReplaySeries
}

package struct ReplaySettings: Hashable, Sendable, Codable {
    /// Seconds from asking for a replica until it serves; and how long a decision binds.
    package var lead = 120.0
    package var hold = 300.0
    /// Planned share of a node's capacity.
    package var utilisation = 0.75
    /// Replicas that the trace's 99.9th percentile needs.
    package var replicasAtPeak = 100.0
    /// Age of a measurement when it is decided on, s.
    package var metricDelay = 15.0

    package init() {}
}

/// One policy's figures. Percentages 0...100.
package struct ReplayRow: Hashable, Sendable, Codable {
    package var policy: String
    /// SDA-1: share of 60 s epochs whose replicas lie between 2 % below and 10 % above the oracle's.
    package var sda: Double
    /// The same over the epochs whose oracle differs by 2 % or more from the need of that moment.
    package var hardSDA: Double
    /// Share of epochs within 0…+10 % and within ±5 % of the oracle.
    package var sdaZeroToTen: Double
    package var sdaFive: Double
    /// (SDA - SDA of last value) / (100 - SDA of last value).
    package var skill: Double
    /// Share of epochs more than 2 % below the oracle.
    package var under: Double
    /// Replica time above the oracle, percent of the oracle's.
    package var overProvision: Double
    /// Replica time with 300 s of drain per node removed, against the oracle's.
    package var cost: Double
    /// Minutes a day with more demand than ready capacity at 100 %.
    package var overloadedMinutesPerDay: Double
    /// Mean of demand over ready capacity at 100 %.
    package var utilisation: Double
    package var scaleInsPerDay: Double
}

/// One value per epoch.
package struct ReplaySeries: Hashable, Sendable, Codable {
    /// Seconds since the trace's start.
    package var time: [Double]
    /// Demand in nodes at the planned utilisation.
    package var demand: [Double]
    package var oracle: [Int]
    /// Replicas of each policy, in the order of the rows.
    package var replicas: [[Int]]
}
