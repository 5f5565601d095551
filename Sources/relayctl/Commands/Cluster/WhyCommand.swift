import ArgumentParser
import RelayAPI
import RelayCore

struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "How a stream is, from its publisher to its viewers, and what is wrong with it.",
        discussion: "All nodes that hold the stream are asked. The last lines are the diagnosis, worst first.")

    @Argument(help: ArgumentHelp("The stream.", valueName: "app/name"))
    var name: StreamName

    @OptionGroup var options: AdminOptions

    func run() async throws {
        let client = try options.client()
        let name = name
        var isFound = false
        try await options.show({ () async throws(Failure) in
            let why = try await client.why(name)
            isFound = why.stream != nil || !why.parts.isEmpty
            return why
        }) { why, width, hasColour in
            WhyStory(name: name.description, why: why, width: width, hasColour: hasColour).text
        }
        // What there is to say was said; the exit code is for scripts.
        guard isFound else { throw Failure.refused("") }
    }
}

/// An answer about a stream as a story: what the registry says, who sends, who passes it on, what is wrong.
struct WhyStory {
    let name: String
    let why: StreamWhy
    let width: Int?
    let hasColour: Bool

    var text: String {
        var sections: [String] = []
        sections.append(ClusterText.header(why.registry, width: width, hasColour: hasColour) + facts)
        if !why.parts.isEmpty { sections.append(tree) }
        if !failovers.isEmpty { sections.append(failovers.joined(separator: "\n")) }
        sections.append(
            StreamDiagnosis(of: name, why).findings.prefix(20).map { prose($0.text, $0.colour) }.joined(separator: "\n")
        )
        return sections.joined(separator: "\n\n")
    }

    private func prose(_ text: String, _ colour: Table.Colour = .plain) -> String {
        Prose.paragraph(text, width: width, colour: colour, hasColour: hasColour)
    }

    private var facts: String {
        var facts = Table([.init("STREAM"), .init(name, shrinks: true)])
        if let stream = why.stream {
            facts.add(["state", stream.state], colours: [1: ClusterText.streamState(stream.state)])
            let lease = why.ownerLeaseMs.map { ClusterText.lease($0) }
            let isOver = !stream.ownerLives || lease?.text == "over"
            let words = isOver ? ", lease over" : lease.map { ", lease \($0.text)" } ?? ""
            facts.add(
                ["owner", stream.owner + words], colours: [1: isOver ? .bad : lease?.colour ?? .plain])
            facts.add(["epoch", "\(stream.epoch), incarnation \(stream.incarnation)"])
            facts.add(["link", stream.link])
            if let preferred = stream.preferred { facts.add(["preferred", preferred]) }
            facts.add(["codecs", "\(stream.videoCodec ?? "no video"), \(stream.audioCodec ?? "no audio")"])
        } else {
            facts.add(["state", "not in the registry"], colours: [1: .bad])
        }
        for part in why.parts.filter({ $0.part == "owner" || $0.part == "standby" }).prefix(16) {
            let publisher = part.publisher.map { "\($0), \(part.encoder ?? "encoder unknown")" } ?? "away"
            let isStandby = part.part == "standby"
            let rate = "\(Units.bitrate(part.bitrate)), \(Units.fixed(part.framesPerSecond, 1)) fps"
            facts.add(
                [isStandby ? "standby" : "publisher", isStandby ? "\(part.node): \(publisher)" : publisher],
                colours: part.publisher == nil ? [1: .warning] : [:])
            if !isStandby { facts.add(["rate", rate]) }
        }
        facts.add(["viewers", "\(Units.total(why.parts.map(\.viewers)))"])
        let isAway = why.registry.state == "away"
        facts.add(
            ["registry", "\(why.registry.state) for \(Units.duration(seconds: why.registry.seconds))"],
            colours: [1: isAway ? .bad : .good])
        return facts.render(width: width, hasColour: hasColour)
    }

    private var tree: String {
        var table = Table([
            .init("NODE", shrinks: true), .init("PART"), .init("PARENT", shrinks: true), .init("PHASE", shrinks: true),
            .init("HOPS", alignsRight: true), .init("RTT", alignsRight: true), .init("QUEUE", alignsRight: true),
            .init("LOST", alignsRight: true), .init("VIEWERS", alignsRight: true), .init("SLOW", alignsRight: true),
        ])
        let newest = max(why.stream?.epoch ?? 0, why.parts.map(\.epoch).max() ?? 0)
        for row in StreamTree.rows(why.parts) {
            let part = row.part
            let isOld = part.epoch < newest && part.part != "standby"
            table.add(
                [
                    row.branch + part.node, part.part, part.parent ?? "-", part.phase ?? "-",
                    part.hops.map { "\($0)" } ?? "-", part.hopRTTMs.map(Units.milliseconds) ?? "-",
                    "\(part.queueFrames)", "\(part.framesLost)", "\(part.viewers)", "\(part.slowViewers)",
                ],
                colours: [
                    0: isOld ? .warning : .plain,
                    1: part.part == "owner" ? .good : .plain,
                    6: part.queueFrames > StreamDiagnosis.worryingQueueFrames ? .warning : .plain,
                    7: part.framesLost > 0 ? .warning : .plain,
                    9: part.slowViewers > 0 ? .warning : .plain,
                ])
        }
        for node in why.silent { table.add([node, "silent"], colours: [1: .bad]) }
        // The tree tells the parent, too.
        table.leaveOut(["PARENT", "PHASE", "HOPS", "QUEUE"], toFit: width)
        return table.render(width: width, hasColour: hasColour)
    }

    private var failovers: [String] {
        why.parts.prefix(1000).compactMap { part in
            guard let last = part.lastFailover else { return nil }
            let count = part.failovers > 1 ? ", the newest of \(part.failovers)" : ""
            return prose(
                "\(part.node): \(Units.duration(seconds: last.secondsAgo)) ago \(last.from) -> \(last.to), gap \(Units.milliseconds(last.gapMs)), \(last.framesLost) frames lost\(count)",
                last.framesLost > 0 ? .warning : .plain)
        }
    }
}
