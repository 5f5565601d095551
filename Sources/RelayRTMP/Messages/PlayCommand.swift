/// `play`. RTMP 1.0 section 7.2.2.1.
package struct PlayCommand: Sendable, Equatable {
    /// As the client wrote it, a query included; nil for `play(false)`, which stops.
    package var name: String?
    /// -2 live or recorded, -1 live, otherwise a position in ms; nil when absent or not a whole number.
    package var start: Int?
    /// In ms, -1 for all; nil when absent or not a whole number.
    package var duration: Int?
    package var reset: Bool

    package init(name: String, start: Int? = nil, duration: Int? = nil, reset: Bool = true) {
        self.name = name
        self.start = start
        self.duration = duration
        self.reset = reset
    }

    package init(_ command: Command) {
        if case .boolean(false)? = command.argument(0) {
            name = nil
        } else {
            name = command.argument(0)?.stringValue ?? ""
        }
        start = AMF0.exactInt(command.argument(1)?.numberValue)
        duration = AMF0.exactInt(command.argument(2)?.numberValue)
        reset = command.argument(3)?.booleanValue ?? true
    }

    /// The command that a client sends.
    package func command(transactionID: Double) -> Command {
        var arguments: [AMF0Value] = [name.map { .string($0) } ?? .boolean(false)]
        if let start { arguments.append(.number(Double(start))) }
        return Command("play", transactionID: transactionID, arguments: arguments)
    }
}
