/// Bounds of the connections to Redis. The defaults are what the cluster's promises are tested with.
package struct RedisSettings: Hashable, Sendable {
    /// From sending a command to its whole reply. A connection that misses it is closed: replies come in order, so all behind
    /// it would be late, too.
    package var commandTimeout = Duration.seconds(2)
    /// For the TCP and TLS handshake, and again for AUTH, SELECT and so on.
    package var connectTimeout = Duration.seconds(1)
    /// A connection that was silent for this long is asked whether it is there (PING, within `commandTimeout`).
    package var pingAfter = Duration.seconds(1)
    /// Commands on their way at once; one more is refused.
    package var queueLimit = 1024
    /// A primary that turned out to be none is not looked up again more often than this.
    package var resolveInterval = Duration.seconds(1)
    package var backoff = ReconnectBackoff.Settings()
    package var limits = RESPLimits()
    /// How the connections are called in `CLIENT LIST`; no blanks.
    package var name = "relay"

    package init() {}
}
