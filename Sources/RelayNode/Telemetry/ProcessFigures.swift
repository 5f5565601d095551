import Glibc

/// What the kernel says about this process; the names follow the Prometheus client libraries.
struct ProcessFigures: Sendable {
    var cpuSeconds = 0.0
    var residentBytes = 0
    var openDescriptors = 0
    var maximumDescriptors = 0

    static func read() -> ProcessFigures {
        var figures = ProcessFigures()
        var stat = ProcFile("/proc/self/stat")
        figures.cpuSeconds = stat.cpuSeconds() ?? 0
        stat.close()
        figures.residentBytes = residentPages() * Int(sysconf(Int32(_SC_PAGESIZE)))
        figures.openDescriptors = countDescriptors()
        figures.maximumDescriptors = descriptorLimit()
        return figures
    }

    /// The soft limit on descriptors of this process.
    static func descriptorLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }

    /// Raises the soft limit to the hard one, as far as the kernel allows. Called once at start.
    static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }

    private static func residentPages() -> Int {
        var statm = ProcFile("/proc/self/statm")
        defer { statm.close() }
        guard let fields = statm.fields(), fields.count > 1 else { return 0 }
        return Int(fields[1]) ?? 0
    }

    private static func countDescriptors() -> Int {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return max(0, count - 1)
    }
}
