/// The most that a node may send: what the operator says, and no more than its network interface can.
enum EgressCapacity {
    /// bit/s; 0 = unknown. The interface's speed is an upper bound only: clouds allow less than it says, and what they allow for
    /// long less than for a while, so that it is nothing to plan with where nobody set a capacity.
    ///
    /// - Parameters:
    ///   - megabits: `node.egressCapacity`.
    ///   - root: `/` but for tests.
    static func bitsPerSecond(configured megabits: Int, root: String = "") -> Double {
        guard megabits > 0 else { return 0 }
        let configured = Double(megabits) * 1e6
        return interfaceSpeed(root: root).map { min($0, configured) } ?? configured
    }

    /// bit/s of the interface of the default route; nil when it is not known, as with most virtual machines, or when there is no
    /// device behind it, as in a container, whose interfaces claim 10 Gbit/s whatever is below.
    static func interfaceSpeed(root: String = "") -> Double? {
        for line in SmallFile.text(of: root + "/proc/net/route")?.split(separator: "\n").dropFirst() ?? [] {
            let fields = line.split(whereSeparator: \.isWhitespace)
            // Destination and mask 0: the default route (net/ipv4/fib_trie.c, fib_route_seq_show).
            guard fields.count >= 8, fields[1] == "00000000", fields[7] == "00000000" else { continue }
            let folder = root + "/sys/class/net/\(fields[0])"
            guard !fields[0].contains("/"), SmallFile.text(of: folder + "/device/uevent") != nil,
                let megabits = SmallFile.number(of: folder + "/speed"), megabits > 0
            else { continue }
            return megabits * 1e6
        }
        return nil
    }
}
