import Foundation
import Glibc
import Synchronization

/// A `relay standalone` that runs as a child process on ports of its own. Made by ``withRelay(_:_:)`` in tests.
package final class RelayProcess: Sendable {
    /// How the process ended.
    package enum Exit: Sendable, Equatable {
        case status(Int32)
        case signal(Int32)
    }

    private struct State {
        var lines: [String] = []
        var isLogComplete = false
        var exit: Exit?
    }

    package let pid: Int32
    /// Ports on 127.0.0.1.
    package let rtmpPort: Int
    package let httpPort: Int
    package let adminPort: Int
    /// 0 on a node alone.
    package let linkPort: Int
    private let state: SharedState

    /// What the process's threads share with the object.
    private final class SharedState: Sendable {
        let values = Mutex(State())
    }

    private init(pid: pid_t, ports: (rtmp: Int, http: Int, admin: Int, link: Int), state: SharedState) {
        self.pid = pid
        rtmpPort = ports.rtmp
        httpPort = ports.http
        adminPort = ports.admin
        linkPort = ports.link
        self.state = state
    }

    deinit {
        // Only when a test never came to the end of its scope.
        if exit == nil { kill(pid, SIGKILL) }
    }

    /// Everything written to standard error so far, a record a line.
    package var logLines: [String] { state.values.withLock { $0.lines } }
    /// How it ended; nil while it runs.
    package var exit: Exit? { state.values.withLock { $0.exit } }

    // MARK: Start

    /// Starts the server and waits until it is ready.
    ///
    /// - Parameters:
    ///   - flags: configuration flags, behind those that choose free ports.
    ///   - role: `standalone`, `origin`, `edge`, or `autoscaler`, which has no media ports.
    /// - Throws: ``RelayBinary/NotBuilt``, ``StartFailure`` with the log, ``NotInTime``.
    package static func start(_ flags: [String] = [], role: String = "standalone") async throws -> RelayProcess {
        let path = try RelayBinary.path()
        let arguments =
            [
                path, role, "--rtmp-host", "127.0.0.1", "--rtmp-port", "0", "--http-host", "127.0.0.1",
                "--http-port", "0", "--admin-host", "127.0.0.1", "--admin-port", "0", "--log-level", "info",
                "--log-format", "json",
            ] + (flags.contains("--link-port") ? [] : ["--link-port", "0"]) + flags
        let state = SharedState()
        let pid = try spawn(path, arguments, state)
        do {
            var ports: (rtmp: Int, http: Int, admin: Int, link: Int)?
            try await eventually("relay is ready", within: .seconds(30)) {
                if state.values.withLock({ $0.exit != nil && $0.isLogComplete }) {
                    throw StartFailure(log: state.values.withLock { $0.lines })
                }
                let lines = state.values.withLock { $0.lines }
                ports = role == "autoscaler" ? autoscalerPorts(lines) : readyPorts(lines, pid)
                return ports != nil
            }
            guard let ports else { throw StartFailure(log: []) }
            return RelayProcess(pid: pid, ports: ports, state: state)
        } catch {
            if state.values.withLock({ $0.exit }) == nil { kill(pid, SIGKILL) }
            if error is NotInTime { throw StartFailure(log: state.values.withLock { $0.lines } + ["\(error)"]) }
            throw error
        }
    }

    /// The "ready" record names the media listeners; the admin API is bound beside them and is found among the process's sockets.
    private static func readyPorts(
        _ lines: [String], _ pid: pid_t
    ) -> (rtmp: Int, http: Int, admin: Int, link: Int)? {
        guard let line = lines.first(where: { $0.contains("\"message\":\"ready\"") }),
            let record = try? JSONDecoder().decode([String: String].self, from: Data(line.utf8)),
            let rtmp = record["rtmp"].flatMap(port), let http = record["http"].flatMap(port)
        else { return nil }
        let link = record["link"].flatMap(port) ?? 0
        let admin =
            record["admin"].flatMap(port)
            ?? ProcessFiles.listeningPorts(of: pid).first { ![rtmp, http, link].contains($0) }
        return admin.map { (rtmp, http, $0, link) }
    }

    /// An autoscaler has an admin API and no other listener that tests need.
    private static func autoscalerPorts(_ lines: [String]) -> (rtmp: Int, http: Int, admin: Int, link: Int)? {
        lines.first { $0.contains("\"message\":\"admin API ready\"") }
            .flatMap { try? JSONDecoder().decode([String: String].self, from: Data($0.utf8)) }
            .flatMap { $0["admin"].flatMap(port) }.map { (0, 0, $0, 0) }
    }

    private static func port(_ address: String) -> Int? { address.split(separator: ":").last.flatMap { Int($0) } }

    /// `posix_spawn_file_actions_addclosefrom_np` (glibc 2.34), which the module map of Glibc does not show.
    private static let closeFrom = unsafeBitCast(
        dlsym(nil, "posix_spawn_file_actions_addclosefrom_np"),
        to: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32)?.self)

    private static func spawn(_ path: String, _ arguments: [String], _ state: SharedState) throws -> pid_t {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw StartFailure(log: ["no pipe"]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        // A test's sockets would otherwise stay open in the server after the test closed them.
        _ = closeFrom?(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The calling thread may block signals, and a child inherits that.
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var strings: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        strings.append(nil)
        defer { for string in strings { free(string) } }
        // The configuration of whoever runs the tests is not the test's.
        let settings = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("RELAY_") }
        var environment: [UnsafeMutablePointer<CChar>?] = settings.map { strdup("\($0.key)=\($0.value)") }
        environment.append(nil)
        defer { for string in environment { free(string) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, path, &actions, &attributes, strings, environment)
        close(ends[1])
        guard code == 0 else {
            close(ends[0])
            throw StartFailure(log: ["cannot start \(path): \(String(cString: strerror(code)))"])
        }
        collect(ends[0], pid, state)
        return pid
    }

    private static func collect(_ descriptor: Int32, _ pid: pid_t, _ state: SharedState) {
        Thread.detachNewThread {
            var rest: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                guard count > 0 else { break }
                rest += buffer[..<count]
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(decoding: rest[..<end], as: UTF8.self)
                    rest.removeSubrange(...end)
                    state.values.withLock { $0.lines.append(line) }
                }
            }
            close(descriptor)
            state.values.withLock { $0.isLogComplete = true }
        }
        Thread.detachNewThread {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            let exit = signal == 0 ? Exit.status(status >> 8 & 0xFF) : .signal(signal)
            state.values.withLock { $0.exit = exit }
        }
    }

    // MARK: End

    /// Sends a signal to the process, and to no other.
    package func signal(_ number: Int32) {
        if exit == nil { kill(pid, number) }
    }

    /// Waits until the process is gone.
    ///
    /// - Throws: ``NotInTime``.
    @discardableResult
    package func ended(within limit: Duration) async throws -> Exit {
        try await eventually("relay ends", within: limit) { exit != nil }
        return exit ?? .status(-1)
    }

    /// Ends the process: politely, and after a while for good.
    @discardableResult
    package func stop() async -> Exit? {
        signal(SIGTERM)
        if let exit = try? await ended(within: .seconds(15)) { return exit }
        signal(SIGKILL)
        return try? await ended(within: .seconds(5))
    }

    /// The server did not start; with what it said.
    package struct StartFailure: Error, CustomStringConvertible {
        package let log: [String]
        package var description: String { "relay did not start:\n" + log.joined(separator: "\n") }
    }
}

/// Runs a server for the length of a scope.
///
/// - Parameters:
///   - flags: configuration flags.
///   - body: what to do with it. The server must still live at the end, unless the test ended it itself.
/// - Throws: what starting and the body throw; ``RelayCrash`` when it died on its own.
package func withRelay<T>(_ flags: [String] = [], _ body: (RelayProcess) async throws -> T) async throws -> T {
    let relay = try await RelayProcess.start(flags)
    do {
        let result = try await body(relay)
        if case .signal(let number)? = relay.exit, number != SIGKILL, number != SIGTERM {
            throw RelayCrash(signal: number, log: relay.logLines)
        }
        await relay.stop()
        return result
    } catch {
        if case .signal(let number)? = relay.exit, !(error is RelayCrash) {
            throw RelayCrash(signal: number, log: relay.logLines)
        }
        await relay.stop()
        throw error
    }
}

/// The server died of a signal.
package struct RelayCrash: Error, CustomStringConvertible {
    package let signal: Int32
    package let log: [String]
    package var description: String { "relay died of signal \(signal):\n" + log.suffix(60).joined(separator: "\n") }
}
