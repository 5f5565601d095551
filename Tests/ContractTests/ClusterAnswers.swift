import RelayAPI

/// One fixed value of each answer about the cluster, with every field set to something of its own.
enum ClusterAnswers {
    static let registry = RegistryStatus(
        state: "away", seconds: 12.5, reason: "no answer in time", url: "redis://registry:6379/0")

    static let nodes = ClusterNodeList(
        registry: registry,
        nodes: [
            ClusterNode(
                node: "o1", role: "origin", state: "draining", region: "eu", zone: "eu-1a", link: "10.0.0.1:1985",
                release: "1.2.3", leaseMs: 9_500,
                report: ClusterNodeReport(
                    sequence: 7, uptimeSeconds: 61.5, egressBitrate: 1_000_000, ingestBitrate: 2_000_000, viewers: 3,
                    publishers: 4, streams: 5, pulls: 6, children: 8, busiestLoop: 0.5, cpu: 0.25, rejects: 9,
                    drops: 10)),
            ClusterNode(
                node: "e1", role: "edge", state: "serving", region: "", zone: "", link: nil, release: "1.2.3",
                leaseMs: 10, report: nil),
        ])

    static let stream = ClusterStream(
        stream: "live/show", state: "live", owner: "o1", epoch: 1_795_465_843_880, incarnation: "fca0ce20c759c0b0",
        link: "10.0.0.1:1985", videoCodec: "avc", audioCodec: "aac", ownerLives: true, preferred: "o2")

    static let streams = ClusterStreamList(registry: registry, streams: [stream])

    static let location = ClusterLocation(
        registry: registry, stream: stream,
        parents: [ClusterParent(node: "o1", link: "10.0.0.1:1985", hops: 0, breaker: "half-open")], ageSeconds: 1.5)

    static let why = StreamWhy(
        registry: registry, stream: stream, ownerLeaseMs: 9_500,
        parts: [
            StreamPart(
                node: "e1", role: "edge", part: "pulling", epoch: 8, incarnation: "ab", viewers: 5, children: 1,
                publisher: "192.0.2.7:5", encoder: "OBS", bitrate: 1_000_000, framesPerSecond: 30,
                phase: "flowing from o1", parent: "o1", hops: 1, hopRTTMs: 1.25, queueFrames: 2, queueBytes: 3,
                framesLost: 4, duplicates: 6, failovers: 7,
                lastFailover: StreamFailover(secondsAgo: 12, gapMs: 240, framesLost: 9, from: "o1", to: "o2"),
                slowViewers: 10)
        ], silent: ["e2"])

    static let events = ClusterEventList(
        events: [
            ClusterEventEntry(
                id: "1795465843880-0", wallMs: 1_795_465_843_880, node: "e1", kind: "failover", stream: "live/show",
                text: "o1 -> o2, gap 240 ms, 9 frames lost")
        ])
}
