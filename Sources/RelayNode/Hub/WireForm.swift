import NIOCore
import RelayCore
import RelayFLV
import RelayRTMP

/// Which of a stream's frames a subscriber wants.
enum MediaSelection: String, Sendable, Hashable, CaseIterable {
    case all = "av"
    case audio
    case video

    /// The value of `?only=`; nil when it is not one of ours.
    init?(query value: some StringProtocol) {
        switch value {
        case "audio": self = .audio
        case "video": self = .video
        case "av", "": self = .all
        default: return nil
        }
    }

    @inline(__always)
    func includes(_ kind: MediaKind) -> Bool {
        switch self {
        case .all: true
        case .audio: kind != .video
        case .video: kind != .audio
        }
    }
}

/// The exact bytes a group of subscribers of one stream gets: all subscribers of one form share every buffer.
struct WireForm: Sendable, Hashable {
    /// How frames are put on the wire.
    enum Container: Sendable, Hashable {
        /// RTMP chunks on a message stream, in what the player said it understands.
        case rtmp(messageStreamID: UInt32, dialect: Dialect)
        /// FLV tags.
        case flv
        /// FLV tags inside binary WebSocket messages, one message per flush.
        case webSocketFLV
    }

    /// How much of Enhanced RTMP an RTMP player understands.
    enum Dialect: Sendable, Hashable {
        /// None: it gets the legacy form of what has one.
        case legacy
        /// Enhanced RTMP without multitrack: it gets the default track.
        case singleTrack
        /// Everything the publisher sends.
        case full
    }

    var container: Container
    var selection: MediaSelection

    /// Whether many viewers are likely to share the form; one that is not is let go of with its last viewer.
    var isUsual: Bool {
        if case .rtmp(let messageStreamID, _) = container {
            messageStreamID == RTMPFrameEncoder.usualStreamID
        } else {
            true
        }
    }

    /// Bytes that framing adds to a frame at most, for reserving capacity: RTMP header with extended timestamp (18), FLV tag
    /// header and previous tag size (15). Continuation headers of long frames come on top and are rare.
    static let overheadPerFrame = 18

    /// The frame as this form carries it: nil when the form leaves it out.
    func convert(_ frame: Frame) -> Frame? {
        guard selection.includes(frame.kind) else { return nil }
        if frame.kind == .data, frame.flags.contains(.config) {
            // FFmpeg's FLV demuxer takes metadata of another time than 0 for a data track of its own, and VLC then waits for it.
            var metadata = frame
            metadata.dts = 0
            return metadata
        }
        guard case .rtmp(_, let dialect) = container, frame.kind != .data else { return frame }
        switch dialect {
        case .legacy: return LegacyForm.rewrite(frame)
        case .singleTrack: return LegacyForm.singleTrack(frame)
        case .full: return frame
        }
    }

    /// Appends one frame that ``convert(_:)`` let through.
    func write(_ frame: Frame, chunkSize: Int, into buffer: inout ByteBuffer) {
        switch container {
        case .rtmp(let messageStreamID, _):
            RTMPFrameEncoder.write(frame, chunkSize: chunkSize, streamID: messageStreamID, into: &buffer)
        case .flv, .webSocketFLV:
            FLVTagEncoder.write(frame, into: &buffer)
        }
    }

    /// Bytes to leave free before a batch for its framing.
    var prefixCapacity: Int { container == .webSocketFLV ? WebSocketFraming.maximumHeaderLength : 0 }
}
