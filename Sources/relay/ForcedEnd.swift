import Foundation
import Logging
import UnixSignals

/// The second SIGTERM or SIGINT ends the process now; the first one drains.
enum ForcedEnd {
    static func watch(logger: Logger) {
        Task.detached {
            var count = 0
            for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
                count += 1
                if count == 2 {
                    logger.warning("second signal: ending now", metadata: ["signal": "\(signal)"])
                    exit(128 + signal.rawValue)
                }
            }
        }
    }
}
