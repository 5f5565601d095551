import Foundation
import Hummingbird
package import Logging
import NIOCore
import NIOPosix
import RelayCluster
import RelayCore
import RelayRedis
import RelayScaling
import ServiceLifecycle
import Synchronization
import UnixSignals

/// `relay autoscaler`: reads the nodes' reports from the registry, decides for each tier, and lets a driver act on it while it leads.
package final class AutoscalerService: Service {
    private let configuration: RelayConfiguration
    private let registry: any ClusterRegistry & ScalingStore
    private let driver: any ScalingDriver
    private let election: any LeaderElection
    private let runners: [TierRunner]
    private let lifecycle = NodeLifecycle()
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    private let registryHealth = Mutex(RegistryHealth())

    private struct RegistryHealth {
        var isUp = false
        var isTold = false
        var nodes = 0
    }

    /// - Throws: ``ConfigurationError`` when the configuration does not do for an autoscaler.
    package init(configuration: RelayConfiguration, logger: Logger) throws {
        let scaling = configuration.autoscaler
        var mistakes: [String] = []
        if configuration.cluster.registry.isEmpty || configuration.cluster.registry == "memory" {
            mistakes.append("cluster.registry: an autoscaler needs the registry of its cluster; use a redis:// URL")
        }
        if scaling.edge.mode == .off, scaling.origin.mode == .off {
            mistakes.append(
                "autoscaler.edge.mode and autoscaler.origin.mode: both are off; set one to observe, up-only or on")
        }
        for (name, tier) in [("edge", scaling.edge), ("origin", scaling.origin)] where tier.mode != .off {
            let capacities = [tier.viewers, tier.egressMbps, tier.pulls, tier.publishers, tier.ingestMbps]
            if name == "origin", tier.publishers == 0, tier.ingestMbps == 0, tier.egressMbps == 0 {
                mistakes.append(
                    "autoscaler.origin.publishers: is 0, like ingestMbps and egressMbps; say what an origin carries")
            } else if capacities.allSatisfy({ $0 == 0 }) {
                mistakes.append("autoscaler.\(name).viewers: is 0, like every other capacity; say what a node carries")
            }
        }
        guard mistakes.isEmpty else { throw ConfigurationError(mistakes: mistakes) }
        let url: RedisURL
        do { url = try RedisURL(configuration.cluster.registry) } catch {
            throw ConfigurationError(mistakes: ["cluster.registry: \(error)"])
        }
        self.configuration = configuration
        self.logger = logger
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var redis = RedisRegistrySettings()
        redis.prefix = configuration.cluster.prefix + ":"
        let registry = RedisRegistry(url: url, group: group, logger: logger, settings: redis)
        self.registry = registry
        let identity = configuration.node.name
        var kubernetes: KubernetesClient?
        if scaling.driver == .kubernetes || scaling.election == .kubernetes {
            do {
                kubernetes = try KubernetesClient(
                    settings: KubernetesSettings(configuration), environment: ProcessInfo.processInfo.environment,
                    logger: logger)
            } catch {
                throw ConfigurationError(mistakes: error.list)
            }
        }
        switch (scaling.driver, kubernetes) {
        case (.kubernetes, let client?):
            driver = KubernetesDriver(
                client: client, workloads: KubernetesSettings(configuration).workloads, logger: logger)
        default:
            driver = RegistryDriver(
                isExport: scaling.driver == .export,
                minimum: [.edge: scaling.edge.minimum, .origin: scaling.origin.minimum])
        }
        switch (scaling.election, kubernetes) {
        case (.kubernetes, let client?):
            election = KubernetesLeaseElection(
                client: client, lease: scaling.lease, identity: identity, logger: logger)
        case (.none, _): election = SoleLeader(identity: identity)
        default:
            election = RegistryLeaderElection(
                store: registry, group: scaling.lease, identity: identity, logger: logger)
        }
        let tiers = [(NodeRole.origin, scaling.origin), (.edge, scaling.edge)]
            .map { TierSettings($0, $1, driver: scaling.driver) }.filter { $0.mode != .off }
        runners = tiers.map { [driver] in
            TierRunner(settings: $0, driver: driver, registry: registry, identity: identity, logger: logger)
        }
    }

    package func run() async throws { try await run(signals: false) }

    /// - Parameter signals: Whether SIGTERM and SIGINT ask for the shutdown.
    package func run(signals: Bool) async throws {
        var list: [ServiceGroupConfiguration.ServiceConfiguration] = [.init(service: admin())]
        if let probe = ProbeListener.service(
            configuration.probe, logger: logger, didBind: { self.lifecycle.didBind("probe", to: $0) },
            add: { self.addProbes(to: $0) })
        {
            list.append(.init(service: probe))
        }
        list.append(.init(service: Loop(service: self)))
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: list, gracefulShutdownSignals: signals ? [.sigterm, .sigint] : [], logger: logger))
        do { try await services.run() } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        try await group.shutdownGracefully()
    }

    // MARK: The loop

    private struct Loop: Service {
        let service: AutoscalerService

        func run() async throws {
            await withDiscardingTaskGroup { tasks in
                tasks.addTask { await service.registry.run() }
                tasks.addTask { await service.driver.run() }
                let loop = Task {
                    await withDiscardingTaskGroup { inner in
                        inner.addTask { await service.election.run() }
                        inner.addTask { await service.tick() }
                    }
                }
                try? await gracefulShutdown()
                // Leadership is given up while the registry and the platform can still be told.
                service.lifecycle.beginDrain()
                loop.cancel()
                await loop.value
                tasks.cancelAll()
            }
        }
    }

    private func tick() async {
        logger.info(
            "autoscaler starts",
            metadata: [
                "driver": "\(driver.name)", "election": "\(configuration.autoscaler.election.rawValue)",
                "tiers":
                    "\(runners.map { "\($0.settings.tier.rawValue)=\($0.settings.mode.rawValue)" }.joined(separator: " "))",
            ])
        var news = OperatorNews()
        var next = ContinuousClock.now
        while !Task.isCancelled {
            let nodes = await look(&news)
            let standing = election.standing
            for runner in runners where !Task.isCancelled {
                await runner.tick(nodes: nodes, news: news, standing: standing)
            }
            lifecycle.didStart()
            // A tick that took long delays the next one; it is not made up for.
            next = max(next + configuration.autoscaler.interval, .now)
            guard (try? await Task.sleep(until: next)) != nil else { return }
        }
    }

    /// The registry's part of a tick's observations; nil when it is away.
    private func look(_ news: inout OperatorNews) async -> [NodeEntry]? {
        do throws(RegistryError) {
            let nodes = try await registry.nodes()
            (driver as? RegistryDriver)?.see(nodes)
            // What operators said last counts until it can be read again.
            news.events = try await AutoscaleRoutes.events(registry)
            news.controls = try await AutoscaleRoutes.controls(registry)
            let wasDown = registryHealth.withLock { health in
                defer { (health.isUp, health.isTold, health.nodes) = (true, false, nodes.count) }
                return health.isTold
            }
            if wasDown { logger.info("the registry is back") }
            return nodes
        } catch {
            let isNews = registryHealth.withLock { health in
                health.isUp = false
                // Before the loop has run once, the first connection is being made.
                guard !health.isTold, lifecycle.state != .starting else { return false }
                health.isTold = true
                return true
            }
            if isNews {
                logger.warning(
                    "the registry is away; replicas stay as they are",
                    metadata: ["reason": "\(LogText.escaped("\(error)"))"])
            }
            return nil
        }
    }

    // MARK: Routes

    private func admin() -> any Service {
        let router = Router()
        addProbes(to: router)
        AutoscaleRoutes.add(to: router, store: registry)
        router.get("**") { _, _ in AdminRoutes.problem(.noSuchPath, .notFound) }
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return Application(
            router: router,
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.admin.host, port: configuration.admin.port), serverName: "edge-relay"),
            onServerRunning: { [logger, lifecycle] channel in
                guard let address = channel.localAddress else { return }
                lifecycle.didBind("admin", to: RemoteText.describe(address))
                logger.info("admin API ready", metadata: ["admin": "\(RemoteText.describe(address))"])
            },
            logger: quiet)
    }

    /// Probes, metrics, and the wanted replicas: what others than operators ask for.
    private func addProbes(to router: Router<BasicRequestContext>) {
        AdminRoutes.addProbes(
            to: router, readiness: { (self.lifecycle.state == .running, self.lifecycle.state.rawValue) },
            metrics: { self.metrics() })
        router.get("v1/desired") { [self] request, _ in
            guard let tier = NodeRole(rawValue: request.uri.queryParameters["target"].map(String.init) ?? "edge"),
                let runner = runners.first(where: { $0.settings.tier == tier })
            else { return AdminRoutes.problem(.badQuery, .badRequest) }
            guard let answer = desired(runner) else { return AdminRoutes.problem(.noDecision, .serviceUnavailable) }
            return AdminRoutes.json(answer)
        }
    }

    /// What a decision was made without: then it is no word on what is needed.
    private static let blind: Set<String> = ["redis_down", "stale_metrics"]

    /// nil when the newest decision is older than three ticks, or was made without knowing the load.
    private func desired(_ runner: TierRunner) -> DesiredReplicas? {
        let view = runner.view
        guard let decision = view.last, let at = view.lastAt, registryHealth.withLock(\.isUp) else { return nil }
        let age = MonotonicTime.now() - at
        guard age <= configuration.autoscaler.interval * 3 + .seconds(5), !Self.blind.contains(decision.reason) else {
            return nil
        }
        return DesiredReplicas(
            target: decision.tier, desired: decision.target, ageSeconds: age.seconds, reason: decision.reason)
    }

    private func metrics() -> String {
        AutoscalerMetrics.render(
            runners.map { runner in
                let view = runner.view
                return AutoscalerMetrics.Tier(
                    tier: runner.settings.tier, desired: desired(runner)?.desired, decision: view.last,
                    ticks: view.ticks, tickSeconds: view.tickSeconds, failures: view.failures)
            }, isLeader: election.standing.isLeader, epoch: election.standing.epoch,
            isRegistryUp: registryHealth.withLock(\.isUp), nodes: registryHealth.withLock(\.nodes),
            process: .read())
    }
}
