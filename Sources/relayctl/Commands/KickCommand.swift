import ArgumentParser
import RelayCore

struct KickCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kick", abstract: "Close a connection.", subcommands: [Publisher.self, Viewer.self])

    struct Publisher: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "publisher", abstract: "Close the connection of a stream's publisher.")

        @Argument(help: ArgumentHelp("The stream.", valueName: "app/name"))
        var name: StreamName

        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.client().kickPublisher(of: name)
            try Console.current.print(options.format == .json ? "{}" : "The publisher of \(name) was disconnected.")
        }
    }

    struct Viewer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "viewer", abstract: "Close the connection of a viewer.")

        @Argument(help: "The viewer's ID, as `relayctl viewers` shows it.")
        var id: UInt64

        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.client().kickViewer(id)
            try Console.current.print(options.format == .json ? "{}" : "Viewer \(id) was disconnected.")
        }
    }
}
