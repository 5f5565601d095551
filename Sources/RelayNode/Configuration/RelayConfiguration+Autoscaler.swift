extension RelayConfiguration {
    /// A listener with nothing but the probes and the metrics, for platforms that ask from outside of the node: the admin API,
    /// which can do harm, stays on loopback.
    package struct Probe: Sendable, Equatable {
        package init() {}

        /// Address to listen on; empty = no such listener.
        package var host = ""
        /// TCP port; 0 = any free one.
        package var port = 9091
    }

    /// `relay autoscaler`; other roles ignore it.
    package struct Autoscaler: Sendable, Equatable {
        package init() {}

        /// What turns decisions into nodes.
        package var driver = Driver.dry
        /// Who of several autoscalers acts.
        package var election = Election.redis
        /// Name of the lease that they compete for, in Kubernetes and in Redis.
        package var lease = "relay-autoscaler"
        /// Time between two decisions.
        package var interval = Duration.seconds(5)
        package var kubernetes = Kubernetes()
        package var edge = Tier()
        package var origin = Tier(mode: .off, drainDeadline: .zero)

        /// See ``Autoscaler/driver``.
        package enum Driver: String, Sendable, Equatable, CaseIterable {
            /// Sets replica counts at the Kubernetes API.
            case kubernetes
            /// Offers the wanted count at `/v1/desired` and as a metric, for an HPA or KEDA.
            case export
            /// Decides and explains.
            case dry
        }

        /// See ``Autoscaler/election``.
        package enum Election: String, Sendable, Equatable, CaseIterable {
            case kubernetes, redis
            /// Always the leader: there is only this one.
            case none
        }

        /// How to reach the Kubernetes API; empty = what a pod is given.
        package struct Kubernetes: Sendable, Equatable {
            package init() {}

            package var url = ""
            package var namespace = ""
            package var tokenFile = ""
            package var caFile = ""
        }

        /// How one tier is scaled.
        package struct Tier: Sendable, Equatable {
            package init(mode: Mode = .observe, drainDeadline: Duration = .seconds(600)) {
                self.mode = mode
                self.drainDeadline = drainDeadline
            }

            package var mode: Mode
            /// Name of the Deployment (edges) or StatefulSet (origins); empty = `relay-edge`, `relay-origin`.
            package var workload = ""
            package var minimum = 1
            package var maximum = 100
            /// Share of a node's capacity that is planned with.
            package var utilisation = 0.75
            /// What a node carries; 0 = this does not count.
            package var viewers = 2_500
            package var egressMbps = 0
            package var pulls = 0
            package var publishers = 0
            package var ingestMbps = 0
            package var cpu = 0.9
            /// How long a decision binds.
            package var hold = Duration.seconds(300)
            /// From a larger replica count to the first report of the new node, until that was measured.
            package var lead = Duration.seconds(120)
            /// Demand is averaged over this long.
            package var stableWindow = Duration.seconds(60)
            /// How long drained nodes may keep viewers; zero = until the last has left.
            package var drainDeadline: Duration
            /// Largest share of the tier that one scale-in takes.
            package var shrinkShare = 0.25
            /// Machines that scale-in gives back first among nodes that are about as full.
            package var shrinkFirst = Machines.spot
            /// Nodes enough to lose the largest zone.
            package var zoneLoss = Switch.off
            /// Probability that a spot node is taken away within a lead time.
            package var spotRisk = 0.0
            /// How long a count that somebody set by hand is kept as the floor.
            package var manualHold = Duration.seconds(900)
            /// Time to the first frame above which the tier grows.
            package var firstFrameLimit = Duration.zero

            /// See `ScalingMode` of RelayScaling, whose words these are.
            package enum Mode: String, Sendable, Equatable, CaseIterable {
                case off, observe
                case upOnly = "up-only"
                case on
            }

            /// See `VictimChoice.Preference` of RelayScaling, whose words these are.
            package enum Machines: String, Sendable, Equatable, CaseIterable {
                case spot
                case onDemand = "on-demand"
                case none
            }

            package enum Switch: String, Sendable, Equatable, CaseIterable {
                case off, on
            }
        }
    }
}
