import Hummingbird
import HummingbirdCore
import Logging
import NIOCore

/// How the listeners for operators, probes and scrapes are bounded: what a few tools need, however long somebody else keeps
/// connections open.
enum SmallListener {
    /// Connections at a time; more wait to be accepted. Two such listeners stay below
    /// ``RelayConfiguration/Limits/reservedDescriptors``.
    static let maximumConnections = 96

    /// How long an answer may wait for a peer that does not take it. A scraper takes one within a second; half a minute is for one
    /// whose machine swaps.
    static let writePatience = TimeAmount.seconds(30)

    /// A connection is closed that says nothing, or not all of its request, for as long as a viewer may take for its request.
    /// What is being answered is not cut, but for a peer that takes (nearly) nothing of the answer for ``writePatience``.
    static func server(_ limits: RelayConfiguration.Limits) -> HTTPServerBuilder {
        .http1(
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [StalledWriteGuard(patience: writePatience)],
                idleTimeout: TimeAmount(limits.httpRequestTimeout)))
    }

    static func configuration(host: String, port: Int, logger: Logger) -> ApplicationConfiguration {
        ApplicationConfiguration(
            address: .hostname(host, port: port), serverName: "edge-relay",
            availableConnectionsDelegate: MaximumAvailableConnections(maximumConnections, logger: logger))
    }
}
