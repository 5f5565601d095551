import Foundation
import RelayCluster
import RelayCore
import RelayScaling
import Testing

@testable import RelayNode

/// What operators want outlives a registry that comes back empty.
struct OperatorNewsTests {
    private static let now: Int64 = 1_700_000_000_000

    private func registry() -> MemoryRegistry {
        MemoryRegistry(clock: { .now() }, wallMilliseconds: { WallClock.milliseconds }, sleep: { _ in })
    }

    private func announce(_ name: String, end: Int64, at registry: MemoryRegistry) async throws {
        let event = AnnouncedEvent(
            name: name, tier: .edge, startMilliseconds: end - 60_000, endMilliseconds: end, peak: 5, rampSeconds: 0)
        let json = String(decoding: try JSONEncoder().encode(event), as: UTF8.self)
        try await registry.announce(json, named: name)
    }

    @Test func `a pause and events that were lost are kept, and written back by the leader alone`() async throws {
        let before = registry()
        try await before.setScalingControl("isPaused", to: "true")
        try await announce("final", end: Self.now + 60_000, at: before)
        var news = OperatorNews()
        try await news.read(before, isLeader: true, wallMilliseconds: Self.now)
        #expect(news.controls.isPaused && news.events.map(\.name) == ["final"])
        let empty = registry()
        try await news.read(empty, isLeader: false, wallMilliseconds: Self.now)
        #expect(news.controls.isPaused && news.events.map(\.name) == ["final"])
        #expect(try await empty.scalingControls(["isPaused"])?.isEmpty == true)
        try await news.read(empty, isLeader: true, wallMilliseconds: Self.now)
        #expect(news.controls.isPaused)
        #expect(try await empty.scalingControls(["isPaused"]) == ["isPaused": "true"])
        #expect(try await Array(empty.announcedEvents().keys) == ["final"])
    }

    @Test func `events that were lost are kept though no control was ever set, and one taken away is not`() async throws
    {
        let before = registry()
        try await announce("final", end: Self.now + 60_000, at: before)
        try await announce("other", end: Self.now + 60_000, at: before)
        var news = OperatorNews()
        // The first reading marks the registry, the second knows the mark.
        for _ in 0..<2 { try await news.read(before, isLeader: true, wallMilliseconds: Self.now) }
        try await before.announce(nil, named: "other")
        try await news.read(before, isLeader: true, wallMilliseconds: Self.now)
        #expect(news.events.map(\.name) == ["final"] && !news.controls.isPaused)
        let empty = registry()
        for _ in 0..<2 { try await news.read(empty, isLeader: true, wallMilliseconds: Self.now) }
        #expect(news.events.map(\.name) == ["final"])
        #expect(try await Array(empty.announcedEvents().keys) == ["final"])
        // And once more, since what was written back is marked, too.
        let again = registry()
        try await news.read(again, isLeader: true, wallMilliseconds: Self.now)
        #expect(try await Array(again.announcedEvents().keys) == ["final"])
    }

    @Test func `what could not be written back is written as soon as it can be`() async throws {
        let before = registry()
        try await announce("final", end: Self.now + 60_000, at: before)
        var news = OperatorNews()
        for _ in 0..<2 { try await news.read(before, isLeader: true, wallMilliseconds: Self.now) }
        // A store that takes no more events for a while.
        let full = registry()
        for index in 0..<ScalingLimits.maximumEvents {
            try await announce("x\(index)", end: Self.now + 60_000, at: full)
        }
        try await news.read(full, isLeader: true, wallMilliseconds: Self.now)
        #expect(news.events.contains { $0.name == "final" })
        #expect(try await full.announcedEvents()["final"] == nil)
        try await full.announce(nil, named: "x0")
        try await news.read(full, isLeader: true, wallMilliseconds: Self.now)
        #expect(try await full.announcedEvents()["final"] != nil)
    }

    @Test func `an explicit word ends a pause, and an event that is taken away is gone`() async throws {
        let registry = registry()
        try await registry.setScalingControl("isPaused", to: "true")
        try await announce("final", end: Self.now + 60_000, at: registry)
        var news = OperatorNews()
        try await news.read(registry, isLeader: true, wallMilliseconds: Self.now)
        try await registry.setScalingControl("isPaused", to: "false")
        try await registry.announce(nil, named: "final")
        try await news.read(registry, isLeader: true, wallMilliseconds: Self.now)
        #expect(!news.controls.isPaused && news.events.isEmpty)
    }

    @Test func `the leader takes events away some time after they are over`() async throws {
        let registry = registry()
        try await announce("old", end: Self.now - OperatorNews.eventGrace - 1, at: registry)
        try await announce("just", end: Self.now - 1, at: registry)
        var news = OperatorNews()
        try await news.read(registry, isLeader: false, wallMilliseconds: Self.now)
        #expect(try await registry.announcedEvents().count == 2)
        try await news.read(registry, isLeader: true, wallMilliseconds: Self.now)
        #expect(try await Array(registry.announcedEvents().keys) == ["just"])
    }

    @Test func `what is not possible of an event is named`() {
        var event = AnnouncedEvent(
            name: "a", tier: .edge, startMilliseconds: 1, endMilliseconds: 2, peak: 5, rampSeconds: 86_400)
        #expect(AutoscaleRoutes.mistake(of: event) == nil)
        event.rampSeconds = 86_401
        #expect(AutoscaleRoutes.mistake(of: event)?.contains("ramp") == true)
    }
}
