import Logging
import NIOPosix
import RelayCluster
import RelayCore
import RelayRedis
import RelayTestKit

let testGroup = MultiThreadedEventLoopGroup.singleton

func quietLogger() -> Logger {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}

/// Runs a registry for the length of a scope; the body starts when it is connected.
func withRegistry<T: Sendable>(
    _ url: String, _ settings: RedisRegistrySettings = RedisRegistrySettings(), waits: Bool = true,
    _ body: (RedisRegistry) async throws -> T
) async throws -> T {
    let registry = RedisRegistry(
        url: try RedisURL(url), group: testGroup, logger: quietLogger(), settings: settings)
    let news = registry.news()
    let task = Task { await registry.run() }
    do {
        if waits {
            let first = await RegistryContract.first(1, of: news, within: .seconds(5)) { $0 == .connected }
            if first.isEmpty { throw NotInTime("the registry connects: \(registry.state)", within: .seconds(5)) }
        }
        let result = try await body(registry)
        task.cancel()
        await task.value
        return result
    } catch {
        task.cancel()
        await task.value
        throw error
    }
}

/// Short bounds, for tests that wait for them.
func quickSettings() -> RedisRegistrySettings {
    var settings = RedisRegistrySettings()
    settings.connection.commandTimeout = .milliseconds(300)
    settings.connection.connectTimeout = .milliseconds(300)
    settings.connection.pingAfter = .milliseconds(100)
    return settings
}

func node(_ name: String, token: String = "token-1") throws -> NodeRecord {
    guard let id = NodeID(name) else { throw NotInTime("a node name", within: .zero) }
    return NodeRecord(
        id: id, token: token, role: .origin, state: .serving, link: Endpoint(host: "10.1.2.3", port: 1985))
}

func location(_ name: String, _ owner: NodeRecord, epoch: UInt64 = 0) throws -> StreamLocation {
    StreamLocation(
        stream: try StreamName(path: name), owner: owner.id, token: owner.token,
        incarnation: Incarnation(epoch: epoch, id: .max), state: .live, link: Endpoint(host: "10.1.2.3", port: 1985),
        startWallMilliseconds: 1_700_000_000_000)
}

extension RedisRegistry {
    func granted(_ name: String, _ owner: NodeRecord) async throws -> StreamLocation? {
        let claim = StreamClaim(location: try location(name, owner), floor: 0, mode: .ifFree)
        guard case .granted(let location) = try await self.claim(claim) else { return nil }
        return location
    }
}
