import Foundation

/// A redis-server on a free loopback port that keeps nothing on disk, for the length of a measurement.
final class LoadServer {
    struct NotStarted: Error, CustomStringConvertible {
        let description: String
    }

    let port: Int
    private let process = Process()
    private let folder: String

    /// - Throws: when the program cannot be run.
    init(program: String, clients: Int) throws {
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw NotStarted(
                description: "\(program) is not there; apt-get install redis-server, or --redis-server PATH")
        }
        port = .random(in: 20_000..<30_000)
        folder = "/tmp/relay-load-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [
            "--port", "\(port)", "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no",
            "--maxclients", "\(clients)", "--tcp-backlog", "4096", "--logfile", "\(folder)/server.log",
        ]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
    }

    /// User and system time so far, s (proc(5), `stat` fields 14 and 15).
    func cpuSeconds() -> Double {
        guard let text = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8),
            let rest = text.split(separator: ")").last?.split(separator: " "), rest.count > 12,
            let user = Double(rest[11]), let system = Double(rest[12])
        else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    func end() {
        // The child has our signal mask, under which it may never hear a SIGTERM; there is nothing for it to save.
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: folder)
    }
}
