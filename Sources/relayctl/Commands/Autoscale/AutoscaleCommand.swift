import ArgumentParser
import RelayScaling

struct AutoscaleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "autoscale", abstract: "How many nodes there shall be, why, and how well that went.",
        discussion: """
            Any node answers, and so does the autoscaler. Times are UTC: RFC 3339, a time of day such as 19:58, or a time \
            from now such as -15m or +2h.
            """,
        subcommands: [
            AutoscaleStatusCommand.self, AutoscaleExplainCommand.self, AutoscaleHistoryCommand.self,
            AutoscaleEventCommand.self, AutoscalePauseCommand.self, AutoscaleResumeCommand.self,
            AutoscaleForecastCommand.self, AutoscaleReplayCommand.self,
        ])
}

struct AutoscalePauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Leave all replica counts as they are.",
        discussion: "The autoscaler goes on deciding and explaining; nothing is added, drained or taken away.")

    @OptionGroup var options: AdminOptions

    func run() async throws { try options.tell(try await options.client().pauseScaling(true)) }
}

struct AutoscaleResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let the autoscaler act again after a pause.")

    @OptionGroup var options: AdminOptions

    func run() async throws { try options.tell(try await options.client().pauseScaling(false)) }
}

struct AutoscaleForecastCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forecast", abstract: "Switch the forecast on or off while it runs.",
        discussion: "Switched off, it goes on learning and being scored; demand, events and guards decide alone.")

    enum Switch: String, ExpressibleByArgument, CaseIterable {
        case on
        case off
    }

    @Argument(help: "on or off.")
    var state: Switch

    @OptionGroup var options: AdminOptions

    func run() async throws { try options.tell(try await options.client().useForecast(state == .on)) }
}

extension AdminOptions {
    /// Prints what is set now.
    func tell(_ controls: ScalingControls) throws(Failure) {
        let console = Console.current
        if format == .json { return try console.print(Self.json(controls)) }
        let pause =
            controls.isPaused
            ? "Scaling is paused: replica counts stay as they are until relayctl autoscale resume."
            : "Scaling is not paused."
        let forecast = controls.usesForecast ? "The forecast is on." : "The forecast is off; it is only scored."
        try console.print(
            Prose.paragraph("\(pause) \(forecast)", width: console.width, hasColour: hasColour))
    }
}
