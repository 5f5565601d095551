import RelayNode
import Testing

@Suite("Contract: configuration")
struct ConfigurationContractTests {
    @Test("The README's table is the one that the keys generate")
    func readme() throws {
        try Golden.expect(RelayConfiguration.referenceTable(), matchesPart: "configuration", of: "README.md")
    }

    @Test("Flags, their meaning and their defaults stay as they are")
    func flags() throws { try Golden.expect(RelayConfiguration.flagHelp(), matches: "configuration-flags.txt") }

    @Test("Names in file, environment and flags stay as they are")
    func names() throws {
        let lines = ConfigurationKey.all.map { "\($0.name)  \($0.variable)  \($0.flag)" }
        try Golden.expect(lines.joined(separator: "\n") + "\n", matches: "configuration-names.txt")
    }

    @Test("No two keys share a name in any place")
    func unique() {
        #expect(Set(ConfigurationKey.all.map(\.name)).count == ConfigurationKey.all.count)
        #expect(Set(ConfigurationKey.all.map(\.flag)).count == ConfigurationKey.all.count)
        #expect(Set(ConfigurationKey.all.map(\.variable)).count == ConfigurationKey.all.count)
    }

    @Test("Every key says what it does in a sentence")
    func sentences() {
        for key in ConfigurationKey.all {
            #expect(key.meaning.hasSuffix(".") && key.meaning.first?.isUppercase == true, "\(key.name)")
            #expect(!key.allowed.isEmpty, "\(key.name)")
        }
    }
}
