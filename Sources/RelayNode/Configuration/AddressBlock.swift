import Glibc
package import NIOCore

/// A block of IP addresses in CIDR form, such as `10.0.0.0/8` or `::1/128`; a bare address is a block of one.
package struct AddressBlock: Sendable, Hashable, CustomStringConvertible {
    /// 4 bytes for IPv4, 16 for IPv6, in network order, with the host part cleared.
    let bytes: [UInt8]
    /// Leading bits that are compared.
    let prefixLength: Int

    /// `127.0.0.0/8`
    package static let loopbackIPv4 = AddressBlock(bytes: [127, 0, 0, 0], prefixLength: 8)
    /// `::1/128`
    package static let loopbackIPv6 = AddressBlock(bytes: [UInt8](repeating: 0, count: 15) + [1], prefixLength: 128)

    private init(bytes: [UInt8], prefixLength: Int) {
        self.bytes = bytes
        self.prefixLength = prefixLength
    }

    /// Reads `ADDRESS/BITS` or `ADDRESS`; nil when it is neither, or when bits of the host part are set (which is
    /// nearly always a slip of the pen).
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first, let bytes = Self.parse(String(address)) else { return nil }
        var bits = bytes.count * 8
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let given = Int(parts[1]), given <= bits
            else { return nil }
            bits = given
        }
        self.init(bytes: bytes, prefixLength: bits)
        guard
            Self.matches(
                bytes, bytes.indices.map { Self.mask(at: $0, prefixLength: bits) & bytes[$0] }, bits: bytes.count * 8)
        else { return nil }
    }

    /// Whether the address of a peer lies in the block. IPv4 written as IPv6 (`::ffff:a.b.c.d`, what a dual-stack
    /// listener sees) is compared as IPv4.
    package func contains(_ address: SocketAddress) -> Bool {
        guard let text = address.ipAddress, let bytes = Self.parse(text) else { return false }
        return contains(bytes)
    }

    /// The same for an address in network order, 4 or 16 bytes.
    package func contains(_ address: [UInt8]) -> Bool {
        var address = address
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        if address.count == 16, bytes.count == 4, address.starts(with: mapped) { address.removeFirst(12) }
        return address.count == bytes.count && Self.matches(address, bytes, bits: prefixLength)
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: 64)
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return "?/\(prefixLength)" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            + "/\(prefixLength)"
    }

    private static func parse(_ text: String) -> [UInt8]? {
        for (family, size) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: size)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }

    private static func matches(_ lhs: [UInt8], _ rhs: [UInt8], bits: Int) -> Bool {
        zip(lhs, rhs).enumerated().allSatisfy { index, pair in
            (pair.0 ^ pair.1) & mask(at: index, prefixLength: bits) == 0
        }
    }

    private static func mask(at index: Int, prefixLength: Int) -> UInt8 {
        let bits = min(8, max(0, prefixLength - index * 8))
        return bits == 0 ? 0 : 0xFF << (8 - bits)
    }
}
