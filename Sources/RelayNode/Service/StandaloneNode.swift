import Hummingbird
package import Logging
import NIOCore
import NIOPosix
import RelayCore
import ServiceLifecycle
import UnixSignals

/// A whole node in one process: origin and edge of its own streams. Made by `relay standalone` and by the test kit; run by a
/// `ServiceGroup`, or by ``run()`` alone.
package struct StandaloneNode: Service {
    /// Answers for the admin API; the test kit asks it directly.
    package let inspector: NodeInspector
    private let media: MediaService
    private let admin: any Service
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger

    /// - Parameters:
    ///   - configuration: Valid; ``RelayConfiguration/load(arguments:environment:)`` returns nothing else.
    ///   - logger: Where the node reports; its level is used as it is.
    package init(configuration: RelayConfiguration, logger: Logger) {
        ProcessFigures.raiseDescriptorLimit()
        let threads = configuration.node.threads == 0 ? System.coreCount : configuration.node.threads
        group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let settings = FanoutSettings(configuration)
        let fanouts = group.makeIterator().enumerated().map { index, loop in
            LoopFanout(index: index, loop: loop, settings: settings)
        }
        let services = ConnectionServices(
            configuration: configuration,
            gate: ConnectionGate(limits: configuration.limits, descriptorLimit: ProcessFigures.descriptorLimit()),
            directory: StreamDirectory(configuration: configuration), logger: logger, events: EventCounter())
        let lifecycle = NodeLifecycle()
        let inspector = NodeInspector(services: services, fanouts: fanouts, lifecycle: lifecycle)
        self.inspector = inspector
        self.logger = logger
        media = MediaService(group: group, fanouts: fanouts, services: services, lifecycle: lifecycle)
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        admin = Application(
            router: AdminRoutes.router(inspector),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.admin.host, port: configuration.admin.port), serverName: "edge-relay"),
            onServerRunning: { channel in
                guard let address = channel.localAddress else { return }
                lifecycle.didBind("admin", to: RemoteText.describe(address))
                logger.info("admin API ready", metadata: ["admin": "\(RemoteText.describe(address))"])
            },
            logger: quiet)
    }

    /// Runs until a graceful shutdown is asked for and done, or a listener fails.
    package func run() async throws { try await run(signals: false) }

    /// - Parameter signals: Whether SIGTERM and SIGINT ask for the shutdown.
    package func run(signals: Bool) async throws {
        // Services end in reverse order: media drains while the admin API still answers.
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: admin), .init(service: media)],
                gracefulShutdownSignals: signals ? [.sigterm, .sigint] : [], logger: logger))
        do {
            try await services.run()
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }
}
