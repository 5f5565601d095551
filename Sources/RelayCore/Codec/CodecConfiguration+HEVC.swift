import NIOCore

extension CodecConfiguration {
    /// Reads an `HEVCDecoderConfigurationRecord` (ISO/IEC 14496-15 8.3.3.1).
    ///
    /// `strict` is for a record whose message named another codec: it must then hold a sequence parameter set that
    /// calls itself one, so that a broken avcC is not taken for HEVC.
    static func hevc(_ record: ByteBuffer, strict: Bool) throws(CodecConfigurationError) -> CodecConfiguration {
        if AnnexB.startsWithStartCode(record) { throw .annexB }
        var reader = record
        guard let version = reader.readInteger(as: UInt8.self) else { throw .truncated }
        // Encoders from before the standard was final wrote 0.
        guard version <= 1 else { throw .badVersion }
        guard let profileByte = reader.readInteger(as: UInt8.self),
            let compatibility = reader.readInteger(as: UInt32.self),
            let constraintsHigh = reader.readInteger(as: UInt32.self),
            let constraintsLow = reader.readInteger(as: UInt16.self),
            let level = reader.readInteger(as: UInt8.self),
            reader.readSlice(length: 8) != nil,
            let layerByte = reader.readInteger(as: UInt8.self),
            let arrays = reader.readInteger(as: UInt8.self)
        else { throw .truncated }
        guard layerByte & 3 != 2 else { throw .badLengthSize }

        var configuration = CodecConfiguration(codec: .hevc)
        configuration.nalLengthSize = Int(truncatingIfNeeded: layerByte & 3) &+ 1
        configuration.codecString = hevcString(
            profileByte: profileByte, compatibility: compatibility,
            constraints: UInt64(truncatingIfNeeded: constraintsHigh) << 16
                | UInt64(truncatingIfNeeded: constraintsLow), level: level)

        var hasSequenceSet = false
        for _ in 0..<arrays {
            guard let typeByte = reader.readInteger(as: UInt8.self), let count = reader.readInteger(as: UInt16.self)
            else {
                throw .truncated
            }
            for _ in 0..<count {
                let unit = try readUnit(&reader)
                guard let unitByte = unit.getInteger(at: unit.readerIndex, as: UInt8.self) else { continue }
                let type = unitByte >> 1 & 0x3f
                if strict, type != typeByte & 0x3f { throw .noParameterSets }
                guard type == 33, !hasSequenceSet else { continue }
                hasSequenceSet = true
                let picture = PictureParameters.hevc(unit)
                configuration.width = picture?.width
                configuration.height = picture?.height
                configuration.highestTemporalLayer = PictureParameters.hevcHighestTemporalLayer(unit)
            }
        }
        if strict, !hasSequenceSet { throw .noParameterSets }
        return configuration
    }

    /// ISO/IEC 14496-15 E.3: profile space and number, reversed compatibility flags, tier and level, constraint bytes
    /// without their trailing zeros.
    private static func hevcString(
        profileByte: UInt8, compatibility: UInt32, constraints: UInt64, level: UInt8
    ) -> String {
        let space =
            switch profileByte >> 6 {
            case 1: "A"
            case 2: "B"
            case 3: "C"
            default: ""
            }
        var reversed: UInt32 = 0
        for bit: UInt32 in 0..<32 where compatibility >> bit & 1 == 1 { reversed |= 1 << (31 - bit) }
        var text = "hvc1.\(space)\(profileByte & 0x1f).\(String(reversed, radix: 16))."
        text += (profileByte & 0x20 == 0 ? "L" : "H") + "\(level)"
        var rest = constraints << 16
        while rest != 0 {
            text += "." + String(UInt8(truncatingIfNeeded: rest >> 56), radix: 16)
            rest <<= 8
        }
        return text
    }
}

extension PictureParameters {
    /// The highest temporal layer that a sequence parameter set with its NAL header announces, 0...6.
    static func hevcHighestTemporalLayer(_ unit: ByteBuffer) -> Int? {
        var bits = BitReader(unit, escaped: true)
        guard bits.skip(16 + 4) != nil, let layers = bits.bits(3), layers <= 6 else { return nil }
        return Int(truncatingIfNeeded: layers)
    }

    /// Reads the picture size of an H.265 sequence parameter set with its NAL header (ITU-T H.265 7.3.2.2.1).
    static func hevc(_ unit: ByteBuffer) -> PictureParameters? {
        var bits = BitReader(unit, escaped: true)
        guard bits.skip(16 + 4) != nil, let layers = bits.bits(3), layers <= 6, bits.skip(1) != nil,
            skipProfileTierLevel(&bits, layers: layers) != nil, bits.ue() != nil, let chroma = bits.ue(atMost: 3)
        else { return nil }
        var separatePlanes = false
        if chroma == 3 {
            guard let separate = bits.bit() else { return nil }
            separatePlanes = separate
        }
        guard let codedWidth = bits.ue(), let codedHeight = bits.ue(), let crops = bits.bit() else { return nil }
        var width = Int64(truncatingIfNeeded: codedWidth)
        var height = Int64(truncatingIfNeeded: codedHeight)
        if crops {
            guard let left = bits.ue(), let right = bits.ue(), let top = bits.ue(), let bottom = bits.ue() else {
                return nil
            }
            let subsampled = !separatePlanes
            let unitX: Int64 = subsampled && (chroma == 1 || chroma == 2) ? 2 : 1
            let unitY: Int64 = subsampled && chroma == 1 ? 2 : 1
            width -= (Int64(truncatingIfNeeded: left) + Int64(truncatingIfNeeded: right)) * unitX
            height -= (Int64(truncatingIfNeeded: top) + Int64(truncatingIfNeeded: bottom)) * unitY
        }
        var picture = PictureParameters()
        picture.setSize(width: width, height: height)
        return picture
    }

    /// Skips `profile_tier_level` (ITU-T H.265 7.3.3).
    private static func skipProfileTierLevel(_ bits: inout BitReader, layers: UInt32) -> Void? {
        guard bits.skip(96) != nil else { return nil }
        guard layers > 0 else { return () }
        var subLayerBits = 0
        for layer in 0..<8 {
            guard let hasProfile = bits.bit(), let hasLevel = bits.bit() else { return nil }
            guard layer < Int(truncatingIfNeeded: layers) else { continue }
            subLayerBits += (hasProfile ? 88 : 0) + (hasLevel ? 8 : 0)
        }
        return bits.skip(subLayerBits)
    }
}
