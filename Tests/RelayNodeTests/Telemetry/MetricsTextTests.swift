import RelayAPI
import RelayCore
import Testing

@testable import RelayNode

@Suite struct MetricsTextTests {
    /// A line of samples, taken apart.
    struct Sample {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    static func metrics(
        version: String = "1.2.3", loops: Int = 2, rejects: [EventCounter.Key: UInt64] = [:],
        refused: [Int: UInt64] = [:]
    ) -> NodeMetrics {
        let status = NodeStatus(
            node: "n", role: "standalone", state: "running", version: version, uptimeSeconds: 12.5, listeners: [:],
            streams: 3, publishers: 2, viewers: 7, connections: 9, maxConnections: 100, bytesIn: .max, bytesOut: 5,
            bitrateIn: 1, bitrateOut: 2,
            loops: (0..<loops).map {
                LoopStatus(index: $0, busy: 0.25, flushIntervalMs: 350, viewers: 3)
            })
        return NodeMetrics(
            status: status, isReady: true, viewersByTransport: ["rtmp": 4, "http-flv": 3],
            ledger: LossLedger(offered: 10, sent: 5, dropped: 1, skipped: 2, evicted: 1, unsent: 1), framesIn: 11,
            framesOut: 12, joins: 13, slowDisconnects: 14, rejects: rejects, refused: refused,
            process: ProcessFigures(cpuSeconds: 1.5, residentBytes: 2, openDescriptors: 3, maximumDescriptors: 4))
    }

    /// Reads the text as a scraper does (exposition format 0.0.4); anything that does not fit is an issue.
    static func parse(_ text: String) throws -> [Sample] {
        var samples: [Sample] = []
        #expect(text.hasSuffix("\n"))
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parsed = try #require(try /([a-z_]+)(?:\{(.*)\})? (\S+)/.wholeMatch(in: line), "\(line)")
            var labels: [String: String] = [:]
            if let text = parsed.2 {
                var rest = text
                while !rest.isEmpty {
                    let label = try #require(
                        try /([a-z_]+)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/.prefixMatch(in: rest), "\(line)")
                    labels[String(label.1)] = String(label.2)
                    rest = rest[label.range.upperBound...]
                }
            }
            samples.append(
                Sample(name: String(parsed.1), labels: labels, value: try #require(Double(parsed.3), "\(line)")))
        }
        return samples
    }

    @Test func `every family has its help and type, once, before its samples`() throws {
        let rejects: [EventCounter.Key: UInt64] = [.init(transport: .rtmp, code: 2001): 1]
        var announced: Set<Substring> = []
        var current: Substring = ""
        var expectsType = false
        for line in MetricsText.render(Self.metrics(rejects: rejects, refused: [5001: 1])).split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3)
            if line.hasPrefix("# HELP ") {
                current = words[2]
                #expect(announced.insert(current).inserted, "\(current) twice")
                #expect(words.count == 4 && words[3].hasSuffix("."))
                expectsType = true
            } else if line.hasPrefix("# TYPE ") {
                #expect(expectsType && words[2] == current)
                #expect(["counter", "gauge"].contains(words[3]))
                // The name tells a counter from a gauge.
                #expect((words[3] == "counter") == current.hasSuffix("_total"), "\(current)")
                expectsType = false
            } else {
                #expect(!expectsType)
                #expect(line.prefix { $0 != "{" && $0 != " " } == current)
            }
        }
        #expect(announced.count > 20)
    }

    @Test func `values come through`() throws {
        let samples = try Self.parse(
            MetricsText.render(
                Self.metrics(rejects: [.init(transport: .http, code: 4001): 9], refused: [5003: 2])))
        func value(_ name: String, _ labels: [String: String] = [:]) -> Double? {
            samples.first { $0.name == name && $0.labels == labels }?.value
        }
        #expect(value("relay_ready") == 1)
        #expect(value("relay_viewers", ["transport": "rtmp"]) == 4)
        #expect(value("relay_viewers", ["transport": "ws-flv"]) == 0)
        #expect(value("relay_viewer_frames_total", ["outcome": "skipped"]) == 2)
        #expect(value("relay_rejects_total", ["transport": "http", "code": "RLY-4001"]) == 9)
        #expect(value("relay_admission_refusals_total", ["code": "RLY-5003"]) == 2)
        #expect(value("relay_flush_interval_seconds", ["loop": "1"]) == 0.35)
        #expect(value("relay_ingest_bytes_total") == Double(UInt64.max))
        #expect(value("process_cpu_seconds_total") == 1.5)
    }

    @Test func `no series appears twice`() throws {
        let rejects = Dictionary(
            uniqueKeysWithValues: RelayCode.catalogue.flatMap { code in
                EventCounter.Transport.allCases.map { (EventCounter.Key(transport: $0, code: code.number), UInt64(1)) }
            })
        let refused = Dictionary(uniqueKeysWithValues: RelayCode.catalogue.map { ($0.number, UInt64(1)) })
        let samples = try Self.parse(MetricsText.render(Self.metrics(rejects: rejects, refused: refused)))
        let series = samples.map { "\($0.name) \($0.labels.sorted { $0.key < $1.key })" }
        #expect(Set(series).count == series.count)
        // All there can ever be: what is fixed, and a few per code and per loop. Nothing grows with streams or viewers.
        #expect(series.count <= 60 + 4 * RelayCode.catalogue.count + 3 * 2)
    }

    @Test func `no label names a stream, a peer or the node`() throws {
        let rejects: [EventCounter.Key: UInt64] = [.init(transport: .rtmp, code: 2001): 1]
        let samples = try Self.parse(MetricsText.render(Self.metrics(rejects: rejects, refused: [5001: 1])))
        let keys = Set(samples.flatMap(\.labels.keys))
        #expect(keys == ["version", "role", "transport", "outcome", "code", "loop"])
    }
}
