package import RelayCore

/// How the registry's connection is; for the admin API and readiness.
package struct RedisState: Hashable, Sendable {
    /// Whether commands can be sent.
    package var isConnected = false
    /// Since when that is so, on this machine's monotonic clock.
    package var since: ContinuousClock.Instant
    /// The last thing that went wrong, kept after it passed.
    package var lastError: String?
    /// The server connected to, or the last one.
    package var server: Endpoint?
    /// Connections made since the start.
    package var connects = 0
}

/// What a ``RedisClient`` tells whoever made it, in order and from any thread.
package enum RedisEvent: Hashable, Sendable {
    /// Commands can be sent, and the channels are subscribed to (again).
    case connected
    /// Commands cannot be sent.
    case disconnected(String)
    case message(channel: String, payload: String)
}
