import ArgumentParser
import RelayAPI
import RelayCore

struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "What an error code means and what to do.",
        discussion: "Without a code, all codes are listed. No node is asked.")

    @Argument(help: ArgumentHelp("Such as RLY-4001; the number is enough.", valueName: "code"))
    var code: String?

    @Option(name: [.customShort("o"), .customLong("format")], help: "How the result is shown.")
    var format = OutputFormat.table

    func run() throws {
        var codes = RelayCode.catalogue
        if let code {
            let number = Int(code.uppercased().hasPrefix("RLY-") ? code.dropFirst(4) : code[...])
            codes = codes.filter { $0.number == number }
            guard !codes.isEmpty else { throw Failure.refused("There is no code \(Escape.forTerminal(code)).") }
        }
        let console = Console.current
        if format == .json {
            let problems = codes.map { Problem(code: $0.description, message: $0.message, hint: $0.hint) }
            if code != nil, let problem = problems.first { return try console.print(AdminOptions.json(problem)) }
            return try console.print(AdminOptions.json(problems))
        }
        try console.print(codes.map { "\($0): \($0.message)\n          \($0.hint)" }.joined(separator: "\n"))
    }
}
