import ArgumentParser
import Foundation
import Logging
import NIOPosix
import RelayCluster
import RelayCore
import RelayRedis

/// What the reports of a whole tier cost a real Redis, and how long the autoscaler takes to read them.
struct RegistryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "registry",
        abstract: "Thousands of edges renew and report to a redis-server that is started for it.",
        discussion: """
            Each edge is a registry client as a node has it: two connections, renewals with its record and report, pings \
            where it is silent. Not modelled: streams (claims, holders, lookups), and the news of nodes that come and go.
            """)

    @Option(help: "Edges.") var edges = 5_000
    @Option(help: "Seconds that are measured.") var seconds = 60.0
    @Option(help: "Seconds between two renewals of an edge (cluster.beat).") var beat = 2.0
    @Option(help: "Seconds between two reports of an edge (cluster.reportEvery); they come with a renewal.")
    var reportEvery = 2.0
    @Option(help: "Seconds between two readings of all nodes.") var tick = 5.0
    @Option(help: "The program.") var redisServer = "/usr/bin/redis-server"
    @Flag(help: "Print JSON instead of the table.") var json = false

    func run() async throws {
        guard edges > 0, seconds >= 1, beat >= 0.1, tick >= 0.1 else { throw ValidationError("too small") }
        RegistryLoad.raiseDescriptorLimit()
        let server = try LoadServer(program: redisServer, clients: edges * 2 + 64)
        defer { server.end() }
        let figures = try await RegistryLoad(
            server: server, edges: edges, beat: beat, reportEvery: reportEvery, tick: tick
        ).run(seconds: seconds)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(figures), as: UTF8.self))
        } else {
            print(figures.table)
        }
    }
}

/// What was seen.
struct RegistryFigures: Codable {
    var edges = 0
    var seconds = 0.0
    var beatSeconds = 0.0
    var reportSeconds = 0.0
    /// Of one core.
    var redisCPUPercent = 0.0
    var renewalsPerSecond = 0.0
    /// Renewals that Redis should have had in the time.
    var wantedRenewalsPerSecond = 0.0
    var failedRenewals = 0
    var pingsPerSecond = 0.0
    var bytesInPerSecond = 0.0
    var bytesOutPerSecond = 0.0
    var microsecondsPerRenewal = 0.0
    var renewalP50Milliseconds = 0.0
    var renewalP99Milliseconds = 0.0
    var recordBytes = 0
    var reportBytes = 0
    var redisMegabytes = 0.0
    var redisClients = 0
    var nodesRead = 0
    var readings = 0
    var failedReadings = 0
    var readP50Milliseconds = 0.0
    var readMaxMilliseconds = 0.0
    /// With nothing else going on.
    var quietReadMilliseconds = 0.0

    var table: String {
        let rows: [(String, String)] = [
            (
                "edges",
                "\(edges), renewing each \(number(beatSeconds)) s, reporting each \(number(reportSeconds)) s, for \(number(seconds)) s"
            ),
            ("record + report", "\(recordBytes) + \(reportBytes) bytes of JSON"),
            ("Redis CPU", "\(number(redisCPUPercent)) % of one core"),
            ("Redis memory, clients", "\(number(redisMegabytes)) MB, \(redisClients)"),
            (
                "renewals",
                "\(number(renewalsPerSecond))/s of \(number(wantedRenewalsPerSecond))/s, \(failedRenewals) failed, "
                    + "\(number(microsecondsPerRenewal)) µs each in Redis"
            ),
            (
                "renewal seen by an edge",
                "p50 \(number(renewalP50Milliseconds)) ms, p99 \(number(renewalP99Milliseconds)) ms"
            ),
            ("pings", "\(number(pingsPerSecond))/s"),
            ("bytes", "\(number(bytesInPerSecond / 1e6)) MB/s in, \(number(bytesOutPerSecond / 1e6)) MB/s out"),
            (
                "all nodes read",
                "\(nodesRead) nodes, p50 \(number(readP50Milliseconds)) ms, max \(number(readMaxMilliseconds)) ms of "
                    + "\(readings) under load (\(failedReadings) failed); \(number(quietReadMilliseconds)) ms without"
            ),
        ]
        let width = (rows.map(\.0.count).max() ?? 0) + 2
        return rows.map { $0.0.padding(toLength: width, withPad: " ", startingAt: 0) + $0.1 }.joined(separator: "\n")
    }

    private func number(_ value: Double) -> String { String(format: value < 10 ? "%.2f" : "%.0f", value) }
}
