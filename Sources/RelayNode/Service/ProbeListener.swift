import Hummingbird
import Logging
import RelayCore
import ServiceLifecycle

/// The second listener, for platforms that probe and scrape from outside of the node (`probe.host`).
enum ProbeListener {
    /// nil when none is configured.
    ///
    /// - Parameter add: Adds the routes; the same functions as those of the admin API.
    static func service(
        _ probe: RelayConfiguration.Probe, limits: RelayConfiguration.Limits, logger: Logger,
        didBind: @escaping @Sendable (String) -> Void, add: (Router<BasicRequestContext>) -> Void
    ) -> (any Service)? {
        guard !probe.host.isEmpty else { return nil }
        let router = Router()
        add(router)
        router.get("**") { _, _ in AdminRoutes.problem(.noSuchPath, .notFound) }
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return Application(
            router: router, server: SmallListener.server(limits),
            configuration: SmallListener.configuration(host: probe.host, port: probe.port, logger: quiet),
            onServerRunning: { channel in
                guard let address = channel.localAddress else { return }
                let text = RemoteText.describe(address)
                didBind(text)
                logger.info("probes ready", metadata: ["probe": "\(text)"])
            },
            logger: quiet)
    }
}
