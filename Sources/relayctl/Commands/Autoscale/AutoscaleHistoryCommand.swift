import ArgumentParser
import RelayScaling

struct AutoscaleHistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "What was decided, oldest first; at most a day back.")

    /// With --changes, so many times the limit are looked through, and never more than this.
    private static let maximumAsked = 2000

    @Option(help: "The tier.")
    var tier = Tier.edge

    @Option(help: "The most to show.")
    var limit = 50

    @Flag(help: "Only where the target or its reason became another one, among the newest \(maximumAsked).")
    var changes = false

    @OptionGroup var options: AdminOptions

    func validate() throws {
        guard (1...Self.maximumAsked).contains(limit) else {
            throw ValidationError("--limit takes 1 to \(Self.maximumAsked).")
        }
    }

    func run() async throws {
        let client = try options.client()
        let (tier, limit, changes) = (tier, limit, changes)
        try await options.show({ () async throws(Failure) -> DecisionList in
            let list = try await client.decisions(of: tier.role, at: nil, limit: changes ? Self.maximumAsked : limit)
            let kept = changes ? Self.changes(in: list.decisions) : list.decisions
            return DecisionList(decisions: Array(kept.suffix(limit)))
        }) { list, width, hasColour in
            Self.render(list.decisions, tier: tier, width: width, hasColour: hasColour)
        }
    }

    /// The first decision, and those with another target or reason than the one before.
    static func changes(in decisions: [Decision]) -> [Decision] {
        var newest: Decision?
        return decisions.filter { decision in
            defer { newest = decision }
            return decision.target != newest?.target || decision.reason != newest?.reason
                || decision.mode != newest?.mode
        }
    }

    /// Of WHY, columns that are kept free for it where other columns can go.
    private static let readable = 40
    /// Terminals with fewer columns have no room for WHY.
    private static let narrow = 72

    static func render(_ decisions: [Decision], tier: Tier, width: Int?, hasColour: Bool) -> String {
        guard !decisions.isEmpty else { return "Nothing was decided for the \(tier.rawValue) tier yet." }
        var table = Table([
            .init("TIME (UTC)"), .init("MODE"), .init("NOW", alignsRight: true), .init("TARGET", alignsRight: true),
            .init("CHANGE", alignsRight: true), .init("REASON", shrinks: true), .init("NEED", alignsRight: true),
            .init("WHY", shrinks: true),
        ])
        var longest = 0
        for decision in decisions {
            let need = ScalingText.binding(of: decision)
            let why = decision.blocks.first.map { "\($0.code): \($0.text)" } ?? need?.text ?? ""
            longest = max(longest, why.utf8.count)
            table.add(
                [
                    Units.instant(millisecondsSince1970: decision.wallMilliseconds), decision.mode.rawValue,
                    "\(decision.current)", "\(decision.target)", ScalingText.change(decision), decision.reason,
                    need.map { Units.fixed($0.nodes, 1) } ?? "-", why,
                ],
                colours: [
                    4: decision.target > decision.current
                        ? .good : decision.target < decision.current ? .warning : .plain,
                    5: ScalingText.colour(ofReason: decision.reason),
                ])
        }
        if let width, width >= narrow {
            // What can be had elsewhere goes before WHY has no room to be read.
            let room = max(0, min(longest, readable) - Table.narrowest)
            table.leaveOut(["MODE", "NOW", "NEED", "CHANGE"], toFit: width - room)
        }
        table.leaveOut(["WHY", "MODE", "NEED", "CHANGE"], toFit: width)
        return table.render(width: width, hasColour: hasColour)
    }
}
