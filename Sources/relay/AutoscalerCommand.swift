import ArgumentParser
import RelayNode

/// `relay autoscaler`: sets how many origins and edges there are.
struct AutoscalerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "autoscaler",
        abstract: "Reads the nodes' reports and sets how many origins and edges there are.",
        discussion: RelayConfiguration.flagHelp())

    @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("Configuration flags.", valueName: "flags"))
    var flags: [String] = []

    func run() async throws {
        try await NodeRun.run(flags, command: Self.self) { configuration, logger in
            try await AutoscalerService(configuration: configuration, logger: logger).run(signals: true)
        }
    }
}
