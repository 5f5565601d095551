import Foundation
import Hummingbird
import RelayAPI
import RelayCluster
import RelayCore
import RelayScaling

/// What every node and the autoscaler itself answer about scaling: all of it stands in the registry.
enum AutoscaleRoutes {
    /// Decisions in one answer unless asked for otherwise, and at most.
    static let defaultLimit = 50
    static let maximumLimit = 2_000
    /// Longest body of an announced event, bytes.
    static let maximumBody = 4_096
    /// Highest demand that can be announced: more viewers than there are people.
    static let maximumPeak = 1e10
    /// After this long without a decision nobody leads, ms.
    static let leaderSilence: Int64 = 30_000

    static func add(to router: Router<BasicRequestContext>, store: any ScalingStore) {
        router.get("v1/autoscale/status") { _, _ in
            await asking { () async throws(RegistryError) in AdminRoutes.json(try await status(store)) }
        }
        router.get("v1/autoscale/decisions") { request, _ in
            let query = request.uri.queryParameters
            guard let tier = NodeRole(rawValue: query["tier"].map(String.init) ?? "edge"), tier != .standalone,
                let limit = Int(query["limit"].map(String.init) ?? "\(query["at"] == nil ? defaultLimit : 1)"),
                (1...maximumLimit).contains(limit), query["at"].map({ Int64($0) != nil }) ?? true
            else { return AdminRoutes.problem(.badScalingQuery, .badRequest) }
            return await asking { () async throws(RegistryError) in
                let documents = try await store.decisions(
                    of: tier, until: query["at"].flatMap { Int64($0) }, limit: limit)
                return AdminRoutes.json(
                    DecisionList(decisions: documents.compactMap { ScalingRecord.parse($0)?.decision }))
            }
        }
        addEvents(to: router, store)
        addControls(to: router, store)
    }

    // MARK: Events

    private static func addEvents(to router: Router<BasicRequestContext>, _ store: any ScalingStore) {
        router.get("v1/autoscale/events") { _, _ in
            await asking { () async throws(RegistryError) in
                AdminRoutes.json(AnnouncedEventList(events: try await events(store)))
            }
        }
        router.put("v1/autoscale/events/:name") { request, context in
            guard let name = context.parameters.get("name"), isEventName(name),
                let body = try? await request.body.collect(upTo: maximumBody),
                var event = try? JSONDecoder().decode(AnnouncedEvent.self, from: Data(body.readableBytesView))
            else { return AdminRoutes.problem(.badEvent, .badRequest) }
            if let mistake = mistake(of: event) {
                return AdminRoutes.problem(.badEvent, .badRequest, message: mistake)
            }
            event.name = name
            guard let data = try? JSONEncoder().encode(event) else {
                return AdminRoutes.problem(.badEvent, .badRequest)
            }
            let json = String(decoding: data, as: UTF8.self)
            return await asking { () async throws(RegistryError) in
                try await store.announce(json, named: name)
                return Response(status: .noContent)
            }
        }
        router.delete("v1/autoscale/events/:name") { _, context in
            guard let name = context.parameters.get("name"), isEventName(name) else {
                return AdminRoutes.problem(.badEvent, .badRequest)
            }
            return await asking { () async throws(RegistryError) in
                guard try await store.announcedEvents()[name] != nil else {
                    return AdminRoutes.problem(.eventNotFound, .notFound)
                }
                try await store.announce(nil, named: name)
                return Response(status: .noContent)
            }
        }
    }

    private static func isEventName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count) && name.utf8.allSatisfy(ConfigurationKey.isNameByte)
    }

    /// Longest ramp, s: a day.
    static let maximumRamp = 86_400.0

    /// What is not possible of an event; nil when all of it is.
    static func mistake(of event: AnnouncedEvent) -> String? {
        if event.tier == .standalone { return "The tier of the event is to be edge or origin." }
        guard event.startMilliseconds >= 0, event.startMilliseconds < event.endMilliseconds,
            event.endMilliseconds < 1 << 50
        else { return "The event is to end after its start." }
        guard (0...maximumPeak).contains(event.peak) else { return "The peak of the event is to be 0 to 10000000000." }
        guard (0...maximumRamp).contains(event.rampSeconds) else {
            return "The ramp of the event is to be 0 to 86400 s (24 h)."
        }
        return nil
    }

    // MARK: Controls

    private static func addControls(to router: Router<BasicRequestContext>, _ store: any ScalingStore) {
        @Sendable func change(_ control: Control, _ value: Bool) async -> Response {
            await asking { () async throws(RegistryError) in
                try await store.setScalingControl(control.rawValue, to: "\(value)")
                return AdminRoutes.json(try await controls(store, last: nil))
            }
        }
        router.post("v1/autoscale/pause") { _, _ in await change(.isPaused, true) }
        router.post("v1/autoscale/resume") { _, _ in await change(.isPaused, false) }
        router.post("v1/autoscale/forecast") { request, _ in
            guard let word = request.uri.queryParameters["on"], let isOn = Bool(String(word)) else {
                return AdminRoutes.problem(.badScalingQuery, .badRequest)
            }
            return await change(.usesForecast, isOn)
        }
    }

    // MARK: Reading the store

    static func events(_ store: any ScalingStore) async throws(RegistryError) -> [AnnouncedEvent] {
        try await store.announcedEvents().compactMap { name, json in
            guard var event = try? JSONDecoder().decode(AnnouncedEvent.self, from: Data(json.utf8)),
                mistake(of: event) == nil
            else { return nil }
            event.name = name
            return event
        }.sorted { ($0.startMilliseconds, $0.name) < ($1.startMilliseconds, $1.name) }
    }

    /// What operators can set, by the names that the store has for it.
    enum Control: String, CaseIterable {
        case isPaused, usesForecast
    }

    /// What operators have set, and the defaults of what they have not.
    ///
    /// - Parameter last: What was read last, which stands for what cannot be read now. Without it, scaling is paused then: somebody
    ///   may have wanted that.
    static func controls(
        _ store: any ScalingStore, last: ScalingControls?
    ) async throws(RegistryError) -> ScalingControls {
        controls(of: try await store.scalingControls(Control.allCases.map(\.rawValue)), last: last)
    }

    /// - Parameter values: As the store has them; nil when they cannot be read.
    static func controls(of values: [String: String]?, last: ScalingControls?) -> ScalingControls {
        var unreadable = ScalingControls()
        unreadable.isPaused = true
        let fallback = last ?? unreadable
        guard let values else { return fallback }
        var controls = ScalingControls()
        if let text = values[Control.isPaused.rawValue] { controls.isPaused = Bool(text) ?? fallback.isPaused }
        if let text = values[Control.usesForecast.rawValue] {
            controls.usesForecast = Bool(text) ?? fallback.usesForecast
        }
        return controls
    }

    private static func status(_ store: any ScalingStore) async throws(RegistryError) -> AutoscaleStatus {
        let documents = try await store.currentDecisions()
        let controls = try await controls(store, last: nil)
        let records = documents.compactMap { entry in
            ScalingRecord.parse(entry.document.json).map { (record: $0, age: entry.ageMilliseconds) }
        }
        let newest = records.min { $0.age < $1.age }
        return AutoscaleStatus(
            leader: newest.flatMap { $0.age < leaderSilence ? $0.record.leader : nil },
            epoch: documents.map(\.document.epoch).max() ?? 0, driver: newest?.record.driver ?? "", controls: controls,
            ageSeconds: Double(newest?.age ?? -1_000) / 1_000,
            tiers: records.map(\.record.decision).sorted { $0.tier.rawValue < $1.tier.rawValue })
    }

    private static func asking(_ work: () async throws(RegistryError) -> Response) async -> Response {
        do throws(RegistryError) { return try await work() } catch {
            guard case .refused(let text) = error else {
                return AdminRoutes.problem(.scalingStoreAway, .serviceUnavailable)
            }
            return AdminRoutes.problem(.scalingStoreRefused, .conflict, message: "Refused: \(text).")
        }
    }
}
