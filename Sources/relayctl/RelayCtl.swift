package import ArgumentParser

/// The operator's tool: shows and steers a node over its admin API, and plays and publishes over the media ports.
package struct RelayCtl: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "relayctl", abstract: "Shows and steers a relay node.",
        discussion: """
            Exit codes: 0 done, 1 refused or not found, 2 wrong use, 3 the node cannot be reached, 4 its answer is not \
            what it should be, 5 interrupted or not finished in time.
            """,
        subcommands: [
            StatusCommand.self, StreamsCommand.self, StreamCommand.self, ViewersCommand.self, KickCommand.self,
            NodesCommand.self, LocateCommand.self, WhyCommand.self, TopCommand.self, DrainCommand.self,
            UndrainCommand.self, MoveCommand.self, EventsCommand.self, AutoscaleCommand.self,
            PlayCommand.self, VerifyCommand.self, PublishFileCommand.self, ExplainCommand.self,
        ])

    package init() {}

    /// Runs a command line to its end and tells the exit code. Output goes to `console`.
    ///
    /// - Parameter arguments: without the program's name.
    package static func run(_ arguments: [String], console: Console) async -> Int32 {
        await Console.$current.withValue(console) {
            do {
                var command = try parseAsRoot(movingOptionsBack(arguments))
                if var command = command as? any AsyncParsableCommand {
                    try await command.run()
                } else {
                    try command.run()
                }
                return 0
            } catch let failure as Failure {
                if !failure.message.isEmpty { console.err("relayctl: \(failure.message)\n") }
                return failure.exitCode
            } catch {
                let message = fullMessage(for: error)
                // Asked-for help and versions are output; anything else is a wrong command line.
                guard exitCode(for: error) != .success else {
                    return console.out(message + "\n") ? 0 : Failure.readerGone.exitCode
                }
                console.err(escapeLines(message) + "\n")
                return Failure.usage("").exitCode
            }
        }
    }

    /// Moves options that stand before the subcommand behind it, where they belong to it: `relayctl -o json streams`.
    private static func movingOptionsBack(_ arguments: [String]) -> [String] {
        let taking = ["--admin", "-o", "--format", "--timeout"]
        var leading = arguments.prefix(0)
        var rest = arguments[...]
        while let first = rest.first, first.hasPrefix("-"), !["-h", "--help", "--version"].contains(first) {
            let count = taking.contains(first) ? 2 : 1
            leading = arguments.prefix(leading.count + count)
            rest = rest.dropFirst(count)
        }
        return rest.isEmpty ? arguments : Array(rest) + Array(leading)
    }

    /// ArgumentParser repeats what was typed; a wrapper script may have typed for someone else.
    private static func escapeLines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { Escape.forTerminal(String($0)) }.joined(
            separator: "\n")
    }
}
