package import NIOCore

/// The kind of an elementary unit; the raw value is the RTMP message type and the FLV tag type, which agree.
package enum MediaKind: UInt8, Sendable, Hashable, CaseIterable {
    /// RTMP message type 8, FLV tag type 8.
    case audio = 8
    /// RTMP message type 9, FLV tag type 9.
    case video = 9
    /// RTMP message type 18 (AMF0 data), FLV tag type 18 (script data): `onMetaData`, cue points, captions.
    case data = 18
}

/// What the origin decided about a frame, once, when it stamped it.
package struct FrameFlags: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A video frame decodable alone. In a stream without video, every audio frame can start a subscriber and none carries this.
    package static let key = FrameFlags(rawValue: 1 << 0)
    /// A sequence header: the codec configuration that has to precede the frames that need it.
    package static let config = FrameFlags(rawValue: 1 << 1)
    /// No other frame refers to this one; the first to go when a subscriber cannot keep up.
    package static let disposable = FrameFlags(rawValue: 1 << 2)
    /// The frame starts an HLS segment; set by the segment timeline of a later version, carried from the start.
    package static let segStart = FrameFlags(rawValue: 1 << 3)
    /// The frame starts an LL-HLS part; as `segStart`.
    package static let partStart = FrameFlags(rawValue: 1 << 4)
}

/// One audio, video or data unit as the origin stamped it; the currency of the hub and of the link.
///
/// `body` is the RTMP message payload (which is also the FLV tag body), byte for byte as the publisher sent it, so
/// codecs and Enhanced RTMP packets that this version does not know are carried opaquely.
package struct Frame: Sendable {
    /// Position in the stream's order of arrival, from 0 in each incarnation; consecutive, and kept across every hop.
    package var id: UInt64
    /// Audio, video or data.
    package var kind: MediaKind
    /// Enhanced RTMP track; 0 is the default track and the only one without multitrack.
    package var trackID: UInt8
    /// Decoding time in ms on the stream's own 64-bit timeline. Strictly increasing per (kind, track) for media frames.
    package var dts: Int64
    /// Composition offset (presentation minus decoding time) in ms; 0 for audio and data.
    package var cts: Int32
    /// What the stamper found out about the frame.
    package var flags: FrameFlags
    /// The message payload / tag body.
    package var body: ByteBuffer

    package init(
        id: UInt64, kind: MediaKind, trackID: UInt8 = 0, dts: Int64, cts: Int32 = 0, flags: FrameFlags = [],
        body: ByteBuffer
    ) {
        self.id = id
        self.kind = kind
        self.trackID = trackID
        self.dts = dts
        self.cts = cts
        self.flags = flags
        self.body = body
    }
}
