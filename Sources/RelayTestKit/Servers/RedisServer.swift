import Foundation
import Glibc
import Synchronization

/// A real `redis-server` (or Sentinel) as a child process on a free loopback port, with a folder of its own below `/tmp`, and
/// nothing kept on disk. Made by ``withRedis(_:_:)``.
package final class RedisServer: Sendable {
    private struct State {
        var pid: pid_t = 0
        var hasEnded = true
    }

    /// What the thread that waits for the process shares with the object.
    private final class SharedState: Sendable {
        let values = Mutex(State())
    }

    package let port: Int
    package let folder: String
    private let arguments: [String]
    private let state = SharedState()

    /// Where the program is; nil when it is not installed.
    package static let program = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// For `.enabled(if:)` of tests that need it.
    package static var isInstalled: Bool { program != nil }
    package static let missing: String = "redis-server is not installed; apt-get install redis-server"

    private init(port: Int, folder: String, arguments: [String]) {
        self.port = port
        self.folder = folder
        self.arguments = arguments
    }

    deinit {
        // Only when a test never came to the end of its scope.
        state.values.withLock { if !$0.hasEnded { Glibc.kill($0.pid, SIGKILL) } }
    }

    package var pid: Int32 { state.values.withLock { $0.pid } }
    /// `redis://127.0.0.1:port`.
    package var url: String { "redis://127.0.0.1:\(port)" }

    /// Starts a server and waits until it answers.
    ///
    /// - Parameters:
    ///   - arguments: behind those that choose port and folder; `--requirepass x` and the like.
    ///   - configuration: a file for it, which Sentinels need and write to.
    /// - Throws: `StartFailure`, `NotInTime`.
    package static func start(_ arguments: [String] = [], configuration: String? = nil) async throws -> RedisServer {
        var last: any Error = StartFailure(description: missing)
        // A free port may be taken by another before the server has it.
        for _ in 0..<3 {
            let folder = "/tmp/relay-redis-\(UUID().uuidString.prefix(8))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            var list: [String] = []
            if let configuration {
                try configuration.write(toFile: "\(folder)/server.conf", atomically: false, encoding: .utf8)
                list.append("\(folder)/server.conf")
            }
            let server = RedisServer(port: try freePort(), folder: folder, arguments: list + arguments)
            do {
                try await server.launch()
                return server
            } catch {
                last = error
                await server.end()
            }
        }
        throw last
    }

    // MARK: What is done to it

    /// Ends the process at once, as a crash would, and waits until it is gone.
    package func kill() async {
        signal(SIGKILL)
        // Reaped by the waiting thread.
        try? await eventually("redis-server is gone") { state.values.withLock { $0.hasEnded } }
    }

    /// Starts it again on the same port, empty.
    ///
    /// - Throws: as ``start(_:configuration:)``.
    package func restart() async throws {
        await kill()
        try await launch()
    }

    /// Freezes the process (SIGSTOP): it keeps its connections and says nothing.
    package func stop() { signal(SIGSTOP) }
    package func cont() { signal(SIGCONT) }

    /// Ends it and takes its folder away.
    package func end() async {
        await kill()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private func signal(_ number: Int32) {
        state.values.withLock { if !$0.hasEnded { Glibc.kill($0.pid, number) } }
    }

    /// Sends inline commands over a connection of their own.
    ///
    /// - Returns: What came back for the last one.
    /// - Throws: `POSIXError` when the server does not answer within two seconds.
    @discardableResult package func command(_ lines: String...) async throws -> String {
        let port = port
        return try await onThread { try Self.exchange(port, lines) }
    }

    // MARK: The process

    private func launch() async throws {
        guard let program = Self.program else { throw StartFailure(description: Self.missing) }
        let log = "\(folder)/server.log"
        let command =
            [program] + arguments + [
                "--port", "\(port)", "--bind", "127.0.0.1", "--dir", folder, "--logfile", log, "--save", "",
                "--appendonly", "no", "--daemonize", "no",
            ]
        let pid = try Self.spawn(program, command)
        state.values.withLock { $0 = State(pid: pid, hasEnded: false) }
        Thread.detachNewThread { [state] in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            state.values.withLock { if $0.pid == pid { $0.hasEnded = true } }
        }
        try await eventually("redis-server answers", within: .seconds(10)) {
            if state.values.withLock({ $0.hasEnded }) {
                throw StartFailure(description: (try? String(contentsOfFile: log, encoding: .utf8)) ?? "no log")
            }
            guard let answer = try? await self.command("INFO server") else { return false }
            // Not another one that was quicker to take the port.
            return answer.contains("process_id:\(pid)\r\n") || answer.hasPrefix("-NOAUTH")
        }
    }

    private static func spawn(_ path: String, _ arguments: [String]) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor in 0...2 as ClosedRange<Int32> {
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        }
        // A test's sockets would otherwise stay open in the server after the test closed them.
        _ = closeFrom?(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var strings: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        strings.append(nil)
        defer { for string in strings { free(string) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, path, &actions, &attributes, strings, environ)
        guard code == 0 else {
            throw StartFailure(description: "cannot start \(path): \(String(cString: strerror(code)))")
        }
        return pid
    }

    /// `posix_spawn_file_actions_addclosefrom_np` (glibc 2.34), which the module map of Glibc does not show.
    private static let closeFrom = unsafeBitCast(
        dlsym(nil, "posix_spawn_file_actions_addclosefrom_np"),
        to: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32)?.self)

    /// Ports below those that the system gives out by itself (`ip_local_port_range`), each once in a process.
    private static let nextPort = Atomic<Int>(.random(in: 16_000..<30_000))

    /// A port that nothing listens on now.
    package static func freePort() throws -> Int {
        for _ in 0..<200 {
            let port = 16_000 + nextPort.wrappingAdd(1, ordering: .relaxed).newValue % 14_000
            if try LoopbackSocket().canBind(port) { return port }
        }
        throw POSIXError(.EADDRNOTAVAIL)
    }

    private static func exchange(_ port: Int, _ lines: [String]) throws -> String {
        let socket = try LoopbackSocket()
        guard socket.connect(port) else { throw POSIXError(.ECONNREFUSED) }
        var answer = ""
        for line in lines {
            guard socket.write(line + "\r\n"), let part = socket.read() else { throw POSIXError(.ETIMEDOUT) }
            answer = part
        }
        return answer
    }

    /// The server did not start; with what it said.
    package struct StartFailure: Error, CustomStringConvertible {
        package let description: String
    }
}

/// A blocking TCP socket for a question and its answer.
private final class LoopbackSocket {
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw POSIXError(.EMFILE) }
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func canBind(_ port: Int) -> Bool {
        let address = Self.address(port)
        return withUnsafeBytes(of: address) { bytes in
            bind(
                descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }

    func connect(_ port: Int) -> Bool {
        let address = Self.address(port)
        return withUnsafeBytes(of: address) { bytes in
            Glibc.connect(
                descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }

    func write(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    func read() -> String? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
        return address
    }
}

/// Runs a Redis for the length of a scope.
///
/// - Throws: what starting and the body throw.
package func withRedis<T>(_ arguments: [String] = [], _ body: (RedisServer) async throws -> T) async throws -> T {
    let server = try await RedisServer.start(arguments)
    do {
        let result = try await body(server)
        await server.end()
        return result
    } catch {
        await server.end()
        throw error
    }
}
