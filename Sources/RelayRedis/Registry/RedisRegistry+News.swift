import Foundation
package import RelayCluster
import RelayCore
import Synchronization

extension RedisRegistry {
    /// Answers of one question that are read at most: one of each node, and clusters are smaller.
    private static let answerLimit = 1000
    /// Longest body of an answer, bytes.
    private static let longestAnswer = 65_536
    /// How long answers stay for one who asked, seconds.
    private static let answerSeconds = 60
    /// Events kept, about.
    private static let eventLimit = 10_000

    package func ask(
        _ question: ClusterQuestion, within time: Duration
    ) async throws(RegistryError) -> [ClusterAnswer] {
        let text = try Self.json(question)
        let list = key("answers:\(question.id)")
        _ = try await send(["PUBLISH", key("news"), "question \(text)"])
        try? await Task.sleep(for: time)
        // A page at a time: bodies may be large.
        var answers: [ClusterAnswer] = []
        for start in stride(from: 0, to: Self.answerLimit, by: 50) {
            let found = try await send(["LRANGE", list, "\(start)", "\(start + 49)"]).array ?? []
            for value in found {
                guard case .bytes(let bytes) = value,
                    let answer = try? JSONDecoder().decode(ClusterAnswer.self, from: Data(bytes)),
                    answer.question == question.id
                else {
                    countSkipped(1)
                    continue
                }
                answers.append(answer)
            }
            if found.count < 50 { break }
        }
        _ = try await send(["DEL", list])
        return answers
    }

    package func answer(_ answer: ClusterAnswer) async throws(RegistryError) {
        guard answer.body.utf8.count <= Self.longestAnswer,
            let data = try? JSONEncoder().encode(answer)
        else { throw .refused("an answer is longer than \(Self.longestAnswer) bytes") }
        let list = key("answers:\(answer.question)")
        do throws(RedisError) {
            let replies = try await client.pipeline([
                ["RPUSH", list, String(decoding: data, as: UTF8.self)], ["EXPIRE", list, "\(Self.answerSeconds)"],
            ])
            for reply in replies { _ = try reply.get() }
        } catch {
            throw RegistryError(error)
        }
    }

    package func log(_ event: ClusterEvent) async throws(RegistryError) {
        var command = ["XADD", key("events"), "MAXLEN", "~", "\(Self.eventLimit)", "*"]
        command += [
            "node", event.node.text, "kind", String(event.kind.prefix(32)), "text", String(event.text.prefix(1000)),
        ]
        if let stream = event.stream { command += ["stream", String(stream.prefix(StreamName.maximumLength))] }
        _ = try await send(command)
    }

    package func events(after id: String?, limit: Int) async throws(RegistryError) -> [ClusterEvent] {
        let limit = min(max(limit, 0), Self.eventLimit)
        guard limit > 0 else { return [] }
        var events: [ClusterEvent] = []
        // Pages of what fits a reply many times over.
        var position = id
        while events.count < limit {
            let page = min(500, limit - events.count)
            let reply: RESPValue
            if id != nil, let position {
                reply = try await send(["XRANGE", key("events"), "(\(position)", "+", "COUNT", "\(page)"])
            } else {
                let end = position.map { "(\($0)" } ?? "+"
                reply = try await send(["XREVRANGE", key("events"), end, "-", "COUNT", "\(page)"])
            }
            guard let entries = reply.array else { throw .badAnswer("the list of events is none") }
            guard let last = entries.last?.array?.first?.text else { break }
            position = last
            for entry in entries {
                if let event = Self.event(entry) { events.append(event) } else { countSkipped(1) }
            }
            if entries.count < page { break }
        }
        return id == nil ? events.reversed() : events
    }

    private static func event(_ value: RESPValue) -> ClusterEvent? {
        guard let parts = value.array, parts.count == 2, let id = parts[0].text, let list = parts[1].array else {
            return nil
        }
        var fields: [String: String] = [:]
        var rest = list[...]
        while let name = rest.popFirst()?.text, let text = rest.popFirst()?.text { fields[name] = text }
        guard let node = fields["node"].flatMap({ NodeID($0) }), let kind = fields["kind"], let text = fields["text"],
            let wall = id.split(separator: "-").first.flatMap({ Int64($0) })
        else { return nil }
        return ClusterEvent(
            id: id, wallMilliseconds: wall, node: node, kind: kind, stream: fields["stream"], text: text)
    }
}

extension RegistryNews {
    /// What a message of the channel says: a word, then its parts. nil for words that this release does not know.
    init?(payload: String) {
        guard let space = payload.firstIndex(of: " ") else { return nil }
        let rest = payload[space...].dropFirst()
        switch payload[..<space] {
        case "stream":
            let words = rest.split(separator: " ")
            guard words.count == 4, let epoch = UInt64(words[1]), epoch <= RegistryCheck.highestEpoch,
                let owner = NodeID(String(words[2])), (try? StreamName(path: String(words[0]), strict: true)) != nil
            else { return nil }
            self = .stream(String(words[0]), epoch: epoch, owner: owner, isGone: words[3] == "1")
        case "node":
            guard let id = NodeID(String(rest)) else { return nil }
            self = .node(id)
        case "wish":
            guard let id = NodeID(String(rest)) else { return nil }
            self = .wish(id)
        case "question":
            guard let question = try? JSONDecoder().decode(ClusterQuestion.self, from: Data(rest.utf8)) else {
                return nil
            }
            self = .question(question)
        default:
            return nil
        }
    }
}

/// Those who listen to news, each with a bounded queue.
final class NewsListeners: Sendable {
    private struct Listener {
        var continuation: AsyncStream<RegistryNews>.Continuation
        /// News were left out since the queue was full.
        var isBehind = false
    }

    private struct State {
        var listeners: [Int: Listener] = [:]
        var nextID = 0
        var isFinished = false
    }

    /// News that wait for one listener; who is further behind has to look again anyway.
    private static let queueLimit = 8192

    private let state = Mutex(State())

    func add() -> AsyncStream<RegistryNews> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: RegistryNews.self, bufferingPolicy: .bufferingOldest(Self.queueLimit))
        let id = state.withLock { state -> Int? in
            guard !state.isFinished else { return nil }
            state.nextID += 1
            state.listeners[state.nextID] = Listener(continuation: continuation)
            return state.nextID
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.remove(id) }
        return stream
    }

    /// Passes news to all. Called on event loops; does not wait.
    func tell(_ news: RegistryNews) {
        state.withLock { state in
            for id in state.listeners.keys {
                guard var listener = state.listeners[id] else { continue }
                // After a gap, `connected` says what has to be said: look again.
                if listener.isBehind, case .enqueued = listener.continuation.yield(.connected) {
                    listener.isBehind = false
                }
                if case .dropped = listener.continuation.yield(news) { listener.isBehind = true }
                state.listeners[id] = listener
            }
        }
    }

    /// Ends all streams, for good.
    func finish() {
        let listeners = state.withLock { state in
            state.isFinished = true
            defer { state.listeners = [:] }
            return state.listeners.values.map(\.continuation)
        }
        for continuation in listeners { continuation.finish() }
    }

    private func remove(_ id: Int) { state.withLock { $0.listeners[id] = nil } }
}
