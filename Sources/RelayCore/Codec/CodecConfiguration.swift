package import NIOCore

/// What a sequence header says about a track. For the admin API, the logs and the outputs that repackage; the relay
/// itself forwards the header byte for byte.
///
/// A field is nil when the header does not say it or says something impossible: a stream with an odd picture size still
/// relays.
package struct CodecConfiguration: Hashable, Sendable {
    /// The longest record accepted, in bytes. Real ones have at most a few thousand (x265 puts its options into one),
    /// and every joining subscriber is sent it.
    package static let maximumRecordLength = 64 << 10

    /// The codec the record really describes; see ``isMislabelled``.
    package var codec: Codec
    /// RFC 6381 form as far as the record tells it: `avc1.64001f`, `mp4a.40.2`; the short codec name otherwise.
    package var codecString: String
    /// Picture width in luma samples, after cropping, 1...16384.
    package var width: Int?
    /// Picture height in luma samples, after cropping, 1...16384.
    package var height: Int?
    /// Frames per second that the record promises, when it is between 1 and 1000.
    package var frameRate: Double?
    /// Audio sample rate in Hz, of the decoder's output.
    package var sampleRate: Int?
    /// Audio channels.
    package var channels: Int?
    /// Bytes of the length before each NAL unit: 1, 2 or 4. Nil for codecs without NAL units.
    package var nalLengthSize: Int?
    /// The highest temporal layer of HEVC, when known.
    package var highestTemporalLayer: Int?
    /// The header named AVC and the record is HEVC: OBS up to 29.0 did that before Enhanced RTMP.
    package var isMislabelled = false

    /// What the picture inspection needs to know of this configuration.
    package var layout: PictureLayout {
        PictureLayout(
            codec: isMislabelled ? codec : nil, lengthSize: nalLengthSize ?? 4,
            highestTemporalLayer: highestTemporalLayer)
    }

    /// A configuration of which only the codec is known.
    package init(codec: Codec) {
        self.codec = codec
        self.codecString = codec.name
    }

    /// Reads the configuration from a message whose header is a sequence header; of the default track when there are
    /// several. Called by the stamper when a sequence header arrives, so not per frame.
    ///
    /// - Throws: ``CodecConfigurationError`` when the record is broken in a way that no decoder can use; the frame is
    ///   then dropped and counted.
    package static func parse(
        header: MediaHeader, body: ByteBuffer
    ) throws(CodecConfigurationError) -> CodecConfiguration {
        guard header.isSequenceHeader else { throw .notSequenceHeader }
        var record = body
        guard record.readSlice(length: header.payloadOffset) != nil else { throw .truncated }
        if let track = header.tracks.first(where: { $0.id == header.track }),
            let part = record.readSlice(length: track.offset &+ track.length &- track.payloadOffset)
        {
            record = part
        }
        return try parse(codec: header.codec, packet: header.packet, record: record)
    }

    /// Reads a bare configuration record, without the message's header.
    ///
    /// - Throws: as ``parse(header:body:)``.
    package static func parse(
        codec: Codec, packet: MediaPacket = .sequenceStart, record: ByteBuffer
    ) throws(CodecConfigurationError) -> CodecConfiguration {
        guard record.readableBytes <= maximumRecordLength else { throw .tooLong }
        switch codec {
        case .avc:
            let plain: CodecConfiguration
            do throws(CodecConfigurationError) {
                plain = try avc(record)
            } catch {
                guard let hevc = mislabelled(record) else { throw error }
                return hevc
            }
            // An hvcC can also read as an avcC without parameter sets.
            return plain.width == nil ? mislabelled(record) ?? plain : plain
        case .hevc: return try hevc(record, strict: false)
        case .av1: return packet == .sequenceStart ? try av1(record) : CodecConfiguration(codec: .av1)
        case .vp8, .vp9: return vpx(codec, record)
        case .aac: return aac(record)
        case .opus: return opus(record)
        case .flac: return flac(record)
        default: return CodecConfiguration(codec: codec)
        }
    }

    /// The configuration of an HEVC record whose message said AVC; nil when it is not one.
    private static func mislabelled(_ record: ByteBuffer) -> CodecConfiguration? {
        guard var configuration = try? hevc(record, strict: true) else { return nil }
        configuration.isMislabelled = true
        return configuration
    }

    /// What the header of a coded frame tells when its codec has no sequence header: MP3, G.711, Speex and the like.
    /// Nil for codecs that have one.
    package init?(withoutSequenceHeader header: MediaHeader) {
        guard header.isCoded, !header.codec.needsSequenceHeader else { return nil }
        self.init(codec: header.codec)
        sampleRate = header.legacySampleRate
        channels = header.legacyChannels
    }
}

/// Why a codec configuration record is of no use to any decoder.
package enum CodecConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The message is not a sequence header.
    case notSequenceHeader
    /// The record ends before what it announces.
    case truncated
    /// The record is longer than ``CodecConfiguration/maximumRecordLength``.
    case tooLong
    /// The record's version is none that exists.
    case badVersion
    /// NAL unit lengths of three bytes do not exist.
    case badLengthSize
    /// The record holds no parameter set of its codec.
    case noParameterSets
    /// The bytes are NAL units with start codes instead of a record.
    case annexB

    package var description: String {
        switch self {
        case .notSequenceHeader: "the message is not a sequence header"
        case .truncated: "the codec configuration ends before what it announces"
        case .tooLong: "the codec configuration is longer than \(CodecConfiguration.maximumRecordLength) bytes"
        case .badVersion: "the codec configuration has an unknown version"
        case .badLengthSize: "the codec configuration has an impossible NAL length size"
        case .noParameterSets: "the codec configuration holds no parameter set of its codec"
        case .annexB: "the encoder sent start codes where FLV has a configuration record"
        }
    }
}
