import FoundationEssentials
import RelayAPI
import RelayCluster
import RelayScaling

/// What any node and the autoscaler itself tell of scaling, and pass on to the registry.
extension AdminClient {
    func autoscaleStatus() async throws(Failure) -> AutoscaleStatus { try await get("/v1/autoscale/status") }

    /// - Parameter instant: ms since 1970; the newest decisions up to then. nil = up to now.
    func decisions(of tier: NodeRole, at instant: Int64?, limit: Int) async throws(Failure) -> DecisionList {
        let at = instant.map { "&at=\($0)" } ?? ""
        return try await get("/v1/autoscale/decisions?tier=\(tier.rawValue)\(at)&limit=\(limit)")
    }

    func announcedEvents() async throws(Failure) -> AnnouncedEventList { try await get("/v1/autoscale/events") }

    func announce(_ event: AnnouncedEvent) async throws(Failure) {
        guard let body = try? JSONEncoder().encode(event) else { throw .usage("The event holds a number JSON cannot.") }
        _ = try await send("PUT", "/v1/autoscale/events/\(Self.encoded(event.name))", body: Array(body))
    }

    func removeEvent(_ name: String) async throws(Failure) {
        _ = try await send("DELETE", "/v1/autoscale/events/\(Self.encoded(name))")
    }

    func pauseScaling(_ isPaused: Bool) async throws(Failure) -> ScalingControls {
        try await post("/v1/autoscale/\(isPaused ? "pause" : "resume")")
    }

    func useForecast(_ isOn: Bool) async throws(Failure) -> ScalingControls {
        try await post("/v1/autoscale/forecast?on=\(isOn)")
    }

    /// `GET /v1/drain` of the node that is asked.
    func drainStatus() async throws(Failure) -> DrainStatus { try await get("/v1/drain") }
}
