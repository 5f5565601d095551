import ArgumentParser
import RelayCluster
import RelayScaling

struct AutoscaleEventCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "event", abstract: "Announce demand before it comes.",
        subcommands: [Add.self, List.self, Remove.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add", abstract: "Announce an event, or change one of the same name.",
            discussion: "Capacity for the peak is there before the ramp begins, and stays until the end.")

        @Argument(help: "Its name: letters, digits, and . - _; at most 64.")
        var name: EventName

        @Option(
            parsing: .unconditional,
            help: ArgumentHelp("When it begins: 2026-03-01T20:00:00Z, 20:00 or +90m; UTC.", valueName: "time"))
        var start: Moment

        @Option(
            parsing: .unconditional,
            help: ArgumentHelp("When it ends; +3h counts from its start.", valueName: "time"))
        var end: Moment

        @Option(
            help: ArgumentHelp(
                "Demand expected at its highest, the whole tier together: viewers, or publishers for origins; 250k, 1.2M.",
                valueName: "number"))
        var peak: Amount

        @Option(
            help: ArgumentHelp(
                "How long before the start the first of it may come; at most 24h.", valueName: "time"))
        var ramp = Span(seconds: 600)

        @Option(help: "The tier.")
        var tier = Tier.edge

        @OptionGroup var options: AdminOptions

        /// Longest ramp that an autoscaler takes, s.
        private static let maximumRamp = 86_400

        func run() async throws {
            let now = WallClock.now()
            let start = start.milliseconds(now: now, .future)
            let end = end.milliseconds(now: now, origin: start, .future)
            guard end > start else { throw Failure.usage("--end has to be later than --start.") }
            guard end > now else {
                throw Failure.usage("The event was over at \(Units.instant(millisecondsSince1970: end)) UTC.")
            }
            guard ramp.seconds <= Self.maximumRamp else { throw Failure.usage("--ramp takes at most 24h.") }
            let event = AnnouncedEvent(
                name: name.text, tier: tier.role, startMilliseconds: start, endMilliseconds: end, peak: peak.value,
                rampSeconds: Double(ramp.seconds))
            try await options.client().announce(event)
            let console = Console.current
            if options.format == .json { return try console.print(AdminOptions.json(event)) }
            let what = tier == .edge ? "viewers" : "publishers"
            let times =
                "\(Units.instant(millisecondsSince1970: start)) to \(Units.instant(millisecondsSince1970: end)) UTC"
            try console.print(
                Prose.paragraph(
                    "\(name.text): \(EventTable.quantity(peak.value)) \(what) from \(times). "
                        + "\(Self.promise(start: start, rampSeconds: Int64(ramp.seconds), now: now)); "
                        + "relayctl autoscale event remove \(name.text) calls it off.",
                    width: console.width, hasColour: options.hasColour))
        }

        /// When capacity is there; of what is past already, nothing is promised.
        static func promise(start: Int64, rampSeconds: Int64, now: Int64) -> String {
            start - rampSeconds * 1000 > now
                ? "Capacity is there \(Units.duration(seconds: Double(rampSeconds))) before"
                : "Its ramp has begun: capacity is asked for at once"
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "What has been announced.")

        @OptionGroup var options: AdminOptions

        func run() async throws {
            let client = try options.client()
            try await options.show(client.announcedEvents) { list, width, hasColour in
                EventTable.render(list.events, now: WallClock.now(), width: width, hasColour: hasColour)
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "remove", abstract: "Call an event off.")

        @Argument(help: "The event, as `relayctl autoscale event list` shows it.")
        var name: EventName

        @OptionGroup var options: AdminOptions

        func run() async throws {
            try await options.client().removeEvent(name.text)
            try Console.current.print(options.format == .json ? "{}" : "\(name.text) is called off.")
        }
    }
}

/// Announced events, the next first.
enum EventTable {
    static func render(_ events: [AnnouncedEvent], now: Int64, width: Int?, hasColour: Bool) -> String {
        guard !events.isEmpty else { return "No events are announced." }
        var table = Table([
            .init("EVENT", shrinks: true), .init("TIER"), .init("START (UTC)"), .init("END (UTC)"),
            .init("PEAK", alignsRight: true), .init("RAMP", alignsRight: true), .init("STATE"),
        ])
        for event in events.sorted(by: { ($0.startMilliseconds, $0.name) < ($1.startMilliseconds, $1.name) }) {
            let state = state(of: event, now: now)
            table.add(
                [
                    event.name, event.tier.rawValue, Units.instant(millisecondsSince1970: event.startMilliseconds),
                    Units.instant(millisecondsSince1970: event.endMilliseconds), quantity(event.peak),
                    Units.duration(seconds: event.rampSeconds), state.text,
                ], colours: [6: state.colour])
        }
        table.leaveOut(["RAMP", "TIER"], toFit: width)
        return table.render(width: width, hasColour: hasColour)
    }

    /// By this machine's clock.
    static func state(of event: AnnouncedEvent, now: Int64) -> (text: String, colour: Table.Colour) {
        if event.endMilliseconds <= now { return ("over", .plain) }
        if event.startMilliseconds <= now { return ("now", .good) }
        let wait = (Double(event.startMilliseconds) - Double(now)) / 1000
        return ("in \(Units.duration(seconds: wait))", wait <= event.rampSeconds ? .warning : .plain)
    }

    /// `250 k`
    static func quantity(_ value: Double) -> String {
        let scales: [(size: Double, letter: String)] = [(1e6, " M"), (1e3, " k")]
        guard let scale = scales.first(where: { value.magnitude >= $0.size * 10 }) else { return Units.fixed(value, 0) }
        let number = Units.fixed(value / scale.size, value.truncatingRemainder(dividingBy: scale.size) == 0 ? 0 : 1)
        return number == "-" ? number : number + scale.letter
    }
}
