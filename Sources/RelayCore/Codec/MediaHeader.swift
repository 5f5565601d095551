package import NIOCore

/// What the first bytes of an audio or video message say: codec, kind of packet, frame type, composition time.
///
/// Follows the FLV specification 10.1 (E.4.2, E.4.3) and Enhanced RTMP v2 ("Enhanced Audio", "Enhanced Video"). The
/// stamper calls ``parse(kind:body:)`` on every inbound frame, so the legacy path does not allocate and reads at most
/// five bytes. All offsets count from the body's reader index.
package struct MediaHeader: Hashable, Sendable {
    /// The most tracks one multitrack message may hold.
    package static let maximumTracks = 8
    /// The longest chain of ModEx prefixes followed.
    package static let maximumModExDepth = 4

    /// Audio or video.
    package var kind: MediaKind
    /// The codec; of the default track when there are several.
    package var codec: Codec
    /// What the payload is.
    package var packet: MediaPacket
    /// The video frame type; ``VideoFrameType/none`` for audio.
    package var frameType: VideoFrameType
    /// Presentation minus decoding time in ms, -2^23 ..< 2^23 as sent; 0 where the packet has none.
    package var compositionTime: Int32 = 0
    /// Where the codec's own bytes begin; of the default track when there are several.
    package var payloadOffset: Int
    /// Whether the message uses the Enhanced RTMP header.
    package var isExtended = false
    /// Nanoseconds to add to the presentation time, 0...999 999, from a ModEx prefix.
    package var nanosecondOffset: UInt32 = 0
    /// The track; 0 without multitrack, and for messages of many tracks that have a track 0.
    package var track: UInt8 = 0
    /// The tracks of a multitrack message in wire order, at most ``maximumTracks``; empty for all others.
    package var tracks: [MediaTrack] = []
    /// The first byte of the body; holds the sound parameters of legacy audio.
    package var firstByte: UInt8

    /// Whether the payload is the configuration that has to precede the frames that need it.
    package var isSequenceHeader: Bool { packet == .sequenceStart || packet == .mpeg2tsSequenceStart }

    /// Whether the message calls itself a keyframe with picture data in it. ``containsIDR(in:layout:)`` tells
    /// whether it is one.
    package var isKeyframe: Bool {
        (frameType == .key || frameType == .generatedKey) && (packet == .coded || packet == .codedX)
    }

    /// Whether the message calls itself disposable. ``isDisposable(in:layout:)`` looks at the picture too.
    package var isDisposable: Bool { frameType == .disposable && (packet == .coded || packet == .codedX) }

    /// Whether the message holds audio or video data, not configuration, metadata, a command or an end mark.
    package var isCoded: Bool { packet == .coded || packet == .codedX }

    /// Sample rate that legacy audio announces in its first byte, in Hz; nil for Enhanced RTMP and video. AAC always
    /// says 44100 here; its sequence header has the true rate.
    package var legacySampleRate: Int? {
        guard kind == .audio, !isExtended else { return nil }
        switch (codec, firstByte >> 2 & 3) {
        case (.speex, _): return 16_000
        case (.g711a, _), (.g711u, _): return 8_000
        case (.nellymoser, _) where firstByte >> 4 == 4: return 16_000
        case (.nellymoser, _) where firstByte >> 4 == 5: return 8_000
        case (.mp3, _) where firstByte >> 4 == 14: return 8_000
        case (_, 0): return 5_512
        case (_, 1): return 11_025
        case (_, 2): return 22_050
        default: return 44_100
        }
    }

    /// Channels that legacy audio announces in its first byte; nil for Enhanced RTMP and video.
    package var legacyChannels: Int? {
        guard kind == .audio, !isExtended else { return nil }
        return firstByte & 1 == 0 ? 1 : 2
    }

    /// Reads the header of a message body.
    ///
    /// - Throws: ``MediaHeaderError``: `.empty` for a body without bytes, which is legal and carries nothing; any other
    ///   value means the body is broken and the frame is to be dropped and counted.
    package static func parse(kind: MediaKind, body: ByteBuffer) throws(MediaHeaderError) -> MediaHeader {
        guard kind != .data else { throw .notMedia }
        guard let first = body.getInteger(at: body.readerIndex, as: UInt8.self) else { throw .empty }
        if kind == .video {
            return first & 0x80 == 0 ? try legacyVideo(first, body) : try extended(kind: kind, first, body)
        } else {
            return first >> 4 == 9 ? try extended(kind: kind, first, body) : try legacyAudio(first, body)
        }
    }

    private static func legacyVideo(_ first: UInt8, _ body: ByteBuffer) throws(MediaHeaderError) -> MediaHeader {
        let codec = Codec(legacyVideo: first & 0x0f)
        let frameType = VideoFrameType(rawValue: first >> 4) ?? .reserved
        var header = MediaHeader(
            kind: .video, codec: codec, packet: .coded, frameType: frameType, payloadOffset: 1, firstByte: first)
        if frameType == .command {
            // One byte of command, behind the AVC fields where the codec has them; nobody needs its value.
            header.packet = .command
            return header
        }
        guard codec == .avc || codec == .hevc else { return header }
        guard let fields = body.getInteger(at: body.readerIndex &+ 1, as: UInt32.self) else {
            // An end mark carries nothing, and some encoders send it without its composition time.
            guard body.getInteger(at: body.readerIndex &+ 1, as: UInt8.self) == 2 else { throw .truncated }
            header.packet = .sequenceEnd
            header.payloadOffset = body.readableBytes
            return header
        }
        switch fields >> 24 {
        case 0: header.packet = .sequenceStart
        case 1:
            header.packet = .coded
            header.compositionTime = signed24(fields)
        case 2: header.packet = .sequenceEnd
        default: header.packet = .unknown(UInt8(truncatingIfNeeded: fields >> 24))
        }
        header.payloadOffset = 5
        return header
    }

    private static func legacyAudio(_ first: UInt8, _ body: ByteBuffer) throws(MediaHeaderError) -> MediaHeader {
        let codec = Codec(legacyAudio: first >> 4)
        var header = MediaHeader(
            kind: .audio, codec: codec, packet: .coded, frameType: .none, payloadOffset: 1, firstByte: first)
        guard codec == .aac else { return header }
        guard let type = body.getInteger(at: body.readerIndex &+ 1, as: UInt8.self) else { throw .truncated }
        switch type {
        case 0: header.packet = .sequenceStart
        case 1: header.packet = .coded
        default: header.packet = .unknown(type)
        }
        header.payloadOffset = 2
        return header
    }

    /// The signed value of the low 24 bits.
    static func signed24(_ value: UInt32) -> Int32 { Int32(bitPattern: value << 8) >> 8 }
}
