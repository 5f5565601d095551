import NIOCore
import RelayCore

extension MonotonicTime {
    /// The present, on the clock that the event loops use.
    @inline(__always)
    static func now() -> MonotonicTime {
        MonotonicTime(nanoseconds: Int64(truncatingIfNeeded: NIODeadline.now().uptimeNanoseconds))
    }
}

extension NIODeadline {
    /// The same instant for the event loop's timers.
    init(_ time: MonotonicTime) {
        self = .uptimeNanoseconds(UInt64(clamping: time.nanoseconds))
    }
}

extension TimeAmount {
    /// The same duration for the event loop's timers; saturates.
    init(_ duration: Duration) { self = .nanoseconds(duration.wholeNanoseconds) }
}
