import Glibc
import NIOCore
import RelayCore

/// How much of the CPU that the node may use it does use, and how often the kernel held it back.
///
/// In a control group with a quota (cgroup v2 `cpu.max`, v1 `cpu.cfs_quota_us`; kernel documentation, `cgroup-v2.rst` and
/// `sched-bwc.rst`) the group's use is divided by the quota: that is where the kernel stops it. Of nested groups the one with the
/// smallest quota counts. Without a quota it is the process' time over the cores it may run on.
struct CPUShare: Sendable {
    /// Shares over the time between two looks, 0...1; `throttled` is the share of scheduling periods in which the quota was used
    /// up, nil where there is none.
    struct Figures: Sendable, Hashable {
        var used = 0.0
        var throttled: Double?
    }

    /// Looks that follow each other sooner see the last answer.
    static let shortest = Duration.milliseconds(500)

    private struct Sample {
        var seconds: Double
        var periods: Double?
        var throttled: Double?
    }

    private let group: ControlGroup?
    private let cores: Double
    private let process: @Sendable () -> Double
    private var last: (time: MonotonicTime, sample: Sample)?
    private(set) var figures = Figures()

    /// - Parameters:
    ///   - root: `/` but for tests.
    ///   - cores: That the process may use.
    ///   - process: CPU seconds of the process so far.
    init(
        root: String = "", cores: Int = CPUShare.allowedCores,
        process: @escaping @Sendable () -> Double = CPUShare.processSeconds
    ) {
        self.group = ControlGroup.limiting(root: root)
        self.cores = Double(max(1, cores))
        self.process = process
    }

    /// Looks again; the shares are over the time since the last look.
    mutating func look(now: MonotonicTime) -> Figures {
        if let last, now - last.time < Self.shortest { return figures }
        let sample = read()
        defer { last = (now, sample) }
        guard let last else { return figures }
        let seconds = (now - last.time).seconds
        let allowed = group?.cores ?? cores
        figures.used = min(1, max(0, (sample.seconds - last.sample.seconds) / seconds / allowed))
        figures.throttled = nil
        if let periods = sample.periods, let throttled = sample.throttled, let before = last.sample.periods,
            let throttledBefore = last.sample.throttled
        {
            let passed = periods - before
            figures.throttled = passed > 0 ? min(1, max(0, (throttled - throttledBefore) / passed)) : 0
        }
        return figures
    }

    private func read() -> Sample {
        guard let group, let usage = group.usage() else { return Sample(seconds: process()) }
        let periods = group.periods()
        return Sample(seconds: usage, periods: periods?.all, throttled: periods?.throttled)
    }

    /// Cores that this process may run on.
    static var allowedCores: Int { System.coreCount }

    static let processSeconds: @Sendable () -> Double = {
        var stat = ProcFile("/proc/self/stat")
        defer { stat.close() }
        return stat.cpuSeconds() ?? 0
    }
}

/// A control group that bounds the CPU of this process.
struct ControlGroup: Sendable, Hashable {
    /// Folder of the quota and the throttling (v1: controller `cpu`), and that of the use (v1: controller `cpuacct`).
    let folder: String
    let usageFolder: String
    let isVersion2: Bool
    /// Quota over period.
    let cores: Double

    /// The group with the smallest quota among the process' own and those above it; nil when none has one.
    static func limiting(root: String) -> ControlGroup? {
        guard let text = SmallFile.text(of: root + "/proc/self/cgroup") else { return nil }
        var found: [ControlGroup] = []
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let controllers = parts[1].split(separator: ",")
            let base = root + "/sys/fs/cgroup"
            if parts[0] == "0", controllers.isEmpty {
                // Where version 1 is in use, version 2 is at `unified` and bounds no CPU.
                found += levels(of: parts[2]).compactMap { version2(base + $0) }
            } else if controllers.contains("cpu") {
                let mounts = ["/\(parts[1])", "/cpu"]
                for mount in mounts
                where SmallFile.text(of: base + mount + "/cpu.cfs_quota_us") != nil || mount == "/cpu" {
                    let accounts = ["/\(parts[1])", "/cpuacct"].first {
                        SmallFile.text(of: base + $0 + "/cpuacct.usage") != nil
                    }
                    found += levels(of: parts[2]).compactMap {
                        version1(base + mount + $0, usage: base + (accounts ?? mount) + $0)
                    }
                    break
                }
            }
        }
        return found.min { $0.cores < $1.cores }
    }

    /// A path and those above it, as far as the mount's root. In a container without a namespace of its own the path is the
    /// host's and is not there; the root is the container's group then.
    private static func levels(of path: Substring) -> [String] {
        var names = path.split(separator: "/")
        var paths: [String] = []
        while !names.isEmpty {
            paths.append("/" + names.joined(separator: "/"))
            names.removeLast()
        }
        return paths + [""]
    }

    private static func version2(_ folder: String) -> ControlGroup? {
        let fields = SmallFile.text(of: folder + "/cpu.max")?.split { $0 == " " || $0 == "\n" } ?? []
        guard fields.count == 2, let quota = Double(fields[0]), let period = Double(fields[1]), quota > 0, period > 0
        else { return nil }
        return ControlGroup(folder: folder, usageFolder: folder, isVersion2: true, cores: quota / period)
    }

    private static func version1(_ folder: String, usage: String) -> ControlGroup? {
        guard let quota = SmallFile.number(of: folder + "/cpu.cfs_quota_us"), quota > 0,
            let period = SmallFile.number(of: folder + "/cpu.cfs_period_us"), period > 0
        else { return nil }
        return ControlGroup(folder: folder, usageFolder: usage, isVersion2: false, cores: quota / period)
    }

    /// CPU seconds of the group so far.
    func usage() -> Double? {
        if isVersion2 { return SmallFile.value("usage_usec", in: folder + "/cpu.stat").map { $0 / 1e6 } }
        return SmallFile.number(of: usageFolder + "/cpuacct.usage").map { $0 / 1e9 }
    }

    /// Scheduling periods in which the group ran, and those of them in which it was held back.
    func periods() -> (all: Double, throttled: Double)? {
        guard let all = SmallFile.value("nr_periods", in: folder + "/cpu.stat"),
            let throttled = SmallFile.value("nr_throttled", in: folder + "/cpu.stat")
        else { return nil }
        return (all, throttled)
    }
}
