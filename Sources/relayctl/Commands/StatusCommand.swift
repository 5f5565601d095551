import ArgumentParser
import RelayAPI

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "What the node is doing.")

    @OptionGroup var options: AdminOptions

    func run() async throws {
        let client = try options.client()
        try await options.show(client.status) { status, width, hasColour in
            Self.render(status, width: width, hasColour: hasColour)
        }
    }

    static func render(_ status: NodeStatus, width: Int?, hasColour: Bool) -> String {
        var facts = Table([.init("NODE"), .init(status.node, shrinks: true)])
        let stateColour: Table.Colour = status.state == "running" ? .good : .warning
        facts.add(["state", status.state], colours: [1: stateColour])
        facts.add(["role", status.role])
        facts.add(["version", status.version])
        facts.add(["up", Units.duration(seconds: status.uptimeSeconds)])
        for (name, address) in status.listeners.sorted(by: { $0.key < $1.key }) { facts.add([name, address]) }
        facts.add(["streams", "\(status.streams)"])
        facts.add(["publishers", "\(status.publishers)"])
        facts.add(["viewers", "\(status.viewers)"])
        facts.add(["connections", "\(status.connections) of \(status.maxConnections)"])
        facts.add(["in", "\(Units.bitrate(status.bitrateIn)), \(Units.bytes(status.bytesIn)) since start"])
        facts.add(["out", "\(Units.bitrate(status.bitrateOut)), \(Units.bytes(status.bytesOut)) since start"])
        var loops = Table([
            .init("LOOP", alignsRight: true), .init("BUSY", alignsRight: true), .init("FLUSH", alignsRight: true),
            .init("VIEWERS", alignsRight: true),
        ])
        for loop in status.loops.prefix(256) {
            let colour: Table.Colour = loop.busy >= 0.9 ? .bad : loop.busy >= 0.7 ? .warning : .good
            let flush = loop.flushIntervalMs == 0 ? "at once" : Units.milliseconds(loop.flushIntervalMs)
            loops.add(["\(loop.index)", Units.percent(loop.busy), flush, "\(loop.viewers)"], colours: [1: colour])
        }
        return facts.render(width: width, hasColour: hasColour) + "\n\n"
            + loops.render(width: width, hasColour: hasColour)
    }
}
