package import NIOCore
package import RelayCore
import RelayRTMP

/// Media that needs no codec: real sequence headers of AVC and AAC, and frames whose payload says which one they are and when they
/// were made.
package enum SyntheticMedia {
    /// What a frame says about itself.
    package struct Stamp: Sendable, Equatable {
        /// Counts up by one in its kind.
        package var number: UInt64
        /// When it was made, ns of the monotonic clock.
        package var madeAt: Int64
        package var isKeyframe: Bool
    }

    private static let magic: [UInt8] = Array("RELY".utf8)

    /// AVC sequence header; the record is of x264, main profile, 640x360.
    package static let avcHeader: [UInt8] =
        [0x17, 0, 0, 0, 0]
        + RTMPBytes.hex("014d401effe10018674d401eeca05017fcb808800000030080000019078b16cb01000568ebe3cb20")

    /// AAC sequence header: LC, 44.1 kHz, stereo.
    package static let aacHeader: [UInt8] = [0xAF, 0, 0x12, 0x10]

    /// `onMetaData` as encoders send it.
    package static var metadata: [UInt8] {
        RTMPBytes.amf([
            .string("@setDataFrame"), .string("onMetaData"),
            .ecmaArray(["width": .number(640), "height": .number(360), "encoder": .string("test kit")]),
        ])
    }

    /// A coded video frame.
    ///
    /// - Parameters:
    ///   - size: bytes of the picture, at least the stamp's.
    ///   - isDisposable: nothing refers to it.
    package static func video(
        _ number: UInt64, isKeyframe: Bool, size: Int = 1_000, isDisposable: Bool = false, at time: MonotonicTime
    ) -> [UInt8] {
        let unit: [UInt8] = [isKeyframe ? 0x65 : isDisposable ? 0x01 : 0x41] + stamp(number, time)
        let padding = [UInt8](repeating: 0xA5, count: max(0, size - unit.count))
        return [isKeyframe ? 0x17 : isDisposable ? 0x37 : 0x27, 1, 0, 0, 0]
            + RTMPBytes.big(UInt32(unit.count + padding.count)) + unit + padding
    }

    /// A coded audio frame.
    package static func audio(_ number: UInt64, size: Int = 200, at time: MonotonicTime) -> [UInt8] {
        let body = stamp(number, time)
        return [0xAF, 1] + body + [UInt8](repeating: 0x5A, count: max(0, size - body.count))
    }

    private static func stamp(_ number: UInt64, _ time: MonotonicTime) -> [UInt8] {
        let made = UInt64(bitPattern: time.nanoseconds)
        return magic + RTMPBytes.big(UInt32(number >> 32)) + RTMPBytes.big(UInt32(truncatingIfNeeded: number))
            + RTMPBytes.big(UInt32(made >> 32)) + RTMPBytes.big(UInt32(truncatingIfNeeded: made))
    }

    /// What a frame of ours says; nil for anything else.
    package static func read(_ kind: MediaKind, _ payload: ByteBuffer) -> Stamp? {
        let offset = payload.readerIndex + (kind == .video ? 10 : 2)
        guard kind != .data, let mark = payload.getBytes(at: offset, length: 4), mark == magic,
            let number = payload.getInteger(at: offset + 4, as: UInt64.self),
            let made = payload.getInteger(at: offset + 12, as: Int64.self),
            let first = payload.getInteger(at: payload.readerIndex, as: UInt8.self)
        else { return nil }
        return Stamp(number: number, madeAt: made, isKeyframe: kind == .video && first >> 4 == 1)
    }
}
