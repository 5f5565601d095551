import ArgumentParser
import Foundation
import Logging
import RelayNode

/// `relay standalone`: a whole node in one process.
struct StandaloneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "standalone",
        abstract: "Takes live streams over RTMP and serves them, on one machine.",
        discussion: RelayConfiguration.flagHelp())

    @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("Configuration flags.", valueName: "flags"))
    var flags: [String] = []

    func run() async throws {
        guard let loaded = ConfigurationLoading.load(flags, command: Self.self) else { return }
        let configuration = loaded.configuration
        LoggingSystem.bootstrap { RelayLogHandler(label: $0, format: configuration.log.format) }
        var logger = Logger(label: "relay")
        logger.logLevel = configuration.log.level
        ForcedEnd.watch(logger: logger)
        do {
            try await StandaloneNode(configuration: configuration, logger: logger).run(signals: true)
        } catch {
            FileHandle.standardError.write(Data("relay: \(error)\n".utf8))
            throw ExitCode(1)
        }
    }
}
