import ArgumentParser
import RelayAPI
import RelayCore

struct StreamsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "streams", abstract: "The streams of the node, or of the cluster.")

    @Flag(help: "The streams of the whole cluster, as the registry has them.")
    var all = false

    @Option(help: "With --all, the most to show. (default: 1000)")
    var limit: Int?

    @OptionGroup var options: AdminOptions

    func validate() throws {
        guard let limit else { return }
        guard all else { throw ValidationError("--limit goes with --all.") }
        guard (1...20_000).contains(limit) else { throw ValidationError("--limit takes 1 to 20000.") }
    }

    func run() async throws {
        let client = try options.client()
        if all {
            let limit = limit ?? 1000
            return try await options.show({ () async throws(Failure) in try await client.clusterStreams(limit: limit) })
            { list, width, hasColour in
                ClusterStreamsView.render(list, limit: limit, width: width, hasColour: hasColour)
            }
        }
        try await options.show(client.streams) { list, width, hasColour in
            Self.render(list, width: width, hasColour: hasColour)
        }
    }

    static func render(_ list: StreamList, width: Int?, hasColour: Bool) -> String {
        guard !list.streams.isEmpty else { return "No streams." }
        var table = Table([
            .init("STREAM", shrinks: true), .init("STATE"), .init("VIDEO"), .init("SIZE"),
            .init("FPS", alignsRight: true),
            .init("AUDIO"), .init("BITRATE", alignsRight: true), .init("VIEWERS", alignsRight: true),
            .init("UP", alignsRight: true),
        ])
        for stream in list.streams {
            table.add(
                [
                    "\(stream.app)/\(stream.name)", stream.state, stream.videoCodec ?? "-", size(of: stream),
                    stream.videoCodec == nil ? "-" : Units.fixed(stream.framesPerSecond, 1), stream.audioCodec ?? "-",
                    Units.bitrate(stream.bitrate), "\(stream.viewers)", Units.duration(seconds: stream.uptimeSeconds),
                ], colours: [1: stream.state == "live" ? .good : .warning])
        }
        return table.render(width: width, hasColour: hasColour)
    }

    static func size(of stream: StreamSummary) -> String {
        guard let width = stream.width, let height = stream.height else { return "-" }
        return "\(width)x\(height)"
    }
}

struct StreamCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "stream", abstract: "One stream in full.")

    @Argument(help: ArgumentHelp("The stream.", valueName: "app/name"))
    var name: StreamName

    @OptionGroup var options: AdminOptions

    func run() async throws {
        let client = try options.client()
        let name = name
        try await options.show({ () async throws(Failure) in try await client.stream(name) }) {
            detail, width, hasColour in
            Self.render(detail, width: width, hasColour: hasColour)
        }
    }

    static func render(_ detail: StreamDetail, width: Int?, hasColour: Bool) -> String {
        let summary = detail.summary
        var table = Table([.init("STREAM"), .init("\(summary.app)/\(summary.name)", shrinks: true)])
        table.add(["state", summary.state], colours: [1: summary.state == "live" ? .good : .warning])
        table.add(["up", Units.duration(seconds: summary.uptimeSeconds)])
        let video = summary.videoCodec.map {
            "\($0) \(StreamsCommand.size(of: summary)), \(Units.fixed(summary.framesPerSecond, 1)) fps"
        }
        table.add(["video", video ?? "none"])
        table.add(["audio", summary.audioCodec ?? "none"])
        table.add(["bitrate", Units.bitrate(summary.bitrate)])
        table.add(["key interval", detail.keyIntervalMs.map(Units.milliseconds) ?? "unknown"])
        table.add(["viewers", "\(summary.viewers)"])
        if let publisher = detail.publisher {
            table.add([
                "publisher",
                "\(publisher.remote), connection \(publisher.id), \(Units.duration(seconds: publisher.connectedSeconds))",
            ])
            table.add(["encoder", publisher.encoder ?? "unknown"])
            table.add(["received", Units.bytes(publisher.bytesIn)])
        } else {
            table.add(["publisher", "away"], colours: [1: .warning])
        }
        let gop =
            "\(detail.gopFrames) frames, \(Units.bytes(detail.gopBytes)), \(Units.milliseconds(Double(detail.gopMilliseconds)))"
        table.add(["gop cache", detail.gopNote.map { "\(gop) (\($0))" } ?? gop])
        table.add(["last dts", "\(detail.lastDts) ms"])
        let ledger = detail.ledger
        table.add(["frames in", "\(ledger.framesIn)"])
        table.add(["offered", "\(ledger.offered)"])
        table.add(["sent", "\(ledger.sent)"])
        table.add([
            "not sent",
            "\(ledger.dropped) dropped, \(ledger.skipped) skipped, \(ledger.evicted) evicted, \(ledger.unsent) unsent",
        ])
        table.add(["rebases", "\(detail.timestampRebases)"])
        table.add(["broken tags", "\(detail.brokenTags)"], colours: detail.brokenTags > 0 ? [1: .warning] : [:])
        table.add(["republished", "\(detail.republishes)"])
        return table.render(width: width, hasColour: hasColour)
    }
}
