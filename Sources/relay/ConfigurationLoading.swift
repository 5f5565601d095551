import ArgumentParser
import Foundation
import RelayNode

/// Loads the configuration for a command, or says what is wrong with it and ends.
enum ConfigurationLoading {
    /// - Returns: nil when `--help` was asked for and printed.
    static func load(_ flags: [String], command: any ParsableCommand.Type) -> RelayConfiguration.Loaded? {
        if flags.contains("--help") || flags.contains("-h") {
            print(RelayCommand.helpMessage(for: command))
            return nil
        }
        do throws(ConfigurationError) {
            return try RelayConfiguration.loadWithOrigins(
                arguments: flags, environment: ProcessInfo.processInfo.environment)
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            exit(ConfigurationError.exitCode)
        }
    }
}
