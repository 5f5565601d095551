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
    private let followed = Mutex(Followed())

    private struct RegistryHealth {
        var isUp = false
        var isTold = false
        var nodes = 0
    }

    /// What the leader decided, as it was read last.
    private struct Followed {
        var decisions: [NodeRole: StoredDecision] = [:]
        /// The epoch that this process leads in, once the former leader's decisions were taken over; nil while another leads.
        var ledIn: UInt64?
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
            configuration.probe, limits: configuration.limits, logger: logger,
            didBind: { self.lifecycle.didBind("probe", to: $0) },
            add: { router in
                self.addProbes(to: router)
                Self.addStranger(to: router)
            })
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
                let election = Task { await service.election.run() }
                let loop = Task { await service.tick() }
                try? await gracefulShutdown()
                // A tick under way ends before leadership is given up, while the registry and the platform can still be told.
                service.lifecycle.beginDrain()
                loop.cancel()
                await loop.value
                election.cancel()
                await election.value
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
            // A task of its own: cancelled, its calls would fail half-way. After the action under way it does nothing more.
            news = await Task { [news] in await self.tick(news) }.value
            lifecycle.didStart()
            // A tick that took long delays the next one; it is not made up for.
            next = max(next + configuration.autoscaler.interval, .now)
            guard (try? await Task.sleep(until: next)) != nil else { return }
        }
    }

    private func tick(_ last: OperatorNews) async -> OperatorNews {
        var news = last
        let nodes = await look(&news, election.standing)
        var standing = election.standing
        // Leadership that came here since then is taken up by the next tick, which knows what the platform was told.
        let isTakenOver = followed.withLock { $0.ledIn == standing.epoch }
        if driver is RegistryDriver, !isTakenOver { standing.isLeader = false }
        for runner in runners where lifecycle.state != .draining {
            await runner.tick(nodes: nodes, news: news, standing: standing) { decidedIn in
                let now = self.election.standing
                return now.isLeader && now.epoch == decidedIn.epoch && self.lifecycle.state != .draining
            }
        }
        return news
    }

    /// The registry's part of a tick's observations; nil when it is away.
    private func look(_ news: inout OperatorNews, _ standing: LeaderStanding) async -> [NodeEntry]? {
        do throws(RegistryError) {
            let nodes = try await registry.nodes()
            (driver as? RegistryDriver)?.see(nodes)
            // What operators said last counts until it can be read again.
            try await news.read(registry, isLeader: standing.isLeader, wallMilliseconds: WallClock.milliseconds)
            try await follow(standing)
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

    /// Reads what the leader decided, while that is another; and once more when leadership comes here.
    private func follow(_ standing: LeaderStanding) async throws(RegistryError) {
        guard followed.withLock({ !standing.isLeader || $0.ledIn != standing.epoch }) else { return }
        let now = MonotonicTime.now()
        let stored = try await StoredDecision.read(registry, now: now)
        (driver as? RegistryDriver)?.follow(stored, now: now)
        followed.withLock { ($0.decisions, $0.ledIn) = (stored, standing.isLeader ? standing.epoch : nil) }
    }

    // MARK: Routes

    private func admin() -> any Service {
        let router = Router()
        addProbes(to: router)
        AutoscaleRoutes.add(to: router, store: registry)
        Self.addStranger(to: router)
        router.get("**") { _, _ in AdminRoutes.problem(.noSuchPath, .notFound) }
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return Application(
            router: router, server: SmallListener.server(configuration.limits),
            configuration: SmallListener.configuration(
                host: configuration.admin.host, port: configuration.admin.port, logger: quiet),
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
            else { return problem(ofTarget: request.uri.queryParameters["target"].map(String.init)) }
            guard let answer = desired(runner) else { return AdminRoutes.problem(.noDecision, .serviceUnavailable) }
            return AdminRoutes.json(answer)
        }
    }

    /// A tier that is off is no mistake of the question.
    private func problem(ofTarget target: String?) -> Response {
        let tier = NodeRole(rawValue: target ?? "edge")
        return tier == .edge || tier == .origin
            ? AdminRoutes.problem(.tierOff, .notFound) : AdminRoutes.problem(.badScalingQuery, .badRequest)
    }

    /// Whoever asks an autoscaler for what only nodes have is told what it is.
    private static func addStranger(to router: Router<BasicRequestContext>) {
        for method in [HTTPRequest.Method.get, .post, .put, .delete] {
            router.on("v1/**", method: method) { _, _ in AdminRoutes.problem(.onlyAutoscaler, .notFound) }
        }
    }

    /// The own decision while this process leads, else the leader's: two that are asked must not say two things.
    ///
    /// nil when it is older than three ticks, or was made without knowing the load.
    private func desired(_ runner: TierRunner) -> DesiredReplicas? {
        guard registryHealth.withLock(\.isUp) else { return nil }
        let view = runner.view
        let now = MonotonicTime.now()
        let limit = configuration.autoscaler.interval * 3 + .seconds(5)
        if election.standing.isLeader, view.lastIsLeaders, let decision = view.last, let at = view.lastAt {
            return DesiredReplicas(decision, isPaused: view.isPaused, age: now - at, limit: limit)
        }
        guard let stored = followed.withLock({ $0.decisions[runner.settings.tier] }) else { return nil }
        return DesiredReplicas(stored.decision, isPaused: view.isPaused, age: stored.age(at: now), limit: limit)
    }

    private func metrics() -> String {
        AutoscalerMetrics.render(
            runners.map { runner in
                let view = runner.view
                return AutoscalerMetrics.Tier(
                    tier: runner.settings.tier, desired: desired(runner)?.desired, decision: view.last,
                    ticks: view.ticks, tickSeconds: view.tickSeconds, failures: view.failures,
                    counters: view.scaling?.counters ?? ScalingCounters())
            }, isLeader: election.standing.isLeader, epoch: election.standing.epoch,
            isRegistryUp: registryHealth.withLock(\.isUp), nodes: registryHealth.withLock(\.nodes),
            process: .read())
    }
}
