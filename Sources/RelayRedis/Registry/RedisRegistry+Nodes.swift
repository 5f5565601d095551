import Foundation
package import RelayCluster
package import RelayCore
import Synchronization

extension RedisRegistry {
    /// Entries of one page; with records of the largest size it stays below ``RESPLimits/reply``.
    private static let nodePage = 100
    /// Records that are remembered by their bytes from one reading of all nodes to the next.
    private static let recordsKept = 20_000

    package func renew(
        _ node: NodeRecord, report: NodeReport?, ttl: Duration
    ) async throws(RegistryError) -> NodeRenewal {
        guard RegistryCheck.isToken(node.token) else { throw .refused("the node's token is not one word") }
        let reportText: String
        if let report { reportText = try Self.json(report) } else { reportText = "" }
        let reply = try await call(
            .renew,
            [
                node.id.text, node.token, "\(max(1, ttl.wholeMilliseconds))", try Self.json(node), reportText,
                node.state.rawValue, node.link.map(\.description) ?? "",
            ])
        let parts = reply.array ?? []
        if parts.first?.text == "taken" { return .taken }
        guard parts.count == 4, parts[0].text == "renewed", let absent = parts[1].integer, let wall = parts[2].integer
        else { throw .badAnswer("a renewal was answered with something else") }
        return .renewed(wasAbsent: absent != 0, wallMilliseconds: wall, wish: wish(parts[3]))
    }

    package func release(_ node: NodeRecord) async throws(RegistryError) {
        _ = try await call(.release, [node.id.text, node.token])
    }

    package func nodes() async throws(RegistryError) -> [NodeEntry] {
        let before = records.withLock { $0 }
        var seen: [[UInt8]: NodeRecord] = [:]
        seen.reserveCapacity(before.count)
        var entries: [NodeEntry] = []
        var from = "-"
        while true {
            let reply = try await call(.nodes, [from, "\(Self.nodePage)"])
            guard let parts = reply.array, parts.count == 2, let found = parts[1].array else {
                throw .badAnswer("the list of nodes is none")
            }
            let decoder = JSONDecoder()
            for value in found {
                let parts = value.array ?? []
                let (entry, skipped) = check.node(parts, decoder: decoder) { before[$0] }
                countSkipped(skipped)
                guard let entry else { continue }
                entries.append(entry)
                if case .bytes(let bytes) = parts[2], seen.count < Self.recordsKept { seen[bytes] = entry.record }
            }
            guard let last = parts[0].text else { break }
            from = "(" + last
        }
        records.withLock { [seen] in $0 = seen }
        return entries
    }

    package func wish(_ wish: NodeWish?, for node: NodeID) async throws(RegistryError) {
        let text: String
        if let wish { text = try Self.json(wish) } else { text = "" }
        _ = try await call(.wish, [node.text, text, wish?.author ?? "", "\(wish?.epoch ?? 0)"])
    }

    private func wish(_ value: RESPValue) -> NodeWish? {
        guard case .bytes(let bytes) = value else { return nil }
        let wish = try? JSONDecoder().decode(NodeWish.self, from: Data(bytes))
        if wish == nil { countSkipped(1) }
        return wish
    }

    /// The entries that are sound; the others are counted.
    func nodeEntries(_ values: [RESPValue]) -> [NodeEntry] {
        values.compactMap { value in
            let (entry, skipped) = check.node(value.array ?? [])
            countSkipped(skipped)
            return entry
        }
    }

    static func json(_ value: some Encodable) throws(RegistryError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value), data.count <= RedisScript.longestRecord else {
            // A number that is not finite, or a text without end.
            throw .refused("a record cannot be written as JSON of at most \(RedisScript.longestRecord) bytes")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
