import ArgumentParser
import RelayAPI
import RelayCore

struct MoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move", abstract: "Send a stream's publisher to another origin.")

    @Argument(help: ArgumentHelp("The stream.", valueName: "app/name"))
    var name: StreamName

    @Argument(help: "The origin that shall own it.")
    var node: NodeID

    @OptionGroup var options: AdminOptions

    func run() async throws {
        let order = try await options.client().move(name, to: node)
        try options.tell(order, hint: "relayctl why \(name) shows when it is there.")
    }
}

extension AdminOptions {
    /// Prints what an order led to.
    ///
    /// - Parameter hint: where to look next, when the order was accepted.
    /// - Throws: ``Failure/refused(_:)`` when it was not.
    func tell(_ order: ClusterOrder, hint: String, isOneLine: Bool = false) throws(Failure) {
        let console = Console.current
        if format == .json { try console.print(Self.json(order, isOneLine: isOneLine)) }
        let said = Escape.forTerminal(String(order.text.prefix(2000)))
        guard order.accepted else { throw .refused(said) }
        if format == .table {
            try console.print(said)
            if !hint.isEmpty { try console.print(hint) }
        }
    }
}
