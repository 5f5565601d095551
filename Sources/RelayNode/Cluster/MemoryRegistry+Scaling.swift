package import RelayCluster

extension MemoryRegistry: ScalingStore {
    package func scalingState(of tier: NodeRole) async throws(RegistryError) -> ScalingDocument? {
        try callScaling { table, _, _ in table.state(of: tier) }
    }

    package func storeScalingState(_ document: ScalingDocument, of tier: NodeRole) async throws(RegistryError) -> Bool {
        try ScalingLimits.check(document, longest: ScalingLimits.longestState, "the state of the \(tier.rawValue) tier")
        return try callScaling { table, now, _ in table.store(document, of: tier, now: now) }
    }

    @discardableResult
    package func logDecision(
        _ document: ScalingDocument, of tier: NodeRole, isKept: Bool
    ) async throws(RegistryError) -> Bool {
        try ScalingLimits.check(document, longest: ScalingLimits.longestDecision, "a decision")
        return try callScaling { $0.log(document, of: tier, isKept: isKept, wallMilliseconds: $2, now: $1) }
    }

    package func currentDecisions() async throws(RegistryError) -> [(document: ScalingDocument, ageMilliseconds: Int64)]
    {
        try callScaling { table, now, _ in table.currentDecisions(now: now) }
    }

    package func decisions(
        of tier: NodeRole, until milliseconds: Int64?, limit: Int
    ) async throws(RegistryError) -> [String] {
        try callScaling { table, now, _ in table.decisions(of: tier, until: milliseconds, limit: limit, now: now) }
    }

    package func announcedEvents() async throws(RegistryError) -> [String: String] {
        try callScaling { table, _, _ in table.events }
    }

    package func announce(_ event: String?, named name: String) async throws(RegistryError) {
        try ScalingLimits.check(name: name, "an event")
        if let event { try ScalingLimits.check(event, longest: ScalingLimits.longestEvent, "the event \(name)") }
        guard try callScaling({ table, _, _ in table.announce(event, named: name) }) else {
            throw .tooManyEvents
        }
    }

    package func scalingControls(_ names: [String]) async throws(RegistryError) -> [String: String]? {
        try callScaling { table, _, _ in table.controls.filter { names.contains($0.key) } }
    }

    package func setScalingControl(_ name: String, to value: String) async throws(RegistryError) {
        try ScalingLimits.check(control: value, named: name)
        try callScaling { table, _, _ in table.controls[name] = value }
    }

    package func lead(_ group: String, as holder: String, ttl: Duration) async throws(RegistryError) -> Leadership {
        try ScalingLimits.check(name: group, "a group")
        try ScalingLimits.check(name: holder, "a holder")
        return try callScaling { $0.lead(group, as: holder, ttl: ttl, wallMilliseconds: $2, now: $1) }
    }

    package func resign(_ group: String, as holder: String) async throws(RegistryError) {
        try callScaling { table, _, _ in table.resign(group, as: holder) }
    }
}
