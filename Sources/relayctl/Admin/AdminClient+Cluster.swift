import RelayAPI
import RelayCore

/// What any node tells of its cluster, and passes on to another node.
extension AdminClient {
    /// Longest id of an event that may be sent back; the registry's have some 20 bytes.
    static let maximumEventIDBytes = 256

    func clusterNodes() async throws(Failure) -> ClusterNodeList { try await get("/v1/cluster/nodes") }

    func clusterStreams(limit: Int) async throws(Failure) -> ClusterStreamList {
        try await get("/v1/cluster/streams?limit=\(limit)")
    }

    func locate(_ name: StreamName) async throws(Failure) -> ClusterLocation {
        try await get("/v1/cluster/locate/\(Self.encoded(path: name))")
    }

    func why(_ name: StreamName) async throws(Failure) -> StreamWhy {
        try await get("/v1/cluster/why/\(Self.encoded(path: name))")
    }

    /// - Parameter id: of the newest event already known, at most ``maximumEventIDBytes``; nil = the newest there are.
    func events(after id: String?, limit: Int) async throws(Failure) -> ClusterEventList {
        guard let id else { return try await get("/v1/cluster/events?limit=\(limit)") }
        return try await get("/v1/cluster/events?after=\(Self.encoded(id))&limit=\(limit)")
    }

    func drain(_ node: NodeID, seconds: Int) async throws(Failure) -> ClusterOrder {
        try await post("/v1/cluster/nodes/\(Self.encoded(node.text))/drain?deadline=\(seconds)")
    }

    func undrain(_ node: NodeID) async throws(Failure) -> ClusterOrder {
        try await post("/v1/cluster/nodes/\(Self.encoded(node.text))/undrain")
    }

    func move(_ name: StreamName, to node: NodeID) async throws(Failure) -> ClusterOrder {
        try await post("/v1/cluster/streams/\(Self.encoded(path: name))/move?to=\(Self.encoded(node.text))")
    }

    /// The levels of an app stay levels of the path.
    private static func encoded(path name: StreamName) -> String {
        name.description.split(separator: "/").map { encoded(String($0)) }.joined(separator: "/")
    }

    /// Everything but the unreserved bytes of RFC 3986 §2.3 as `%1B`.
    static func encoded(_ text: String) -> String {
        var shown = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                shown.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                shown += byte < 16 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return shown
    }
}
