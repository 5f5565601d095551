import RelayCore

/// How busy the calling thread is: the share of wall time it ran, or was ready and waited for a core.
///
/// Waiting counts because a loop that shares its core with others is as late as one that works all the time. The kernel
/// tells both in `/proc/thread-self/schedstat` (ns on the CPU, ns on the run queue); without it the thread's CPU time has to do.
struct LoopLoad {
    private var lastWall: MonotonicTime?
    private var lastUsed: Int64 = 0
    private var schedstat = ProcFile("/proc/thread-self/schedstat")
    private var stat = ProcFile("/proc/thread-self/stat")

    /// Smoothed share, 0...1.
    private(set) var busy = 0.0

    /// How much of the newest observation enters the smoothed share.
    static let weight = 0.5

    /// Reads the clocks; called on the loop's own thread, a few times a second.
    ///
    /// - Returns: The smoothed share, or nil on the first call.
    mutating func observe(now: MonotonicTime) -> Double? {
        let used = readUsed()
        defer {
            lastWall = now
            lastUsed = used
        }
        guard let lastWall, now > lastWall else { return nil }
        let share = Double(used - lastUsed) / Double((now - lastWall).wholeNanoseconds)
        busy += (min(1, max(0, share)) - busy) * Self.weight
        return busy
    }

    private mutating func readUsed() -> Int64 {
        if let fields = schedstat.fields(), fields.count >= 2, let running = Int64(fields[0]),
            let waiting = Int64(fields[1])
        {
            return running &+ waiting
        }
        return Int64((stat.cpuSeconds() ?? 0) * 1e9)
    }
}
