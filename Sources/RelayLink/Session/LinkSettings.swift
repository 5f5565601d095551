package import RelayCore

/// What a ``LinkSession`` is given once, at its birth. Made by the composition from the configuration.
package struct LinkSettings: Sendable {
    /// This node's own name; a peer of the same name is refused.
    package var nodeID: NodeID
    /// The version of this program, for the peer's log.
    package var release: String
    /// The secret that all nodes of the cluster share; empty = no authentication, which the configuration allows on loopback
    /// only. Whoever has it may read every stream, and a captured handshake lets a weak one be guessed offline: 32 random
    /// bytes are right.
    package var clusterKey: [UInt8]
    /// How long a connection may take until both sides have proven themselves: two round trips, a lost packet or two.
    package var helloTimeout = Duration.seconds(5)
    /// A ping goes out when nothing else did for so long: three of them fit into ``suspectAfter``.
    package var pingEvery = Duration.milliseconds(100)
    /// A ping goes out this often even while other bytes flow, since only a ping measures the round trip.
    package var measureEvery = Duration.seconds(1)
    /// Silence after which the peer is suspected: the owner of the link looks for another parent. Under 200 ms even a short
    /// stall of a healthy node would count.
    package var suspectAfter = Duration.milliseconds(300)
    /// Silence after which the session is given up.
    package var deadAfter = Duration.seconds(5)
    /// Bounds of each subscription's queue.
    package var queue = LinkQueueLimits()
    /// Most subscriptions that the peer may have at us; one more is refused as overloaded.
    package var maxSubscriptions = 100_000
    /// Requests (subscribe, unsubscribe, query, unknown types, repeated answers) that the peer may send in a second. Beyond it
    /// ``LinkSession/wantsInput`` is false until the second ends; media and answers to what we asked are not counted.
    package var controlPerSecond: UInt32 = 200
    /// Longest media message, bytes: the longest video message that a publisher may send, and its header.
    package var maxFrameBytes = (8 << 20) + (64 << 10)
    /// Longest message of any other kind, bytes: the sequence headers of 16 tracks and metadata.
    package var maxControlBytes = 1 << 20
    /// Bytes of control messages that may wait for a peer that does not read: an accept with headers for some thousand
    /// subscriptions. Beyond it the session is given up.
    package var maxControlBacklog = 16 << 20
    /// Most nodes between the origin and a viewer, the subscriber counted and the origin not.
    package var maxHops = 4

    /// - Parameters:
    ///   - nodeID: This node.
    ///   - release: The version of this program; what is not printable ASCII, or beyond 64 bytes, is left out.
    ///   - clusterKey: The shared secret; empty = none.
    package init(nodeID: NodeID, release: String, clusterKey: [UInt8]) {
        self.nodeID = nodeID
        self.release = release
        self.clusterKey = clusterKey
    }
}

/// When a subscription's queue begins to leave frames out. One hop of several, so the bounds are tighter than a viewer's.
package struct LinkQueueLimits: Sendable, Hashable {
    /// Age of the oldest frame after which disposable frames are left out.
    package var dropAfter: Duration
    /// Age of the oldest frame after which the subscriber goes on at the newest keyframe.
    package var skipAfter: Duration
    /// Bytes of queued frames with the same effect.
    package var maxBytes: Int

    package init(
        dropAfter: Duration = .milliseconds(500), skipAfter: Duration = .seconds(1), maxBytes: Int = 8 << 20
    ) {
        self.dropAfter = dropAfter
        self.skipAfter = skipAfter
        self.maxBytes = maxBytes
    }
}

/// The cryptography that a link needs, passed in so that the session needs no library.
package struct LinkCrypto: Sendable {
    /// HMAC-SHA-256 of (key, message); 32 bytes.
    package var hmacSHA256: @Sendable (_ key: [UInt8], _ message: [UInt8]) -> [UInt8]
    /// So many bytes that nobody can guess.
    package var randomBytes: @Sendable (_ count: Int) -> [UInt8]
    /// Whether two byte strings are equal, in a time that does not depend on where they differ.
    package var areEqual: @Sendable (_ lhs: [UInt8], _ rhs: [UInt8]) -> Bool

    package init(
        hmacSHA256: @escaping @Sendable (_ key: [UInt8], _ message: [UInt8]) -> [UInt8],
        randomBytes: @escaping @Sendable (_ count: Int) -> [UInt8],
        areEqual: @escaping @Sendable (_ lhs: [UInt8], _ rhs: [UInt8]) -> Bool
    ) {
        self.hmacSHA256 = hmacSHA256
        self.randomBytes = randomBytes
        self.areEqual = areEqual
    }
}
