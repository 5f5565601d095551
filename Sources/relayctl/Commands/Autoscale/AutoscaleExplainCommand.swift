import ArgumentParser
import RelayCluster
import RelayScaling

struct AutoscaleExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "One decision in full: what asked for how many nodes, and what stood against it.")

    @Option(help: "The tier.")
    var tier = Tier.edge

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The decision that was in force then, such as -15m, 19:58 or 2026-03-01T19:58:05Z; at most a day back.",
            valueName: "time"))
    var at: Moment?

    @OptionGroup var options: AdminOptions

    func run() async throws {
        let client = try options.client()
        let tier = tier
        let instant = at?.milliseconds(now: WallClock.now(), .past)
        try await options.show({ () async throws(Failure) -> Decision in
            let list = try await client.decisions(of: tier.role, at: instant, limit: 1)
            guard let decision = list.decisions.last else {
                let time = instant.map { " at \(Units.instant(millisecondsSince1970: $0)) UTC" } ?? " yet"
                throw .refused("Nothing was decided for the \(tier.rawValue) tier\(time); history reaches back a day.")
            }
            return decision
        }) { decision, width, hasColour in
            DecisionSheet(decision: decision, width: width, hasColour: hasColour).text
        }
    }
}

/// A decision as a page for people: what binds first, then what else was looked at, what stood against it, how it went.
struct DecisionSheet {
    /// The most needs and blocks that are shown.
    private static let maximumRows = 24

    let decision: Decision
    let width: Int?
    let hasColour: Bool

    var text: String {
        var sections = [head.text]
        let others = decision.needs.filter { $0.name != decision.reason }
        if !others.isEmpty { sections.append(table(others)) }
        sections.append(circumstances.text)
        return sections.joined(separator: "\n\n")
    }

    private var head: Sheet {
        var sheet = Sheet(width: width, hasColour: hasColour)
        let isSame = decision.current == decision.target
        let replicas = Prose.count(decision.target, "replica")
        let change =
            isSame ? "stays at \(replicas)" : "\(decision.current) -> \(replicas) (\(ScalingText.change(decision)))"
        sheet.add(decision.tier.rawValue, change, colour: isSame ? .plain : .good)
        sheet.add(
            "at", "\(Units.instant(millisecondsSince1970: decision.wallMilliseconds)) UTC, epoch \(decision.epoch)")
        let mode =
            switch decision.mode {
            case .off: "off: nothing is decided"
            case .observe: "observe: it decides and explains, and changes nothing"
            case .upOnly: "up-only: nodes are added, never taken away"
            case .on: "on"
            }
        sheet.add("mode", mode, colour: decision.mode == .on ? .plain : .warning)
        let meaning = ScalingText.trouble(decision.reason) ?? ScalingText.meaning(decision.reason)
        sheet.add(
            "because", decision.reason + (meaning.map { ": \($0)" } ?? ""),
            colour: ScalingText.colour(ofReason: decision.reason))
        if let need = decision.needs.first(where: { $0.name == decision.reason }) {
            sheet.add("", "needs \(Units.fixed(need.nodes, 1)) nodes\(need.text.isEmpty ? "" : ": \(need.text)")")
        }
        return sheet
    }

    /// What did not bind; where a table would have to cut the reasons, they are wrapped instead.
    private func table(_ needs: [Decision.Need]) -> String {
        let shown = needs.prefix(Self.maximumRows)
        var table = Table([.init("OTHER NEEDS"), .init("NODES", alignsRight: true), .init("WHY")])
        for need in shown { table.add([need.name, Units.fixed(need.nodes, 1), need.text]) }
        let text = table.render(width: nil, hasColour: false)
        guard let width, text.split(separator: "\n").contains(where: { $0.utf8.count > width }) else {
            return table.render(width: nil, hasColour: hasColour)
        }
        var sheet = Sheet(width: width, hasColour: hasColour)
        for (index, need) in shown.enumerated() {
            let why = need.text.isEmpty ? "" : ": \(need.text)"
            sheet.add(index == 0 ? "others" : "", "\(need.name) needs \(Units.fixed(need.nodes, 1))\(why)")
        }
        return sheet.text
    }

    private var circumstances: Sheet {
        var sheet = Sheet(width: width, hasColour: hasColour)
        let samples =
            decision.leadSamples > 0
            ? "p90 of \(Prose.count(decision.leadSamples, "measurement"))" : "assumed, not measured yet"
        sheet.add(
            "plan",
            "lead \(Units.fixed(decision.leadSeconds, 0)) s (\(samples)) + hold \(Units.fixed(decision.holdSeconds, 0)) s; "
                + "\(Units.percent(decision.utilisation)) of a node is planned with")
        let kinds = [
            decision.leadPlacedSeconds.map { "\(Units.fixed($0, 0)) s where a machine was there" },
            decision.leadWaitedSeconds.map { "\(Units.fixed($0, 0)) s where a new one was waited for" },
        ].compactMap(\.self)
        if !kinds.isEmpty { sheet.add("lead", "p90 " + kinds.joined(separator: ", ")) }
        if decision.buffer != 0 {
            sheet.add("buffer", "\(Prose.count(decision.buffer, "node")) kept for the loss of a zone or of spot nodes")
        }
        for (index, block) in decision.blocks.prefix(Self.maximumRows).enumerated() {
            let known = ScalingText.trouble(block.code) ?? ScalingText.meaning(block.code) ?? ""
            let text = block.text.isEmpty ? known : block.text
            sheet.add(
                index == 0 ? "blocked" : "", text.isEmpty ? block.code : "\(block.code): \(text)",
                colour: ScalingText.trouble(block.code) == nil ? .warning : .bad)
        }
        if decision.blocks.isEmpty { sheet.add("blocked", "by nothing", colour: .good) }
        for (index, action) in decision.actions.prefix(Self.maximumRows).enumerated() {
            sheet.add(index == 0 ? "orders" : "", ScalingText.order(action))
        }
        if decision.actions.isEmpty { sheet.add("orders", "none") }
        if let accuracy = decision.accuracy {
            let span = Units.duration(seconds: Double(accuracy.epochs) * 60)
            sheet.add(
                "last day",
                "SDA \(ScalingText.percent(accuracy.sda)) (last value \(ScalingText.percent(accuracy.lastValue))), "
                    + "overloaded \(Units.fixed(accuracy.overloadedMinutes, 1)) min, "
                    + "over-provision \(ScalingText.percent(accuracy.overProvision)); judged over \(span)",
                colour: accuracy.overloadedMinutes > 0 ? .warning : .plain)
        } else {
            sheet.add("last day", "not judged yet: outcomes are known once lead and hold have passed")
        }
        return sheet
    }
}
