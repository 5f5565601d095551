import ArgumentParser
import RelayCluster
import RelayNode

/// `relay standalone`: a whole node in one process.
struct StandaloneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "standalone",
        abstract: "Takes live streams over RTMP and serves them, on one machine.",
        discussion: RelayConfiguration.flagHelp())

    @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("Configuration flags.", valueName: "flags"))
    var flags: [String] = []

    func run() async throws { try await NodeRun.run(flags, role: .standalone, command: Self.self) }
}
