import NIOCore

/// The Enhanced RTMP v2 header. Audio and video share its shape: ModEx prefixes, then optionally multitrack, then
/// FourCC.
extension MediaHeader {
    /// Reads the header behind a first byte that announced Enhanced RTMP.
    static func extended(kind: MediaKind, _ first: UInt8, _ body: ByteBuffer) throws(MediaHeaderError) -> MediaHeader {
        var header = MediaHeader(
            kind: kind, codec: .unspecified, packet: .coded,
            frameType: kind == .video ? VideoFrameType(rawValue: first >> 4 & 7) ?? .reserved : .none,
            payloadOffset: 1, firstByte: first)
        header.isExtended = true
        var reader = body
        reader.moveReaderIndex(forwardBy: 1)  // bounded: the caller has read the first byte
        var type = first & 0x0f

        var depth = 0
        while type == ExtendedType.modEx {
            depth += 1
            guard depth <= maximumModExDepth else { throw .modExTooDeep }
            type = try header.readModEx(&reader)
        }
        // A command has no FourCC and no payload; metadata is exempt, as its frame type says nothing.
        if kind == .video, header.frameType == .command, type != ExtendedType.videoMetadata {
            guard reader.readInteger(as: UInt8.self) != nil else { throw .truncated }
            header.packet = .command
            header.payloadOffset = body.readableBytes &- reader.readableBytes
            return header
        }
        guard type == (kind == .video ? ExtendedType.videoMultitrack : ExtendedType.audioMultitrack) else {
            guard let code = reader.readInteger(as: UInt32.self) else { throw .truncated }
            header.codec = Codec(FourCC(rawValue: code))
            header.packet = MediaPacket(kind: kind, extendedType: type)
            if header.packet == .coded, header.codec.hasCompositionTime {
                header.compositionTime = try readCompositionTime(&reader)
            }
            header.payloadOffset = body.readableBytes &- reader.readableBytes
            return header
        }
        try header.readTracks(&reader, length: body.readableBytes)
        return header
    }

    /// Reads one ModEx prefix: its size, its data, its meaning, and returns the packet type that follows it.
    private mutating func readModEx(_ reader: inout ByteBuffer) throws(MediaHeaderError) -> UInt8 {
        guard let short = reader.readInteger(as: UInt8.self) else { throw .truncated }
        var size = Int(truncatingIfNeeded: short) &+ 1
        if size == 256 {
            guard let long = reader.readInteger(as: UInt16.self) else { throw .truncated }
            size = Int(truncatingIfNeeded: long) &+ 1
        }
        guard var data = reader.readSlice(length: size), let types = reader.readInteger(as: UInt8.self) else {
            throw .truncated
        }
        // Type 0 is the nanosecond offset; others are skipped, since the relay carries the whole body anyway.
        if types >> 4 == 0, let high = data.readInteger(as: UInt16.self), let low = data.readInteger(as: UInt8.self) {
            let value = UInt32(truncatingIfNeeded: high) << 8 | UInt32(truncatingIfNeeded: low)
            if value <= 999_999 { nanosecondOffset = value }
        }
        return types & 0x0f
    }

    /// Reads the multitrack header and every track, and points the header's own fields at the default track.
    private mutating func readTracks(_ reader: inout ByteBuffer, length: Int) throws(MediaHeaderError) {
        guard let types = reader.readInteger(as: UInt8.self) else { throw .truncated }
        let form = types >> 4
        let type = types & 0x0f
        guard form <= MultitrackForm.manyTracksManyCodecs, type != ExtendedType.modEx,
            type != (kind == .video ? ExtendedType.videoMultitrack : ExtendedType.audioMultitrack)
        else { throw .badMultitrack }
        packet = MediaPacket(kind: kind, extendedType: type)

        var shared = Codec.unspecified
        if form != MultitrackForm.manyTracksManyCodecs {
            guard let code = reader.readInteger(as: UInt32.self) else { throw .truncated }
            shared = Codec(FourCC(rawValue: code))
        }
        repeat {
            guard tracks.count < Self.maximumTracks else { throw .tooManyTracks }
            var trackCodec = shared
            if form == MultitrackForm.manyTracksManyCodecs {
                guard let code = reader.readInteger(as: UInt32.self) else { throw .truncated }
                trackCodec = Codec(FourCC(rawValue: code))
            }
            guard let id = reader.readInteger(as: UInt8.self) else { throw .truncated }
            var size = reader.readableBytes
            if form != MultitrackForm.oneTrack {
                guard let high = reader.readInteger(as: UInt16.self), let low = reader.readInteger(as: UInt8.self)
                else {
                    throw .truncated
                }
                size = Int(truncatingIfNeeded: high) << 8 | Int(truncatingIfNeeded: low)
            }
            let offset = length &- reader.readableBytes
            guard var part = reader.readSlice(length: size) else { throw .truncated }
            var time: Int32 = 0
            if packet == .coded, trackCodec.hasCompositionTime { time = try Self.readCompositionTime(&part) }
            tracks.append(
                MediaTrack(
                    id: id, codec: trackCodec, compositionTime: time, offset: offset, length: size,
                    payloadOffset: offset &+ size &- part.readableBytes))
        } while form != MultitrackForm.oneTrack && reader.readableBytes > 0

        guard let chosen = tracks.first(where: { $0.id == 0 }) ?? tracks.first else { throw .truncated }
        track = chosen.id
        codec = chosen.codec
        compositionTime = chosen.compositionTime
        payloadOffset = chosen.payloadOffset
    }

    private static func readCompositionTime(_ reader: inout ByteBuffer) throws(MediaHeaderError) -> Int32 {
        guard let high = reader.readInteger(as: UInt16.self), let low = reader.readInteger(as: UInt8.self) else {
            throw .truncated
        }
        return signed24(UInt32(truncatingIfNeeded: high) << 8 | UInt32(truncatingIfNeeded: low))
    }
}

/// `VideoPacketType` and `AudioPacketType` of Enhanced RTMP v2, where they steer the parsing.
enum ExtendedType {
    static let sequenceStart: UInt8 = 0
    static let coded: UInt8 = 1
    static let sequenceEnd: UInt8 = 2
    static let videoCodedX: UInt8 = 3
    static let videoMetadata: UInt8 = 4
    static let videoMultitrack: UInt8 = 6
    static let audioMultitrack: UInt8 = 5
    static let modEx: UInt8 = 7
}

/// `AvMultitrackType` of Enhanced RTMP v2.
enum MultitrackForm {
    static let oneTrack: UInt8 = 0
    static let manyTracks: UInt8 = 1
    static let manyTracksManyCodecs: UInt8 = 2
}

extension MediaPacket {
    /// The packet of an Enhanced RTMP packet type; types that steer the parsing do not come here.
    init(kind: MediaKind, extendedType type: UInt8) {
        switch (kind, type) {
        case (_, 0): self = .sequenceStart
        case (_, 1): self = .coded
        case (_, 2): self = .sequenceEnd
        case (.video, 3): self = .codedX
        case (.video, 4): self = .metadata
        case (.video, 5): self = .mpeg2tsSequenceStart
        case (.audio, 4): self = .multichannelConfig
        default: self = .unknown(type)
        }
    }
}
