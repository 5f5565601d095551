package import RelayCluster
package import RelayCore

/// What one tick decided for one tier, and why. Kept for a day in the registry, logged when it changes something, shown by
/// `relayctl autoscale explain`.
package struct Decision: Hashable, Sendable, Codable {
    package var tier: NodeRole
    /// UTC, ms since 1970.
    package var wallMilliseconds: Int64
    package var epoch: UInt64
    package var mode: ScalingMode
    /// Replicas asked for before, and what this decision wants in the end; scale-in gets there by way of drains.
    package var current: Int
    package var target: Int
    /// What binds: the stable word of the largest need, or of what stopped it (`reactive.viewers`, `forecast.egress`, `event`,
    /// `slo`, `minimum`, `maximum`, `hold`, `redis_down`, `cliff_guard`, `manual_override`, `paused`, …). Never empty.
    package var reason: String
    /// All needs that were looked at, largest first.
    package var needs: [Need]
    /// What kept the target from being followed or the tier from shrinking, most important first.
    package var blocks: [Block]
    /// To be done, in order, by the interpreter; empty in `observe`, in the shadow, and when nothing changes.
    package var actions: [ScalingAction]
    package var leadSeconds: Double
    /// How many measurements the lead is made of; 0 = assumed.
    package var leadSamples: Int
    /// The same of pods that found a machine at once, and of those that waited for a new one; nil until enough were seen.
    package var leadPlacedSeconds: Double?
    package var leadWaitedSeconds: Double?
    package var holdSeconds: Double
    package var utilisation: Double
    /// Nodes kept for the loss of a zone or of spot nodes, part of `target`.
    package var buffer: Int
    /// Of the last 24 h, computed once the outcome was known.
    package var accuracy: LiveAccuracy?

    /// How many nodes one dimension asks for.
    package struct Need: Hashable, Sendable, Codable {
        /// `reactive.viewers`, `forecast.egress`, `event.NAME`, `slo`, …
        package var name: String
        /// Before rounding up, without the buffer.
        package var nodes: Double
        /// One line for people, with its figures.
        package var text: String

        package init(name: String, nodes: Double, text: String) {
            self.name = name
            self.nodes = nodes
            self.text = text
        }
    }

    package struct Block: Hashable, Sendable, Codable {
        /// Stable word: `event_window`, `rollout`, `stale_metrics`, `panic`, `budget`, `victim_mismatch`, …
        package var code: String
        package var text: String

        package init(code: String, text: String) {
            self.code = code
            self.text = text
        }
    }

    package init(
        tier: NodeRole, wallMilliseconds: Int64, epoch: UInt64, mode: ScalingMode, current: Int, target: Int,
        reason: String
    ) {
        self.tier = tier
        self.wallMilliseconds = wallMilliseconds
        self.epoch = epoch
        self.mode = mode
        self.current = current
        self.target = target
        self.reason = reason
        needs = []
        blocks = []
        actions = []
        leadSeconds = 0
        leadSamples = 0
        holdSeconds = 0
        utilisation = 0
        buffer = 0
    }
}

/// What the interpreter does; each either happens or is reported back by the next tick's observations.
package enum ScalingAction: Hashable, Sendable, Codable {
    /// Set the replica count, if it still is `from` and the workload still is `uid`.
    case scale(from: Int, to: Int, uid: String)
    /// Tell nodes to take no new work and let their viewers go within the deadline, s (nil = never cut).
    case drain([NodeID], deadline: Double?)
    case undrain([NodeID])
    /// Write deletion costs on pods, by pod name; nil takes one away.
    case mark([PodCost])

    package struct PodCost: Hashable, Sendable, Codable {
        package var pod: String
        package var uid: String
        package var cost: Int32?

        package init(pod: String, uid: String, cost: Int32?) {
            self.pod = pod
            self.uid = uid
            self.cost = cost
        }
    }
}

/// How good the decisions were, by SDA-1 over epochs whose outcome is known.
package struct LiveAccuracy: Hashable, Sendable, Codable {
    /// Percent of epochs.
    package var sda: Double
    /// The same for "as many as now".
    package var lastValue: Double
    package var overloadedMinutes: Double
    /// Percent of replica time above the oracle.
    package var overProvision: Double
    package var epochs: Int

    package init(sda: Double, lastValue: Double, overloadedMinutes: Double, overProvision: Double, epochs: Int) {
        self.sda = sda
        self.lastValue = lastValue
        self.overloadedMinutes = overloadedMinutes
        self.overProvision = overProvision
        self.epochs = epochs
    }
}
