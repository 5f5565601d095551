package import NIOCore

/// What a track's sequence header says about the pictures in its frames.
package struct PictureLayout: Hashable, Sendable {
    /// The codec of the pictures when it is not the one that the frames' headers name; nil otherwise.
    package var codec: Codec?
    /// Bytes of the length before each NAL unit: 1, 2 or 4.
    package var lengthSize: Int
    /// The highest temporal layer of HEVC; nil when unknown.
    package var highestTemporalLayer: Int?

    /// The usual layout, for tracks whose sequence header has not been read.
    package init(codec: Codec? = nil, lengthSize: Int = 4, highestTemporalLayer: Int? = nil) {
        self.codec = codec
        self.lengthSize = lengthSize
        self.highestTemporalLayer = highestTemporalLayer
    }
}

/// Looks at the first bytes of each NAL unit of a coded frame, to know what the picture is instead of what its tag
/// says.
extension MediaHeader {
    /// The most NAL units looked at in one frame; more is no picture of a real encoder and counts as unknown.
    package static let maximumUnitsInspected = 128

    /// Whether the picture can be decoded without any before it: an IDR picture of AVC, or a random access picture of
    /// HEVC. Nil when it cannot be told: another codec, no picture data, units that do not fit the body.
    ///
    /// The stamper takes the tag's flag (streams with recovery points instead of IDR pictures would never start
    /// otherwise) and counts where this says the opposite.
    package func containsIDR(in body: ByteBuffer, layout: PictureLayout = PictureLayout()) -> Bool? {
        let codec = layout.codec ?? codec
        guard isCoded, codec == .avc || codec == .hevc else { return nil }
        var found = false
        var pictures = 0
        let whole = forEachUnit(in: body, lengthSize: layout.lengthSize) { first, _ in
            let type = codec == .avc ? first & 0x1f : first >> 1 & 0x3f
            guard codec == .avc ? 1...5 ~= type : type < 32 else { return true }
            pictures &+= 1
            found = codec == .avc ? type == 5 : 16...23 ~= type
            return !found
        }
        return pictures > 0 && (whole || found) ? found : nil
    }

    /// Whether no other frame refers to this one, so that it may be dropped for a slow subscriber.
    ///
    /// AVC says it itself (`nal_ref_idc` 0 in every slice) and HEVC too where the picture is of the highest temporal
    /// layer and a sub-layer non-reference picture; ffmpeg and OBS mark B-frames only there. When the picture cannot be
    /// read, the tag's frame type decides.
    package func isDisposable(in body: ByteBuffer, layout: PictureLayout = PictureLayout()) -> Bool {
        let codec = layout.codec ?? codec
        guard isCoded, codec == .avc || codec == .hevc, frameType != .key else { return isDisposable }
        if codec == .hevc, layout.highestTemporalLayer == nil { return isDisposable }
        // The picture looked at is the default track's, and the others would go with it.
        if tracks.count > 1 { return isDisposable }
        var referenced = false
        var pictures = 0
        let whole = forEachUnit(in: body, lengthSize: layout.lengthSize) { first, second in
            if codec == .avc {
                guard 1...5 ~= first & 0x1f else { return true }
                referenced = first & 0x60 != 0
            } else {
                let type = first >> 1 & 0x3f
                guard type < 32 else { return true }
                let layer = Int(truncatingIfNeeded: second & 7) &- 1
                referenced = type >= 16 || type & 1 == 1 || layer != layout.highestTemporalLayer
            }
            pictures &+= 1
            return !referenced
        }
        if referenced { return false }
        return pictures > 0 && whole ? true : isDisposable
    }

    /// Calls `body` with the first two bytes of each NAL unit (the second is 0 when there is none) until it returns
    /// false.
    ///
    /// - Returns: Whether every unit was visited and they filled the payload.
    private func forEachUnit(in body: ByteBuffer, lengthSize: Int, _ visit: (UInt8, UInt8) -> Bool) -> Bool {
        let end = body.readerIndex &+ payloadEnd(in: body)
        var index = body.readerIndex &+ payloadOffset
        for _ in 0..<Self.maximumUnitsInspected {
            guard index < end else { return index == end }
            let length: Int
            switch lengthSize {
            case 4:
                guard let value = body.getInteger(at: index, as: UInt32.self) else { return false }
                length = Int(truncatingIfNeeded: value)
            case 2:
                guard let value = body.getInteger(at: index, as: UInt16.self) else { return false }
                length = Int(truncatingIfNeeded: value)
            case 1:
                guard let value = body.getInteger(at: index, as: UInt8.self) else { return false }
                length = Int(truncatingIfNeeded: value)
            default: return false
            }
            index &+= lengthSize
            guard length <= end &- index else { return false }
            if length > 0, let first = body.getInteger(at: index, as: UInt8.self) {
                let second = length > 1 ? body.getInteger(at: index &+ 1, as: UInt8.self) ?? 0 : 0
                guard visit(first, second) else { return false }
            }
            index &+= length
        }
        return index == end
    }

    /// Where the payload of the default track ends.
    func payloadEnd(in body: ByteBuffer) -> Int {
        guard !tracks.isEmpty, let chosen = tracks.first(where: { $0.id == track }) else { return body.readableBytes }
        return min(chosen.offset &+ chosen.length, body.readableBytes)
    }
}

/// NAL units behind start codes (ITU-T H.264 annex B), which have no place in FLV and come from poor encoders.
package enum AnnexB {
    /// Whether the payload of a frame begins with a start code and its lengths do not add up to a frame of NAL units.
    /// The stamper counts such frames; players that understand only lengths cannot show them.
    package static func isLikely(header: MediaHeader, body: ByteBuffer, lengthSize: Int = 4) -> Bool {
        guard header.isCoded || header.isSequenceHeader, header.codec == .avc || header.codec == .hevc else {
            return false
        }
        guard
            let payload = body.getSlice(
                at: body.readerIndex &+ header.payloadOffset, length: body.readableBytes &- header.payloadOffset)
        else { return false }
        guard startsWithStartCode(payload) else { return false }
        // 00 00 00 01 is also a unit of one byte, and 00 00 01 xx one of 256 and more: believe lengths that add up.
        return header.isSequenceHeader || !lengthsAddUp(payload, lengthSize: lengthSize)
    }

    /// Whether the bytes begin with 00 00 01 or 00 00 00 01.
    package static func startsWithStartCode(_ bytes: ByteBuffer) -> Bool {
        let start = bytes.readerIndex
        if bytes.getInteger(at: start, as: UInt32.self) == 1 { return true }
        return bytes.getInteger(at: start, as: UInt16.self) == 0
            && bytes.getInteger(at: start &+ 2, as: UInt8.self) == 1
    }

    private static func lengthsAddUp(_ payload: ByteBuffer, lengthSize: Int) -> Bool {
        guard lengthSize == 4 else { return false }
        var reader = payload
        for _ in 0..<MediaHeader.maximumUnitsInspected {
            guard reader.readableBytes > 0 else { return true }
            guard let length = reader.readInteger(as: UInt32.self),
                reader.readSlice(length: Int(truncatingIfNeeded: length)) != nil
            else { return false }
        }
        return reader.readableBytes == 0
    }
}
