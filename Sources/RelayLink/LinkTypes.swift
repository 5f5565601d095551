package import RelayCore

/// Where a subscription begins.
package enum LinkStart: Hashable, Sendable {
    /// At the newest keyframe (the GOP cache), then live.
    case live
    /// Behind a frame of an incarnation that the subscriber holds already; when the parent has another incarnation, or no longer
    /// holds the next frame, as `live`, and the subscriber sees the gap by the ids.
    case after(frameID: UInt64, incarnation: Incarnation)
    /// At the oldest keyframe held within so many ms of media, then live.
    case window(milliseconds: UInt32)
}

/// A node asks another for a stream.
package struct LinkSubscribe: Hashable, Sendable {
    /// Chosen by the subscriber; unique among the live subscriptions of the session.
    package var id: UInt64
    package var stream: StreamName
    package var start: LinkStart
    /// The nodes that the stream would pass on its way from here on, the subscriber first: against loops, and the hop limit.
    package var path: [NodeID]
    /// The highest epoch of the stream that the subscriber has seen; 0 = none.
    package var highestEpoch: UInt64

    package init(id: UInt64, stream: StreamName, start: LinkStart, path: [NodeID], highestEpoch: UInt64) {
        self.id = id
        self.stream = stream
        self.start = start
        self.path = path
        self.highestEpoch = highestEpoch
    }
}

/// A subscription was taken; frames follow. Sent anew when the stream goes on in another incarnation, and when its sequence
/// headers are replaced as a whole (another publisher).
package struct LinkAccept: Hashable, Sendable {
    package var incarnation: Incarnation
    /// Wall-clock instant of decoding time 0, ms since 1970.
    package var startWallMilliseconds: Int64
    /// Hops from the origin to the subscriber: 1 when the parent is the origin.
    package var hops: UInt8
    /// The metadata and sequence headers in force; they come before everything else.
    package var headers: [Frame]

    package init(incarnation: Incarnation, startWallMilliseconds: Int64, hops: UInt8, headers: [Frame]) {
        self.incarnation = incarnation
        self.startWallMilliseconds = startWallMilliseconds
        self.hops = hops
        self.headers = headers
    }

    package static func == (lhs: Self, rhs: Self) -> Bool {
        lhs.incarnation == rhs.incarnation && lhs.startWallMilliseconds == rhs.startWallMilliseconds
            && lhs.hops == rhs.hops && lhs.headers.map(\.id) == rhs.headers.map(\.id)
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(incarnation)
        hasher.combine(hops)
    }
}

/// Why a parent does not serve a subscription.
package enum LinkRefusal: UInt8, Hashable, Sendable, CaseIterable {
    /// It does not have the stream.
    case notFound = 1
    /// The stream is owned elsewhere.
    case moved = 2
    /// The path comes back to a node on it, or is longer than the hop limit.
    case loop = 3
    case overloaded = 4
    case denied = 5
    case draining = 6
    /// What it has is of an older epoch than the subscriber has seen.
    case stale = 7
}

/// Why a parent ended a subscription.
package enum LinkEnd: UInt8, Hashable, Sendable, CaseIterable {
    /// The publisher said goodbye, or did not come back: the stream is over.
    case finished = 1
    /// The parent lost the stream to another owner: look it up again.
    case lost = 2
    case draining = 3
    /// The parent lost its own source.
    case sourceLost = 4
}

/// What one node tells another about a stream that it owns, on request; how an origin finds out whether the owner in the
/// registry still has a publisher.
package struct LinkStreamState: Hashable, Sendable {
    package var isOwner: Bool
    package var hasPublisher: Bool
    package var epoch: UInt64
    /// ms since the newest frame.
    package var frameAgeMilliseconds: UInt32

    package init(isOwner: Bool, hasPublisher: Bool, epoch: UInt64, frameAgeMilliseconds: UInt32) {
        self.isOwner = isOwner
        self.hasPublisher = hasPublisher
        self.epoch = epoch
        self.frameAgeMilliseconds = frameAgeMilliseconds
    }
}

/// Who is at the other end.
package struct LinkPeer: Hashable, Sendable {
    package var node: NodeID
    package var release: String

    package init(node: NodeID, release: String) {
        self.node = node
        self.release = release
    }
}
