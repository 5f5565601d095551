import ArgumentParser
import RelayAPI
import RelayCore

struct ViewersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "viewers", abstract: "Who watches, slowest first.")

    @Option(help: ArgumentHelp("Only viewers of this stream.", valueName: "app/name"))
    var stream: StreamName?

    @Option(help: "The most to show.")
    var limit = 100

    @OptionGroup var options: AdminOptions

    func validate() throws {
        guard (1...20_000).contains(limit) else { throw ValidationError("--limit takes 1 to 20000.") }
    }

    func run() async throws {
        let client = try options.client()
        let (stream, limit) = (stream, limit)
        try await options.show({ () async throws(Failure) in try await client.viewers(of: stream, limit: limit) }) {
            list, width, hasColour in
            Self.render(list, width: width, hasColour: hasColour)
        }
    }

    static func render(_ list: ViewerList, width: Int?, hasColour: Bool) -> String {
        guard !list.viewers.isEmpty else {
            return list.total == 0 ? "No viewers." : "None of \(list.total) viewers shown."
        }
        var table = Table([
            .init("ID", alignsRight: true), .init("STREAM", shrinks: true), .init("OVER"), .init("TRACKS"),
            .init("FROM", shrinks: true),
            .init("UP", alignsRight: true), .init("SENT", alignsRight: true), .init("LOST", alignsRight: true),
            .init("LAG", alignsRight: true), .init("PLAYER", shrinks: true),
        ])
        for viewer in list.viewers {
            table.add(
                [
                    "\(viewer.id)", viewer.stream, viewer.transport, viewer.selection, viewer.remote,
                    Units.duration(seconds: viewer.connectedSeconds), Units.bytes(viewer.bytesSent),
                    "\(viewer.framesLost)",
                    Units.milliseconds(Double(viewer.lagMs)), viewer.player ?? "-",
                ],
                colours: [7: viewer.framesLost > 0 ? .warning : .plain, 8: viewer.lagMs >= 1000 ? .bad : .plain])
        }
        let text = table.render(width: width, hasColour: hasColour)
        return list.total > list.viewers.count
            ? text + "\n\(list.viewers.count) of \(list.total) viewers; --limit shows more." : text
    }
}
