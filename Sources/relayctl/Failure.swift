/// How a command ended when it did not succeed. The numbers are part of what users script against; `relayctl --help`
/// lists them.
package enum Failure: Error, Sendable, Equatable {
    /// The node refused, or has no such thing.
    case refused(String)
    /// The command line is wrong.
    case usage(String)
    /// Nothing answers at the address.
    case unreachable(String)
    /// The answer is not what it should be.
    case badAnswer(String)
    /// Interrupted, or not finished in time.
    case interrupted(String)
    /// Nobody reads standard output any more; not a failure of ours.
    case readerGone

    /// The process's exit code.
    package var exitCode: Int32 {
        switch self {
        case .readerGone: 0
        case .refused: 1
        case .usage: 2
        case .unreachable: 3
        case .badAnswer: 4
        case .interrupted: 5
        }
    }

    /// What to tell on standard error; safe to show.
    package var message: String {
        switch self {
        case .refused(let text), .usage(let text), .unreachable(let text), .badAnswer(let text), .interrupted(let text):
            text
        case .readerGone: ""
        }
    }
}
