import ArgumentParser
import RelayCluster
import RelayScaling

struct AutoscaleStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Who decides, what was decided last, and what is in the way.")

    @OptionGroup var options: AdminOptions

    func run() async throws {
        let client = try options.client()
        try await options.show(client.autoscaleStatus) { status, width, hasColour in
            Self.render(status, width: width, hasColour: hasColour)
        }
    }

    static func render(_ status: AutoscaleStatus, width: Int?, hasColour: Bool) -> String {
        let controls = status.controls
        let isStale = !(status.ageSeconds <= ScalingText.worryingAge)
        var facts = Table([.init("LEADER"), .init(status.leader ?? "nobody", shrinks: true)])
        facts.add(["epoch", "\(status.epoch)"])
        facts.add(["driver", status.driver])
        facts.add(
            ["scaling", controls.isPaused ? "paused" : "not paused"], colours: [1: controls.isPaused ? .warning : .good]
        )
        facts.add(
            ["forecast", controls.usesForecast ? "on" : "off"], colours: [1: controls.usesForecast ? .good : .warning])
        facts.add(
            ["decided", status.tiers.isEmpty ? "never" : "\(Units.duration(seconds: status.ageSeconds)) ago"],
            colours: [1: isStale ? .bad : .plain])
        var sections = [facts.render(width: width, hasColour: hasColour)]
        if !status.tiers.isEmpty { sections.append(tiers(status, width: width, hasColour: hasColour)) }
        let warnings = ScalingWarnings.of(status)
        if !warnings.isEmpty {
            sections.append(
                warnings.map { Prose.paragraph($0.text, width: width, colour: $0.colour, hasColour: hasColour) }
                    .joined(separator: "\n"))
        }
        return sections.joined(separator: "\n\n")
    }

    private static func tiers(_ status: AutoscaleStatus, width: Int?, hasColour: Bool) -> String {
        var table = Table([
            .init("TIER"), .init("MODE"), .init("NOW", alignsRight: true), .init("TARGET", alignsRight: true),
            .init("NEED", alignsRight: true), .init("BUFFER", alignsRight: true), .init("REASON", shrinks: true),
            .init("AGE", alignsRight: true), .init("SDA 24H", alignsRight: true),
        ])
        let newest = status.tiers.map(\.wallMilliseconds).max() ?? 0
        for decision in status.tiers.prefix(16) {
            // By the writer's clock; this machine's may be another time.
            let age = status.ageSeconds + Double(newest) / 1000 - Double(decision.wallMilliseconds) / 1000
            table.add(
                [
                    decision.tier.rawValue, decision.mode.rawValue, "\(decision.current)", "\(decision.target)",
                    ScalingText.binding(of: decision).map { Units.fixed($0.nodes, 1) } ?? "-", "\(decision.buffer)",
                    decision.reason, Units.duration(seconds: age),
                    decision.accuracy.map { ScalingText.percent($0.sda) } ?? "-",
                ],
                colours: [
                    1: decision.mode == .on ? .good : .warning,
                    3: decision.target == decision.current ? .plain : .good,
                    6: ScalingText.colour(ofReason: decision.reason),
                    7: age > ScalingText.worryingAge ? .bad : .plain,
                ])
        }
        table.leaveOut(["SDA 24H", "BUFFER", "NEED", "MODE", "AGE"], toFit: width)
        return table.render(width: width, hasColour: hasColour)
    }
}

/// What an operator should know about the autoscaler, worst first.
enum ScalingWarnings {
    /// The most that are shown.
    static let maximum = 12

    static func of(_ status: AutoscaleStatus) -> [(text: String, colour: Table.Colour)] {
        var found: [(text: String, colour: Table.Colour)] = []
        if status.leader == nil {
            found.append(("Nobody leads: no autoscaler runs, or none can claim the leadership.", .bad))
        }
        if status.tiers.isEmpty {
            found.append(("Nothing was decided yet.", .warning))
        } else if !(status.ageSeconds <= ScalingText.worryingAge) {
            let age = Units.duration(seconds: status.ageSeconds)
            found.append(("Nothing was decided for \(age); what follows is as old as that.", .bad))
        }
        if status.controls.isPaused {
            found.append(("Paused: nothing is added or taken away; relayctl autoscale resume ends that.", .warning))
        }
        if !status.controls.usesForecast {
            found.append(
                ("The forecast is off: growth is met when it is there; relayctl autoscale forecast on.", .warning))
        }
        for decision in status.tiers.prefix(16) {
            let tier = decision.tier.rawValue
            if let text = ScalingText.trouble(decision.reason) { found.append(("\(tier): \(text)", .bad)) }
            for block in decision.blocks.prefix(4) {
                let colour: Table.Colour = ScalingText.trouble(block.code) == nil ? .warning : .bad
                found.append(("\(tier): \(block.code): \(block.text)", colour))
            }
            if decision.target != decision.current, decision.mode == .observe || decision.mode == .off {
                let text = "\(tier): would go to \(decision.target); mode \(decision.mode.rawValue) changes nothing."
                found.append((text, .warning))
            }
        }
        let worst = found.filter { $0.colour == .bad } + found.filter { $0.colour != .bad }
        return Array(worst.prefix(maximum))
    }
}
