import ArgumentParser
import RelayCluster
import RelayNode

/// `relay origin`: takes publishers, owns streams, serves edges.
struct OriginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "origin",
        abstract: "Takes live streams over RTMP for a cluster and serves its edges.",
        discussion: RelayConfiguration.flagHelp())

    @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("Configuration flags.", valueName: "flags"))
    var flags: [String] = []

    func run() async throws { try await NodeRun.run(flags, role: .origin, command: Self.self) }
}

/// `relay edge`: pulls streams when viewers ask for them.
struct EdgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edge",
        abstract: "Serves viewers of a cluster's streams, and pulls each when its first viewer comes.",
        discussion: RelayConfiguration.flagHelp())

    @Argument(parsing: .captureForPassthrough, help: ArgumentHelp("Configuration flags.", valueName: "flags"))
    var flags: [String] = []

    func run() async throws { try await NodeRun.run(flags, role: .edge, command: Self.self) }
}
