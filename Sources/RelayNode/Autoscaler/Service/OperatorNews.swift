import Foundation
import RelayCluster
import RelayCore
import RelayScaling

/// What operators want, as it was last read.
struct OperatorNews: Sendable {
    var events: [AnnouncedEvent] = []
    /// Whether the controls were read at all.
    var isKnown = false
    var controls = ScalingControls()
    /// What stood in the store for the controls, by name, as it could be read last.
    private var values: [String: String] = [:]

    /// Stands among the controls from the first leader on and means nothing but that the registry was not emptied since: what an
    /// operator takes away leaves it there.
    private static let marker = "isFilled"

    /// How long an event is kept after its end, ms: clocks differ, and operators look at what was.
    static let eventGrace: Int64 = 3_600_000
    /// Events taken away in one go.
    private static let mostRemovals = 20

    init() {}

    /// Reads it again. What was not taken back but is missing was lost: a registry that came back empty is no word of an operator.
    ///
    /// - Parameter isLeader: Writes back what was lost, marks a registry that is new, and takes away events that are over.
    mutating func read(
        _ store: any ScalingStore, isLeader: Bool, wallMilliseconds: Int64
    ) async throws(RegistryError) {
        var found = try await AutoscaleRoutes.events(store)
        let read = try await store.scalingControls(AutoscaleRoutes.Control.allCases.map(\.rawValue) + [Self.marker])
        var now = read
        // Where something stands that cannot be read, nothing is missing.
        if let read {
            let lost = values.filter { read[$0.key] == nil }
            if !lost.isEmpty {
                now = read.merging(lost) { here, _ in here }
                // Nobody takes a control or the mark away, so the events are gone by the same way.
                let names = Set(found.map(\.name))
                let missing = events.filter { $0.endMilliseconds > wallMilliseconds && !names.contains($0.name) }
                found += missing
                if isLeader { await write(lost, missing, to: store) }
            }
            for (name, value) in read where Bool(value) != nil { values[name] = value }
            if isLeader, values[Self.marker] == nil {
                try? await store.setScalingControl(Self.marker, to: "true")
            }
        }
        if isLeader {
            let over = found.filter { $0.endMilliseconds < wallMilliseconds - Self.eventGrace }
            for event in over.prefix(Self.mostRemovals) { try? await store.announce(nil, named: event.name) }
        }
        events = found.sorted { ($0.startMilliseconds, $0.name) < ($1.startMilliseconds, $1.name) }
        controls = AutoscaleRoutes.controls(of: now, last: isKnown ? controls : nil)
        isKnown = true
    }

    /// Events first, the mark last: where the registry goes away in between, the mark is missing at the next tick, and so all of it is
    /// written then.
    private func write(
        _ values: [String: String], _ events: [AnnouncedEvent], to store: any ScalingStore
    ) async {
        do throws(RegistryError) {
            for event in events {
                guard let data = try? JSONEncoder().encode(event) else { continue }
                try await store.announce(String(decoding: data, as: UTF8.self), named: event.name)
            }
            for (name, value) in values where name != Self.marker {
                try await store.setScalingControl(name, to: value)
            }
            if let mark = values[Self.marker] { try await store.setScalingControl(Self.marker, to: mark) }
        } catch {
            return
        }
    }
}
