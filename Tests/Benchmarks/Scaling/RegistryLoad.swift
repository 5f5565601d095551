import Foundation
import Logging
import NIOPosix
import RelayCluster
import RelayCore
import RelayRedis
import Synchronization

/// Edges that renew and report, each with a registry of its own.
final class RegistryLoad: Sendable {
    private struct Samples {
        var renewals: [Double] = []
        var failed = 0
        var isMeasuring = false
    }

    private let url: RedisURL
    private let cpuSeconds: @Sendable () -> Double
    private let edges: Int
    private let beat: Double
    private let beatsPerReport: UInt64
    private let tick: Double
    private let samples = Mutex(Samples())
    private let logger: Logger
    /// The edges' loops are as busy as those of thousands of machines; who measures has one of its own.
    private let group = MultiThreadedEventLoopGroup.singleton
    private let ownGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(server: LoadServer, edges: Int, beat: Double, reportEvery: Double, tick: Double) throws {
        url = try RedisURL("redis://127.0.0.1:\(server.port)")
        nonisolated(unsafe) let server = server
        cpuSeconds = { server.cpuSeconds() }
        self.edges = edges
        self.beat = beat
        beatsPerReport = UInt64(max(1, (reportEvery / beat).rounded()))
        self.tick = tick
        var logger = Logger(label: "registry")
        logger.logLevel = .critical
        self.logger = logger
    }

    /// As many descriptors as the system allows: each edge has two.
    static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    func run(seconds: Double) async throws -> RegistryFigures {
        let reader = RedisRegistry(url: url, group: ownGroup, logger: logger)
        let info = RedisClient(url: url, group: ownGroup, logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            defer { tasks.cancelAll() }
            tasks.addTask { await reader.run() }
            tasks.addTask { await info.run() }
            try await connected(info)
            Self.progress("\(edges) leases are claimed")
            // Leases are there before anybody listens: 5,000 nodes do not come at the same moment, and the news of each of them
            // would go to all others.
            let records = (0..<edges).compactMap(Self.record)
            for record in records {
                _ = try await retrying { try await reader.renew(record, report: self.report(1), ttl: .seconds(60)) }
            }
            let quiet = try await Self.timed { _ = try await reader.nodes() }
            Self.progress("\(edges) edges connect")
            for (index, record) in records.enumerated() {
                tasks.addTask { await self.live(record, index) }
                // 250 a second: all of them make their connections on one machine.
                if index % 25 == 0 { try await Task.sleep(for: .milliseconds(100)) }
            }
            try await Task.sleep(for: .seconds(max(10, beat * 3)))
            Self.progress("measuring for \(seconds) s")
            var figures = try await measure(info, reader, seconds: seconds)
            figures.quietReadMilliseconds = quiet
            if let record = records.first {
                figures.recordBytes = try JSONEncoder().encode(record).count
                figures.reportBytes = try JSONEncoder().encode(report(12_345)).count
            }
            return figures
        }
    }

    private static func progress(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

    private func connected(_ client: RedisClient) async throws {
        _ = try await retrying { try await client.send(["PING"]) }
    }

    private func retrying<T>(_ work: () async throws -> T) async throws -> T {
        for _ in 0..<200 {
            if let value = try? await work() { return value }
            try await Task.sleep(for: .milliseconds(50))
        }
        return try await work()
    }

    // MARK: One edge

    private static func record(_ index: Int) -> NodeRecord? {
        let tail = String(index, radix: 36)
        guard let id = NodeID("relay-edge-7d9f8c6b5d-\(String(repeating: "0", count: max(0, 5 - tail.count)))\(tail)")
        else {
            return nil
        }
        let hex = { (count: Int) in
            String((0..<count).map { _ in "0123456789abcdef".randomElement() ?? "0" })
        }
        var record = NodeRecord(
            id: id, token: hex(32), role: .edge, state: .serving, region: "eu-central-1",
            zone: "eu-central-1\("abc".randomElement() ?? "a")",
            link: Endpoint(host: "10.\(index / 65_536).\(index / 256 % 256).\(index % 256)", port: 1985),
            rtmp: Endpoint(host: "10.\(index / 65_536).\(index / 256 % 256).\(index % 256)", port: 1935),
            certificate: hex(64), release: "0.1.0")
        record.machine = "ip-10-0-\(index / 8 / 256)-\(index / 8 % 256).eu-central-1.compute.internal"
        record.isSpot = index % 2 == 0
        return record
    }

    /// With digits as a busy node has them.
    private func report(_ sequence: UInt64) -> NodeReport {
        var report = NodeReport()
        report.sequence = sequence
        report.state = .serving
        report.uptimeSeconds = Double(sequence) * beat + .random(in: 0..<1)
        report.egressBitrate = .random(in: 1e9...4e9)
        report.egressCapacity = 5e9
        report.ingestBitrate = .random(in: 1e7...4e8)
        report.viewers = .random(in: 500...2_000)
        report.joinsTotal = .random(in: 10_000...1_000_000)
        report.leavesTotal = .random(in: 10_000...1_000_000)
        report.pulls = .random(in: 50...500)
        report.streams = report.pulls
        report.busiestLoop = .random(in: 0...1)
        report.cpu = .random(in: 0...1)
        report.throttled = .random(in: 0...0.1)
        report.dropsTotal = .random(in: 0...100_000)
        report.firstFrameP95 = .random(in: 5...500)
        report.connections = report.viewers
        report.maxConnections = 10_000
        return report
    }

    private func live(_ record: NodeRecord, _ index: Int) async {
        let registry = RedisRegistry(url: url, group: group, logger: logger)
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await registry.run() }
            var sequence: UInt64 = 1
            // Edges started at different times.
            var next = ContinuousClock.now + .seconds(.random(in: 0..<beat))
            while !Task.isCancelled {
                guard (try? await Task.sleep(until: next)) != nil else { break }
                next = max(next + .seconds(beat), .now)
                sequence += 1
                let start = ContinuousClock.now
                let report = sequence % beatsPerReport == 0 ? report(sequence) : nil
                let isDone = (try? await registry.renew(record, report: report, ttl: .seconds(10))) != nil
                let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
                samples.withLock { samples in
                    guard samples.isMeasuring else { return }
                    if isDone { samples.renewals.append(milliseconds) } else { samples.failed += 1 }
                }
            }
            tasks.cancelAll()
        }
    }

    // MARK: Measuring

    private struct Counters {
        var cpu = 0.0
        var renewals = 0.0
        var renewalMicroseconds = 0.0
        var pings = 0.0
        var bytesIn = 0.0
        var bytesOut = 0.0
        var megabytes = 0.0
        var clients = 0.0
        var time = ContinuousClock.now
    }

    private func counters(_ client: RedisClient) async throws -> Counters {
        var fields: [String: String] = [:]
        for section in ["stats", "memory", "clients", "commandstats"] {
            let text = try await client.send(["INFO", section]).text ?? ""
            for line in text.split(whereSeparator: \.isNewline) {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
            }
        }
        func number(_ name: String) -> Double { fields[name].flatMap { Double($0) } ?? 0 }
        func part(_ command: String, _ name: String) -> Double {
            for part in fields["cmdstat_\(command)"]?.split(separator: ",") ?? [] where part.hasPrefix(name + "=") {
                return Double(part.dropFirst(name.count + 1)) ?? 0
            }
            return 0
        }
        return Counters(
            cpu: cpuSeconds(), renewals: part("evalsha", "calls"), renewalMicroseconds: part("evalsha", "usec"),
            pings: part("ping", "calls"), bytesIn: number("total_net_input_bytes"),
            bytesOut: number("total_net_output_bytes"), megabytes: number("used_memory") / 1e6,
            clients: number("connected_clients"), time: .now)
    }

    private func measure(_ info: RedisClient, _ reader: RedisRegistry, seconds: Double) async throws -> RegistryFigures
    {
        let before = try await counters(info)
        samples.withLock { $0.isMeasuring = true }
        var readings: [Double] = []
        var failedReadings = 0
        var read = 0
        var next = ContinuousClock.now
        let end = next + .seconds(seconds)
        while next < end {
            do {
                readings.append(try await Self.timed { read = try await reader.nodes().count })
            } catch {
                failedReadings += 1
            }
            next = next + .seconds(tick)
            try await Task.sleep(until: min(next, end))
        }
        let after = try await counters(info)
        let (times, failed) = samples.withLock { samples in
            samples.isMeasuring = false
            return (samples.renewals.sorted(), samples.failed)
        }
        let passed = (after.time - before.time) / .seconds(1)
        var figures = RegistryFigures()
        figures.edges = edges
        figures.seconds = passed
        figures.beatSeconds = beat
        figures.reportSeconds = beat * Double(beatsPerReport)
        figures.redisCPUPercent = (after.cpu - before.cpu) / passed * 100
        figures.renewalsPerSecond = Double(times.count) / passed
        figures.wantedRenewalsPerSecond = Double(edges) / beat
        figures.failedRenewals = failed
        figures.pingsPerSecond = (after.pings - before.pings) / passed
        figures.bytesInPerSecond = (after.bytesIn - before.bytesIn) / passed
        figures.bytesOutPerSecond = (after.bytesOut - before.bytesOut) / passed
        // Readings are scripts too, a page each; they are few.
        figures.microsecondsPerRenewal =
            (after.renewalMicroseconds - before.renewalMicroseconds) / max(1, after.renewals - before.renewals)
        figures.renewalP50Milliseconds = Self.percentile(times, 0.5)
        figures.renewalP99Milliseconds = Self.percentile(times, 0.99)
        figures.redisMegabytes = after.megabytes
        figures.redisClients = Int(after.clients)
        figures.nodesRead = read
        figures.readings = readings.count
        figures.failedReadings = failedReadings
        figures.readP50Milliseconds = Self.percentile(readings.sorted(), 0.5)
        figures.readMaxMilliseconds = readings.max() ?? 0
        return figures
    }

    private static func percentile(_ sorted: [Double], _ share: Double) -> Double {
        guard !sorted.isEmpty else { return 0 }
        return sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
    }

    /// ms.
    private static func timed(_ work: () async throws -> Void) async throws -> Double {
        let start = ContinuousClock.now
        try await work()
        return (ContinuousClock.now - start) / .milliseconds(1)
    }
}
