import RelayCluster
import RelayCore

/// The promises of ``ScalingStore``, which every registry keeps too.
extension RegistryContract {
    struct KeepsNoScaling: Error {}

    private func store() throws -> any ScalingStore {
        guard let store = registry as? any ScalingStore else { throw KeepsNoScaling() }
        return store
    }

    /// Tiers are few, so each check has one of its own, and a later check of the same tier has later epochs.
    func scalingStates(_ findings: Findings) async throws {
        let store = try store()
        findings.expect(try await store.scalingState(of: .origin) == nil, "a tier has a state before one was stored")
        let first = ScalingDocument(epoch: 7, json: #"{"version":1,"text":"ünïcödé \n"}"#)
        findings.expect(try await store.storeScalingState(first, of: .origin), "the first state is not taken")
        findings.expect(try await store.scalingState(of: .origin) == first, "the state changed on its way")
        let next = ScalingDocument(epoch: 7, json: #"{"version":2}"#)
        findings.expect(try await store.storeScalingState(next, of: .origin), "the same epoch cannot write again")
        let stale = ScalingDocument(epoch: 6, json: #"{"version":0}"#)
        findings.expect(try await !store.storeScalingState(stale, of: .origin), "a lower epoch's state is taken")
        findings.expect(try await store.scalingState(of: .origin) == next, "a lower epoch's state stands")
        let later = ScalingDocument(epoch: ScalingLimits.highestEpoch, json: #"{"version":3}"#)
        findings.expect(try await store.storeScalingState(later, of: .origin), "a later epoch's state is not taken")
        findings.expect(try await store.scalingState(of: .origin) == later, "the highest epoch changed on its way")
        findings.expect(try await store.scalingState(of: .standalone) == nil, "tiers share a state")

        let full = ScalingDocument(epoch: 1, json: Self.document(of: ScalingLimits.longestState))
        findings.expect(try await store.storeScalingState(full, of: .standalone), "the longest state is not taken")
        findings.expect(try await store.scalingState(of: .standalone) == full, "the longest state changed")
        let long = ScalingDocument(epoch: 1, json: Self.document(of: ScalingLimits.longestState + 1))
        for (name, document) in [
            ("too long", long), ("not JSON", ScalingDocument(epoch: 1, json: "now")),
            ("empty", ScalingDocument(epoch: 1, json: "")),
            ("of too high an epoch", ScalingDocument(epoch: ScalingLimits.highestEpoch + 1, json: "{}")),
        ] {
            await refused("a state that is \(name)", findings) {
                _ = try await store.storeScalingState(document, of: .standalone)
            }
        }
        findings.expect(try await store.scalingState(of: .standalone) == full, "a refused state stands")
    }

    func scalingDecisions(_ findings: Findings) async throws {
        let store = try store()
        findings.expect(try await store.currentDecisions().isEmpty, "there are decisions before the first")
        findings.expect(
            try await store.decisions(of: .edge, until: nil, limit: 10).isEmpty, "there is history before the first")
        for index in 0..<40 {
            let document = ScalingDocument(epoch: 3, json: #"{"n":\#(index)}"#)
            let isWritten = try await store.logDecision(document, of: .edge, isKept: index % 2 == 0)
            findings.expect(isWritten, "decision \(index) is not taken")
        }
        try await store.logDecision(ScalingDocument(epoch: 9, json: #"{"origin":1}"#), of: .origin, isKept: true)
        let current = try await store.currentDecisions()
        findings.expect(
            Set(current.map(\.document)) == [
                ScalingDocument(epoch: 3, json: #"{"n":39}"#), ScalingDocument(epoch: 9, json: #"{"origin":1}"#),
            ], "the newest decisions are \(current)")
        findings.expect(current.allSatisfy { (0..<60_000).contains($0.ageMilliseconds) }, "the ages are \(current)")

        let history = try await store.decisions(of: .edge, until: nil, limit: 100)
        findings.expect(
            history == stride(from: 0, to: 40, by: 2).map { #"{"n":\#($0)}"# }, "the history is \(history)")
        let newest = try await store.decisions(of: .edge, until: nil, limit: 2)
        findings.expect(newest == [#"{"n":36}"#, #"{"n":38}"#], "the newest two are \(newest)")
        findings.expect(
            try await store.decisions(of: .edge, until: 1_000, limit: 10).isEmpty, "there are decisions of 1970")
        findings.expect(
            try await store.decisions(of: .edge, until: .max, limit: 3).count == 3, "the far future has no decisions")
        findings.expect(try await store.decisions(of: .edge, until: nil, limit: 0).isEmpty, "none is some")
        findings.expect(
            try await store.decisions(of: .edge, until: .min, limit: -1).isEmpty, "fewer than none are some")

        let isStaleWritten = try await store.logDecision(
            ScalingDocument(epoch: 2, json: #"{"stale":1}"#), of: .edge, isKept: true)
        findings.expect(!isStaleWritten, "a decision of an earlier epoch is said to be taken")
        findings.expect(
            try await store.decisions(of: .edge, until: nil, limit: 1) == [#"{"n":38}"#],
            "a lower epoch's decision is in the history")
        findings.expect(
            try await !store.currentDecisions().contains { $0.document.epoch == 2 },
            "a lower epoch's decision is the current one")

        try await advance(Self.short)
        findings.expect(
            try await store.currentDecisions().allSatisfy { $0.ageMilliseconds >= Self.short.wholeMilliseconds },
            "decisions do not grow old")
        await refused("a decision that is too long", findings) {
            let json = Self.document(of: ScalingLimits.longestDecision + 1)
            try await store.logDecision(ScalingDocument(epoch: 3, json: json), of: .edge, isKept: true)
        }
        // More than one reply holds.
        let long = Self.document(of: ScalingLimits.longestDecision)
        for _ in 0..<80 {
            try await store.logDecision(ScalingDocument(epoch: 3, json: long), of: .standalone, isKept: true)
        }
        let all = try await store.decisions(of: .standalone, until: nil, limit: 1_000)
        findings.expect(all.count == 80 && all.allSatisfy { $0 == long }, "\(all.count) of 80 long decisions came back")
    }

    func announcements(_ findings: Findings) async throws {
        let store = try store()
        findings.expect(try await store.announcedEvents().isEmpty, "there are events before the first")
        try await store.announce(#"{"peak":1}"#, named: "final")
        try await store.announce(#"{"peak":2}"#, named: "ünïcödé raid")
        try await store.announce(#"{"peak":3}"#, named: "final")
        let events = try await store.announcedEvents()
        findings.expect(
            events == ["final": #"{"peak":3}"#, "ünïcödé raid": #"{"peak":2}"#], "the events are \(events)")
        try await store.announce(nil, named: "final")
        try await store.announce(nil, named: "never was")
        try await store.announce(nil, named: "ünïcödé raid")
        findings.expect(try await store.announcedEvents().isEmpty, "events that were taken away are there")

        for (what, event, name) in [
            ("without a name", "{}", ""), ("with a long name", "{}", String(repeating: "n", count: 129)),
            ("that is no JSON", "soon", "e"),
            ("that is too long", Self.document(of: ScalingLimits.longestEvent + 1), "e"),
        ] {
            await refused("an event \(what)", findings) { try await store.announce(event, named: name) }
        }
        let largest = Self.document(of: ScalingLimits.longestEvent)
        for index in 0..<ScalingLimits.maximumEvents { try await store.announce(largest, named: "event-\(index)") }
        await refused("one event more than the most", findings) { try await store.announce("{}", named: "one more") }
        try await store.announce("{}", named: "event-0")
        let full = try await store.announcedEvents()
        findings.expect(full.count == ScalingLimits.maximumEvents, "\(full.count) events came back")
        findings.expect(full["event-0"] == "{}" && full["event-1"] == largest, "events of a full list are wrong")
        for index in 0..<ScalingLimits.maximumEvents { try await store.announce(nil, named: "event-\(index)") }
        findings.expect(try await store.announcedEvents().isEmpty, "the list cannot be emptied")
    }

    func scalingControls(_ findings: Findings) async throws {
        let store = try store()
        let names = ["isPaused", "usesForecast"]
        findings.expect(try await store.scalingControls(names) == [:], "there are controls before the first")
        try await store.setScalingControl("isPaused", to: "true")
        try await store.setScalingControl("usesForecast", to: "false")
        findings.expect(
            try await store.scalingControls(names) == ["isPaused": "true", "usesForecast": "false"],
            "one control is lost to another")
        try await store.setScalingControl("isPaused", to: "ünpaused")
        findings.expect(
            try await store.scalingControls(names) == ["isPaused": "ünpaused", "usesForecast": "false"],
            "the controls changed")
        findings.expect(try await store.scalingControls(["other"]) == [:], "there is what nobody set")
        await refused("a control without a name", findings) { try await store.setScalingControl("", to: "true") }
        await refused("a control without a value", findings) { try await store.setScalingControl("isPaused", to: "") }
        await refused("a control that is too long", findings) {
            try await store.setScalingControl(
                "isPaused", to: String(repeating: "x", count: ScalingLimits.longestControl + 1))
        }
        findings.expect(
            try await store.scalingControls(["isPaused"]) == ["isPaused": "ünpaused"], "refused controls stand")
    }

    func leading(_ findings: Findings) async throws {
        let store = try store()
        let group = Self.unique("group")
        let first = try await store.lead(group, as: "one", ttl: Self.long)
        findings.expect(first.holder == "one" && first.epoch > 0, "the first to ask got \(first)")
        findings.expect(try await store.lead(group, as: "two", ttl: Self.long) == first, "there are two leaders")
        findings.expect(try await store.lead(group, as: "one", ttl: Self.long) == first, "a renewal changed the epoch")
        let other = try await store.lead(Self.unique("group"), as: "two", ttl: Self.long)
        findings.expect(other.holder == "two", "groups share a leader")

        try await store.resign(group, as: "two")
        findings.expect(try await store.lead(group, as: "two", ttl: Self.long) == first, "a stranger resigned for it")
        try await store.resign(group, as: "one")
        let second = try await store.lead(group, as: "two", ttl: Self.short)
        findings.expect(second.holder == "two" && second.epoch > first.epoch, "after a resignation: \(second)")
        try await advance(Self.short * 2)
        let third = try await store.lead(group, as: "one", ttl: Self.long)
        findings.expect(third.holder == "one" && third.epoch > second.epoch, "after an expiry: \(third)")
        findings.expect(try await store.lead(group, as: "two", ttl: Self.long) == third, "the old leader leads on")
        if let empty {
            // Time goes on between the last epoch and the loss of all.
            try await advance(.milliseconds(5))
            try await empty()
            let fourth = try await store.lead(group, as: "two", ttl: Self.long)
            findings.expect(
                fourth.epoch > third.epoch, "after all was lost, epoch \(fourth.epoch) follows \(third.epoch)")
        }
        await refused("a holder without a name", findings) { _ = try await store.lead(group, as: "", ttl: Self.long) }
    }

    // MARK: Material

    /// A JSON object of so many bytes.
    private static func document(of length: Int) -> String {
        #"{"filler":""# + String(repeating: "x", count: max(0, length - 13)) + #""}"#
    }

    private func refused(_ what: String, _ findings: Findings, _ call: () async throws -> Void) async {
        do {
            try await call()
            findings.add("\(what) is taken")
        } catch RegistryError.refused {
        } catch {
            findings.add("\(what) throws \(error)")
        }
    }
}
