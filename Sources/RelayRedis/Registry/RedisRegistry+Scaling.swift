package import RelayCluster
import RelayCore

extension RedisRegistry: ScalingStore {
    package func scalingState(of tier: NodeRole) async throws(RegistryError) -> ScalingDocument? {
        let reply = try await call(.scalingState, [tier.rawValue])
        guard let parts = reply.array, parts.count == 3, let damaged = parts[0].integer else {
            throw .badAnswer("the state of a tier is none")
        }
        countSkipped(damaged == 0 ? 0 : 1)
        guard case .bytes = parts[2] else { return nil }
        return document(parts[1], parts[2], longest: ScalingLimits.longestState)
    }

    package func storeScalingState(_ document: ScalingDocument, of tier: NodeRole) async throws(RegistryError) -> Bool {
        try ScalingLimits.check(document, longest: ScalingLimits.longestState, "the state of the \(tier.rawValue) tier")
        return try await call(.storeScalingState, [tier.rawValue, "\(document.epoch)", document.json]).integer == 1
    }

    @discardableResult
    package func logDecision(
        _ document: ScalingDocument, of tier: NodeRole, isKept: Bool
    ) async throws(RegistryError) -> Bool {
        try ScalingLimits.check(document, longest: ScalingLimits.longestDecision, "a decision")
        return try await call(
            .logDecision, [tier.rawValue, "\(document.epoch)", document.json, isKept ? "1" : "0"]
        ).integer == 1
    }

    package func currentDecisions() async throws(RegistryError) -> [(document: ScalingDocument, ageMilliseconds: Int64)]
    {
        let reply = try await call(.currentDecisions, NodeRole.allCases.map(\.rawValue))
        guard let parts = reply.array, let damaged = parts.first?.integer else {
            throw .badAnswer("the newest decisions are none")
        }
        countSkipped(Int(clamping: damaged))
        return parts.dropFirst().compactMap { part in
            guard let fields = part.array, fields.count == 3, let age = fields[2].integer,
                let document = document(fields[0], fields[1], longest: ScalingLimits.longestDecision)
            else { return nil }
            return (document, age)
        }
    }

    package func decisions(
        of tier: NodeRole, until milliseconds: Int64?, limit: Int
    ) async throws(RegistryError) -> [String] {
        let limit = min(max(0, limit), ScalingLimits.maximumDecisions)
        var found: [String] = []
        var position: String? = milliseconds.map { "\(max(0, $0))" } ?? "+"
        while found.count < limit, let from = position {
            let reply = try await call(.decisions, [tier.rawValue, from, "\(limit - found.count)"])
            guard let parts = reply.array, parts.count >= 2, let damaged = parts[0].integer else {
                throw .badAnswer("the history of decisions is none")
            }
            countSkipped(Int(clamping: damaged))
            position = parts[1].text
            found += parts.dropFirst(2).compactMap { json($0, longest: ScalingLimits.longestDecision) }
        }
        return found.reversed()
    }

    package func announcedEvents() async throws(RegistryError) -> [String: String] {
        guard let parts = try await call(.announcedEvents, []).array, let damaged = parts.first?.integer else {
            throw .badAnswer("the list of announced events is none")
        }
        countSkipped(Int(clamping: damaged))
        var events: [String: String] = [:]
        var rest = parts.dropFirst()
        while let name = rest.popFirst(), let event = rest.popFirst() {
            if let name = name.text, let event = json(event, longest: ScalingLimits.longestEvent) {
                events[name] = event
            }
        }
        return events
    }

    package func announce(_ event: String?, named name: String) async throws(RegistryError) {
        try ScalingLimits.check(name: name, "an event")
        if let event { try ScalingLimits.check(event, longest: ScalingLimits.longestEvent, "the event \(name)") }
        guard try await call(.announce, [name, event ?? ""]).integer == 1 else { throw .tooManyEvents }
    }

    package func scalingControls(_ names: [String]) async throws(RegistryError) -> [String: String]? {
        guard let parts = try await call(.scalingControls, names).array, let damaged = parts.first?.integer,
            parts.count == names.count + 1
        else { throw .badAnswer("the controls of scaling are none") }
        guard damaged == 0 else {
            countSkipped(1)
            return nil
        }
        var controls: [String: String] = [:]
        for (name, value) in zip(names, parts.dropFirst()) { controls[name] = value.text }
        return controls
    }

    package func setScalingControl(_ name: String, to value: String) async throws(RegistryError) {
        try ScalingLimits.check(control: value, named: name)
        _ = try await call(.setScalingControl, [name, value])
    }

    package func lead(_ group: String, as holder: String, ttl: Duration) async throws(RegistryError) -> Leadership {
        try ScalingLimits.check(name: group, "a group")
        try ScalingLimits.check(name: holder, "a holder")
        let reply = try await call(.lead, [group, holder, "\(max(1, ttl.wholeMilliseconds))"])
        guard let parts = reply.array, parts.count == 2, let leader = parts[0].text, let epoch = epoch(parts[1]) else {
            throw .badAnswer("a claim of leadership was answered with something else")
        }
        return Leadership(holder: leader, epoch: epoch)
    }

    package func resign(_ group: String, as holder: String) async throws(RegistryError) {
        _ = try await call(.resign, [group, holder])
    }

    // MARK: Reading

    /// Text that may be a document; anything else is counted.
    private func json(_ value: RESPValue, longest: Int) -> String? {
        guard case .bytes(let bytes) = value, let text = String(validating: bytes, as: UTF8.self),
            ScalingLimits.isDocument(text, longest: longest)
        else {
            countSkipped(1)
            return nil
        }
        return text
    }

    private func document(_ epoch: RESPValue, _ text: RESPValue, longest: Int) -> ScalingDocument? {
        guard let json = json(text, longest: longest) else { return nil }
        guard let epoch = self.epoch(epoch) else {
            countSkipped(1)
            return nil
        }
        return ScalingDocument(epoch: epoch, json: json)
    }

    private func epoch(_ value: RESPValue) -> UInt64? {
        guard let epoch = value.text.flatMap({ UInt64($0) }), epoch <= ScalingLimits.highestEpoch else { return nil }
        return epoch
    }
}
