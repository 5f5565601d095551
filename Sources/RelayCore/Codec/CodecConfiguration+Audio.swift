import NIOCore

extension CodecConfiguration {
    /// Sample rates by index (ISO/IEC 14496-3 table 1.18); the indices behind them are reserved.
    private static let aacRates = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
    ]
    /// Channels by configuration (ISO/IEC 14496-3 table 1.19); 0 means a program config element says it.
    private static let aacChannels: [Int?] = [nil, 1, 2, 3, 4, 5, 6, 8, nil, nil, nil, 7, 8, 24, 8, nil]

    /// Reads an `AudioSpecificConfig` (ISO/IEC 14496-3 1.6.2.1). Never refuses: what it cannot tell is nil, and players
    /// get the bytes as they are.
    static func aac(_ record: ByteBuffer) -> CodecConfiguration {
        var configuration = CodecConfiguration(codec: .aac)
        var bits = BitReader(record)
        // An ADTS header where the record belongs: a mistake of some encoders, and it has the same fields.
        if record.getInteger(at: record.readerIndex, as: UInt16.self).map({ $0 & 0xfff6 == 0xfff0 }) == true {
            guard bits.skip(16) != nil, let profile = bits.bits(2), let rate = bits.bits(4), bits.skip(1) != nil,
                let channels = bits.bits(3)
            else { return configuration }
            configuration.codecString = "mp4a.40.\(profile + 1)"
            configuration.sampleRate = aacRates.dropFirst(Int(truncatingIfNeeded: rate)).first
            configuration.channels = aacChannels.dropFirst(Int(truncatingIfNeeded: channels)).first ?? nil
            return configuration
        }
        guard let type = aacObjectType(&bits) else { return configuration }
        configuration.codecString = "mp4a.40.\(type)"
        let rate = aacRate(&bits)
        guard let channels = bits.bits(4) else { return configuration }
        configuration.sampleRate = rate
        configuration.channels = aacChannels.dropFirst(Int(truncatingIfNeeded: channels)).first ?? nil
        if type == 5 || type == 29 {
            // SBR doubles the rate, parametric stereo makes two channels of one.
            configuration.sampleRate = aacRate(&bits)
            if type == 29, configuration.channels == 1 { configuration.channels = 2 }
        } else if [1, 2, 3, 4, 6, 7].contains(type), let extended = aacExtension(&bits) {
            configuration.codecString = extended.stereo ? "mp4a.40.29" : "mp4a.40.5"
            if let rate = extended.rate { configuration.sampleRate = rate }
            if extended.stereo, configuration.channels == 1 { configuration.channels = 2 }
        }
        return configuration
    }

    private static func aacObjectType(_ bits: inout BitReader) -> UInt32? {
        guard let type = bits.bits(5) else { return nil }
        guard type == 31 else { return type }
        guard let more = bits.bits(6) else { return nil }
        return more + 32
    }

    /// A sample rate by index or written out; nil when reserved, 0 or beyond what audio has.
    private static func aacRate(_ bits: inout BitReader) -> Int? {
        guard let index = bits.bits(4) else { return nil }
        guard index == 15 else { return aacRates.dropFirst(Int(truncatingIfNeeded: index)).first }
        guard let rate = bits.bits(24), 1...768_000 ~= rate else { return nil }
        return Int(truncatingIfNeeded: rate)
    }

    /// The backward-compatible SBR mark behind a plain configuration (ISO/IEC 14496-3 1.6.2.1, `syncExtensionType`).
    private static func aacExtension(_ bits: inout BitReader) -> (rate: Int?, stereo: Bool)? {
        // GASpecificConfig: frame length, core coder (with a delay of 14 bits), extension.
        guard bits.skip(1) != nil, let coreCoder = bits.bit() else { return nil }
        if coreCoder, bits.skip(14) == nil { return nil }
        guard bits.bit() == false, bits.bits(11) == 0x2b7, bits.bits(5) == 5, bits.bit() == true else { return nil }
        let rate = aacRate(&bits)
        let stereo = bits.bits(11) == 0x548 && bits.bit() == true
        return (rate, stereo)
    }

    /// Reads an Opus identification header (RFC 7845 5.1). Opus always decodes at 48 kHz.
    static func opus(_ record: ByteBuffer) -> CodecConfiguration {
        var configuration = CodecConfiguration(codec: .opus)
        configuration.sampleRate = 48_000
        let start = record.readerIndex
        // "OpusHead", a version, the channel count.
        guard record.getInteger(at: start, as: UInt64.self) == 0x4f70_7573_4865_6164,
            let channels = record.getInteger(at: start &+ 9, as: UInt8.self), channels > 0
        else { return configuration }
        configuration.channels = Int(truncatingIfNeeded: channels)
        return configuration
    }

    /// Reads the STREAMINFO block of FLAC (RFC 9639 8.2), with or without the `fLaC` mark before it.
    static func flac(_ record: ByteBuffer) -> CodecConfiguration {
        var configuration = CodecConfiguration(codec: .flac)
        var reader = record
        if reader.getInteger(at: reader.readerIndex, as: UInt32.self) == 0x664c_6143 { _ = reader.readSlice(length: 4) }
        guard let head = reader.readInteger(as: UInt32.self), head >> 24 & 0x7f == 0, head & 0xff_ffff >= 34,
            // Block and frame sizes before the rate.
            reader.readSlice(length: 10) != nil
        else { return configuration }
        var bits = BitReader(reader)
        guard let rate = bits.bits(20), let channels = bits.bits(3) else { return configuration }
        configuration.sampleRate = rate > 0 ? Int(truncatingIfNeeded: rate) : nil
        configuration.channels = Int(truncatingIfNeeded: channels) + 1
        return configuration
    }
}
