import Logging

extension ConfigurationKey {
    /// Every key, in the order of the documentation.
    package static let all: [ConfigurationKey] = listening + streams + cluster + limits + operation + autoscaler

    private static let listening: [ConfigurationKey] = [
        .text(
            "node.name", \.node.name, allowed: "1…64 of A-Z a-z 0-9 . _ -, or nothing for the host name",
            empty: "host name",
            "What the node calls itself in the API, logs and metrics."
        ) { $0.utf8.count <= 64 && $0.utf8.allSatisfy(isNameByte) },
        .integer("node.threads", \.node.threads, 0...64, zero: "one per core", "Event loops that carry media."),
        .text(
            "node.machine", \.node.machine, allowed: "up to 253 of A-Z a-z 0-9 . _ -",
            "Name of the machine below the node, for the autoscaler's choice of nodes to drain."
        ) { $0.utf8.count <= 253 && $0.utf8.allSatisfy(isNameByte) },
        .choice(
            "node.spot", \.node.spot,
            "Whether that machine may be taken away at short notice, as spot instances are."),
        .integer(
            "node.egressCapacity", \.node.egressCapacity, 0...10_000_000, unit: "Mbit/s", zero: "unknown",
            "The most that the node may send for long; bounded by the speed of its network device, where that is known."
        ),
        .host("rtmp.host", \.rtmp.host, "Address of the RTMP listener."),
        .port("rtmp.port", \.rtmp.port, "Port of the RTMP listener, for publishers and players."),
        .size(
            "rtmp.chunkSize", \.rtmp.chunkSize, 128...16_777_215,
            "Chunk size that is announced and sent. Some old players cannot take more than 65536."),
        .size(
            "rtmp.ackWindow", \.rtmp.ackWindow, 65_536...(1 << 30),
            "Bytes after which a peer is asked to acknowledge."),
        .host("http.host", \.http.host, "Address of the HTTP listener."),
        .port("http.port", \.http.port, "Port of the HTTP listener, for HTTP-FLV and WS-FLV."),
        .list(
            "http.corsOrigins", \.http.corsOrigins, allowed: "* or origins such as https://example.org",
            "Origins whose pages may read the answers.", parse: { isOrigin($0) ? $0 : nil }, write: { $0 }),
        .host("admin.host", \.admin.host, "Address of the admin API. It has no authentication: keep it private."),
        .port("admin.port", \.admin.port, "Port of the admin API, metrics and probes."),
    ]

    private static let streams: [ConfigurationKey] = [
        flushInterval,
        .duration(
            "flush.budget", \.flush.budget, .zero ... .seconds(5), unit: .milliseconds, zero: "never wait",
            "The most that an adaptive interval may delay a frame."),
        .share(
            "flush.targetBusy", \.flush.targetBusy, 0.05...1,
            "Busy share of an event loop above which the adaptive interval widens."),
        .choice(
            "publish.policy", \.publish.policy,
            "A second publisher of a stream is refused, or replaces the first while viewers stay."),
        .duration(
            "publish.grace", \.publish.grace, .zero ... .seconds(300), zero: "viewers are told at once",
            "How long viewers of a lost publisher are kept for its return."),
        .duration(
            "publish.standbyAfter", \.publish.standbyAfter, .milliseconds(100) ... .seconds(60), unit: .milliseconds,
            "Silence of a publisher after which a standby takes over."),
        .size(
            "gop.maxBytes", \.gop.maxBytes, 0...(1 << 30),
            "GOP cache of a stream: bytes. Viewers that join a GOP longer than the cache wait for the next keyframe; 0 = no cache."
        ),
        .duration("gop.maxSeconds", \.gop.maxSeconds, .zero ... .seconds(600), "GOP cache of a stream: media time."),
        .integer("gop.maxFrames", \.gop.maxFrames, 0...1_000_000, "GOP cache of a stream: frames."),
        .duration(
            "viewer.dropAfter", \.viewer.dropAfter, .milliseconds(50) ... .seconds(60), unit: .milliseconds,
            "Lag of a viewer after which disposable frames are left out."),
        .duration(
            "viewer.skipAfter", \.viewer.skipAfter, .milliseconds(50) ... .seconds(120), unit: .milliseconds,
            "Lag of a viewer after which it skips to the newest keyframe."),
        .duration(
            "viewer.disconnectAfter", \.viewer.disconnectAfter, .seconds(1) ... .seconds(600),
            "Time without progress after which a viewer is disconnected."),
        .size(
            "viewer.maxBacklog", \.viewer.maxBacklog, 65_536...(1 << 30),
            "Bytes that a viewer may be behind before it skips, whatever the lag."),
        .size(
            "viewer.notSentLowat", \.viewer.notSentLowat, 4096...(1 << 26),
            "Unsent bytes that the kernel may hold for a viewer (TCP_NOTSENT_LOWAT)."),
    ]

    private static let limits: [ConfigurationKey] = [
        .integer(
            "limits.maxConnections", \.limits.maxConnections, 0...10_000_000, zero: "descriptor limit less 256",
            "Publishers and viewers connected at once."),
        .integer(
            "limits.maxViewers", \.limits.maxViewers, 0...10_000_000, zero: "no bound but the connections",
            "Viewers at once."),
        .integer("limits.maxStreams", \.limits.maxStreams, 1...10_000_000, "Streams at once."),
        .integer(
            "limits.pendingPerAddress", \.limits.pendingPerAddress, 1...1_000_000,
            "Connections of one address that neither publish nor play yet."),
        .integer(
            "limits.pendingTotal", \.limits.pendingTotal, 1...10_000_000,
            "Connections of all addresses that neither publish nor play yet."),
        .list(
            "limits.pendingExempt", \.limits.pendingExempt, allowed: "addresses or CIDR blocks such as 10.0.0.0/8",
            "Addresses without the bound per address: load balancers, test machines.", parse: { AddressBlock($0) },
            write: \.description),
        .duration(
            "limits.handshakeTimeout", \.limits.handshakeTimeout, .milliseconds(100) ... .seconds(60),
            "From accept to the end of the RTMP handshake."),
        .duration(
            "limits.setupTimeout", \.limits.setupTimeout, .milliseconds(100) ... .seconds(300),
            "From the handshake to publish or play."),
        .duration(
            "limits.firstMediaTimeout", \.limits.firstMediaTimeout, .milliseconds(100) ... .seconds(600),
            "From publish to the first media."),
        .duration(
            "limits.mediaTimeout", \.limits.mediaTimeout, .milliseconds(100) ... .seconds(600),
            "Silence after which a publisher counts as lost."),
        .size(
            "limits.audioMessageBytes", \.limits.audioMessageBytes, 1024...16_777_215, "Longest RTMP audio message."),
        .size(
            "limits.videoMessageBytes", \.limits.videoMessageBytes, 1024...16_777_215, "Longest RTMP video message."),
        .size(
            "limits.commandMessageBytes", \.limits.commandMessageBytes, 1024...16_777_215,
            "Longest RTMP command or data message."),
        .integer("limits.chunkStreams", \.limits.chunkStreams, 4...65_599, "RTMP chunk streams of a connection."),
        .size(
            "limits.partialBytes", \.limits.partialBytes, 4096...(1 << 28),
            "Bytes of unfinished RTMP messages of a connection; at least the longest message."),
        .size(
            "limits.minChunkSize", \.limits.minChunkSize, 1...65_536,
            "Smallest chunk size that a peer may announce."),
        .integer(
            "limits.chunkHeadersPerSecond", \.limits.chunkHeadersPerSecond, 100...100_000_000,
            "Chunk headers of a connection in a second."),
        .integer(
            "limits.commandsPerSecond", \.limits.commandsPerSecond, 1...1_000_000,
            "RTMP commands of a connection in a second; media is not counted."),
        .integer(
            "limits.messageStreams", \.limits.messageStreams, 1...65_536, "RTMP message streams of a connection."),
        .integer("limits.amfDepth", \.limits.amfDepth, 1...64, "Depth of nested AMF values."),
        .integer("limits.amfNodes", \.limits.amfNodes, 8...1_000_000, "AMF values in a message."),
        .size(
            "limits.httpHeaderBytes", \.limits.httpHeaderBytes, 1024...(1 << 20),
            "Request line and header fields together."),
        .size("limits.httpFieldBytes", \.limits.httpFieldBytes, 256...(1 << 20), "One header field."),
        .integer("limits.httpFields", \.limits.httpFields, 8...1024, "Header fields of a request."),
        .duration(
            "limits.httpRequestTimeout", \.limits.httpRequestTimeout, .milliseconds(100) ... .seconds(60),
            "From accept to the end of the request's header fields."),
        .size(
            "limits.webSocketFrameBytes", \.limits.webSocketFrameBytes, 125...(1 << 20),
            "Longest frame that a WebSocket viewer may send."),
    ]

    private static let operation: [ConfigurationKey] = [
        .choice("log.level", \.log.level, "Least important level that is written."),
        .choice("log.format", \.log.format, "A line to read, or one JSON object per line."),
        .duration(
            "shutdown.deadline", \.shutdown.deadline, .zero ... .seconds(3600), zero: "at once",
            "Time from the first SIGTERM to the end, whatever is still connected."),
    ]

    /// The one key with a shape of its own: a word or a duration.
    private static let flushInterval: ConfigurationKey = {
        let range = Duration.zero ... .seconds(5)
        return ConfigurationKey(
            "flush.interval", type: "adaptive or duration",
            allowed: "adaptive or " + allowed(range, unit: .milliseconds),
            "Time between two flushes to viewers: widened only when an event loop is busy, or fixed (0 = every frame at once).",
            render: { configuration in
                switch configuration.flush.interval {
                case .adaptive: "adaptive"
                case .fixed(let interval): ConfigurationText.render(interval)
                }
            },
            store: { configuration, values in
                guard let text = values.first else { return false }
                if text == "adaptive" {
                    configuration.flush.interval = .adaptive
                    return true
                }
                guard let value = ConfigurationText.parseDuration(text, unit: .milliseconds), range.contains(value)
                else {
                    return false
                }
                configuration.flush.interval = .fixed(value)
                return true
            })
    }()

    /// `*`, `null`, or `scheme://host[:port]`: what a browser sends in `Origin`, and nothing that could end a header line.
    private static func isOrigin(_ text: String) -> Bool {
        if text == "*" || text == "null" { return true }
        guard text.utf8.count <= 512, let scheme = ["https://", "http://"].first(where: text.hasPrefix) else {
            return false
        }
        let host = text.dropFirst(scheme.count)
        return !host.isEmpty
            && host.utf8.allSatisfy {
                isNameByte($0) || [UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]")].contains($0)
            }
    }
}
