package import NIOCore
package import RelayCore

extension MonotonicTime {
    /// The monotonic clock, for interpreters. NIO reads the same one (`CLOCK_MONOTONIC`), so times of both can be compared,
    /// and so can times of other processes on the same machine.
    package static func now() -> MonotonicTime { MonotonicTime(NIODeadline.now()) }

    /// NIO's form of an instant.
    package init(_ deadline: NIODeadline) {
        self.init(nanoseconds: Int64(clamping: deadline.uptimeNanoseconds))
    }

    /// The instant in NIO's form.
    package var deadline: NIODeadline { .uptimeNanoseconds(UInt64(clamping: nanoseconds)) }
}
