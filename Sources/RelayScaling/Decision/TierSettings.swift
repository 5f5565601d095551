package import RelayCluster

/// How one tier is scaled. Defaults are those of the configuration; the README's table is made from them.
package struct TierSettings: Hashable, Sendable, Codable {
    package var tier: NodeRole
    package var mode = ScalingMode.observe
    package var minimum = 1
    package var maximum = 100
    /// What one node carries at 100 %; 0 = this dimension does not count.
    package var capacity = NodeCapacity()
    /// Share of a node's capacity that is planned with.
    package var utilisation = 0.75
    /// How long a decision binds, s: it is made for the demand up to lead + hold from now.
    package var hold = 300.0
    /// Lead time from a larger replica count to the first fresh report, s, until it has been measured.
    package var assumedLead = 120.0
    package var stableWindow = 60.0
    package var panicWindow = 6.0
    /// Panic begins when the need, its slope followed ahead, is more than this many times the ready capacity; sooner at a
    /// utilisation that leaves less room. 10 and more: never.
    package var panicRatio = 1.15
    /// Largest growth of one decision, as a factor of the current replicas and in replicas, whichever allows more.
    package var growthFactor = 2.0
    package var growthStep = 10
    /// Largest share of the tier that one scale-in takes, and one node a minute if that is less than a node.
    /// A quarter: what is wanted is for the highest demand until lead + hold already, and a cliff stops scale-in. A tenth a minute
    /// left more nodes than needed whenever an evening ended, and saved no overloaded minute (SCALING.md).
    package var shrinkShare = 0.25
    /// Which machines scale-in gives back first.
    package var shrinkFirst = VictimChoice.Preference.spot
    /// How long drained nodes may keep their viewers, s; nil = until the last has left (origins with publishers).
    package var drainDeadline: Double? = 600
    /// Demand that falls by more than this share within `cliffWindow` s stops scale-in for `cliffFreeze` s.
    /// Four minutes: a route or a sensor that drops out takes its time over it, and what follows at that pace has left too few
    /// nodes for those who come back at once.
    package var cliffShare = 0.25
    package var cliffWindow = 240.0
    package var cliffFreeze = 900.0
    /// Keep enough nodes that the loss of the largest zone leaves the others at 100 % at most.
    package var absorbsZoneLoss = false
    /// Probability that a spot node is taken away within one lead time.
    package var spotRisk = 0.0
    /// A node whose sequence did not move for this long counts as missing, s.
    package var staleAfter = 10.0
    /// How long an unexpected replica count (set by hand) is kept as the floor, s.
    package var manualHold = 900.0
    /// p95 of time to first frame that users accept, ms; above it the tier grows by a step. 0 = not looked at.
    package var firstFrameLimit = 0.0
    /// Frames left out per viewer and second that users accept; above it the tier grows by a step. 0 = not looked at.
    package var dropLimit = 0.0
    /// The step of growth when users see faults, as a share of the ready nodes.
    package var sloStep = 0.10
    /// Least time between two changes of direction outside panic, s, unless the change is worth more than the shares below.
    package var turnGap = 120.0
    /// A turn upwards within the gap needs this share of the tier to be short; a turn downwards this share to be too much.
    package var turnShortage = 0.02
    package var turnExcess = 0.06
    /// The highest that was wanted within this long is what scale-in goes down to, s. Short, because the forecast already is
    /// for the highest demand until lead + hold from now.
    package var shrinkWindow = 0.0
    /// Age of a report when it is decided on, s: added to the lead, since the forecast starts from the report.
    package var reportAge = 4.0
    /// Whether nobody else is expected to set the replicas: then an unexpected count was set by hand. false for the `export`
    /// driver, where somebody else follows what is wanted.
    package var ownsReplicas = true
    /// Whether scale-in drains chosen nodes first. false where somebody else picks the victims: then it is a smaller count and
    /// nothing else.
    package var drainsFirst = true

    package init(tier: NodeRole) {
        self.tier = tier
    }
}

/// Capacity of one node in each dimension at 100 %; 0 = not limited by it.
package struct NodeCapacity: Hashable, Sendable, Codable {
    /// bit/s to viewers; a node that reports its own capacity is believed when that is smaller.
    package var egress = 0.0
    package var viewers = 0.0
    package var pulls = 0.0
    /// Share of the cores, guard only: 0...1.
    package var cpu = 0.9
    /// Origins: publishers and bit/s from them.
    package var publishers = 0.0
    package var ingest = 0.0

    package init() {}
}

package enum ScalingMode: String, Hashable, Sendable, Codable, CaseIterable {
    /// No decision at all.
    case off
    /// Decides and explains, changes nothing.
    case observe
    /// Adds nodes, never takes any.
    case upOnly = "up-only"
    case on
}
