import ArgumentParser

/// Figures of the autoscaler. Everything is deterministic: the same commit prints the same numbers.
@main
struct ScalingBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scalingbench", abstract: "Figures of the autoscaler.",
        subcommands: [
            ReplayCommand.self,
            CrowdCommand.self,
            ScaleInCommand.self,
            TickCommand.self,
            RegistryCommand.self,
            FleetCommand.self,
            GrowCommand.self,
        ])
}
