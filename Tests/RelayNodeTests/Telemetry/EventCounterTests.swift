import Logging
import NIOCore
import RelayCore
import Synchronization
import Testing

@testable import RelayNode

@Suite struct EventCounterTests {
    /// Keeps what is logged.
    final class Records: Sendable {
        struct Record: Sendable {
            var message: String
            var metadata: [String: String]
        }
        private let all = Mutex<[Record]>([])
        var records: [Record] { all.withLock { $0 } }
        fileprivate func append(_ record: Record) { all.withLock { $0.append(record) } }

        var logger: Logger { Logger(label: "test") { _ in Handler(records: self) } }
    }

    struct Handler: LogHandler {
        let records: Records
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            records.append(
                .init(message: event.message.description, metadata: (event.metadata ?? [:]).mapValues(\.description)))
        }
    }

    private func seconds(_ seconds: Double) -> MonotonicTime { .zero + .seconds(seconds) }

    private func reject(
        _ counter: EventCounter, _ remote: String?, at time: Double, _ records: Records, code: RelayCode = .badRequest,
        detail: String? = nil
    ) throws {
        counter.reject(
            code, transport: .http, remote: try remote.map { try SocketAddress(ipAddress: $0, port: 1) },
            detail: detail,
            logger: records.logger, now: seconds(time))
    }

    @Test func `everything is counted, by protocol and code`() throws {
        let counter = EventCounter()
        let records = Records()
        for _ in 0..<5 { try reject(counter, "192.0.2.1", at: 0, records) }
        try reject(counter, "192.0.2.1", at: 0, records, code: .streamNotFound)
        counter.reject(.badAMF, transport: .rtmp, remote: nil, logger: records.logger, now: .zero)
        #expect(
            counter.counts == [
                .init(transport: .http, code: 3001): 5, .init(transport: .http, code: 4001): 1,
                .init(transport: .rtmp, code: 2010): 1,
            ])
    }

    @Test func `one address is logged once in ten seconds, with what was left out`() throws {
        let counter = EventCounter()
        let records = Records()
        for tenth in 0..<250 { try reject(counter, "192.0.2.1", at: Double(tenth) / 10, records) }
        #expect(records.records.map { $0.metadata["unlogged"] } == [nil, "99", "99"])
        #expect(records.records.first?.metadata["code"] == "RLY-3001")
        #expect(records.records.first?.metadata["remote"] == "192.0.2.1")
        #expect(counter.counts[.init(transport: .http, code: 3001)] == 250)
    }

    @Test func `another address is logged at once`() throws {
        let counter = EventCounter()
        let records = Records()
        for last in 1...5 { try reject(counter, "192.0.2.\(last)", at: 0, records) }
        #expect(records.records.count == 5)
    }

    @Test func `a flood from many addresses is counted and not logged without end, and memory is bounded`() throws {
        let counter = EventCounter()
        let records = Records()
        for index in 0..<6_000 { try reject(counter, "10.0.\(index / 256).\(index % 256)", at: 0, records) }
        #expect(records.records.count == EventCounter.maximumAddresses)
        #expect(counter.counts[.init(transport: .http, code: 3001)] == 6_000)
        // When the first have expired there is room again.
        try reject(counter, "192.0.2.1", at: 10.001, records)
        #expect(records.records.count == EventCounter.maximumAddresses + 1)
        #expect(records.records.last?.metadata["unlogged"] == "1904")
    }

    @Test func `a peer's text cannot break the line`() throws {
        let counter = EventCounter()
        let records = Records()
        try reject(
            counter, "192.0.2.1", at: 0, records, detail: "a\r\nb\u{1B}[31m\u{0}" + String(repeating: "x", count: 1_000)
        )
        let detail = try #require(records.records.first?.metadata["detail"])
        #expect(detail.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
        #expect(detail.hasPrefix("a\\r\\nb\\u{1B}[31m\\0"))
        #expect(detail.count <= 4 * LogText.maximumLength)
    }
}
