import RelayCore
import RelayScaling
import Testing

@Suite("Choice of victims")
struct VictimChoiceTests {
    func candidate(
        _ name: String, zone: String = "a", machine: String? = nil, viewers: Double = 100, publishers: Int = 0,
        children: Int = 0,
        release: String = "1"
    ) throws -> VictimChoice.Candidate {
        VictimChoice.Candidate(
            node: try #require(NodeID(name)), zone: zone, machine: machine, viewers: viewers, children: children,
            publishers: publishers, release: release)
    }

    @Test("the fewest viewers go first")
    func fewestViewers() throws {
        let pool = try [candidate("a", viewers: 300), candidate("b", viewers: 10), candidate("c", viewers: 200)]
        #expect(VictimChoice.choose(2, of: pool).map(\.node.text) == ["b", "c"])
    }

    @Test("a node with a publisher never goes")
    func publishers() throws {
        let pool = try [
            candidate("a", viewers: 0, publishers: 1), candidate("b", viewers: 500), candidate("c", viewers: 600),
        ]
        #expect(VictimChoice.choose(3, of: pool).map(\.node.text) == ["b", "c"])
    }

    @Test("the last node of a zone never goes, nor do zones get uneven")
    func zones() throws {
        let pool = try [
            candidate("a1", zone: "a", viewers: 900), candidate("a2", zone: "a", viewers: 900),
            candidate("a3", zone: "a", viewers: 900),
            candidate("b1", zone: "b", viewers: 1), candidate("b2", zone: "b", viewers: 1),
            candidate("c1", zone: "c", viewers: 0),
        ]
        #expect(VictimChoice.choose(2, of: pool).map(\.zone) == ["a", "b"])
        #expect(VictimChoice.choose(6, of: pool).count == 3)
    }

    @Test("nodes that other nodes pull from stay longer; old releases and emptied machines go earlier")
    func preferences() throws {
        let pool = try [
            candidate("parent", viewers: 100, children: 3), candidate("plain", machine: "m", viewers: 100),
            candidate("other", machine: "m", viewers: 101), candidate("old", viewers: 110, release: "0"),
            candidate("alone", machine: "n", viewers: 120),
        ]
        #expect(VictimChoice.choose(4, of: pool).map(\.node.text) == ["alone", "old", "plain", "other"])
    }

    @Test("of nodes that are about as full, the preferred machines go first; a fuller one stays all the same")
    func machines() throws {
        func pool() throws -> [VictimChoice.Candidate] {
            var pool = try [
                candidate("spot", viewers: 105), candidate("demand", viewers: 100), candidate("told", viewers: 99),
                candidate("full", viewers: 200),
            ]
            (pool[0].isSpot, pool[1].isSpot, pool[3].isSpot) = (true, false, true)
            return pool
        }
        func order(_ preference: VictimChoice.Preference) throws -> [String] {
            try VictimChoice.choose(3, of: pool(), preferring: preference).map(\.node.text)
        }
        #expect(try order(.spot) == ["spot", "told", "demand"])
        #expect(try order(.onDemand) == ["demand", "told", "spot"])
        #expect(try order(.none) == ["told", "demand", "spot"])
    }

    @Test("viewers who leave soon by themselves count for half")
    func staying() throws {
        var pool = try [
            candidate("long", viewers: 100), candidate("short", viewers: 150), candidate("broken", viewers: 400),
        ]
        pool[1].staying = 0.1
        pool[2].staying = .nan
        #expect(VictimChoice.choose(2, of: pool).map(\.node.text) == ["short", "long"])
    }

    @Test("one node alone never goes")
    func alone() throws {
        #expect(VictimChoice.choose(1, of: [try candidate("a", viewers: 0)]).isEmpty)
    }
}
