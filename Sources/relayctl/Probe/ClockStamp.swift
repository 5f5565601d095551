import NIOCore
import RelayCore

/// A clock inside video frames: load tools write it into an SEI message so that a probe on the same machine can tell how
/// long a frame was on its way. It is `RELAYBENCH` and the monotonic clock in nanoseconds, 64 bits, big endian.
enum ClockStamp {
    private static let magic = Array("RELAYBENCH".utf8)
    /// Bytes at the start of a frame that are searched.
    private static let searched = 256

    /// The time in a frame; nil when it has none.
    static func find(in payload: ByteBuffer) -> MonotonicTime? {
        let head = Array(payload.readableBytesView.prefix(searched))
        guard head.count >= magic.count + 8 else { return nil }
        for start in 0...(head.count - magic.count - 8)
        where head[start] == magic[0] && head[start...].starts(with: magic) {
            let value = head[(start + magic.count)...].prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return MonotonicTime(nanoseconds: Int64(clamping: value))
        }
        return nil
    }
}
