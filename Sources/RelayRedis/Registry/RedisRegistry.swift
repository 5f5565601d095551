import Foundation
package import Logging
package import NIOCore
package import RelayCluster
import RelayCore
import Synchronization

/// The registry in Redis: see ``ClusterRegistry`` for the contract and ``RedisScript`` for what happens there.
///
/// Keys, each behind the prefix:
///
/// | key | holds |
/// |---|---|
/// | `node:{id}` | hash: token, record (JSON), state; its TTL is the node lease |
/// | `report:{id}` | the load report (JSON), as long as the lease |
/// | `wish:{id}` | what an operator wants of the node (JSON), a day |
/// | `stream:{app/name}` | hash: the location, a field each |
/// | `epoch:{app/name}` | the highest epoch of a stream that ended, a day |
/// | `holders:{app/name}` | hash: node → token and hops |
/// | `nodes`, `streams`, `holding` | sorted sets of the names above, in the order of the alphabet |
/// | `answers:{question}` | list of answers (JSON), a minute |
/// | `events` | stream of the newest 10,000 events |
/// | `scaling:state:{tier}`, `scaling:decision:{tier}` | hash: epoch, at (ms by Redis' clock), JSON |
/// | `scaling:history:{tier}` | stream of a day's decisions (JSON), 20,000 at most |
/// | `scaling:events` | hash: name → announced event (JSON) |
/// | `scaling:controls` | what operators have set for scaling, a field each, and a mark that it was not emptied since |
/// | `scaling:leader:{group}` | hash: holder, epoch; its TTL is the lease |
/// | `scaling:epoch:{group}` | the highest epoch of its leaders |
///
/// News go over the channel `news`.
///
/// An epoch is one more than the highest of: the remembered one, the present location's, the claimant's, and Redis' clock in
/// milliseconds. The last keeps epochs growing when Redis forgets all, or promotes a replica that missed writes.
package final class RedisRegistry: ClusterRegistry {
    let client: RedisClient
    let settings: RedisRegistrySettings
    let check: RegistryCheck
    let listeners: NewsListeners
    private let scripts = Mutex<[RedisScript: String]>([:])
    private let skipped = Atomic<Int>(0)
    /// What the last reading of all nodes found, by the bytes that it was read from.
    let records = Mutex<[[UInt8]: NodeRecord]>([:])

    /// Connects to nothing yet; ``run()`` does.
    ///
    /// - Parameter group: Two of its event loops carry the connections.
    package init(
        url: RedisURL, group: any EventLoopGroup, logger: Logger,
        settings: RedisRegistrySettings = RedisRegistrySettings()
    ) {
        self.settings = settings
        check = RegistryCheck(isAllowedAddress: settings.isAllowedAddress)
        let listeners = NewsListeners()
        self.listeners = listeners
        client = RedisClient(
            url: url, group: group, logger: logger, settings: settings.connection, channels: ["\(settings.prefix)news"]
        ) { event in
            switch event {
            case .connected: listeners.tell(.connected)
            case .disconnected(let reason): listeners.tell(.disconnected(reason))
            case .message(_, let payload): if let news = RegistryNews(payload: payload) { listeners.tell(news) }
            }
        }
    }

    /// How the connection is, for the admin API.
    package var state: RedisState { client.state }

    /// Records that were left out because they were damaged, of another version, or point where they must not.
    package var skippedRecords: Int { skipped.load(ordering: .relaxed) }

    func countSkipped(_ count: Int) {
        if count > 0 { skipped.wrappingAdd(count, ordering: .relaxed) }
    }

    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.client.run() }
            group.addTask { await self.keepSwept() }
        }
        listeners.finish()
    }

    package func news() -> AsyncStream<RegistryNews> { listeners.add() }

    // MARK: Calls

    func key(_ name: String) -> String { settings.prefix + name }

    func send(_ command: [String]) async throws(RegistryError) -> RESPValue {
        do throws(RedisError) {
            return try await client.send(command)
        } catch {
            throw RegistryError(error)
        }
    }

    /// Runs a script, and loads it first where Redis does not have it.
    func call(_ script: RedisScript, _ arguments: [String]) async throws(RegistryError) -> RESPValue {
        guard let reply = try await call(script, each: [arguments]).first else { throw .badAnswer("no reply") }
        return reply
    }

    /// Runs a script several times in one round trip.
    func call(_ script: RedisScript, each runs: [[String]]) async throws(RegistryError) -> [RESPValue] {
        do throws(RedisError) {
            let known = scripts.withLock { $0[script] }
            let sha: String
            if let known { sha = known } else { sha = try await load(script) }
            var replies = try await client.pipeline(runs.map { ["EVALSHA", sha, "1", settings.prefix] + $0 })
            let missing = replies.indices.filter { index in
                if case .failure(.refused(let refusal)) = replies[index] { return refusal.remedy == .reloadScript }
                return false
            }
            if !missing.isEmpty {
                // These did not run at all, so running them now is no repetition.
                let sha = try await load(script)
                let again = try await client.pipeline(
                    missing.map { ["EVALSHA", sha, "1", settings.prefix] + runs[$0] })
                for (index, reply) in zip(missing, again) { replies[index] = reply }
            }
            var values: [RESPValue] = []
            for reply in replies { values.append(try reply.get()) }
            return values
        } catch {
            throw RegistryError(error)
        }
    }

    private func load(_ script: RedisScript) async throws(RedisError) -> String {
        guard let sha = try await client.send(["SCRIPT", "LOAD", script.source]).text, sha.utf8.count == 40 else {
            throw .badReply("SCRIPT LOAD gave no digest")
        }
        scripts.withLock { $0[script] = sha }
        return sha
    }

    // MARK: Sweeping

    private func keepSwept() async {
        while !Task.isCancelled {
            // Nodes that started together need not sweep together.
            guard (try? await Task.sleep(for: settings.sweepInterval * .random(in: 0.5...1))) != nil else { return }
            // What cannot be done now is done the next time.
            try? await sweep()
        }
    }

    /// Takes away what nobody takes back: locations without a living owner for a day, holders that died.
    func sweep() async throws(RegistryError) {
        for index in ["nodes", "streams", "holding"] {
            var from = "-"
            while let last = try await call(.sweep, [index, from, "200"]).text { from = "(" + last }
        }
    }
}

extension RegistryError {
    init(_ error: RedisError) {
        switch error {
        case .unavailable(let text): self = .unavailable(text)
        case .refused(let refusal): self = .refused(refusal.description)
        case .badReply(let text): self = .badAnswer(text)
        }
    }
}
