import ArgumentParser
import Foundation
import Logging
import RelayCluster
import RelayNode

/// Runs a node of any role, or the autoscaler, to its end.
enum NodeRun {
    static func run(_ flags: [String], role: NodeRole, command: any ParsableCommand.Type) async throws {
        try await run(flags, command: command) { configuration, logger in
            try await NodeService(configuration: configuration, role: role, logger: logger).run(signals: true)
        }
    }

    /// Loads the configuration, starts the log, and runs a service of any kind to its end.
    static func run(
        _ flags: [String], command: any ParsableCommand.Type,
        _ service: (RelayConfiguration, Logger) async throws -> Void
    ) async throws {
        guard let loaded = ConfigurationLoading.load(flags, command: command) else { return }
        let configuration = loaded.configuration
        LoggingSystem.bootstrap { RelayLogHandler(label: $0, format: configuration.log.format) }
        var logger = Logger(label: "relay")
        logger.logLevel = configuration.log.level
        ForcedEnd.watch(logger: logger)
        do {
            try await service(configuration, logger)
        } catch let error as ConfigurationError {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            throw ExitCode(ConfigurationError.exitCode)
        } catch {
            FileHandle.standardError.write(Data("relay: \(error)\n".utf8))
            throw ExitCode(1)
        }
    }
}
