import RelayCluster
import RelayCore
import Testing

@Suite("The order of parents")
struct ParentSelectionTests {
    static let stream = try! StreamName(app: "live", name: "one")

    static func record(
        _ name: String, region: String = "", state: NodeRecord.State = .serving, role: NodeRole = .edge
    ) -> NodeRecord {
        NodeRecord(
            id: NodeID(name)!, token: "t-\(name)", role: role, state: state, region: region,
            link: Endpoint(host: "10.0.0.\(name.utf8.last! % 10)", port: 1985), certificate: "c-\(name)")
    }

    static func entry(_ record: NodeRecord, load: Double = 0) -> NodeEntry {
        var report = NodeReport()
        report.egressCapacity = 1_000
        report.egressBitrate = load * 1_000
        return NodeEntry(record: record, report: report, leaseMilliseconds: 5_000)
    }

    static func location(_ owner: NodeRecord, epoch: UInt64 = 5) -> StreamLocation {
        StreamLocation(
            stream: stream, owner: owner.id, token: owner.token, incarnation: Incarnation(epoch: epoch, id: 1),
            state: .live,
            link: owner.link!, startWallMilliseconds: 0)
    }

    /// A lookup of an owner in `core` and holders given by name, region, hops, load.
    static func lookup(
        owner: NodeRecord = record("owner", region: "core"), _ holders: [(NodeRecord, hops: Int, load: Double)]
    ) -> StreamLookup {
        StreamLookup(
            location: location(owner), lastEpoch: 5,
            nodes: [entry(owner)] + holders.map { entry($0.0, load: $0.load) },
            holders: holders.map { StreamHolder(node: $0.0.id, token: $0.0.token, hops: $0.hops) })
    }

    static func order(
        _ lookup: StreamLookup, region: String = "east", breakers: ParentBreakers = ParentBreakers(seed: 1),
        sticky: String? = nil, seen: UInt64 = 0, maxHops: Int = 4, heldHops: Int? = nil,
        isAllowed: (Endpoint) -> Bool = { _ in true }, now: MonotonicTime = .zero
    ) -> [String] {
        ParentSelection.order(
            lookup: lookup, me: record("me", region: region), breakers: breakers, sticky: sticky.flatMap { NodeID($0) },
            seen: seen, maxHops: maxHops, heldHops: heldHops, isAllowed: isAllowed, now: now
        ).map(\.node.text)
    }

    static let east1 = record("east1", region: "east")
    static let east2 = record("east2", region: "east")
    static let west = record("west", region: "west")

    @Test("puts near holders before the far owner, and far ones behind it")
    func regions() {
        let lookup = Self.lookup([(Self.west, 1, 0), (Self.east2, 2, 0), (Self.east1, 1, 0)])
        #expect(Self.order(lookup) == ["east1", "east2", "owner", "west"])
        #expect(Self.order(lookup, region: "") == ["owner"] + Self.order(lookup, region: "").dropFirst())
        #expect(Self.order(lookup, region: "core").first == "owner")
    }

    @Test("puts the parent of before first, but not for an older epoch, nor when it is gone")
    func sticky() {
        let lookup = Self.lookup([(Self.west, 1, 0), (Self.east1, 1, 0)])
        #expect(Self.order(lookup, sticky: "west") == ["west", "east1", "owner"])
        #expect(Self.order(lookup, sticky: "owner") == ["owner", "east1", "west"])
        #expect(Self.order(lookup, sticky: "west", seen: 6) == ["east1", "owner", "west"])
        #expect(Self.order(lookup, sticky: "elsewhere") == ["east1", "owner", "west"])
    }

    @Test("counts hops, and leaves out what would be too far")
    func hops() {
        let lookup = Self.lookup([(Self.east1, 3, 0), (Self.west, 1, 0)])
        #expect(Self.order(lookup, maxHops: 4) == ["east1", "owner", "west"])
        #expect(Self.order(lookup, maxHops: 3) == ["owner", "west"])
        #expect(Self.order(lookup, maxHops: 1) == ["owner"])
    }

    @Test("takes only parents nearer than itself while it serves others, so that no ring forms")
    func rings() {
        let lookup = Self.lookup([(Self.east1, 2, 0), (Self.east2, 1, 0)])
        #expect(Self.order(lookup, heldHops: 2) == ["east2", "owner"])
        #expect(Self.order(lookup, heldHops: 1) == ["owner"])
    }

    @Test("prefers the less loaded of equal ones, in steps of a tenth")
    func load() {
        let lookup = Self.lookup([(Self.east1, 1, 0.81), (Self.east2, 1, 0.2)])
        #expect(Self.order(lookup) == ["east2", "east1", "owner"])
        let near = [0.41, 0.49].map { Self.order(Self.lookup([(Self.east1, 1, 0.45), (Self.east2, 1, $0)])) }
        #expect(near[0] == near[1])
    }

    @Test("puts nodes that drain behind all others, though one was the parent")
    func draining() {
        let tired = Self.record("east1", region: "east", state: .draining)
        let lookup = Self.lookup([(tired, 1, 0), (Self.west, 2, 0)])
        #expect(Self.order(lookup, sticky: "east1") == ["owner", "west", "east1"])
    }

    @Test("never names the node itself, addresses that are not allowed, or holders of another life")
    func left() {
        var lookup = Self.lookup([(Self.record("me", region: "east"), 1, 0), (Self.east1, 1, 0), (Self.west, 1, 0)])
        lookup.holders[2].token = "of before"
        #expect(Self.order(lookup) == ["east1", "owner"])
        #expect(Self.order(lookup, isAllowed: { $0 != Self.east1.link }) == ["owner"])
        #expect(Self.order(StreamLookup()) == [])
    }

    @Test("carries address, hops and certificate")
    func parent() {
        let parents = ParentSelection.order(
            lookup: Self.lookup([(Self.east1, 2, 0)]), me: Self.record("me", region: "east"),
            breakers: ParentBreakers(seed: 1), sticky: nil, seen: 0, maxHops: 4, isAllowed: { _ in true }, now: .zero)
        #expect(
            parents.first == PullParent(node: Self.east1.id, link: Self.east1.link!, hops: 2, certificate: "c-east1"))
        #expect(parents.last?.hops == 0)
    }

    @Test("puts those whose breaker is open last, and leaves out at most half of all")
    func breakers() {
        let lookup = Self.lookup([(Self.east1, 1, 0), (Self.east2, 2, 0), (Self.west, 1, 0)])
        func open(_ names: String...) -> ParentBreakers {
            var breakers = ParentBreakers(seed: 1)
            for name in names { for _ in 0..<3 { breakers.failed(NodeID(name)!, now: .zero) } }
            return breakers
        }
        #expect(Self.order(lookup, breakers: open("east1")) == ["east2", "owner", "west"])
        #expect(Self.order(lookup, breakers: open("east1", "owner")) == ["east2", "west"])
        #expect(Self.order(lookup, breakers: open("east1", "owner", "west")) == ["east2", "east1"])
        #expect(Self.order(lookup, breakers: open("east1", "east2", "owner", "west")) == ["east1", "east2"])
        // One parent alone is never left out.
        #expect(Self.order(Self.lookup([]), breakers: open("owner")) == ["owner"])
    }

    @Test("gives different nodes different orders of equal parents, each always the same")
    func spread() {
        let holders = (0..<8).map { (Self.record("h\($0)", region: "east"), hops: 1, load: 0.0) }
        let lookup = Self.lookup(holders)
        var firsts: Set<String> = []
        for index in 0..<40 {
            let order = {
                ParentSelection.order(
                    lookup: lookup, me: Self.record("child\(index)", region: "east"), breakers: ParentBreakers(seed: 1),
                    sticky: nil, seen: 0, maxHops: 4, isAllowed: { _ in true }, now: .zero
                ).map(\.node.text)
            }
            #expect(order() == order())
            firsts.insert(order().first ?? "")
        }
        #expect(firsts.count >= 6)
    }
}

@Suite("A parent's breaker")
struct CircuitBreakerTests {
    let node = NodeID("parent")!

    private func fail(_ breakers: inout ParentBreakers, times: Int = 1, at seconds: Double) {
        for _ in 0..<times {
            breakers.began(node, now: .zero + .seconds(seconds))
            breakers.failed(node, now: .zero + .seconds(seconds))
        }
    }

    @Test("opens with the third failure within five seconds, not with three spread over more")
    func opens() {
        var breakers = ParentBreakers(seed: 1)
        for at in [0.0, 4, 8, 12] { fail(&breakers, at: at) }
        #expect(breakers.state(of: node, now: .zero + .seconds(12)) == .closed)
        fail(&breakers, at: 12.5)
        #expect(breakers.state(of: node, now: .zero + .seconds(12.5)) == .open)
        #expect(!breakers.allows(node, now: .zero + .seconds(13.2)))
        #expect(breakers.allows(node, now: .zero + .seconds(13.8)))
    }

    @Test("lets one probe through, and doubles its time with each that fails, up to thirty seconds")
    func doubles() {
        var breakers = ParentBreakers(seed: 7)
        fail(&breakers, times: 3, at: 0)
        var now = MonotonicTime.zero
        var lengths: [Duration] = []
        for _ in 0..<8 {
            let began = now
            while !breakers.allows(node, now: now) { now = now + .milliseconds(10) }
            lengths.append(now - began)
            breakers.began(node, now: now)
            #expect(!breakers.allows(node, now: now))
            breakers.failed(node, now: now)
        }
        for (length, expected) in zip(lengths, [1, 2, 4, 8, 16, 30, 30, 30]) {
            #expect(length >= .seconds(expected) * 3 / 4 && length <= .seconds(expected) * 5 / 4 + .milliseconds(10))
        }
    }

    @Test("closes with a probe that succeeds, and forgets a probe nobody told the end of")
    func closes() {
        var breakers = ParentBreakers(seed: 1)
        fail(&breakers, times: 3, at: 0)
        breakers.began(node, now: .zero + .seconds(2))
        #expect(!breakers.allows(node, now: .zero + .seconds(6)))
        #expect(breakers.allows(node, now: .zero + .seconds(7)))
        breakers.succeeded(node)
        #expect(breakers.state(of: node, now: .zero + .seconds(7)) == .closed)
        fail(&breakers, times: 2, at: 7)
        #expect(breakers.state(of: node, now: .zero + .seconds(7)) == .closed)
    }

    @Test("remembers at most a thousand parents")
    func bounded() {
        var breakers = ParentBreakers(seed: 1)
        for index in 0..<3_000 {
            for _ in 0..<3 { breakers.failed(NodeID("n\(index)")!, now: .zero + .microseconds(index)) }
        }
        let open = (0..<3_000).filter { !breakers.allows(NodeID("n\($0)")!, now: .zero + .milliseconds(3)) }
        #expect(open == Array(3_000 - 1_024..<3_000))
    }
}
