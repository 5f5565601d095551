package import RelayCore

/// Everything that is wrong with a configuration, found in one pass. The executable prints ``description`` on standard
/// error and ends with ``exitCode``; nothing was started by then.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One line each: key, value, where it came from, and what it may be.
    package let mistakes: [String]

    /// The process's exit code: 2, as for any wrong use of the command.
    package static let exitCode: Int32 = 2

    /// What the failure is called everywhere: `RLY-6002`.
    package static let code = RelayCode.badConfiguration

    package var description: String {
        (mistakes + [
            "\(Self.code): \(Self.code.message) \(mistakes.count == 1 ? "One mistake" : "\(mistakes.count) mistakes"), listed above."
        ])
        .joined(separator: "\n")
    }
}
