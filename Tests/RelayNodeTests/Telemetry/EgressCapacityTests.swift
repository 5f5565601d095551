import Testing

@testable import RelayNode

@Suite struct EgressCapacityTests {
    private static let routes = """
        Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
        docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
        eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0

        """

    private func folder(speed: String?, hasDevice: Bool = true, routes: String = routes) throws -> KernelFolder {
        let folder = try KernelFolder(["/proc/net/route": routes, "/sys/class/net/docker0/speed": "10\n"])
        if let speed { try folder.write("/sys/class/net/eth0/speed", speed) }
        if hasDevice { try folder.write("/sys/class/net/eth0/device/uevent", "DRIVER=ena\n") }
        return folder
    }

    @Test func `the device of the default route bounds what the operator says`() throws {
        let folder = try folder(speed: "10000\n")
        #expect(EgressCapacity.interfaceSpeed(root: folder.path) == 10e9)
        #expect(EgressCapacity.bitsPerSecond(configured: 4_000, root: folder.path) == 4e9)
        #expect(EgressCapacity.bitsPerSecond(configured: 25_000, root: folder.path) == 10e9)
    }

    @Test func `nobody plans with the speed of a device alone`() throws {
        #expect(EgressCapacity.bitsPerSecond(configured: 0, root: try folder(speed: "10000\n").path) == 0)
    }

    @Test func `what a virtual interface claims is not believed`() throws {
        let veth = try folder(speed: "10000\n", hasDevice: false)
        #expect(EgressCapacity.bitsPerSecond(configured: 25_000, root: veth.path) == 25e9)
        for speed in ["-1\n", "", "unknown\n", "0\n", nil] {
            let folder = try folder(speed: speed)
            #expect(EgressCapacity.bitsPerSecond(configured: 25_000, root: folder.path) == 25e9, "\(speed ?? "none")")
        }
        for routes in ["", "Iface\n", "eth0\n", "x\n../eth0 00000000 0 0 0 0 0 00000000\n"] {
            let folder = try folder(speed: "10\n", routes: routes)
            #expect(EgressCapacity.interfaceSpeed(root: folder.path) == nil, "\(routes)")
        }
    }
}
