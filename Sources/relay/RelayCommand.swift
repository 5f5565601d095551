import ArgumentParser
import Foundation
import RelayNode

/// `relay`: the server. Each role is a subcommand; their flags are the configuration's keys.
@main
struct RelayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relay",
        abstract: "A live-video relay: RTMP in; RTMP, HTTP-FLV and WS-FLV out.",
        version: RelayVersion.current,
        subcommands: [
            StandaloneCommand.self, OriginCommand.self, EdgeCommand.self, AutoscalerCommand.self, CheckCommand.self,
        ])
}
