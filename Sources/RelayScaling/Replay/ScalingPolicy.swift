/// Something that turns demand into replicas: the product's own decision, and what it is measured against.
package protocol ScalingPolicy: Sendable {
    /// As it stands in tables.
    var name: String { get }
    /// Seconds between two decisions.
    var interval: Double { get }

    /// Replicas to ask for.
    ///
    /// - Parameters:
    ///   - demand: the newest measurement, in the trace's unit.
    ///   - ready: replicas that serve.
    ///   - requested: replicas asked for, those that start included.
    ///   - now: s since the start; never goes back.
    mutating func decide(demand: Double, ready: Int, requested: Int, now: Double) -> Int
}

extension Double {
    /// The smallest whole number of nodes that carries this; 1 at least, and never more than a platform could have.
    ///
    /// What floating point adds to a whole number (1e-9) is not a node.
    package var nodes: Int {
        guard self > 1 else { return 1 }
        return Int(exactly: Swift.min(self - 1e-9, 1e9).rounded(.up)) ?? 1
    }
}

/// As many as the newest measurement needs, with an optional pad on top.
package struct LastValuePolicy: ScalingPolicy {
    package let name: String
    package let interval = 15.0
    private let perNode: Double
    private let pad: Double

    /// - Parameters:
    ///   - perNode: demand that one node carries at planned utilisation.
    ///   - pad: share added to demand.
    package init(perNode: Double, pad: Double = 0, name: String = "last value") {
        self.perNode = perNode
        self.pad = pad
        self.name = name
    }

    package mutating func decide(demand: Double, ready: Int, requested: Int, now: Double) -> Int {
        (demand * (1 + pad) / perNode).nodes
    }
}
