import Foundation
import RelayAPI
import Testing

@Suite("Contract: admin API models")
struct AdminModelContractTests {
    @Test("A node's status", arguments: [AdminExamples.status])
    func status(_ value: NodeStatus) throws { try expect(value, matches: "status") }

    @Test("The list of streams", arguments: [AdminExamples.streams])
    func streams(_ value: StreamList) throws { try expect(value, matches: "streams") }

    @Test("A stream in full", arguments: [AdminExamples.stream])
    func stream(_ value: StreamDetail) throws { try expect(value, matches: "stream") }

    @Test("A stream whose publisher is away", arguments: [AdminExamples.waitingStream])
    func waitingStream(_ value: StreamDetail) throws { try expect(value, matches: "stream-waiting") }

    @Test("The list of viewers", arguments: [AdminExamples.viewers])
    func viewers(_ value: ViewerList) throws { try expect(value, matches: "viewers") }

    @Test("The cluster's nodes", arguments: [ClusterAnswers.nodes])
    func clusterNodes(_ value: ClusterNodeList) throws { try expect(value, matches: "cluster-nodes") }

    @Test("The cluster's streams", arguments: [ClusterAnswers.streams])
    func clusterStreams(_ value: ClusterStreamList) throws { try expect(value, matches: "cluster-streams") }

    @Test("Where a stream is", arguments: [ClusterAnswers.location])
    func location(_ value: ClusterLocation) throws { try expect(value, matches: "cluster-location") }

    @Test("Everything about a stream", arguments: [ClusterAnswers.why])
    func why(_ value: StreamWhy) throws { try expect(value, matches: "cluster-why") }

    @Test("The cluster's events", arguments: [ClusterAnswers.events])
    func events(_ value: ClusterEventList) throws { try expect(value, matches: "cluster-events") }

    @Test("An order and a drain")
    func orders() throws {
        try expect(ClusterOrder(accepted: true, text: "e1 takes new work again."), matches: "cluster-order")
        try expect(
            DrainStatus(isDraining: true, secondsLeft: 12.5, publishers: 1, children: 2, viewers: 3), matches: "drain")
    }

    @Test("A refusal")
    func problem() throws {
        try expect(
            Problem(code: "RLY-4001", message: "There is no such stream now.", hint: "Check the name."),
            matches: "problem")
    }

    /// Compares the JSON with its file, and reads it back.
    private func expect<Value: Codable & Equatable>(_ value: Value, matches name: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let data = try encoder.encode(value)
        #expect(try JSONDecoder().decode(Value.self, from: data) == value)
        try Golden.expect(String(decoding: data, as: UTF8.self) + "\n", matches: "admin-\(name).json")
    }
}
