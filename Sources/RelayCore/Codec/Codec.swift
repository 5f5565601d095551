/// What an audio or video frame is coded with, from the legacy FLV number or the Enhanced RTMP FourCC.
package enum Codec: Hashable, Sendable, CustomStringConvertible {
    // Video.
    case avc, hevc, vvc, av1, vp8, vp9, h263, screenVideo, vp6
    // Audio.
    case aac, opus, mp3, flac, ac3, eac3, pcm, adpcm, speex, nellymoser, g711a, g711u
    /// An Enhanced RTMP code that this version does not know; carried opaquely.
    case other(FourCC)
    /// A legacy codec number that this version does not know; carried opaquely.
    case unknownLegacy(UInt8)
    /// The message names no codec: an Enhanced RTMP command.
    case unspecified

    /// The codec of an Enhanced RTMP FourCC (Enhanced RTMP v2, "Enhanced Video" and "Enhanced Audio").
    package init(_ fourCC: FourCC) {
        switch fourCC.rawValue {
        case 0x6176_6331: self = .avc  // avc1
        case 0x6876_6331: self = .hevc  // hvc1
        case 0x7676_6331: self = .vvc  // vvc1
        case 0x6176_3031: self = .av1  // av01
        case 0x7670_3038: self = .vp8  // vp08
        case 0x7670_3039: self = .vp9  // vp09
        case 0x6d70_3461: self = .aac  // mp4a
        case 0x4f70_7573: self = .opus  // Opus
        case 0x2e6d_7033: self = .mp3  // .mp3
        case 0x664c_6143: self = .flac  // fLaC
        case 0x6163_2d33: self = .ac3  // ac-3
        case 0x6563_2d33: self = .eac3  // ec-3
        default: self = .other(fourCC)
        }
    }

    /// The codec of a legacy `CodecID` (FLV specification 10.1, E.4.3.1), and 12, which encoders used for HEVC before
    /// Enhanced RTMP existed.
    package init(legacyVideo number: UInt8) {
        switch number {
        case 7: self = .avc
        case 12: self = .hevc
        case 2: self = .h263
        case 3, 6: self = .screenVideo
        case 4, 5: self = .vp6
        default: self = .unknownLegacy(number)
        }
    }

    /// The codec of a legacy `SoundFormat` (FLV specification 10.1, E.4.2.1).
    package init(legacyAudio number: UInt8) {
        switch number {
        case 10: self = .aac
        case 2, 14: self = .mp3
        case 0, 3: self = .pcm
        case 1: self = .adpcm
        case 4, 5, 6: self = .nellymoser
        case 7: self = .g711a
        case 8: self = .g711u
        case 11: self = .speex
        default: self = .unknownLegacy(number)
        }
    }

    /// The code that names the codec in Enhanced RTMP; nil for codecs that only have a legacy number.
    package var fourCC: FourCC? {
        switch self {
        case .avc: FourCC(rawValue: 0x6176_6331)
        case .hevc: FourCC(rawValue: 0x6876_6331)
        case .vvc: FourCC(rawValue: 0x7676_6331)
        case .av1: FourCC(rawValue: 0x6176_3031)
        case .vp8: FourCC(rawValue: 0x7670_3038)
        case .vp9: FourCC(rawValue: 0x7670_3039)
        case .aac: FourCC(rawValue: 0x6d70_3461)
        case .opus: FourCC(rawValue: 0x4f70_7573)
        case .mp3: FourCC(rawValue: 0x2e6d_7033)
        case .flac: FourCC(rawValue: 0x664c_6143)
        case .ac3: FourCC(rawValue: 0x6163_2d33)
        case .eac3: FourCC(rawValue: 0x6563_2d33)
        case .other(let code): code
        default: nil
        }
    }

    /// The codec's number in a legacy video tag, 12 for HEVC; nil when it has none.
    package var legacyVideoNumber: UInt8? {
        switch self {
        case .avc: 7
        case .hevc: 12
        default: nil
        }
    }

    /// Whether coded frames of this codec carry a 24-bit composition time (Enhanced RTMP v2, `ExVideoTagBody`).
    package var hasCompositionTime: Bool {
        switch self {
        case .avc, .hevc, .vvc: true
        default: false
        }
    }

    /// Whether a decoder can do nothing before it has a sequence header.
    package var needsSequenceHeader: Bool {
        switch self {
        case .avc, .hevc, .vvc, .av1, .aac, .opus, .flac: true
        default: false
        }
    }

    /// The short name that the admin API, metrics and `relayctl` print: `avc`, `aac`. Printable whatever the wire said.
    package var name: String {
        switch self {
        case .avc: "avc"
        case .hevc: "hevc"
        case .vvc: "vvc"
        case .av1: "av1"
        case .vp8: "vp8"
        case .vp9: "vp9"
        case .h263: "h263"
        case .screenVideo: "screen"
        case .vp6: "vp6"
        case .aac: "aac"
        case .opus: "opus"
        case .mp3: "mp3"
        case .flac: "flac"
        case .ac3: "ac3"
        case .eac3: "eac3"
        case .pcm: "pcm"
        case .adpcm: "adpcm"
        case .speex: "speex"
        case .nellymoser: "nellymoser"
        case .g711a: "g711a"
        case .g711u: "g711u"
        case .other(let code): code.description
        case .unknownLegacy(let number): "legacy-\(number)"
        case .unspecified: "none"
        }
    }

    package var description: String { name }
}
