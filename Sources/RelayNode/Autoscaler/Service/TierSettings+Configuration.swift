import RelayCluster
import RelayCore
import RelayScaling

extension TierSettings {
    /// The settings of a tier as the operator configured them.
    init(
        _ tier: NodeRole, _ configured: RelayConfiguration.Autoscaler.Tier, driver: RelayConfiguration.Autoscaler.Driver
    ) {
        self.init(tier: tier)
        mode = ScalingMode(rawValue: configured.mode.rawValue) ?? .observe
        // Without a driver nothing may happen to a node either.
        if driver == .dry, mode != .off { mode = .observe }
        // Whoever follows the exported count sets the replicas and chooses which nodes go; these drain when they are told to end.
        ownsReplicas = driver != .export
        drainsFirst = driver != .export
        minimum = configured.minimum
        maximum = configured.maximum
        utilisation = configured.utilisation
        capacity.viewers = tier == .edge ? Double(configured.viewers) : 0
        capacity.egress = Double(configured.egressMbps) * 1e6
        capacity.pulls = Double(configured.pulls)
        capacity.publishers = Double(configured.publishers)
        capacity.ingest = Double(configured.ingestMbps) * 1e6
        capacity.cpu = configured.cpu
        hold = configured.hold.seconds
        assumedLead = configured.lead.seconds
        stableWindow = configured.stableWindow.seconds
        panicWindow = configured.stableWindow.seconds / 10
        drainDeadline = configured.drainDeadline > .zero ? configured.drainDeadline.seconds : nil
        shrinkShare = configured.shrinkShare
        shrinkFirst = VictimChoice.Preference(rawValue: configured.shrinkFirst.rawValue) ?? .spot
        absorbsZoneLoss = configured.zoneLoss == .on
        spotRisk = configured.spotRisk
        manualHold = configured.manualHold.seconds
        firstFrameLimit = configured.firstFrameLimit.seconds * 1_000
    }
}
