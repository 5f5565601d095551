import Foundation
package import Logging

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
        // One write per record, so that records of several threads do not mix. A closed standard error is nobody's fault.
        let bytes = Array((text + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
