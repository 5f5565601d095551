import NIOCore

/// AV1 and VP8/VP9.
extension CodecConfiguration {
    /// Reads an `AV1CodecConfigurationRecord` (AV1 in ISOBMFF 2.3) and the picture size from the sequence header in it.
    static func av1(_ record: ByteBuffer) throws(CodecConfigurationError) -> CodecConfiguration {
        var bits = BitReader(record)
        guard let marker = bits.bits(8), let profile = bits.bits(3), let level = bits.bits(5), let tier = bits.bits(1),
            let flags = bits.bits(7), bits.skip(8) != nil
        else { throw .truncated }
        guard marker == 0x81 else { throw .badVersion }
        var configuration = CodecConfiguration(codec: .av1)
        let depth = flags & 0x40 == 0 ? "08" : flags & 0x20 == 0 ? "10" : "12"
        configuration.codecString =
            "av01.\(profile)." + (level < 10 ? "0" : "") + "\(level)" + (tier == 0 ? "M." : "H.") + depth
        var units = record
        if units.readSlice(length: 4) != nil, let picture = av1Sequence(&units) {
            configuration.width = picture.width
            configuration.height = picture.height
            configuration.frameRate = picture.frameRate
        }
        return configuration
    }

    /// Finds the sequence header OBU (AV1 specification 5.3, 5.5) among the OBUs of a record.
    private static func av1Sequence(_ units: inout ByteBuffer) -> PictureParameters? {
        while let head = units.readInteger(as: UInt8.self) {
            if head & 4 != 0, units.readInteger(as: UInt8.self) == nil { return nil }
            var size = units.readableBytes
            if head & 2 != 0 {
                guard let announced = readLEB128(&units) else { return nil }
                size = announced
            }
            guard let unit = units.readSlice(length: size) else { return nil }
            if head >> 3 & 0xf == 1 { return av1Sequence(BitReader(unit)) }
        }
        return nil
    }

    private static func av1Sequence(_ start: BitReader) -> PictureParameters? {
        var bits = start
        var picture = PictureParameters()
        guard bits.skip(4) != nil, let reduced = bits.bit() else { return nil }
        if reduced {
            guard bits.skip(5) != nil else { return nil }
        } else {
            guard let hasTiming = bits.bit() else { return nil }
            var hasModel = false
            var delayBits = 0
            if hasTiming {
                guard let ticks = bits.bits(32), let timeScale = bits.bits(32), let equal = bits.bit() else {
                    return nil
                }
                if equal {
                    guard let perPicture = bits.ue() else { return nil }
                    picture.setFrameRate(ticks: ticks, timeScale: timeScale, ticksPerFrame: Double(perPicture) + 1)
                }
                guard let model = bits.bit() else { return nil }
                hasModel = model
                if model {
                    guard let length = bits.bits(5), bits.skip(32 + 5 + 5) != nil else { return nil }
                    delayBits = Int(truncatingIfNeeded: length) + 1
                }
            }
            guard let hasInitialDelay = bits.bit(), let points = bits.bits(5) else { return nil }
            for _ in 0...points {
                guard bits.skip(12) != nil, let level = bits.bits(5) else { return nil }
                if level > 7, bits.skip(1) == nil { return nil }
                if hasModel {
                    guard let present = bits.bit() else { return nil }
                    if present, bits.skip(delayBits * 2 + 1) == nil { return nil }
                }
                if hasInitialDelay {
                    guard let present = bits.bit() else { return nil }
                    if present, bits.skip(4) == nil { return nil }
                }
            }
        }
        guard let widthBits = bits.bits(4), let heightBits = bits.bits(4),
            let width = bits.bits(Int(truncatingIfNeeded: widthBits) + 1),
            let height = bits.bits(Int(truncatingIfNeeded: heightBits) + 1)
        else { return nil }
        picture.setSize(width: Int64(truncatingIfNeeded: width) + 1, height: Int64(truncatingIfNeeded: height) + 1)
        return picture
    }

    /// A little-endian base-128 number of at most 28 bits; an OBU in a message cannot be longer.
    private static func readLEB128(_ reader: inout ByteBuffer) -> Int? {
        var value = 0
        for shift in [0, 7, 14, 21] {
            guard let byte = reader.readInteger(as: UInt8.self) else { return nil }
            value |= Int(truncatingIfNeeded: byte & 0x7f) << shift
            if byte & 0x80 == 0 { return value }
        }
        return nil
    }

    /// Reads a `VPCodecConfigurationRecord`, with or without the version and flags of its MP4 box, which senders
    /// disagree about. A record too short tells nothing; VP8 and VP9 decoders need none.
    static func vpx(_ codec: Codec, _ record: ByteBuffer) -> CodecConfiguration {
        var configuration = CodecConfiguration(codec: codec)
        var reader = record
        if reader.getInteger(at: reader.readerIndex, as: UInt32.self) == 0x0100_0000 { _ = reader.readSlice(length: 4) }
        guard let profile = reader.readInteger(as: UInt8.self), let level = reader.readInteger(as: UInt8.self),
            let depthByte = reader.readInteger(as: UInt8.self)
        else { return configuration }
        let two = { (number: UInt8) in (number < 10 ? "0" : "") + "\(number)" }
        configuration.codecString =
            (codec == .vp8 ? "vp08." : "vp09.") + [profile, level, depthByte >> 4].map(two).joined(separator: ".")
        return configuration
    }
}
