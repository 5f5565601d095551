import NIOCore
import RelayNode
import Testing

@Suite("Address blocks")
struct AddressBlockTests {
    @Test(
        "A block holds its own addresses and no others",
        arguments: [
            ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.1", false), ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false), ("192.168.128.0/17", "192.168.255.255", true),
            ("192.168.128.0/17", "192.168.127.255", false), ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "::1", false),
            ("::1/128", "::1", true), ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::/0", "2001:db8::1", true),
        ])
    func contains(block: String, address: String, expected: Bool) throws {
        let block = try #require(AddressBlock(block))
        #expect(block.contains(try SocketAddress(ipAddress: address, port: 1)) == expected)
    }

    @Test("IPv4 seen through a dual-stack listener is compared as IPv4")
    func mapped() throws {
        let address = try SocketAddress(ipAddress: "::ffff:127.0.0.1", port: 1)
        #expect(AddressBlock.loopbackIPv4.contains(address))
        #expect(!AddressBlock.loopbackIPv6.contains(address))
    }

    @Test(
        "Text that is no block is refused",
        arguments: [
            "", "/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "::1/129", "10.0.0.1/8", "localhost",
            "10.0.0/8", "1.2.3.4/+8",
        ])
    func refused(text: String) { #expect(AddressBlock(text) == nil) }

    @Test("A block is written as it is read", arguments: ["10.0.0.0/8", "::1/128", "2001:db8::/33", "0.0.0.0/0"])
    func description(text: String) { #expect(AddressBlock(text)?.description == text) }
}
