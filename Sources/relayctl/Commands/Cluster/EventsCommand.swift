import ArgumentParser
import RelayAPI

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "What happened in the cluster, oldest first.",
        discussion: "With --follow and -o json, each line is one JSON object.")

    @Flag(help: "Go on with what happens from now on, until Ctrl-C; --watch sets how often it is asked for.")
    var follow = false

    @Option(help: "The most to show; with --follow, of what has happened already.")
    var limit = 50

    @OptionGroup var options: AdminOptions

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes 1 to 10000.") }
    }

    func run() async throws {
        let client = try options.client()
        if follow { return try await followEvents(client) }
        let limit = limit
        try await options.show({ () async throws(Failure) in try await client.events(after: nil, limit: limit) }) {
            list, width, hasColour in
            var lines = EventLines(width: width, hasColour: hasColour)
            return list.events.isEmpty ? "No events." : lines.render(list.events, withTitles: true)
        }
    }

    private func followEvents(_ client: AdminClient) async throws(Failure) {
        let console = Console.current
        var lines = EventLines(width: console.width, hasColour: options.hasColour)
        var newest: String?
        var isFirst = true
        var trouble = ""
        while true {
            do throws(Failure) {
                let list = try await client.events(after: newest, limit: newest == nil ? limit : 1000)
                // A log that was emptied, or a node that does not know the id, begins again from the start.
                let known = list.events.lastIndex { $0.id == newest }
                let events = known.map { list.events[list.events.index(after: $0)...] } ?? list.events[...]
                if options.format == .json {
                    for event in events { try console.print(AdminOptions.json(event, isOneLine: true)) }
                } else if isFirst || !events.isEmpty {
                    try console.print(lines.render(Array(events), withTitles: isFirst))
                }
                newest = events.last?.id ?? newest
                isFirst = false
                trouble = ""
            } catch {
                switch error {
                case .readerGone, .usage: throw error
                default: break
                }
                guard !Task.isCancelled else { throw .interrupted("") }
                // Once it worked, the node may come back: it is told about once and asked again.
                guard !isFirst else { throw error }
                if error.message != trouble { console.err("relayctl: \(error.message) Asking again.\n") }
                trouble = error.message
            }
            if let newest, newest.utf8.count > AdminClient.maximumEventIDBytes {
                throw .badAnswer("The answer of \(client.shownBase) has an event with an id that is too long.")
            }
            do { try await Task.sleep(for: .seconds(options.watch ?? 1)) } catch { throw .interrupted("") }
        }
    }
}

/// Events as lines whose columns stay where they are from one batch to the next, as far as that can be known.
struct EventLines {
    /// Columns of the texts of others are not held wider than this for later lines.
    private static let maximumHeldWidth = 24

    let width: Int?
    let hasColour: Bool
    private var held = [0, 0, 0]

    init(width: Int?, hasColour: Bool) {
        self.width = width
        self.hasColour = hasColour
    }

    mutating func render(_ events: [ClusterEventEntry], withTitles: Bool) -> String {
        var table = Table([
            .init("TIME (UTC)"), .init("NODE", shrinks: true), .init("KIND", shrinks: true),
            .init("STREAM", shrinks: true), .init("TEXT", shrinks: true),
        ])
        let rows = events.map { event in
            [event.node, event.kind, event.stream ?? "-"].map(Escape.forTerminal)
        }
        for row in rows {
            for (index, cell) in row.enumerated() {
                held[index] = min(max(held[index], cell.utf8.count), Self.maximumHeldWidth)
            }
        }
        for (event, row) in zip(events, rows) {
            let padded = row.enumerated().map { index, cell in
                cell + String(repeating: " ", count: max(0, held[index] - cell.utf8.count))
            }
            table.add(
                [Units.instant(millisecondsSince1970: event.wallMs)] + padded + [event.text],
                colours: [2: Self.colour(of: event.kind)])
        }
        let text = table.render(width: width, hasColour: hasColour)
        guard !withTitles else { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().joined(separator: "\n")
    }

    /// Of the kinds that are known; others stay plain.
    private static func colour(of kind: String) -> Table.Colour {
        switch kind {
        case "lost", "left": .bad
        case "failover", "drain", "ended": .warning
        case "claimed", "joined", "standby": .good
        default: .plain
        }
    }
}
