import RelayAPI

/// One fixed value of each model, with every field set to something of its own.
enum AdminExamples {
    static let status = NodeStatus(
        node: "relay-1", role: "standalone", state: "running", version: "1.2.3", uptimeSeconds: 3725.5,
        listeners: ["rtmp": "0.0.0.0:1935", "http": "0.0.0.0:8080", "admin": "127.0.0.1:9090"], streams: 2,
        publishers: 1,
        viewers: 503, connections: 504, maxConnections: 19_744, bytesIn: 1_500_000_000, bytesOut: 750_000_000_000,
        bitrateIn: 3_250_000.5, bitrateOut: 503_000_000,
        loops: [
            LoopStatus(index: 0, busy: 0.42, flushIntervalMs: 0, viewers: 252),
            LoopStatus(index: 1, busy: 0.915, flushIntervalMs: 120, viewers: 251),
        ])

    static let live = StreamSummary(
        app: "live/room", name: "one", state: "live", videoCodec: "avc", audioCodec: "aac", width: 1920, height: 1080,
        framesPerSecond: 29.97, bitrate: 3_250_000, viewers: 503, uptimeSeconds: 61.2)

    static let waiting = StreamSummary(
        app: "live", name: "radio", state: "waiting", videoCodec: nil, audioCodec: "opus", width: nil, height: nil,
        framesPerSecond: 0, bitrate: 0, viewers: 0, uptimeSeconds: 90_000)

    static let streams = StreamList(streams: [live, waiting])

    static let stream = StreamDetail(
        summary: live,
        publisher: PublisherStatus(
            id: 17, remote: "192.0.2.7:50123", encoder: "FMLE/3.0", connectedSeconds: 60.5, bytesIn: 24_000_000),
        ledger: LedgerStatus(
            framesIn: 1800, offered: 905_400, sent: 905_000, dropped: 200, skipped: 100, evicted: 60, unsent: 40),
        gopFrames: 44, gopBytes: 610_000, gopMilliseconds: 1466, gopNote: nil, keyIntervalMs: 2002.5, lastDts: 61_234,
        timestampRebases: 1, brokenTags: 2, republishes: 3)

    static let waitingStream = StreamDetail(
        summary: waiting, publisher: nil, ledger: LedgerStatus(), gopFrames: 0, gopBytes: 0, gopMilliseconds: 0,
        gopNote: "waiting for a keyframe", keyIntervalMs: nil, lastDts: -1, timestampRebases: 0, brokenTags: 0,
        republishes: 0)

    static let viewers = ViewerList(
        viewers: [
            ViewerStatus(
                id: 99, stream: "live/room/one", transport: "http-flv", selection: "av", remote: "[2001:db8::1]:40000",
                player: "Player/1.0 (a \"quoted\" name)", connectedSeconds: 12.25, bytesSent: 5_000_000,
                framesSent: 880,
                framesLost: 7, lagMs: 1200, lagBytes: 480_000),
            ViewerStatus(
                id: 100, stream: "live/room/one", transport: "ws-flv", selection: "audio", remote: "192.0.2.8:1",
                player: nil,
                connectedSeconds: 0.5, bytesSent: 0, framesSent: 0, framesLost: 0, lagMs: 0, lagBytes: 0),
        ], total: 503)
}
