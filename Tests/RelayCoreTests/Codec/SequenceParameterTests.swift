import NIOCore
import RelayCore
import Testing

/// Writes bits for parameter sets that no encoder makes.
private struct BitWriter {
    private var bits: [Bool] = []

    mutating func write(_ value: UInt64, bits count: Int) {
        for shift in (0..<count).reversed() { bits.append(value >> UInt64(shift) & 1 == 1) }
    }

    mutating func ue(_ value: UInt64) {
        let length = 64 - (value + 1).leadingZeroBitCount
        write(0, bits: length - 1)
        write(value + 1, bits: length)
    }

    /// An avcC with one SPS of these bits.
    var avcRecord: ByteBuffer {
        var unit = unit
        var record = CodecVectors.hex("0164001fffe1")
        record.writeInteger(UInt16(unit.readableBytes))
        record.writeBuffer(&unit)
        record.writeInteger(UInt8(0))
        return record
    }

    /// An hvcC with one SPS of these bits.
    var hevcRecord: ByteBuffer {
        var unit = unit
        var record = CodecVectors.hex("0101600000009000000000003ff000fcfdf8f800000f01a10001")
        record.writeInteger(UInt16(unit.readableBytes))
        record.writeBuffer(&unit)
        return record
    }

    /// The bits as a NAL unit, with stop bit and emulation prevention.
    private var unit: ByteBuffer {
        var padded = bits + [true]
        while padded.count % 8 != 0 { padded.append(false) }
        var unit = ByteBuffer()
        var zeros = 0
        for start in stride(from: 0, to: padded.count, by: 8) {
            let byte = padded[start..<start + 8].reduce(UInt8(0)) { $0 << 1 | ($1 ? 1 : 0) }
            if zeros >= 2, byte <= 3 {
                unit.writeInteger(UInt8(3))
                zeros = 0
            }
            unit.writeInteger(byte)
            zeros = byte == 0 ? zeros + 1 : 0
        }
        return unit
    }
}

@Suite struct SequenceParameterTests {
    /// A high profile SPS with the given size in macroblocks, cropping and VUI.
    private func parameters(
        profile: UInt64 = 100, columns: UInt64 = 40, rows: UInt64 = 23, crop: (UInt64, UInt64, UInt64, UInt64)? = nil,
        vui: (inout BitWriter) -> Void = { $0.write(0, bits: 1) }
    ) -> ByteBuffer {
        var writer = BitWriter()
        writer.write(0x67, bits: 8)
        writer.write(profile, bits: 8)
        writer.write(0x001f, bits: 16)
        writer.ue(0)
        if profile == 100 {
            for value: UInt64 in [1, 0, 0] { writer.ue(value) }
            writer.write(0, bits: 2)
        }
        for value: UInt64 in [0, 2, 4] { writer.ue(value) }
        writer.write(0, bits: 1)
        writer.ue(columns - 1)
        writer.ue(rows - 1)
        writer.write(0b11, bits: 2)
        if let crop {
            writer.write(1, bits: 1)
            for value in [crop.0, crop.1, crop.2, crop.3] { writer.ue(value) }
        } else {
            writer.write(0, bits: 1)
        }
        vui(&writer)
        return writer.avcRecord
    }

    private func parse(_ record: ByteBuffer) throws -> CodecConfiguration {
        try CodecConfiguration.parse(codec: .avc, record: record)
    }

    @Test func `a plain parameter set says its size`() throws {
        let configuration = try parse(parameters())
        #expect(configuration.width == 640)
        #expect(configuration.height == 368)
        #expect(try parse(parameters(crop: (0, 0, 0, 4))).height == 360)
    }

    @Test func `a picture of impossible size is of unknown size`() throws {
        for record in [
            parameters(columns: 1 << 20, rows: 1 << 20), parameters(columns: 0xffff_fffe, rows: 0xffff_fffe),
            parameters(columns: 1_025), parameters(crop: (400, 400, 0, 0)), parameters(crop: (0, 0, 184, 0)),
            parameters(crop: (0xffff_fffd, 0xffff_fffd, 0xffff_fffd, 0xffff_fffd)),
        ] {
            let configuration = try parse(record)
            #expect(configuration.width == nil || configuration.height == nil)
            #expect(configuration.codec == .avc)
        }
        #expect(try parse(parameters(columns: 1_024)).width == 16_384)
    }

    @Test func `a number with more than 31 leading zero bits is not believed`() throws {
        for zeros in [32, 33, 64, 200] {
            var writer = BitWriter()
            writer.write(0x67, bits: 8)
            writer.write(0x42_001f, bits: 24)
            for _ in 0..<zeros { writer.write(0, bits: 1) }
            writer.write(1, bits: 1)
            writer.write(UInt64.max, bits: 64)
            #expect(try parse(writer.avcRecord).width == nil)
        }
    }

    @Test func `a profile that does not exist is read like a plain one`() throws {
        #expect(try parse(parameters(profile: 255)).width == 640)
    }

    @Test func `a VUI cut short leaves the size`() throws {
        let configuration = try parse(parameters { $0.write(0b1_1_1111_1111, bits: 10) })
        #expect(configuration.width == 640)
        #expect(configuration.frameRate == nil)
    }

    @Test func `a frame rate is believed between 1 and 1000`() throws {
        func rate(_ ticks: UInt64, _ scale: UInt64) throws -> Double? {
            try parse(
                parameters { writer in
                    // VUI without aspect, overscan, signal type and chroma location, with timing.
                    writer.write(0b1_0000_1, bits: 6)
                    writer.write(ticks, bits: 32)
                    writer.write(scale, bits: 32)
                    writer.write(0, bits: 8)
                }
            ).frameRate
        }
        #expect(try rate(1, 50) == 25)
        #expect(try rate(0, 50) == nil)
        #expect(try rate(1, 0) == nil)
        #expect(try rate(1, 0xffff_ffff) == nil)
        #expect(try rate(0xffff_ffff, 1) == nil)
        #expect(try rate(1, 2_000) == 1_000)
    }

    /// An HEVC SPS of 640x368 in 4:2:0 whose temporal layers say their profile and level, or not.
    private func hevcParameters(layers: [(profile: Bool, level: Bool)], crop: Bool = false, chroma: UInt64 = 1)
        -> ByteBuffer
    {
        var writer = BitWriter()
        writer.write(0x4201, bits: 16)
        writer.write(0, bits: 4)
        writer.write(UInt64(layers.count), bits: 3)
        writer.write(1, bits: 1)
        for _ in 0..<12 { writer.write(0x55, bits: 8) }
        if !layers.isEmpty {
            for layer in layers { writer.write((layer.profile ? 2 : 0) | (layer.level ? 1 : 0), bits: 2) }
            for _ in layers.count..<8 { writer.write(0, bits: 2) }
            for layer in layers {
                if layer.profile { for _ in 0..<11 { writer.write(0xaa, bits: 8) } }
                if layer.level { writer.write(0xaa, bits: 8) }
            }
        }
        for value in [0, chroma] { writer.ue(value) }
        if chroma == 3 { writer.write(0, bits: 1) }
        for value: UInt64 in [640, 368] { writer.ue(value) }
        writer.write(crop ? 1 : 0, bits: 1)
        if crop { for value: UInt64 in [1, 2, 0, 4] { writer.ue(value) } }
        writer.write(0xff, bits: 8)
        return writer.hevcRecord
    }

    @Test func `temporal layers that say their profile and level are stepped over`() throws {
        for layers in [[], [(true, true)], [(false, true), (true, false)], Array(repeating: (true, true), count: 6)] {
            let record = hevcParameters(layers: layers.map { (profile: $0.0, level: $0.1) })
            let configuration = try CodecConfiguration.parse(codec: .hevc, record: record)
            #expect(configuration.width == 640, "\(layers.count) layers")
            #expect(configuration.height == 368)
            #expect(configuration.highestTemporalLayer == layers.count)
        }
    }

    @Test func `cropping of HEVC counts in chroma samples`() throws {
        for (chroma, width, height): (UInt64, Int, Int) in [(0, 637, 364), (1, 634, 360), (2, 634, 364), (3, 637, 364)]
        {
            let configuration = try CodecConfiguration.parse(
                codec: .hevc, record: hevcParameters(layers: [], crop: true, chroma: chroma))
            #expect(configuration.width == width, "chroma format \(chroma)")
            #expect(configuration.height == height, "chroma format \(chroma)")
        }
    }
}
