import NIOCore

extension CodecConfiguration {
    /// Reads an `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 5.3.3.1).
    static func avc(_ record: ByteBuffer) throws(CodecConfigurationError) -> CodecConfiguration {
        if AnnexB.startsWithStartCode(record) { throw .annexB }
        var reader = record
        guard let version = reader.readInteger(as: UInt8.self) else { throw .truncated }
        guard version == 1 else { throw .badVersion }
        guard let profile = reader.readInteger(as: UInt8.self), let compatibility = reader.readInteger(as: UInt8.self),
            let level = reader.readInteger(as: UInt8.self), let lengthByte = reader.readInteger(as: UInt8.self),
            let countByte = reader.readInteger(as: UInt8.self)
        else { throw .truncated }
        guard lengthByte & 3 != 2 else { throw .badLengthSize }

        var configuration = CodecConfiguration(codec: .avc)
        configuration.nalLengthSize = Int(truncatingIfNeeded: lengthByte & 3) &+ 1
        configuration.codecString = "avc1." + hex(profile) + hex(compatibility) + hex(level)

        var picture: PictureParameters?
        for _ in 0..<(countByte & 0x1f) {
            let unit = try readUnit(&reader)
            // A parameter set of another type makes the record one of another codec.
            guard let type = unit.getInteger(at: unit.readerIndex, as: UInt8.self) else { continue }
            guard type & 0x1f == 7 || type & 0x1f == 15 || type & 0x1f == 13 else { throw .noParameterSets }
            if picture == nil, type & 0x1f == 7 { picture = PictureParameters.avc(unit) }
        }
        // Some records end behind the last SPS; decoders then take the PPS from the stream.
        if let count = reader.readInteger(as: UInt8.self) {
            for _ in 0..<count { _ = try readUnit(&reader) }
        }
        configuration.width = picture?.width
        configuration.height = picture?.height
        configuration.frameRate = picture?.frameRate
        return configuration
    }

    /// A NAL unit behind its 16-bit length, as avcC and hvcC hold them.
    static func readUnit(_ reader: inout ByteBuffer) throws(CodecConfigurationError) -> ByteBuffer {
        guard let length = reader.readInteger(as: UInt16.self),
            let unit = reader.readSlice(length: Int(truncatingIfNeeded: length))
        else { throw .truncated }
        return unit
    }

    /// Two lower-case hexadecimal digits.
    static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.utf8.count == 1 ? "0" + digits : digits
    }
}

/// Size and rate of the picture as a sequence parameter set tells them.
struct PictureParameters: Hashable {
    /// The largest width or height believed; level 6.2 of H.264 ends at 16880 luma samples a side, hardware before
    /// that.
    static let maximumSide: Int64 = 16_384

    var width: Int?
    var height: Int?
    var frameRate: Double?

    /// Takes a size over if it is one that a picture can have.
    mutating func setSize(width: Int64, height: Int64) {
        guard 1...Self.maximumSide ~= width, 1...Self.maximumSide ~= height else { return }
        self.width = Int(truncatingIfNeeded: width)
        self.height = Int(truncatingIfNeeded: height)
    }

    /// Takes a rate over if it is one that video can have.
    mutating func setFrameRate(ticks: UInt32, timeScale: UInt32, ticksPerFrame: Double) {
        guard ticks > 0, timeScale > 0 else { return }
        let rate = Double(timeScale) / (Double(ticks) * ticksPerFrame)
        if rate >= 1, rate <= 1_000 { frameRate = rate }
    }

    /// Reads an H.264 sequence parameter set with its NAL header (ITU-T H.264 7.3.2.1.1); nil when it is broken before
    /// its picture size.
    static func avc(_ unit: ByteBuffer) -> PictureParameters? {
        var bits = BitReader(unit, escaped: true)
        guard bits.skip(8) != nil, let profile = bits.bits(8), bits.skip(16) != nil, bits.ue() != nil else {
            return nil
        }
        var chroma = 1
        var separatePlanes = false
        // The profiles whose parameter sets carry a chroma format.
        if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(profile) {
            guard let format = bits.ue(atMost: 3) else { return nil }
            chroma = format
            if chroma == 3 {
                guard let separate = bits.bit() else { return nil }
                separatePlanes = separate
            }
            guard bits.ue(atMost: 6) != nil, bits.ue(atMost: 6) != nil, bits.skip(1) != nil,
                let hasMatrix = bits.bit()
            else { return nil }
            if hasMatrix {
                for list in 0..<(chroma == 3 ? 12 : 8) {
                    guard let present = bits.bit() else { return nil }
                    if present, skipScalingList(&bits, size: list < 6 ? 16 : 64) == nil { return nil }
                }
            }
        }
        guard bits.ue(atMost: 12) != nil, let orderType = bits.ue(atMost: 2) else { return nil }
        if orderType == 0 {
            guard bits.ue(atMost: 12) != nil else { return nil }
        } else if orderType == 1 {
            guard bits.skip(1) != nil, bits.se() != nil, bits.se() != nil, let cycle = bits.ue(atMost: 255) else {
                return nil
            }
            for _ in 0..<cycle {
                guard bits.se() != nil else { return nil }
            }
        }
        guard bits.ue() != nil, bits.skip(1) != nil, let columns = bits.ue(), let rows = bits.ue(),
            let framesOnly = bits.bit()
        else { return nil }
        if !framesOnly, bits.skip(1) == nil { return nil }
        guard bits.skip(1) != nil, let crops = bits.bit() else { return nil }

        // 32-bit factors in 64-bit arithmetic: nothing below can overflow.
        let fieldFactor: Int64 = framesOnly ? 1 : 2
        var width = (Int64(truncatingIfNeeded: columns) + 1) * 16
        var height = (Int64(truncatingIfNeeded: rows) + 1) * 16 * fieldFactor
        if crops {
            guard let left = bits.ue(), let right = bits.ue(), let top = bits.ue(), let bottom = bits.ue() else {
                return nil
            }
            let planar = chroma == 0 || separatePlanes
            let unitX: Int64 = planar || chroma == 3 ? 1 : 2
            let unitY: Int64 = (planar || chroma != 1 ? 1 : 2) * fieldFactor
            width -= (Int64(truncatingIfNeeded: left) + Int64(truncatingIfNeeded: right)) * unitX
            height -= (Int64(truncatingIfNeeded: top) + Int64(truncatingIfNeeded: bottom)) * unitY
        }
        var picture = PictureParameters()
        picture.setSize(width: width, height: height)
        picture.readTiming(&bits)
        return picture
    }

    /// Reads the VUI as far as its timing (ITU-T H.264 E.1.1).
    private mutating func readTiming(_ bits: inout BitReader) {
        guard bits.bit() == true, let hasAspect = bits.bit() else { return }
        if hasAspect {
            guard let aspect = bits.bits(8) else { return }
            if aspect == 255, bits.skip(32) == nil { return }
        }
        guard let hasOverscan = bits.bit() else { return }
        if hasOverscan, bits.skip(1) == nil { return }
        guard let hasSignalType = bits.bit() else { return }
        if hasSignalType {
            guard bits.skip(4) != nil, let hasColour = bits.bit() else { return }
            if hasColour, bits.skip(24) == nil { return }
        }
        guard let hasChromaLocation = bits.bit() else { return }
        if hasChromaLocation, bits.ue() == nil || bits.ue() == nil { return }
        guard bits.bit() == true, let ticks = bits.bits(32), let timeScale = bits.bits(32) else { return }
        // A tick is a field's time, hence two to the frame.
        setFrameRate(ticks: ticks, timeScale: timeScale, ticksPerFrame: 2)
    }

    private static func skipScalingList(_ bits: inout BitReader, size: Int) -> Void? {
        var last: Int64 = 8
        var next: Int64 = 8
        for _ in 0..<size {
            if next != 0 {
                guard let delta = bits.se() else { return nil }
                next = (last &+ delta &+ 256) & 0xff
            }
            if next != 0 { last = next }
        }
        return ()
    }
}
