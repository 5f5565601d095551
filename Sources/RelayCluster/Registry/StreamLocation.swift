package import RelayCore

/// stream → origin and epoch: what an origin publishes when it owns a stream. Believed only while the owner's node lease
/// lives with the same token.
package struct StreamLocation: Hashable, Sendable, Codable {
    package static let currentVersion = 1

    package var version = StreamLocation.currentVersion
    /// `app/name`.
    package var stream: String
    package var owner: NodeID
    /// The owner's node token.
    package var token: String
    package var incarnation: Incarnation
    package var state: State
    /// Where the owner's link listens.
    package var link: Endpoint
    /// Wall-clock instant of decoding time 0, ms since 1970, kept from owner to owner, so that the timeline goes on.
    package var startWallMilliseconds: Int64
    /// Short names (`avc`, `aac`, …), nil while unknown.
    package var videoCodec: String?
    package var audioCodec: String?
    /// The origin that an operator asked publishers of the stream to be sent to, if any.
    package var preferred: NodeID?

    package enum State: String, Sendable, Codable, CaseIterable {
        /// A publisher sends.
        case live
        /// The publisher was lost; any origin may claim the stream.
        case waiting
    }

    package var epoch: UInt64 { incarnation.epoch }

    package init(
        stream: StreamName, owner: NodeID, token: String, incarnation: Incarnation, state: State, link: Endpoint,
        startWallMilliseconds: Int64, videoCodec: String? = nil, audioCodec: String? = nil, preferred: NodeID? = nil
    ) {
        self.stream = stream.description
        self.owner = owner
        self.token = token
        self.incarnation = incarnation
        self.state = state
        self.link = link
        self.startWallMilliseconds = startWallMilliseconds
        self.videoCodec = videoCodec
        self.audioCodec = audioCodec
        self.preferred = preferred
    }
}

/// A node that holds a stream without owning it, and may serve it to others.
package struct StreamHolder: Hashable, Sendable, Codable {
    package var node: NodeID
    /// The holder's node token; believed while its lease lives with it.
    package var token: String
    /// Hops from the origin: 1 for an edge that pulls from it.
    package var hops: Int

    package init(node: NodeID, token: String, hops: Int) {
        self.node = node
        self.token = token
        self.hops = hops
    }
}
