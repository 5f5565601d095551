import RelayCore
import Testing

@Suite("Contract: error codes")
struct ErrorCodeContractTests {
    @Test("Codes, their words and their remedies stay as they are")
    func catalogue() throws {
        let lines = RelayCode.catalogue.map { "\($0)  \($0.message)  \($0.hint)" }
        try Golden.expect(lines.joined(separator: "\n") + "\n", matches: "error-codes.txt")
    }

    @Test("No number stands for two things, and the list is in order")
    func unique() {
        let numbers = RelayCode.catalogue.map(\.number)
        #expect(numbers == numbers.sorted())
        #expect(Set(numbers).count == numbers.count)
        #expect(numbers.allSatisfy { (1001...7999).contains($0) })
    }

    @Test("Every code has a sentence and a remedy")
    func sentences() {
        for code in RelayCode.catalogue {
            #expect(code.message.hasSuffix("."), "\(code)")
            #expect(!code.hint.isEmpty, "\(code)")
        }
    }
}
