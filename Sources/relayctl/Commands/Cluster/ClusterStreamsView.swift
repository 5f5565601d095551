import RelayAPI

/// `relayctl streams --all`.
enum ClusterStreamsView {
    static func render(_ list: ClusterStreamList, limit: Int, width: Int?, hasColour: Bool) -> String {
        func prose(_ text: String, _ colour: Table.Colour = .plain) -> String {
            Prose.paragraph(text, width: width, colour: colour, hasColour: hasColour)
        }
        let header = ClusterText.header(list.registry, width: width, hasColour: hasColour)
        guard !list.streams.isEmpty else { return header + prose("No streams in the cluster.") }
        var table = Table([
            .init("STREAM", shrinks: true), .init("STATE"), .init("OWNER", shrinks: true),
            .init("EPOCH", alignsRight: true), .init("VIDEO"), .init("AUDIO"), .init("LINK", shrinks: true),
        ])
        for stream in list.streams {
            table.add(
                [
                    stream.stream, stream.state, owner(of: stream), "\(stream.epoch)", stream.videoCodec ?? "-",
                    stream.audioCodec ?? "-", stream.link,
                ],
                colours: [
                    1: ClusterText.streamState(stream.state), 2: stream.ownerLives ? .plain : .bad,
                ])
        }
        var text = header + table.render(width: width, hasColour: hasColour)
        let orphans = list.streams.count { !$0.ownerLives }
        if orphans > 0 {
            let subject = orphans == 1 ? "1 stream has" : "\(orphans) streams have"
            text +=
                "\n"
                + prose(
                    "\(subject) an owner whose lease is over (!): viewers are held; relayctl why app/name tells more.",
                    .warning)
        }
        // The node stops at the limit without a word.
        if list.streams.count >= limit { text += "\n" + prose("\(list.streams.count) streams; --limit shows more.") }
        return text
    }

    /// With a mark when its lease is over, so that it shows without colours too.
    static func owner(of stream: ClusterStream) -> String { stream.ownerLives ? stream.owner : "! \(stream.owner)" }
}
