import Foundation
import Logging
import UnixSignals

/// The second SIGTERM or SIGINT ends the process now; the first one drains.
enum ForcedEnd {
    /// Signals closer together than this are one wish: `timeout` and terminals signal a process and its group at once.
    static let together = Duration.milliseconds(200)

    static func watch(logger: Logger) {
        Task.detached {
            var first: ContinuousClock.Instant?
            for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
                let now = ContinuousClock.now
                if let first, now - first >= together {
                    logger.warning("second signal: ending now", metadata: ["signal": "\(signal)"])
                    exit(128 + signal.rawValue)
                }
                if first == nil { first = now }
            }
        }
    }
}
