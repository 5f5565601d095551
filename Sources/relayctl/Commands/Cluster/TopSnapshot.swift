import RelayAPI

/// What `relayctl top` shows: everything asked for at one instant.
struct TopSnapshot: Encodable, Sendable {
    /// Events that are asked for; a screen has room for a few.
    static let events = 50
    /// Streams of the cluster that are asked for.
    static let streams = 1000

    var nodes: ClusterNodeList
    var streams: ClusterStreamList
    /// The streams of the node that is asked, which alone have viewers and rates.
    var here: StreamList
    var events: [ClusterEventEntry]

    static func fetch(_ client: AdminClient) async throws(Failure) -> TopSnapshot {
        async let nodes = result { () async throws(Failure) in try await client.clusterNodes() }
        async let streams = result { () async throws(Failure) in try await client.clusterStreams(limit: Self.streams) }
        async let here = result { () async throws(Failure) in try await client.streams() }
        async let events = result { () async throws(Failure) in try await client.events(after: nil, limit: Self.events)
        }
        return TopSnapshot(
            nodes: try await nodes.get(), streams: try await streams.get(), here: try await here.get(),
            events: try await events.get().events)
    }

    private static func result<Answer: Sendable>(
        _ body: @Sendable () async throws(Failure) -> Answer
    ) async -> Result<Answer, Failure> {
        do throws(Failure) { return .success(try await body()) } catch { return .failure(error) }
    }

    /// - Parameters:
    ///   - rows: of the terminal; nil = show everything.
    ///   - trouble: why this is not newer, safe to show.
    func render(width: Int?, rows: Int?, hasColour: Bool, trouble: String? = nil) -> String {
        var top = [
            Prose.paragraph(
                "\(NodesCommand.summary(nodes.nodes)), \(Prose.count(streams.streams.count, "stream"))", width: nil,
                hasColour: false)
        ]
        if let trouble { top.append(trouble) }
        if let away = ClusterText.away(nodes.registry) { top.append(Escape.forTerminal(away)) }
        // One line each, cut at the edge: the screen is counted in lines.
        let head = top.enumerated().map { index, line in
            Prose.paint(Self.cut(line, width), index == 0 ? .plain : .warning, hasColour: hasColour)
        }
        let room = rows.map { max(0, $0 - head.count) }
        let heights = Self.share(room, wanted: [nodes.nodes.count, streamRows.count, events.count])
        var sections: [String] = head
        let tables = [
            NodesCommand.table(Array(shownNodes(heights[0])), width: width, hasColour: hasColour),
            streamTable(Array(streamRows.prefix(heights[1])), width: width, hasColour: hasColour),
            eventTable(heights[2], width: width, hasColour: hasColour),
        ]
        for (table, height) in zip(tables, heights) where height > 0 { sections += ["", table] }
        if sections.count == head.count { sections += ["", "No nodes, streams or events."] }
        let lines = sections.joined(separator: "\n").split(separator: "\n", omittingEmptySubsequences: false)
        return lines.prefix(rows ?? .max).joined(separator: "\n")
    }

    /// Rows for three tables, each of which needs a blank line and its titles besides: events up to 8 and nodes up to a
    /// half are served first, streams get what is left, and what they do not want goes to the events.
    static func share(_ room: Int?, wanted: [Int]) -> [Int] {
        guard let room else { return [wanted[0], min(wanted[1], 20), min(wanted[2], 10)] }
        let overhead = wanted.count { $0 > 0 } * 2
        var left = max(0, room - overhead)
        let nodes = min(wanted[0], max(1, left / 2))
        left = max(0, left - nodes)
        var events = min(wanted[2], min(8, left / 2))
        let streams = min(wanted[1], left - events)
        left -= streams
        events = min(wanted[2], left)
        return [nodes, streams, events]
    }

    /// By name when all fit; otherwise those first that an operator should see.
    private func shownNodes(_ count: Int) -> ArraySlice<ClusterNode> {
        guard nodes.nodes.count > count else { return nodes.nodes[...] }
        let sorted = nodes.nodes.sorted { left, right in
            let (isLeftCalm, isRightCalm) = (left.state == "serving", right.state == "serving")
            guard isLeftCalm == isRightCalm else { return !isLeftCalm }
            return (left.report?.busiestLoop ?? 0) > (right.report?.busiestLoop ?? 0)
        }
        return sorted.prefix(count)
    }

    struct StreamRow {
        var name: String
        var cluster: ClusterStream?
        var here: StreamSummary?
    }

    /// Those with the most viewers here first, then the fastest, then by name.
    private var streamRows: [StreamRow] {
        var rows: [String: StreamRow] = [:]
        for stream in streams.streams { rows[stream.stream] = StreamRow(name: stream.stream, cluster: stream) }
        for stream in here.streams {
            let name = "\(stream.app)/\(stream.name)"
            rows[name, default: StreamRow(name: name)].here = stream
        }
        return rows.values.sorted { left, right in
            let (leftViewers, rightViewers) = (left.here?.viewers ?? -1, right.here?.viewers ?? -1)
            guard leftViewers == rightViewers else { return leftViewers > rightViewers }
            let (leftRate, rightRate) = (left.here?.bitrate ?? 0, right.here?.bitrate ?? 0)
            return leftRate == rightRate ? left.name < right.name : leftRate > rightRate
        }
    }

    private func streamTable(_ rows: [StreamRow], width: Int?, hasColour: Bool) -> String {
        var table = Table([
            .init("STREAM", shrinks: true), .init("STATE"), .init("OWNER", shrinks: true),
            .init("EPOCH", alignsRight: true), .init("VIDEO"), .init("AUDIO"),
            .init("VIEWERS HERE", alignsRight: true), .init("BITRATE", alignsRight: true),
        ])
        for row in rows {
            let state = row.cluster?.state ?? row.here?.state ?? "-"
            table.add(
                [
                    row.name, state, row.cluster.map(ClusterStreamsView.owner) ?? "-",
                    row.cluster.map { "\($0.epoch)" } ?? "-",
                    row.cluster?.videoCodec ?? row.here?.videoCodec ?? "-",
                    row.cluster?.audioCodec ?? row.here?.audioCodec ?? "-", row.here.map { "\($0.viewers)" } ?? "-",
                    row.here.map { Units.bitrate($0.bitrate) } ?? "-",
                ],
                colours: [
                    1: ClusterText.streamState(state), 2: row.cluster?.ownerLives == false ? .bad : .plain,
                ])
        }
        table.leaveOut(["AUDIO", "VIDEO", "EPOCH"], toFit: width)
        return table.render(width: width, hasColour: hasColour)
    }

    private func eventTable(_ count: Int, width: Int?, hasColour: Bool) -> String {
        var lines = EventLines(width: width, hasColour: hasColour)
        return lines.render(events.suffix(count), withTitles: true)
    }

    /// - Parameter line: only printable ASCII, so that its length is its width.
    private static func cut(_ line: String, _ width: Int?) -> String { width.map { String(line.prefix($0)) } ?? line }
}
