import Foundation
import RelayCluster
import RelayCore

/// Turns what stands in Redis into records, and leaves out what is damaged: anybody with the password can write there, and
/// releases differ.
struct RegistryCheck: Sendable {
    /// Whether an address may be dialled at all: `cluster.allowed_cidrs`.
    let isAllowedAddress: @Sendable (String) -> Bool

    /// Epochs above are no exact numbers in Lua.
    static let highestEpoch: UInt64 = (1 << 53) - 1

    /// A location from its fields in the order of ``RedisScript/locationFields``.
    func location(_ name: String, _ fields: [RESPValue]) -> StreamLocation? {
        let texts = fields.map { $0.text ?? "" }
        guard texts.count == RedisScript.locationFields.count, texts[0] == "\(StreamLocation.currentVersion)",
            let stream = try? StreamName(path: name, strict: true), stream.description == name,
            let owner = NodeID(texts[1]), Self.isToken(texts[2]),
            let epoch = UInt64(texts[3]), epoch <= Self.highestEpoch, let id = UInt64(texts[4]),
            let state = StreamLocation.State(rawValue: texts[5]), let port = Int(texts[7]),
            let start = Int64(texts[8]), texts[9].utf8.count <= 32, texts[10].utf8.count <= 32
        else { return nil }
        let preferred = NodeID(texts[11])
        guard preferred != nil || texts[11].isEmpty else { return nil }
        let link = Endpoint(host: texts[6], port: port)
        guard isUsable(link) else { return nil }
        return StreamLocation(
            stream: stream, owner: owner, token: texts[2], incarnation: Incarnation(epoch: epoch, id: id), state: state,
            link: link, startWallMilliseconds: start, videoCodec: texts[9].isEmpty ? nil : texts[9],
            audioCodec: texts[10].isEmpty ? nil : texts[10], preferred: preferred)
    }

    /// The fields of a location, for scripts; nil when it would not be read back.
    func fields(_ location: StreamLocation) -> [String]? {
        let fields = [
            "\(location.version)", location.owner.text, location.token, "\(location.epoch)",
            "\(location.incarnation.id)",
            location.state.rawValue, location.link.host, "\(location.link.port)", "\(location.startWallMilliseconds)",
            location.videoCodec ?? "", location.audioCodec ?? "", location.preferred?.text ?? "",
        ]
        guard self.location(location.stream, fields.map { .bytes(Array($0.utf8)) }) != nil else { return nil }
        return fields
    }

    /// A node's entry from id, token, record, report and what is left of its lease. The second value counts what was left out.
    ///
    /// - Parameter known: A record that these bytes were found to say before: records change seldom, and are read with each
    ///   report of their nodes.
    func node(
        _ parts: [RESPValue], decoder: JSONDecoder = JSONDecoder(), known: ([UInt8]) -> NodeRecord? = { _ in nil }
    ) -> (NodeEntry?, skipped: Int) {
        guard parts.count == 5, let id = parts[0].text, let token = parts[1].text, case .bytes(let bytes) = parts[2],
            let left = parts[4].integer, left > 0,
            let record = known(bytes) ?? (try? decoder.decode(NodeRecord.self, from: Data(bytes))),
            isUsable(record), record.id.text == id, record.token == token
        else { return (nil, 1) }
        var entry = NodeEntry(record: record, report: nil, leaseMilliseconds: left)
        guard case .bytes(let report) = parts[3] else { return (entry, 0) }
        entry.report = try? decoder.decode(NodeReport.self, from: Data(report))
        return (entry, entry.report == nil ? 1 : 0)
    }

    private func isUsable(_ record: NodeRecord) -> Bool {
        record.version == NodeRecord.currentVersion && Self.isToken(record.token) && record.link.map(isUsable) != false
            && record.rtmp.map(isUsable) != false && record.region.utf8.count <= 64 && record.zone.utf8.count <= 64
    }

    private func isUsable(_ endpoint: Endpoint) -> Bool {
        (1...65_535).contains(endpoint.port) && Self.isHost(endpoint.host) && isAllowedAddress(endpoint.host)
    }

    /// A host name or address in its form, that is neither link-local (RFC 3927, RFC 4291 section 2.5.6: cloud metadata
    /// services live there) nor unspecified.
    private static func isHost(_ host: String) -> Bool {
        guard (1...253).contains(host.utf8.count), host.utf8.allSatisfy(isHostByte) else { return false }
        let lowercased = host.lowercased()
        if lowercased.hasPrefix("169.254.") || lowercased == "0.0.0.0" || lowercased == "::" { return false }
        // fe80::/10, and IPv4 link-local written as IPv6.
        if lowercased.contains(":") {
            let isLinkLocal = ["fe8", "fe9", "fea", "feb"].contains { lowercased.hasPrefix($0) }
            return !isLinkLocal && !lowercased.contains("169.254.") && !lowercased.contains("a9fe:")
        }
        return true
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: ":"):
            true
        default: false
        }
    }

    /// Tokens are hex digits in practice; what matters is that they are one word.
    static func isToken(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
