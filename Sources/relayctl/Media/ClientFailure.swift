import FoundationEssentials
import RelayAPI
import RelayClient

extension Failure {
    /// The failure of a command for the failure of a client; the server's words escaped and cut.
    init(_ error: ClientError) {
        func shown(_ text: String) -> String { Escape.forTerminal(String(text.prefix(1000))) }
        switch error {
        case .badURL: self = .usage(shown("\(error)"))
        case .cannotConnect(let reason): self = .unreachable("Cannot connect: \(shown(reason)).")
        case .refused(let code, let description):
            if let problem = try? JSONDecoder().decode(Problem.self, from: Data(description.utf8)) {
                self = .refused(shown("\(code), \(problem.code): \(problem.message) \(problem.hint)"))
            } else {
                self = .refused(shown("\(code) \(description)"))
            }
        case .redirected(let url): self = .refused("The server says to use \(shown(url)).")
        case .broken(let reason): self = .badAnswer("The answer is not what it should be: \(shown(reason)).")
        case .timedOut(let reason): self = .interrupted("Not finished in time: \(shown(reason))")
        case .closed: self = .badAnswer("The server closed the connection without a word.")
        }
    }
}
