package import NIOCore

/// The header of an FLV file or stream (FLV specification 10.1, E.2), in both directions.
package struct FLVHeader: Hashable, Sendable {
    /// Bytes of the header itself.
    package static let length = 9
    /// Bytes of the header with the length field 0 that stands before the first tag.
    package static let lengthWithFirstField = length + 4

    /// Whether audio tags may come.
    package var hasAudio: Bool
    /// Whether video tags may come.
    package var hasVideo: Bool

    /// A header announcing audio, video or both.
    package init(hasAudio: Bool, hasVideo: Bool) {
        self.hasAudio = hasAudio
        self.hasVideo = hasVideo
    }

    /// Appends the header and the length field before the first tag: what every HTTP-FLV and WS-FLV viewer gets first.
    package func encode(into buffer: inout ByteBuffer) {
        let flags: UInt8 = (hasAudio ? 4 : 0) | (hasVideo ? 1 : 0)
        buffer.writeInteger(UInt32(0x464c_5601))  // bounded: a literal. "FLV", version 1
        buffer.writeInteger(flags)
        buffer.writeInteger(UInt32(9))  // bounded: a literal, the length of the header
        buffer.writeInteger(UInt32(0))  // bounded: a literal, the length of the tag before the first
    }

    /// Reads a header, without the length field behind it, and skips what a longer header of a later version adds.
    /// Nil, with nothing consumed, when more bytes are needed.
    ///
    /// - Throws: ``FLVError/notFLV`` for another signature, ``FLVError/badHeader`` for an impossible header length.
    package static func decode(from buffer: inout ByteBuffer) throws(FLVError) -> FLVHeader? {
        let start = buffer.readerIndex
        // Refuse what is not FLV at its first wrong byte: a peer that says something else may never send nine bytes.
        let signature: [UInt8] = [0x46, 0x4c, 0x56]
        for (index, expected) in signature.enumerated() {
            guard let byte = buffer.getInteger(at: start &+ index, as: UInt8.self) else { return nil }
            guard byte == expected else { throw .notFLV }
        }
        guard let flags = buffer.getInteger(at: start &+ 4, as: UInt8.self),
            let announced = buffer.getInteger(at: start &+ 5, as: UInt32.self)
        else { return nil }
        // No version ever had more than 9; 1 KiB leaves room without letting the field steer memory.
        guard announced >= 9, announced <= 1_024 else { throw .badHeader }
        guard buffer.readSlice(length: Int(truncatingIfNeeded: announced)) != nil else { return nil }
        return FLVHeader(hasAudio: flags & 4 != 0, hasVideo: flags & 1 != 0)
    }
}
