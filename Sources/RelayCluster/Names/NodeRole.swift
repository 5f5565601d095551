/// What a node does for the cluster.
package enum NodeRole: String, Sendable, Codable, CaseIterable {
    /// Takes publishers, owns streams, serves edges (and viewers, if any come).
    case origin
    /// Serves viewers, pulls streams, forwards publishers to an origin.
    case edge
    /// Both, alone, with a registry in memory.
    case standalone
}
