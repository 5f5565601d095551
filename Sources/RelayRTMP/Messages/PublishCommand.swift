/// `publish`. RTMP 1.0 section 7.2.2.6.
package struct PublishCommand: Sendable, Hashable {
    /// How the publisher wants the stream kept; all mean "live" to us.
    package enum Kind: String, Sendable, Hashable {
        case live
        case record
        case append
    }

    /// As the client wrote it, a query included.
    package var name: String
    package var kind: Kind

    package init(name: String, kind: Kind = .live) {
        self.name = name
        self.kind = kind
    }

    /// Reads the arguments; a missing name is empty, a missing or unknown kind is live.
    package init(_ command: Command) {
        name = command.argument(0)?.stringValue ?? ""
        kind = command.argument(1)?.stringValue.flatMap(Kind.init(rawValue:)) ?? .live
    }

    /// The command that a client sends. The kind is always written: YouTube insists on it.
    package func command(transactionID: Double) -> Command {
        Command("publish", transactionID: transactionID, arguments: [.string(name), .string(kind.rawValue)])
    }
}
