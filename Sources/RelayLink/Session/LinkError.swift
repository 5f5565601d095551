package import RelayCore

/// Everything that ends a link session. Closed, so that every case is handled where it matters; ``code`` is its stable face.
package enum LinkError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was spoken instead of the link protocol, as far as the first bytes tell.
    package enum Stranger: Hashable, Sendable {
        case tls
        case http
        case rtmp
        case unknown
    }

    /// What is wrong with the cluster key.
    package enum KeyMismatch: Hashable, Sendable {
        /// Both have one, and they differ.
        case different
        /// This node has none and the peer has.
        case missingHere
        /// The peer has none and this node has.
        case missingThere
    }

    /// The first bytes are no hello of a link.
    case notALink(Stranger)
    /// The peer speaks no version that we speak.
    case versionMismatch(oldest: UInt8, newest: UInt8)
    /// The peer has another cluster key.
    case keyMismatch(KeyMismatch)
    /// The peer has our name: we reached ourselves, or two nodes share a name.
    case toSelf
    /// Our own hello came back.
    case reflected
    /// A message cannot be read.
    case malformed(type: UInt8)
    /// A message that makes no sense before both sides have proven themselves, or twice.
    case unexpected(type: UInt8)
    /// A message is declared longer than the cap of its type.
    case messageTooLong(type: UInt8, length: UInt32)
    /// More input came than may wait while reading should have been paused.
    case inputOverflow
    /// The peer sends and does not read.
    case outputOverflow
    /// The handshake was not finished by its deadline.
    case helloTimeout
    /// Nothing was heard of the peer for `deadAfter`.
    case dead
    /// The peer gave up and said why; the text is its own, printable and short.
    case peer(code: Int, text: String)

    /// The stable code for the log, the metric label and the peer.
    package var code: RelayCode {
        switch self {
        case .notALink: .notALink
        case .versionMismatch: .linkVersion
        case .keyMismatch: .linkKeyMismatch
        case .toSelf, .reflected: .linkToSelf
        case .malformed, .unexpected: .linkProtocol
        case .messageTooLong, .inputOverflow, .outputOverflow: .linkLimit
        case .helloTimeout: .linkTimeout
        case .dead: .linkDead
        case .peer(let number, _): RelayCode.link.first { $0.number == number } ?? .linkPeerClosed
        }
    }

    /// One sentence for the log and, for our own errors, the peer. Never holds a key, and nothing from the wire but numbers
    /// and the peer's own cleaned text.
    package var description: String {
        switch self {
        case .notALink(.tls): "TLS was spoken on a plain link port"
        case .notALink(.http): "HTTP was spoken on a link port"
        case .notALink(.rtmp): "RTMP was spoken on a link port"
        case .notALink(.unknown): "the first bytes are no hello of a link"
        case .versionMismatch(let oldest, let newest):
            "the node speaks link versions \(oldest) to \(newest), and this one \(LinkHello.oldestVersion) to \(LinkHello.version)"
        case .keyMismatch(.different): "the cluster keys of the two nodes differ"
        case .keyMismatch(.missingHere): "the other node has a cluster key and this one has none"
        case .keyMismatch(.missingThere): "this node has a cluster key and the other one has none"
        case .toSelf: "both ends of the link have the same node name"
        case .reflected: "the node's own hello came back"
        case .malformed(let type): "a message of type \(type) cannot be read"
        case .unexpected(let type): "a message of type \(type) came out of order"
        case .messageTooLong(let type, let length): "a message of type \(type) is declared \(length) bytes long"
        case .inputOverflow: "more input came than may wait"
        case .outputOverflow: "the node sends and does not read"
        case .helloTimeout: "the handshake was not finished in time"
        case .dead: "nothing was heard of the node for too long"
        case .peer(let code, let text): "the other node closed the link: RLY-\(code) \(text)"
        }
    }

    /// Whether the peer is worth a word about it: it is there, and does not know.
    var isTold: Bool {
        switch self {
        case .peer, .dead, .reflected: false
        // A stranger would not understand.
        case .notALink: false
        default: true
        }
    }
}
