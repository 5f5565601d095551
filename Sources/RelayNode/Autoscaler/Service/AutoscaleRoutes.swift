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
            else { return AdminRoutes.problem(.badQuery, .badRequest) }
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
                var event = try? JSONDecoder().decode(AnnouncedEvent.self, from: Data(body.readableBytesView)),
                isPossible(event)
            else { return AdminRoutes.problem(.badEvent, .badRequest) }
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

    private static func isPossible(_ event: AnnouncedEvent) -> Bool {
        event.tier != .standalone && event.startMilliseconds >= 0 && event.startMilliseconds < event.endMilliseconds
            && event.endMilliseconds < 1 << 50 && (0...maximumPeak).contains(event.peak)
            && (0...86_400).contains(event.rampSeconds)
    }

    // MARK: Controls

    private static func addControls(to router: Router<BasicRequestContext>, _ store: any ScalingStore) {
        @Sendable func change(_ change: @escaping @Sendable (inout ScalingControls) -> Void) async -> Response {
            await asking { () async throws(RegistryError) in
                var controls = try await controls(store)
                change(&controls)
                let data = (try? JSONEncoder().encode(controls)) ?? Data()
                try await store.setScalingControls(String(decoding: data, as: UTF8.self))
                return AdminRoutes.json(controls)
            }
        }
        router.post("v1/autoscale/pause") { _, _ in await change { $0.isPaused = true } }
        router.post("v1/autoscale/resume") { _, _ in await change { $0.isPaused = false } }
        router.post("v1/autoscale/forecast") { request, _ in
            guard let word = request.uri.queryParameters["on"], let isOn = Bool(String(word)) else {
                return AdminRoutes.problem(.badQuery, .badRequest)
            }
            return await change { $0.usesForecast = isOn }
        }
    }

    // MARK: Reading the store

    static func events(_ store: any ScalingStore) async throws(RegistryError) -> [AnnouncedEvent] {
        try await store.announcedEvents().compactMap { name, json in
            guard var event = try? JSONDecoder().decode(AnnouncedEvent.self, from: Data(json.utf8)), isPossible(event)
            else { return nil }
            event.name = name
            return event
        }.sorted { ($0.startMilliseconds, $0.name) < ($1.startMilliseconds, $1.name) }
    }

    /// What operators have set; the defaults when it is not there or cannot be read.
    static func controls(_ store: any ScalingStore) async throws(RegistryError) -> ScalingControls {
        guard let json = try await store.scalingControls() else { return ScalingControls() }
        return (try? JSONDecoder().decode(ScalingControls.self, from: Data(json.utf8))) ?? ScalingControls()
    }

    private static func status(_ store: any ScalingStore) async throws(RegistryError) -> AutoscaleStatus {
        let documents = try await store.currentDecisions()
        let controls = try await controls(store)
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
            return AdminRoutes.problem(.registryAway, .serviceUnavailable)
        }
    }
}
