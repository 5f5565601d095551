import NIOCore

/// What makes a frame as large as one of its bitrate, and the metadata.
extension VerifiableSource {
    /// How many times as large as another frame a keyframe is; a judgement about real encoders.
    private static let keyframeWeight = 6
    /// Bytes of an audio frame of about 64 kb/s.
    private static let audioFrame = 170

    /// Bytes of each kind of frame.
    static func budget(_ configuration: Configuration) -> (key: Int, inter: Int, audio: Int) {
        let framesPerSecond = Int(truncatingIfNeeded: configuration.framesPerSecond)
        let interval = Int(truncatingIfNeeded: configuration.keyInterval)
        let audioRate = configuration.hasAudio ? audioFrame * 47 : 0
        let perSecond = max(0, Int(truncatingIfNeeded: configuration.bitrate) / 8 - audioRate)
        let inter = perSecond * interval / framesPerSecond / (interval - 1 + keyframeWeight)
        return (inter * keyframeWeight, inter, audioFrame)
    }

    /// What frames are filled with: 64 KiB of bytes 1...255 from a fixed xorshift generator (Marsaglia 2003).
    private static let filler: ByteBuffer = {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        var buffer = ByteBuffer()
        buffer.reserveCapacity(1 << 16)
        for _ in 0..<(1 << 16) {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            buffer.writeInteger(UInt8(truncatingIfNeeded: state % 255 + 1))
        }
        return buffer
    }()

    /// So many bytes of filling, other ones each time the count differs; none when `count` is not positive.
    func filling(_ count: Int) -> ByteBuffer {
        let filler = Self.filler
        guard count > 0 else { return ByteBuffer() }
        if count <= filler.readableBytes / 2 {
            let start = Int(truncatingIfNeeded: seed % UInt64(truncatingIfNeeded: filler.readableBytes / 2))
            return filler.getSlice(at: start, length: count) ?? ByteBuffer()
        }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(count)
        while buffer.readableBytes < count {
            buffer.writeImmutableBuffer(
                filler.getSlice(at: 0, length: min(filler.readableBytes, count - buffer.readableBytes)) ?? filler)
        }
        return buffer
    }

    /// `onMetaData`, as AMF0 (Adobe's specification, 2.10 ECMA array): what players show and some require.
    var metadata: ByteBuffer {
        var values: [(String, Double)] = [
            ("width", Double(configuration.macroblocks.width) * 16),
            ("height", Double(configuration.macroblocks.height) * 16),
            ("framerate", Double(configuration.framesPerSecond)), ("videocodecid", 7),
            ("videodatarate", Double(configuration.bitrate) / 1000),
        ]
        if configuration.hasAudio {
            values += [
                ("audiocodecid", 10), ("audiosamplerate", Double(SilentSound.sampleRate)), ("audiodatarate", 64),
            ]
        }
        var buffer = ByteBuffer()
        buffer.writeInteger(2 as UInt8)
        buffer.writeName("onMetaData")
        buffer.writeInteger(8 as UInt8)
        buffer.writeInteger(UInt32(truncatingIfNeeded: values.count))
        for (name, value) in values {
            buffer.writeName(name)
            buffer.writeInteger(0 as UInt8)
            buffer.writeInteger(value.bitPattern)
        }
        buffer.writeBytes([0, 0, 9])
        return buffer
    }
}

extension ByteBuffer {
    fileprivate mutating func writeName(_ name: String) {
        writeInteger(UInt16(truncatingIfNeeded: name.utf8.count))
        writeString(name)
    }
}
