package import NIOCore

/// Forms of a message body for players that understand less than its publisher sent.
///
/// The fan-out asks once per frame and wire form, and shares the result. Each function copies the payload, since a
/// shorter header cannot stand before it in place.
package enum LegacyForm {
    /// The body as a player without Enhanced RTMP understands it: AVC as codec 7, HEVC as codec 12 (the number that was
    /// in use before Enhanced RTMP), AAC as format 10, MP3 as format 2; of a multitrack message, track 0.
    ///
    /// - Returns: `body` itself when it is legacy already; nil when the message has no such form: another codec, no
    ///   track 0, metadata, a command.
    package static func rewrite(_ header: MediaHeader, _ body: ByteBuffer) -> ByteBuffer? {
        guard header.isExtended else { return body }
        guard header.track == 0 else { return nil }
        let payload = payload(of: header, in: body)
        switch header.kind {
        case .video: return video(header, payload)
        case .audio: return audio(header, payload)
        case .data: return nil
        }
    }

    /// The frame with its body as ``rewrite(_:_:)`` makes it; the frame itself when it is legacy already or data. Nil
    /// when it has no legacy form.
    package static func rewrite(_ frame: Frame) -> Frame? {
        guard let first = frame.body.getInteger(at: frame.body.readerIndex, as: UInt8.self) else { return frame }
        switch frame.kind {
        case .video where first & 0x80 != 0, .audio where first >> 4 == 9: break
        default: return frame
        }
        guard let header = try? MediaHeader.parse(kind: frame.kind, body: frame.body),
            let body = rewrite(header, frame.body)
        else { return nil }
        var rewritten = frame
        rewritten.body = body
        return rewritten
    }

    /// The body with track 0 only and the single-track Enhanced RTMP header, for a player that did not offer
    /// multitrack. ModEx prefixes are left out with the multitrack header.
    ///
    /// - Returns: `body` itself when it is not multitrack; nil when it has no track 0.
    package static func singleTrack(_ header: MediaHeader, _ body: ByteBuffer) -> ByteBuffer? {
        guard header.isExtended, !header.tracks.isEmpty else { return header.track == 0 ? body : nil }
        guard let track = header.tracks.first(where: { $0.id == 0 }), let code = track.codec.fourCC,
            let type = header.packet.extendedType,
            let part = body.getSlice(at: body.readerIndex &+ track.offset, length: track.length)
        else { return nil }
        let first = (header.kind == .video ? header.firstByte & 0xf0 : 0x90) | type
        var out = ByteBuffer()
        out.reserveCapacity(part.readableBytes &+ 5)
        out.writeMultipleIntegers(first, code.rawValue)
        out.writeImmutableBuffer(part)
        return out
    }

    /// The frame with its body as ``singleTrack(_:_:)`` makes it; the frame itself when it is not multitrack or is data. Nil
    /// when it is of another track.
    package static func singleTrack(_ frame: Frame) -> Frame? {
        guard let first = frame.body.getInteger(at: frame.body.readerIndex, as: UInt8.self) else { return frame }
        switch frame.kind {
        case .video where first & 0x8f == 0x86, .audio where first == 0x95: break
        default: return frame
        }
        guard let header = try? MediaHeader.parse(kind: frame.kind, body: frame.body),
            let body = singleTrack(header, frame.body)
        else { return nil }
        var rewritten = frame
        rewritten.body = body
        return rewritten
    }

    /// The body with the Enhanced RTMP header of an HEVC message that came with codec 12, for a player that offered
    /// `hvc1`.
    ///
    /// - Returns: `body` itself when it is not legacy HEVC, or a packet that Enhanced RTMP has not.
    package static func extendedHEVC(_ header: MediaHeader, _ body: ByteBuffer) -> ByteBuffer {
        guard !header.isExtended, header.codec == .hevc else { return body }
        let type: UInt8
        switch header.packet {
        case .sequenceStart: type = ExtendedType.sequenceStart
        case .coded: type = ExtendedType.coded
        case .sequenceEnd: type = ExtendedType.sequenceEnd
        // Numbers of the legacy header mean nothing in the other.
        default: return body
        }
        var out = ByteBuffer()
        let payload = payload(of: header, in: body)
        out.reserveCapacity(payload.readableBytes &+ 8)
        out.writeMultipleIntegers(0x80 | (header.firstByte & 0x70) | type, hvc1)
        if header.packet == .coded { writeCompositionTime(header.compositionTime, into: &out) }
        out.writeImmutableBuffer(payload)
        return out
    }

    /// `hvc1`.
    private static let hvc1: UInt32 = 0x6876_6331

    private static func video(_ header: MediaHeader, _ payload: ByteBuffer) -> ByteBuffer? {
        guard let number = header.codec.legacyVideoNumber else { return nil }
        let type: UInt8
        switch header.packet {
        case .sequenceStart: type = 0
        case .coded, .codedX: type = 1
        case .sequenceEnd: type = 2
        default: return nil
        }
        var out = ByteBuffer()
        out.reserveCapacity(payload.readableBytes &+ 5)
        out.writeMultipleIntegers(header.firstByte & 0x70 | number, type)
        writeCompositionTime(header.compositionTime, into: &out)
        out.writeImmutableBuffer(payload)
        return out
    }

    private static func audio(_ header: MediaHeader, _ payload: ByteBuffer) -> ByteBuffer? {
        var out = ByteBuffer()
        out.reserveCapacity(payload.readableBytes &+ 2)
        switch (header.codec, header.packet) {
        // AAC always says 44 kHz, 16 bits, stereo (FLV specification E.4.2.1); the record has the truth.
        case (.aac, .sequenceStart): out.writeMultipleIntegers(UInt8(0xaf), UInt8(0))  // bounded: literals
        case (.aac, .coded): out.writeMultipleIntegers(UInt8(0xaf), UInt8(1))  // bounded: literals
        // MP3 frames carry their own rate, so the most common one is said here.
        case (.mp3, .coded): out.writeInteger(UInt8(0x2f))  // bounded: a literal
        default: return nil
        }
        out.writeImmutableBuffer(payload)
        return out
    }

    /// The codec's own bytes of the default track.
    private static func payload(of header: MediaHeader, in body: ByteBuffer) -> ByteBuffer {
        let length = header.payloadEnd(in: body) &- header.payloadOffset
        return body.getSlice(at: body.readerIndex &+ header.payloadOffset, length: length) ?? ByteBuffer()
    }

    private static func writeCompositionTime(_ time: Int32, into out: inout ByteBuffer) {
        out.writeMultipleIntegers(
            UInt8(truncatingIfNeeded: time >> 16), UInt16(truncatingIfNeeded: time))
    }
}

extension MediaPacket {
    /// The Enhanced RTMP number of this packet; nil for a command, which has none.
    var extendedType: UInt8? {
        switch self {
        case .sequenceStart: 0
        case .coded: 1
        case .sequenceEnd: 2
        case .codedX: 3
        case .metadata, .multichannelConfig: 4
        case .mpeg2tsSequenceStart: 5
        case .unknown(let number): number
        case .command: nil
        }
    }
}
