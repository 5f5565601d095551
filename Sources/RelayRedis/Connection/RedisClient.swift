package import Logging
package import NIOCore
import RelayCore
import Synchronization

/// Keeps two connections to the primary Redis, one for commands and one that listens to channels, and makes them again
/// when they end. Commands given while there is no connection fail at once; nothing waits for a registry that is away.
package final class RedisClient: Sendable {
    /// What the client's tasks share.
    struct Shared {
        var state: RedisState
        var commands: RedisConnection?
        var listener: RedisConnection?
        /// Whether ``RedisEvent/connected`` was told and not taken back.
        var isAnnounced = false
        var lastResolve: NIODeadline?
        var lastComplaint: NIODeadline?
        /// When a lost connection was last told about at warning level.
        var lastLossTold: NIODeadline?
    }

    let url: RedisURL
    let group: any EventLoopGroup
    let logger: Logger
    let settings: RedisSettings
    let channels: [String]
    let onEvent: @Sendable (RedisEvent) -> Void
    let shared: Mutex<Shared>

    /// - Parameters:
    ///   - group: Two of its event loops carry the connections.
    ///   - channels: Subscribed to; their messages come as events.
    ///   - onEvent: Called under a lock, from any thread; must return at once and not call the client.
    package init(
        url: RedisURL, group: any EventLoopGroup, logger: Logger, settings: RedisSettings = RedisSettings(),
        channels: [String] = [], onEvent: @escaping @Sendable (RedisEvent) -> Void = { _ in }
    ) {
        self.url = url
        self.group = group
        self.logger = logger
        self.settings = settings
        self.channels = channels
        self.onEvent = onEvent
        shared = Mutex(Shared(state: RedisState(since: .now)))
    }

    package var state: RedisState { shared.withLock { $0.state } }

    /// Sends one command and waits for its reply, at most `commandTimeout`.
    ///
    /// - Throws: ``RedisError``.
    package func send(_ command: [String]) async throws(RedisError) -> RESPValue {
        guard let reply = try await pipeline([command]).first else { throw .badReply("no reply") }
        return try reply.get()
    }

    /// Sends commands in one write.
    ///
    /// - Returns: As many results as commands, in order.
    /// - Throws: `RedisError.unavailable` when there is no connection.
    package func pipeline(_ commands: [[String]]) async throws(RedisError) -> [Result<RESPValue, RedisError>] {
        let (connection, lastError) = shared.withLock { ($0.commands, $0.state.lastError) }
        guard let connection else { throw .unavailable(lastError ?? "there is no connection to Redis yet") }
        let replies = await connection.send(commands)
        for case .failure(.refused(let refusal)) in replies { consider(refusal, on: connection) }
        return replies
    }

    /// Logs a refusal now and then, and leaves a server that cannot help.
    private func consider(_ refusal: RedisRefusal, on connection: RedisConnection) {
        guard refusal.remedy != .reloadScript else { return }
        let now = NIODeadline.now()
        let (isLogged, isLeft) = shared.withLock { shared in
            // The same trouble meets every command; one line each ten seconds is enough to see it.
            let isLogged = shared.lastComplaint.map { now - $0 >= .seconds(10) } ?? true
            if isLogged { shared.lastComplaint = now }
            shared.state.lastError = refusal.description
            let isElsewhere = refusal.remedy == .resolvePrimary || refusal.remedy == .authenticate
            let isDue = shared.lastResolve.map { now - $0 >= TimeAmount(settings.resolveInterval) } ?? true
            if isElsewhere, isDue { shared.lastResolve = now }
            return (isLogged, isElsewhere && isDue)
        }
        if isLogged { logger.warning("registry refuses", metadata: ["reason": "\(refusal)"]) }
        if isLeft { leave(refusal.description) }
    }

    /// Ends both connections, so that they are made again, to whoever is the primary then.
    func leave(_ reason: String) {
        let (commands, listener) = shared.withLock { ($0.commands, $0.listener) }
        commands?.close(reason)
        listener?.close(reason)
    }
}
