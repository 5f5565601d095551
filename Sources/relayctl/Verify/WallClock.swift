import Glibc

/// The clock that fault times, logs and other machines are compared by. Nothing is timed with it.
enum WallClock {
    /// ms since 1970.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) &* 1000 &+ Int64(time.tv_nsec) / 1_000_000
    }
}

/// A length of time as people type it: `1s`, `250ms`, or a number of seconds.
struct TypedDuration: Sendable, Hashable {
    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        let unit = argument.hasSuffix("ms") ? 0.001 : 1.0
        let number =
            argument.hasSuffix("ms")
            ? argument.dropLast(2) : argument.hasSuffix("s") ? argument.dropLast() : argument[...]
        guard let value = Double(number), (0...3600).contains(value * unit) else { return nil }
        duration = .seconds(value * unit)
    }
}
