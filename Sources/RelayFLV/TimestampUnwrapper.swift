/// Follows a 32-bit millisecond timestamp over its wraps, as a 64-bit one.
///
/// Each value is taken as the nearest one to its predecessor modulo 2^32, so a step of up to 24.8 days in either
/// direction is understood. Senders that treat the FLV field as signed wrap at 2^31 instead; a step that lands there
/// within ``signedWrapWindow`` is taken as that wrap. For reading files and probing streams; the relay itself stamps
/// frames with the stream's timeline, which also judges jumps.
package struct TimestampUnwrapper: Hashable, Sendable {
    /// How far behind the wrap at 2^31 the first value may be, in ms: what OvenMediaEngine accepts, too.
    package static let signedWrapWindow: UInt32 = 10_000

    private var last: UInt32?
    /// The newest value unwrapped, in ms.
    package private(set) var value: Int64 = 0

    /// An unwrapper that takes its first value as it is.
    package init() {}

    /// The 64-bit value of `timestamp`; may be less than the one before, as timestamps may go back.
    package mutating func unwrap(_ timestamp: UInt32) -> Int64 {
        guard let last else {
            self.last = timestamp
            value = Int64(truncatingIfNeeded: timestamp)
            return value
        }
        self.last = timestamp
        let distance = timestamp &- last
        let signedDistance = distance & 0x7fff_ffff
        if last < 0x8000_0000, timestamp < last, signedDistance <= Self.signedWrapWindow {
            value &+= Int64(truncatingIfNeeded: signedDistance)
        } else {
            value &+= Int64(truncatingIfNeeded: Int32(bitPattern: distance))
        }
        return value
    }
}
