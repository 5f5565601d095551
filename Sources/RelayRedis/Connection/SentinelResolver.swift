import Logging
import RelayCore
import Synchronization

/// Asks Sentinels for the address of the primary
/// (<https://redis.io/docs/latest/develop/reference/sentinel-clients/>).
final class SentinelResolver: Sendable {
    /// The channel on which a Sentinel tells of a new primary: `name old-host old-port new-host new-port`.
    static let switchChannel = "+switch-master"

    private let sentinels: [Endpoint]
    private let primary: String
    private let credentials: RedisCredentials?
    private let connector: RedisConnector
    /// The Sentinel that answered last, which is asked first.
    private let preferred = Mutex(0)

    init(sentinels: [Endpoint], primary: String, credentials: RedisCredentials?, connector: RedisConnector) {
        self.sentinels = sentinels
        self.primary = primary
        self.credentials = credentials
        self.connector = connector
    }

    /// The primary's address by the first Sentinel that knows it.
    ///
    /// - Throws: ``RedisError`` of the last Sentinel when none does.
    func resolve() async throws(RedisError) -> Endpoint {
        let question = ["SENTINEL", "get-master-addr-by-name", primary]
        return try await firstAnswer { sentinel throws(RedisError) in
            let (connection, replies) = try await connector.connect(to: sentinel, greeting: login + [question])
            connection.close("the Sentinel was asked")
            guard case .array(let parts)? = replies.last, parts.count == 2, let host = parts[0].text, !host.isEmpty,
                let port = parts[1].integer, let port = Int(exactly: port), (1...65_535).contains(port)
            else { throw .unavailable("the Sentinel at \(sentinel) knows no primary called \(primary)") }
            return Endpoint(host: host, port: port)
        }
    }

    /// Listens to one Sentinel until its connection ends; returns the reason.
    func watch(_ onSwitch: @escaping @Sendable (Endpoint) -> Void) async throws(RedisError) -> String {
        let primary = primary
        let subscribe = ["SUBSCRIBE", Self.switchChannel]
        let connection = try await firstAnswer { sentinel throws(RedisError) in
            try await connector.connect(to: sentinel, greeting: login + [subscribe]) { _, payload in
                let words = payload.split(separator: " ")
                guard words.count == 5, words[0] == primary, let port = Int(words[4]), (1...65_535).contains(port)
                else {
                    return
                }
                onSwitch(Endpoint(host: String(words[3]), port: port))
            }.0
        }
        return await connection.untilEnd()
    }

    private var login: [[String]] { credentials.map { [$0.command] } ?? [] }

    private func firstAnswer<T>(
        _ body: (Endpoint) async throws(RedisError) -> T
    ) async throws(RedisError) -> T {
        let first = preferred.withLock { $0 }
        var last = RedisError.unavailable("there are no Sentinels")
        for offset in 0..<sentinels.count {
            let index = (first + offset) % sentinels.count
            do throws(RedisError) {
                let answer = try await body(sentinels[index])
                preferred.withLock { $0 = index }
                return answer
            } catch {
                last = error
            }
        }
        throw last
    }
}

extension RedisCredentials {
    /// The AUTH command.
    var command: [String] { ["AUTH"] + (user.map { [$0] } ?? []) + [password] }
}
