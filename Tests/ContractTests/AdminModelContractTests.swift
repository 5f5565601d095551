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
