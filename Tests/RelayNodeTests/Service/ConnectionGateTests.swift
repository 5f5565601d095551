import NIOCore
import RelayCore
import Testing

@testable import RelayNode

@Suite struct ConnectionGateTests {
    private func gate(
        connections: Int = 0, viewers: Int = 0, perAddress: Int = 2, total: Int = 100, descriptors: Int = 100_000
    ) -> ConnectionGate {
        var limits = RelayConfiguration.Limits()
        limits.maxConnections = connections
        limits.maxViewers = viewers
        limits.pendingPerAddress = perAddress
        limits.pendingTotal = total
        return ConnectionGate(limits: limits, descriptorLimit: descriptors)
    }

    private func code(_ result: Result<ConnectionGate.Ticket, ConnectionGate.Refusal>) -> RelayCode? {
        if case .failure(let refusal) = result { refusal.code } else { nil }
    }

    private func address(_ text: String) throws -> SocketAddress { try SocketAddress(ipAddress: text, port: 4242) }

    @Test func `connections are admitted up to the cap and again when one has gone`() throws {
        let gate = gate(connections: 3, perAddress: 100)
        let remote = try address("192.0.2.1")
        let tickets = try (0..<3).map { _ in try gate.admit(remote).get() }
        #expect(Set(tickets.map(\.id)).count == 3)
        #expect(code(gate.admit(remote)) == .tooManyConnections)
        #expect(gate.open == 3)
        gate.close(tickets[0])
        #expect(code(gate.admit(remote)) == nil)
        #expect(gate.refused == [RelayCode.tooManyConnections.number: 1])
    }

    @Test func `the cap never exceeds what the descriptors allow`() {
        #expect(gate(connections: 0, descriptors: 1_024).maxConnections == 1_024 - 256)
        #expect(gate(connections: 5_000, descriptors: 1_024).maxConnections == 1_024 - 256)
        #expect(gate(connections: 10, descriptors: 1_024).maxConnections == 10)
        #expect(gate(connections: 0, descriptors: 10).maxConnections == 1)
    }

    @Test func `one address has few half-open places and others are not affected`() throws {
        let gate = gate(perAddress: 2)
        let tickets = try (0..<2).map { _ in try gate.admit(address("192.0.2.1")).get() }
        #expect(try code(gate.admit(address("192.0.2.1"))) == .tooManyPending)
        #expect(try code(gate.admit(address("192.0.2.2"))) == nil)
        gate.close(tickets[0])
        #expect(try code(gate.admit(address("192.0.2.1"))) == nil)
    }

    @Test func `a connection that publishes or plays is no longer half-open`() throws {
        let gate = gate(perAddress: 1)
        var ticket = try gate.admit(address("192.0.2.1")).get()
        gate.settle(&ticket)
        var second = try gate.admit(address("192.0.2.1")).get()
        // Settled twice and then closed: each counts once.
        gate.settle(&second)
        gate.settle(&second)
        gate.close(ticket)
        gate.close(second)
        #expect(gate.open == 0)
        _ = try gate.admit(address("192.0.2.1")).get()
        #expect(try code(gate.admit(address("192.0.2.1"))) == .tooManyPending)
    }

    @Test func `one IPv6 customer is one address whatever its last 64 bits are`() throws {
        let gate = gate(perAddress: 2)
        for last in ["0:0:0:1", "ffff:1:2:3"] { _ = try gate.admit(address("2001:db8:1:2:\(last)")).get() }
        #expect(try code(gate.admit(address("2001:db8:1:2:a:b:c:d"))) == .tooManyPending)
        #expect(try code(gate.admit(address("2001:db8:1:3::1"))) == nil)
    }

    @Test func `IPv4 on a dual-stack listener is told apart by its four bytes`() throws {
        let gate = gate(perAddress: 1)
        for last in 1...20 { #expect(try code(gate.admit(address("::ffff:192.0.2.\(last)"))) == nil) }
        #expect(try code(gate.admit(address("::ffff:192.0.2.1"))) == .tooManyPending)
        #expect(
            try code(gate.admit(address("192.0.2.1"))) == .tooManyPending, "the same host, seen by another listener")
    }

    @Test func `all half-open connections together are bounded`() throws {
        let gate = gate(perAddress: 1, total: 10)
        for last in 1...10 { _ = try gate.admit(address("192.0.2.\(last)")).get() }
        #expect(try code(gate.admit(address("192.0.2.11"))) == .tooManyPending)
    }

    @Test func `exempt addresses have no share of their own and pass the total`() throws {
        let gate = gate(perAddress: 1, total: 2)
        for _ in 0..<50 { _ = try gate.admit(address("127.0.0.1")).get() }
        for _ in 0..<50 { _ = try gate.admit(address("::1")).get() }
        #expect(code(gate.admit(nil)) == nil)
        #expect(gate.open == 101)
    }

    @Test func `viewers have places of their own`() {
        let gate = gate(viewers: 2)
        #expect(gate.enterViewer() == nil)
        #expect(gate.enterViewer() == nil)
        #expect(gate.enterViewer() == .tooManyViewers)
        gate.leaveViewer()
        #expect(gate.enterViewer() == nil)
        #expect(gate.viewers == 2)
        #expect(gate.refused == [RelayCode.tooManyViewers.number: 1])
        let unbounded = self.gate()
        for _ in 0..<10_000 { #expect(unbounded.enterViewer() == nil) }
    }

    @Test func `after any sequence of comings and goings nothing is left over`() throws {
        let gate = gate(connections: 50, perAddress: 3, total: 20)
        var generator = SeededGenerator(seed: 5)
        var open: [ConnectionGate.Ticket] = []
        for _ in 0..<5_000 {
            switch Int.random(in: 0..<3, using: &generator) {
            case 0:
                let remote = try address("192.0.2.\(Int.random(in: 1...20, using: &generator))")
                if case .success(let ticket) = gate.admit(remote) { open.append(ticket) }
            case 1:
                if let index = open.indices.randomElement(using: &generator) { gate.settle(&open[index]) }
            default:
                if let index = open.indices.randomElement(using: &generator) { gate.close(open.remove(at: index)) }
            }
            #expect(gate.open == open.count)
        }
        for ticket in open { gate.close(ticket) }
        #expect(gate.open == 0)
        // Had a half-open place leaked, one of these would be refused.
        for last in 1...6 {
            for _ in 0..<3 { #expect(try code(gate.admit(address("192.0.2.\(last)"))) == nil) }
        }
    }

    @Test func `ids are unique under many threads`() async throws {
        let gate = gate(perAddress: 1_000_000, total: 1_000_000)
        let ids = await withTaskGroup(of: [UInt64].self) { group in
            for _ in 0..<4 {
                group.addTask { (0..<500).compactMap { _ in try? gate.admit(nil).get().id } }
            }
            return await group.reduce(into: Set<UInt64>()) { $0.formUnion($1) }
        }
        #expect(ids.count == 2_000)
        #expect(gate.open == 2_000)
    }

    @Test func `only a lack of room turns away, not the conduct of one address`() throws {
        let full = gate(connections: 1)
        let ticket = try full.admit(address("192.0.2.1")).get()
        _ = try full.admit(address("192.0.2.2"))
        #expect(full.turnedAway == 1)
        full.close(ticket)

        let crowded = gate(perAddress: 10, total: 2)
        for number in 1...4 { _ = try crowded.admit(address("192.0.2.\(number)")) }
        #expect(crowded.turnedAway == 2)

        let rude = gate(perAddress: 1)
        for _ in 0..<5 { _ = try rude.admit(address("192.0.2.1")) }
        #expect(rude.turnedAway == 0)
        #expect(rude.refused == [RelayCode.tooManyPending.number: 4])

        let seats = gate(viewers: 1)
        #expect(seats.enterViewer() == nil)
        #expect(seats.enterViewer() == .tooManyViewers)
        #expect(seats.turnedAway == 1)
        for code in [RelayCode.streamNotFound, .draining, .lookupRate, .tooManyStreams] { seats.noteRefusal(code) }
        #expect(seats.turnedAway == 2)
    }
}
