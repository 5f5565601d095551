package import RelayCore

/// The nodes that a stream passes from a parent on, the subscriber first.
package enum LinkPath {
    /// Whether this node may serve a subscription with this path: called for every subscription that a peer asks for, and by
    /// whoever chooses a parent.
    ///
    /// - Returns: `.loop` when the path is empty, names a node twice, names `me`, or is longer than `maxHops`; else nil.
    package static func check(_ path: [NodeID], me: NodeID, maxHops: Int) -> LinkRefusal? {
        guard !path.isEmpty, path.count <= maxHops, !path.contains(me) else { return .loop }
        for (index, node) in path.enumerated() where path.prefix(index).contains(node) { return .loop }
        return nil
    }
}
