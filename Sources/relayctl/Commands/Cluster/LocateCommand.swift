import ArgumentParser
import RelayAPI
import RelayCore

struct LocateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "locate", abstract: "Where the node would get a stream from.",
        discussion: "The parents are in the order in which the node that is asked would try them.")

    @Argument(help: ArgumentHelp("The stream.", valueName: "app/name"))
    var name: StreamName

    @OptionGroup var options: AdminOptions

    func run() async throws {
        let client = try options.client()
        let name = name
        var isFound = false
        try await options.show({ () async throws(Failure) in
            let location = try await client.locate(name)
            isFound = location.stream != nil || !location.parents.isEmpty
            return location
        }) { location, width, hasColour in
            Self.render(location, name: name, width: width, hasColour: hasColour)
        }
        // What there is to say was said; the exit code is for scripts.
        guard isFound else { throw Failure.refused("") }
    }

    static func render(_ location: ClusterLocation, name: StreamName, width: Int?, hasColour: Bool) -> String {
        func prose(_ text: String, _ colour: Table.Colour = .plain) -> String {
            Prose.paragraph(text, width: width, colour: colour, hasColour: hasColour)
        }
        var text = ClusterText.header(location.registry, width: width, hasColour: hasColour)
        if let stream = location.stream {
            var facts = Table([.init("STREAM"), .init(name.description, shrinks: true)])
            facts.add(["state", stream.state], colours: [1: ClusterText.streamState(stream.state)])
            let owner = "\(stream.owner)\(stream.ownerLives ? "" : ", whose lease is over"), epoch \(stream.epoch)"
            facts.add(["owner", owner], colours: [1: stream.ownerLives ? .plain : .bad])
            facts.add(["incarnation", stream.incarnation])
            facts.add(["link", stream.link])
            facts.add(["codecs", "\(stream.videoCodec ?? "no video"), \(stream.audioCodec ?? "no audio")"])
            if let preferred = stream.preferred { facts.add(["preferred", preferred]) }
            facts.add(["known", age(location.ageSeconds)])
            text += facts.render(width: width, hasColour: hasColour)
        } else {
            text += prose("Nobody owns \(name); known \(age(location.ageSeconds)).", .warning)
        }
        guard !location.parents.isEmpty else {
            let advice = "No parent serves it to this node; relayctl why \(name) tells more."
            return location.stream == nil ? text : text + "\n\n" + prose(advice, .warning)
        }
        var parents = Table([
            .init("#", alignsRight: true), .init("PARENT", shrinks: true), .init("HOPS", alignsRight: true),
            .init("BREAKER"), .init("LINK", shrinks: true),
        ])
        for (index, parent) in location.parents.enumerated() {
            parents.add(
                ["\(index + 1)", parent.node, "\(parent.hops)", parent.breaker, parent.link],
                colours: [3: parent.breaker == "closed" ? .good : parent.breaker == "open" ? .bad : .warning])
        }
        text += "\n\n" + parents.render(width: width, hasColour: hasColour)
        if location.parents.allSatisfy({ $0.breaker == "open" }) {
            text +=
                "\n\n"
                + prose(
                    "Every breaker is open: the last calls to all parents failed. Check the network from this node to them.",
                    .bad)
        }
        return text
    }

    private static func age(_ seconds: Double) -> String {
        seconds <= 0 ? "as of now" : "\(Units.duration(seconds: seconds)) ago"
    }
}
