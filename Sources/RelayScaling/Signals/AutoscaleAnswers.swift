package import RelayCluster

/// `GET /v1/autoscale/status`, of the autoscaler and of any node: what the leader wrote last.
package struct AutoscaleStatus: Hashable, Sendable, Codable {
    /// Who leads; nil when nobody has written for longer than the leader's lease.
    package var leader: String?
    package var epoch: UInt64
    /// `kubernetes`, `export` or `dry`.
    package var driver: String
    package var controls: ScalingControls
    /// Age of the newest decision, s.
    package var ageSeconds: Double
    /// The newest decision of each tier.
    package var tiers: [Decision]

    package init(
        leader: String?, epoch: UInt64, driver: String, controls: ScalingControls, ageSeconds: Double, tiers: [Decision]
    ) {
        self.leader = leader
        self.epoch = epoch
        self.driver = driver
        self.controls = controls
        self.ageSeconds = ageSeconds
        self.tiers = tiers
    }
}

/// `GET /v1/autoscale/decisions?tier=edge[&at=MS][&limit=N]`: newest last. With `at`, the one in force at that instant.
package struct DecisionList: Hashable, Sendable, Codable {
    package var decisions: [Decision]

    package init(decisions: [Decision]) { self.decisions = decisions }
}

/// `GET /v1/autoscale/events`; one of them is the body of `PUT /v1/autoscale/events/NAME`.
package struct AnnouncedEventList: Hashable, Sendable, Codable {
    package var events: [AnnouncedEvent]

    package init(events: [AnnouncedEvent]) { self.events = events }
}

/// `GET /v1/desired?target=edge` of the autoscaler, for KEDA's `metrics-api` and the like. Answered 503 when it is stale, never 0.
package struct DesiredReplicas: Hashable, Sendable, Codable {
    package var target: NodeRole
    package var desired: Int
    package var ageSeconds: Double
    package var reason: String

    package init(target: NodeRole, desired: Int, ageSeconds: Double, reason: String) {
        self.target = target
        self.desired = desired
        self.ageSeconds = ageSeconds
        self.reason = reason
    }
}
