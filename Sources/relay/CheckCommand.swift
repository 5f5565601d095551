import ArgumentParser
import RelayNode

/// `relay check`: reads the configuration, says what is in force and where it came from, and starts nothing.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Checks the configuration and shows what is in force.",
        discussion: RelayConfiguration.flagHelp())

    @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("Configuration flags.", valueName: "flags"))
    var flags: [String] = []

    func run() async throws {
        guard let loaded = ConfigurationLoading.load(flags, command: Self.self) else { return }
        print(loaded.table(), terminator: "")
    }
}
