package import RelayCluster
import RelayCore
import Synchronization

/// What every ``ClusterRegistry`` must do, whatever it is made of. A test runs it against one that is running and empty:
///
///     let failures = await RegistryContract(registry: registry).run()
///     #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
package struct RegistryContract: Sendable {
    /// The registry under test; its `run()` is up.
    package let registry: any ClusterRegistry
    /// Lets time pass for the registry: the clock of one in memory is advanced, a real one is waited for.
    package let advance: @Sendable (Duration) async throws -> Void
    /// Empties the registry, as FLUSHALL does; nil where that cannot be.
    package let empty: (@Sendable () async throws -> Void)?

    package init(
        registry: any ClusterRegistry,
        advance: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
        empty: (@Sendable () async throws -> Void)? = nil
    ) {
        self.registry = registry
        self.advance = advance
        self.empty = empty
    }

    /// Runs all checks, one after the other.
    ///
    /// - Returns: A sentence for each broken promise; empty when all hold.
    package func run() async -> [String] {
        let checks: [(String, @Sendable (Findings) async throws -> Void)] = [
            ("node lease", nodeLease), ("node lease that runs out", expiry),
            ("node that starts again", returning), ("wishes", wishes), ("wishes of several", rivalWishes),
            ("claim", claiming), ("claim of what nobody owns", claimingFree), ("epochs", epochs),
            ("withdrawal", withdrawing), ("restoration", restoring), ("restoration of an emptied registry", emptied),
            ("lookup", locating), ("holders", holding), ("list of streams", listing), ("preference", preferring),
            ("news", hearing), ("questions", asking), ("events", logging),
            ("scaling state", scalingStates), ("decisions", scalingDecisions), ("announced events", announcements),
            ("scaling controls", scalingControls), ("leadership", leading),
        ]
        var failures: [String] = []
        for (name, check) in checks {
            let findings = Findings()
            do { try await check(findings) } catch { findings.add("threw \(error)") }
            failures += findings.all.map { "\(name): \($0)" }
        }
        return failures
    }

    /// Collects what is wrong.
    final class Findings: Sendable {
        private let list = Mutex<[String]>([])
        var all: [String] { list.withLock { $0 } }
        func add(_ text: String) { list.withLock { $0.append(text) } }

        func expect(_ condition: Bool, _ text: @autoclosure () -> String) {
            if !condition { add(text()) }
        }
    }

    // MARK: Material

    /// A node lease long enough for a check.
    static let long = Duration.seconds(30)
    static let short = Duration.milliseconds(80)

    private static let counter = Atomic<Int>(0)

    static func unique(_ text: String) -> String {
        "\(text)-\(counter.wrappingAdd(1, ordering: .relaxed).newValue)"
    }

    struct NotAName: Error {}

    func node(_ name: String, token: String? = nil, role: NodeRole = .origin) throws -> NodeRecord {
        guard let id = NodeID(Self.unique(name)) else { throw NotAName() }
        return NodeRecord(
            id: id, token: token ?? Self.unique("token"), role: role, state: .serving,
            link: Endpoint(host: "127.0.0.1", port: 1985), release: "test")
    }

    /// A node whose lease lives.
    func livingNode(_ name: String, for ttl: Duration = long) async throws -> NodeRecord {
        let record = try node(name)
        _ = try await registry.renew(record, report: nil, ttl: ttl)
        return record
    }

    func stream(_ name: String = "s") throws -> StreamName { try StreamName(app: "contract", name: Self.unique(name)) }

    func location(
        _ stream: StreamName, _ owner: NodeRecord, epoch: UInt64 = 0, state: StreamLocation.State = .live,
        start: Int64 = 1_700_000_000_000
    ) -> StreamLocation {
        StreamLocation(
            stream: stream, owner: owner.id, token: owner.token,
            incarnation: Incarnation(epoch: epoch, id: 0xFEDC_BA98_7654_3210), state: state,
            link: Endpoint(host: "127.0.0.1", port: 1985), startWallMilliseconds: start, videoCodec: "avc",
            audioCodec: "aac")
    }

    func claim(
        _ stream: StreamName, _ owner: NodeRecord, floor: UInt64 = 0, mode: StreamClaim.Mode = .ifFree,
        state: StreamLocation.State = .live, start: Int64 = 1_700_000_000_000
    ) async throws -> ClaimAnswer {
        try await registry.claim(
            StreamClaim(location: location(stream, owner, state: state, start: start), floor: floor, mode: mode))
    }

    /// A claim that must be granted.
    func granted(
        _ stream: StreamName, _ owner: NodeRecord, floor: UInt64 = 0, mode: StreamClaim.Mode = .ifFree,
        state: StreamLocation.State = .live, start: Int64 = 1_700_000_000_000
    ) async throws -> StreamLocation {
        let answer = try await claim(stream, owner, floor: floor, mode: mode, state: state, start: start)
        guard case .granted(let location) = answer else { throw NotGranted(answer: answer) }
        return location
    }

    struct NotGranted: Error { let answer: ClaimAnswer }
}
