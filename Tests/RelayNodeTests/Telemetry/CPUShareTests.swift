import RelayCore
import Synchronization
import Testing

@testable import RelayNode

@Suite struct CPUShareTests {
    private let start = MonotonicTime.zero + .seconds(100)

    private static func stat(_ usage: Int, _ periods: Int, _ throttled: Int) -> String {
        "usage_usec \(usage)\nuser_usec 1\nsystem_usec 1\nnr_periods \(periods)\nnr_throttled \(throttled)\nthrottled_usec 5\n"
    }

    @Test func `in a version 2 group with a quota it is the group's use of the quota`() throws {
        let folder = try KernelFolder([
            "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "150000 100000\n",
            "/sys/fs/cgroup/cpu.stat": Self.stat(5_000_000, 100, 10),
        ])
        var share = CPUShare(root: folder.path, cores: 64) { 0 }
        #expect(share.look(now: start) == CPUShare.Figures())
        try folder.write("/sys/fs/cgroup/cpu.stat", Self.stat(6_500_000, 140, 20))
        #expect(share.look(now: start + .seconds(2)) == CPUShare.Figures(used: 0.5, throttled: 0.25))
        // Nothing ran in between: no periods passed.
        #expect(share.look(now: start + .seconds(4)) == CPUShare.Figures(used: 0, throttled: 0))
        try folder.write("/sys/fs/cgroup/cpu.stat", Self.stat(60_000_000, 150, 40))
        #expect(share.look(now: start + .seconds(6)) == CPUShare.Figures(used: 1, throttled: 1))
    }

    @Test func `of nested groups the smallest quota counts, and one that is not there is looked for at the root`()
        throws
    {
        let nested = try KernelFolder([
            "/proc/self/cgroup": "0::/pods/one/relay\n",
            "/sys/fs/cgroup/pods/cpu.max": "max 100000\n",
            "/sys/fs/cgroup/pods/one/cpu.max": "100000 100000\n",
            "/sys/fs/cgroup/pods/one/relay/cpu.max": "400000 100000\n",
        ])
        #expect(ControlGroup.limiting(root: nested.path)?.folder == nested.path + "/sys/fs/cgroup/pods/one")
        #expect(ControlGroup.limiting(root: nested.path)?.cores == 1)
        let host = try KernelFolder([
            "/proc/self/cgroup": "0::/kubepods/burstable/podX/relay\n", "/sys/fs/cgroup/cpu.max": "200000 100000\n",
        ])
        #expect(ControlGroup.limiting(root: host.path)?.cores == 2)
    }

    @Test(arguments: ["cpu,cpuacct", "cpuacct,cpu", "cpu"])
    func `in a version 1 group it is the same, by the names of version 1`(controllers: String) throws {
        let mount = "/sys/fs/cgroup/\(controllers)"
        let accounts = controllers == "cpu" ? "/sys/fs/cgroup/cpuacct" : mount
        let folder = try KernelFolder([
            "/proc/self/cgroup": "5:memory:/x\n4:\(controllers):/box\n1:name=systemd:/box\n0::/box\n",
            "\(mount)/cpu.cfs_quota_us": "-1\n",
            "\(mount)/box/cpu.cfs_quota_us": "50000\n", "\(mount)/box/cpu.cfs_period_us": "100000\n",
            "\(mount)/box/cpu.stat": "nr_periods 10\nnr_throttled 0\nthrottled_time 0\n",
            "\(accounts)/cpuacct.usage": "99999999999\n", "\(accounts)/box/cpuacct.usage": "1000000000\n",
        ])
        var share = CPUShare(root: folder.path, cores: 8) { 0 }
        _ = share.look(now: start)
        try folder.write("\(accounts)/box/cpuacct.usage", "1250000000\n")
        try folder.write("\(mount)/box/cpu.stat", "nr_periods 20\nnr_throttled 5\nthrottled_time 7\n")
        #expect(share.look(now: start + .seconds(1)) == CPUShare.Figures(used: 0.5, throttled: 0.5))
    }

    @Test(arguments: [
        [:], ["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "max 100000\n"],
        ["/proc/self/cgroup": "1:cpu:/\n0::/\n", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n"],
        ["/proc/self/cgroup": "nonsense\n::\n0:\n0::/\n", "/sys/fs/cgroup/cpu.max": "-5 0\n"],
        ["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "many 100000\n"],
    ])
    func `without a quota it is the process' time over its cores`(files: [String: String]) throws {
        let folder = try KernelFolder(files)
        let used = Mutex(10.0)
        var share = CPUShare(root: folder.path, cores: 4) { used.withLock { $0 } }
        _ = share.look(now: start)
        used.withLock { $0 = 12 }
        #expect(share.look(now: start + .seconds(2)) == CPUShare.Figures(used: 0.25, throttled: nil))
    }

    @Test func `looks that follow each other at once see the last answer`() {
        let used = Mutex(0.0)
        var share = CPUShare(root: "/nowhere", cores: 1) { used.withLock { $0 } }
        _ = share.look(now: start)
        used.withLock { $0 = 0.5 }
        #expect(share.look(now: start + .seconds(1)).used == 0.5)
        used.withLock { $0 = 100 }
        #expect(share.look(now: start + .milliseconds(1_001)).used == 0.5)
    }

    @Test func `counters that go back are no use`() throws {
        let folder = try KernelFolder([
            "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "100000 100000\n",
            "/sys/fs/cgroup/cpu.stat": Self.stat(5_000_000, 100, 10),
        ])
        var share = CPUShare(root: folder.path, cores: 1) { 0 }
        _ = share.look(now: start)
        try folder.write("/sys/fs/cgroup/cpu.stat", Self.stat(0, 50, 0))
        #expect(share.look(now: start + .seconds(1)) == CPUShare.Figures(used: 0, throttled: 0))
    }

    @Test func `this machine answers something`() {
        #expect(CPUShare.allowedCores >= 1)
        #expect(CPUShare.processSeconds() > 0)
        var share = CPUShare()
        _ = share.look(now: start)
        #expect((0...1).contains(share.look(now: start + .seconds(1)).used))
    }
}
