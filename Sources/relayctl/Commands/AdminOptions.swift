import ArgumentParser
import FoundationEssentials
import RelayCore

/// How results are shown.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table
    case json
}

/// What every command over the admin API takes.
struct AdminOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Address of the node's admin API; also RELAYCTL_ADMIN. (default: http://127.0.0.1:9090)", valueName: "url"))
    var admin: String?

    @Option(name: [.customShort("o"), .customLong("format")], help: "How the result is shown.")
    var format = OutputFormat.table

    @Option(
        name: .customLong("watch"), defaultAsFlag: 2, parsing: .scanningForValue,
        help: ArgumentHelp("Show it again every so many seconds until Ctrl-C.", valueName: "seconds"))
    var watch: Double?

    @Option(help: ArgumentHelp("Give up on an answer after so many seconds.", valueName: "seconds"))
    var timeout = 10.0

    @Flag(name: .customLong("no-color"), help: "No colours; also NO_COLOR.")
    var noColour = false

    func validate() throws {
        if let watch, !(0.1...3600).contains(watch) { throw ValidationError("--watch takes 0.1 to 3600 seconds.") }
        guard (0.001...3600).contains(timeout) else { throw ValidationError("--timeout takes up to 3600 seconds.") }
    }

    /// The client for the node that the options name.
    func client() throws(Failure) -> AdminClient {
        let variable = Console.current.environment["RELAYCTL_ADMIN"].flatMap { $0.isEmpty ? nil : $0 }
        return try AdminClient(base: admin ?? variable ?? "http://127.0.0.1:9090", timeout: .seconds(timeout))
    }

    /// Colours only when neither the console nor the flag forbids them.
    var hasColour: Bool { Console.current.hasColour && !noColour }

    /// Fetches and shows a result, once or for as long as `--watch` says. While watching, a node that is away is told
    /// about and asked again.
    func show<Answer: Encodable>(
        _ fetch: () async throws(Failure) -> Answer, table: (Answer, _ width: Int?, _ hasColour: Bool) -> String
    ) async throws(Failure) {
        let console = Console.current
        while true {
            let text: String
            do throws(Failure) {
                let answer = try await fetch()
                text = format == .json ? try Self.json(answer) : table(answer, console.width, hasColour)
            } catch {
                guard watch != nil, case .unreachable = error else { throw error }
                text = error.message
            }
            guard let watch else { return try console.print(text) }
            if console.isTerminal, format == .table {
                // Home, clear to the end of each line and of the screen: no flicker, and nothing old stays.
                let cleared = text.split(separator: "\n", omittingEmptySubsequences: false).joined(
                    separator: "\u{1B}[K\n")
                try console.print("\u{1B}[H\(cleared)\u{1B}[K\n\u{1B}[J", terminator: "")
            } else {
                try console.print(text)
            }
            do { try await Task.sleep(for: .seconds(watch)) } catch { throw .interrupted("") }
        }
    }

    /// - Parameter isOneLine: for output of one object per line.
    static func json(_ value: some Encodable, isOneLine: Bool = false) throws(Failure) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if !isOneLine { encoder.outputFormatting.insert(.prettyPrinted) }
        guard let data = try? encoder.encode(value) else {
            throw .badAnswer("The answer holds a number that JSON cannot.")
        }
        return Escape.json(String(decoding: data, as: UTF8.self))
    }
}

extension StreamName: ExpressibleByArgument {
    /// `app/name`, as the rest of the world writes it; what is wrong with another text is told by ArgumentParser.
    public init?(argument: String) {
        guard let name = try? StreamName(path: argument) else { return nil }
        self = name
    }
}
