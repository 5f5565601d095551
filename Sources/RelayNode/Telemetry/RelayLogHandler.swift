import Foundation
package import Logging
import Synchronization

/// Writes log records to standard error: one line each, as text for people or as JSON for collectors. Everything that is not
/// plain text is escaped, since parts of a record may come from peers.
package struct RelayLogHandler: LogHandler {
    private let label: String
    private let format: RelayConfiguration.Log.Format
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level = .info

    /// Called by the bootstrapped logging system.
    package init(label: String, format: RelayConfiguration.Log.Format) {
        self.label = label
        self.format = format
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let merged = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let time = Date().formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true))
        var text: String
        switch format {
        case .text:
            text = "\(time) \(event.level.rawValue.uppercased()) \(LogText.escaped(event.message.description))"
            for (key, value) in merged {
                let shown = LogText.escaped(value.description)
                text += shown.contains(" ") || shown.isEmpty ? " \(key)=\"\(shown)\"" : " \(key)=\(shown)"
            }
        case .json:
            var record = ["time": time, "level": event.level.rawValue, "message": event.message.description]
            for (key, value) in merged where record[key] == nil { record[key] = value.description }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            text = (try? encoder.encode(record)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        }
        StandardError.write(text + "\n")
    }
}

/// Standard error for records: one write per record, so that records of several threads do not mix, and never a wait. A reader
/// that stopped reading would otherwise stop the event loops; what it misses is counted and told when it reads again.
private enum StandardError {
    private static let unwritten = Mutex(0)

    static func write(_ record: String) {
        unwritten.withLock { unwritten in
            var ready = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
            guard poll(&ready, 1, 0) == 1, ready.revents & Int16(POLLOUT) != 0 else {
                unwritten += 1
                return
            }
            let missed = unwritten > 0 ? "(\(unwritten) log records were lost while nobody read them)\n" : ""
            unwritten = 0
            // A pipe that is ready takes 4,096 bytes without waiting (POSIX, PIPE_BUF).
            let bytes = Array((missed + record).utf8.prefix(4_096))
            _ = bytes.withUnsafeBytes { Foundation.write(STDERR_FILENO, $0.baseAddress, $0.count) }
        }
    }
}
