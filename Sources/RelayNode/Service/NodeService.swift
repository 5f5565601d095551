import Hummingbird
package import Logging
import NIOCore
import NIOPosix
package import RelayCluster
import RelayCore
import ServiceLifecycle
import UnixSignals

/// A node of any role. Made by the executable and by the test kit; run by a `ServiceGroup`, or by ``run()`` alone.
package struct NodeService: Service {
    /// Answers for the admin API; the test kit asks it directly.
    package let inspector: NodeInspector
    private let media: MediaService
    private let cluster: ClusterService?
    private let admin: any Service
    private let probe: (any Service)?
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger

    /// - Parameters:
    ///   - configuration: Valid; ``RelayConfiguration/load(arguments:environment:)`` returns nothing else.
    ///   - role: A standalone node takes publishers and serves viewers by itself; the others share a registry.
    ///   - logger: Where the node reports; its level is used as it is.
    /// - Throws: ``ConfigurationError`` when the role and the configuration do not go together.
    package init(configuration: RelayConfiguration, role: NodeRole = .standalone, logger: Logger) throws {
        ProcessFigures.raiseDescriptorLimit()
        let threads = configuration.node.threads == 0 ? System.coreCount : configuration.node.threads
        group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let settings = FanoutSettings(configuration, role: role)
        let fanouts = group.makeIterator().enumerated().map { index, loop in
            LoopFanout(index: index, loop: loop, settings: settings)
        }
        let directory = StreamDirectory(configuration: configuration)
        let events = EventCounter()
        let lifecycle = NodeLifecycle()
        let links = LinkRegister()
        let gate = ConnectionGate(limits: configuration.limits, descriptorLimit: ProcessFigures.descriptorLimit())
        let cluster: ClusterService? =
            role == .standalone
            ? nil
            : try ClusterService(
                configuration: configuration, role: role, group: group, fanouts: fanouts, directory: directory,
                lifecycle: lifecycle, links: links, gate: gate, events: events, logger: logger)
        self.cluster = cluster
        let services = ConnectionServices(
            configuration: configuration, gate: gate, directory: directory, logger: logger, events: events,
            publishDesk: cluster)
        let inspector = NodeInspector(
            role: role, services: services, fanouts: fanouts, lifecycle: lifecycle, cluster: cluster)
        cluster?.use(inspector)
        self.inspector = inspector
        self.logger = logger
        media = MediaService(
            group: group, fanouts: fanouts, services: services, lifecycle: lifecycle, links: links, cluster: cluster)
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        admin = Application(
            router: AdminRoutes.router(inspector), server: SmallListener.server(configuration.limits),
            configuration: SmallListener.configuration(
                host: configuration.admin.host, port: configuration.admin.port, logger: quiet),
            onServerRunning: { channel in
                guard let address = channel.localAddress else { return }
                lifecycle.didBind("admin", to: RemoteText.describe(address))
                logger.info("admin API ready", metadata: ["admin": "\(RemoteText.describe(address))"])
            },
            logger: quiet)
        probe = ProbeListener.service(
            configuration.probe, limits: configuration.limits, logger: logger,
            didBind: { lifecycle.didBind("probe", to: $0) }
        ) { AdminRoutes.addProbes(to: $0, inspector) }
    }

    /// Runs until a graceful shutdown is asked for and done, or a listener fails.
    package func run() async throws { try await run(signals: false) }

    /// - Parameter signals: Whether SIGTERM and SIGINT ask for the shutdown.
    package func run(signals: Bool) async throws {
        // Services end in reverse order: media drains while the admin API still answers and the cluster still knows the node.
        var list: [ServiceGroupConfiguration.ServiceConfiguration] = [.init(service: admin)]
        if let probe { list.append(.init(service: probe)) }
        if let cluster { list.append(.init(service: cluster)) }
        list.append(.init(service: media))
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: list,
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
