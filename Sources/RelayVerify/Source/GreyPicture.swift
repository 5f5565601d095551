import NIOCore

/// H.264 pictures without a camera: grey, and every one after the keyframe says that nothing has changed. Real bit
/// streams of the Constrained Baseline profile (ISO/IEC 14496-10), so that foreign players and decoders take them.
struct GreyPicture: Sendable {
    /// In macroblocks of 16 × 16.
    let width: UInt32
    let height: UInt32
    let framesPerSecond: UInt32
    /// `log2_max_frame_num`, the most the standard allows: a GOP may be long.
    private static let frameNumberBits = 16

    /// The AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1).
    var configuration: [UInt8] {
        let sps = sequenceParameters
        let pps = Self.pictureParameters
        let head: [UInt8] = [1, 66, 0xC0, Self.level, 0xFF, 0xE1, 0, UInt8(truncatingIfNeeded: sps.count)]
        return head + sps + [1, 0, UInt8(truncatingIfNeeded: pps.count)] + pps
    }

    /// 3.1: up to 720p30, far above what the pictures need.
    private static let level: UInt8 = 31

    /// 7.3.2.1.1 and, for the frame rate, E.1.1.
    private var sequenceParameters: [UInt8] {
        var writer = BitWriter()
        for byte in [66, 0xC0, UInt32(Self.level)] as [UInt32] { writer.bits(byte, 8) }  // bounded: widening
        writer.ue(0)
        writer.ue(UInt32(truncatingIfNeeded: Self.frameNumberBits) - 4)
        writer.ue(2)  // pic_order_cnt_type: pictures are shown in the order they are sent
        writer.ue(1)  // reference frames
        writer.bit(false)
        writer.ue(width - 1)
        writer.ue(height - 1)
        writer.bit(true)  // frames, no fields
        writer.bit(true)
        writer.bit(false)  // no cropping
        writer.bit(true)  // VUI
        writer.bits(0, 4)  // no aspect ratio, overscan, video signal, chroma location
        writer.bit(true)  // timing
        writer.bits(1, 32)
        writer.bits(framesPerSecond * 2, 32)
        writer.bit(true)
        writer.bits(0, 4)  // no HRD of either kind, no picture structure, no restrictions
        writer.trailing()
        return [0x67] + writer.escaped
    }

    /// 7.3.2.2: CAVLC, one slice group, one reference.
    private static let pictureParameters: [UInt8] = {
        var writer = BitWriter()
        writer.ue(0)
        writer.ue(0)
        writer.bits(0, 2)
        for _ in 0..<3 { writer.ue(0) }
        writer.bits(0, 3)
        for _ in 0..<3 { writer.ue(0) }
        writer.bits(0, 3)
        writer.trailing()
        return [0x68] + writer.escaped
    }()

    /// The NAL unit of one picture (7.3.3, 7.3.4).
    ///
    /// - Parameters:
    ///   - keyframe: an IDR picture, whose `id` differs from that of the one before; nil = a copy of the picture before.
    ///   - frameNumber: reference pictures since the keyframe.
    func slice(keyframe id: UInt32?, isDisposable: Bool, frameNumber: UInt64) -> [UInt8] {
        var writer = BitWriter()
        writer.ue(0)  // first macroblock
        writer.ue(id == nil ? 5 : 7)  // all slices P, or all I
        writer.ue(0)  // PPS
        writer.bits(UInt32(truncatingIfNeeded: frameNumber), Self.frameNumberBits)
        if let id {
            writer.ue(id & 1)
            writer.bits(0, 2)  // marking: neither special case
        } else {
            writer.bits(0, 2)  // the usual number and order of references
            if !isDisposable { writer.bit(false) }  // sliding window
        }
        writer.ue(0)  // slice_qp_delta
        let macroblocks = width * height
        if id == nil {
            writer.ue(macroblocks)  // all skipped
        } else {
            // Intra 16×16, DC prediction, no coefficients: mb_type 3, chroma mode 0, QP delta 0, no DC levels (7.3.5).
            for _ in 0..<macroblocks { writer.bits(0b0010_0111, 8) }
        }
        writer.trailing()
        return [id != nil ? 0x65 : isDisposable ? 0x01 : 0x41] + writer.escaped
    }
}

/// AAC-LC frames without a microphone: one channel of silence.
enum SilentSound {
    /// Samples per second, and per frame.
    static let sampleRate: UInt64 = 48_000
    static let samples: UInt64 = 1024

    /// The AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1): AAC-LC, 48 kHz, mono.
    static let configuration: [UInt8] = [0x11, 0x88]

    /// What follows the data stream element: a single channel element without scale factor bands, and the end
    /// (ISO/IEC 14496-3 4.4.2.1, 4.4.2.7).
    static let silence: [UInt8] = [0x00, 0x00, 0x00, 0x07]

    /// The most bytes a data stream element holds.
    static let maximumData = 255 + 255

    /// A data stream element's head; its data follow, byte aligned.
    static func dataElement(of count: Int) -> [UInt8] {
        count < 255
            ? [0x81, UInt8(truncatingIfNeeded: count)]
            : [0x81, 255, UInt8(truncatingIfNeeded: min(count, maximumData) - 255)]
    }
}
