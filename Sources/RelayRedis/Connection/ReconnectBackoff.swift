package import RelayCore

/// When to try a connection again. Quick at first, so that a registry that was away for a moment is filled again within a
/// second; a little slower when it stays away, with jitter, so that a cluster does not knock in step.
package struct ReconnectBackoff: Hashable, Sendable {
    package struct Settings: Hashable, Sendable {
        /// The first wait.
        package var floor = Duration.milliseconds(50)
        /// The longest wait while the registry has been away for less than `patience`.
        package var earlyCeiling = Duration.milliseconds(250)
        /// The longest wait afterwards.
        package var ceiling = Duration.milliseconds(500)
        package var patience = Duration.seconds(10)
        /// A connection that lived shorter than this does not begin the row anew.
        package var steadyAfter = Duration.seconds(1)

        package init() {}
    }

    private let settings: Settings
    private var attempts = 0
    private var downSince: MonotonicTime?
    private var upSince: MonotonicTime?

    package init(settings: Settings = Settings()) { self.settings = settings }

    /// The connection stands.
    package mutating func connected(now: MonotonicTime) { upSince = now }

    /// An attempt failed or the connection ended.
    ///
    /// - Parameter random: 0..<1.
    /// - Returns: How long to wait before the next attempt: between half and the whole of a span that doubles.
    package mutating func failed(now: MonotonicTime, random: Double) -> Duration {
        if let upSince, now - upSince >= settings.steadyAfter {
            attempts = 0
            downSince = nil
        }
        upSince = nil
        let start = downSince ?? now
        downSince = start
        let ceiling = now - start < settings.patience ? settings.earlyCeiling : settings.ceiling
        // 2^16 times the floor is beyond any ceiling.
        let span = min(settings.floor * (1 << min(attempts, 16)), ceiling)
        attempts = min(attempts + 1, 16)
        return span * (0.5 + 0.5 * min(max(random, 0), 1))
    }
}
