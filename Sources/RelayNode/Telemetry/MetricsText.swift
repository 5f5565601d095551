import RelayAPI
import RelayCore

/// The Prometheus text exposition format, version 0.0.4, of ``NodeMetrics``.
enum MetricsText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func render(_ metrics: NodeMetrics) -> String {
        var writer = MetricsWriter()
        let status = metrics.status
        writer.family(
            "relay_build_info", "gauge", "The release that runs, as a label.",
            [("{version=\"\(status.version)\",role=\"\(status.role)\"}", "1")])
        writer.gauge("relay_uptime_seconds", "Seconds since the node was ready.", status.uptimeSeconds)
        writer.gauge("relay_ready", "1 while new work is welcome.", metrics.isReady ? 1 : 0)
        writer.gauge("relay_streams", "Streams that are live or wait for their publisher.", status.streams)
        writer.gauge("relay_publishers", "Connected publishers.", status.publishers)
        writer.family(
            "relay_viewers", "gauge", "Subscribers playing now, by transport.",
            ["http-flv", "rtmp", "ws-flv"].map {
                ("{transport=\"\($0)\"}", String(metrics.viewersByTransport[$0] ?? 0))
            })
        writer.gauge(
            "relay_viewers_stranded", "Subscribers whose stream flowed and fell silent within the last minute.",
            metrics.strandedViewers)
        writer.gauge("relay_connections", "Sockets of publishers and viewers open now.", status.connections)
        writer.gauge("relay_connections_limit", "Sockets admitted at most.", status.maxConnections)
        writer.counter("relay_ingest_bytes_total", "Media bytes received from publishers.", status.bytesIn)
        writer.counter("relay_ingest_frames_total", "Frames stamped.", metrics.framesIn)
        writer.counter("relay_egress_bytes_total", "Bytes handed to viewers' sockets.", status.bytesOut)
        writer.counter("relay_egress_frames_total", "Frames handed to viewers' sockets.", metrics.framesOut)
        writer.gauge(
            "relay_egress_capacity_bits_per_second", "The most that the node may send; 0 = unknown.",
            metrics.egressCapacity)
        writer.counter("relay_viewer_joins_total", "Viewers taken in.", metrics.joins)
        writer.counter("relay_viewer_leaves_total", "Viewers taken in that have left or were ended.", metrics.leaves)
        writer.counter(
            "relay_viewer_join_failures_total", "Viewers that waited for a stream of the cluster in vain.",
            metrics.joinFailures)
        writer.counter(
            "relay_turned_away_total", "Connections, viewers and lookups that the node had no room for.",
            metrics.turnedAway)
        writer.family(
            "relay_first_frame_p95_seconds", "gauge",
            "95th percentile of the time from a viewer's request to its first media, over half a minute.",
            metrics.firstFrameP95.map { [("", ($0 / 1_000).description)] } ?? [])
        writer.counter(
            "relay_viewer_slow_disconnects_total", "Viewers disconnected because they did not keep up.",
            metrics.slowDisconnects)
        writer.family(
            "relay_viewer_frames_total", "counter", "Where every frame offered to a viewer went.",
            [
                ("{outcome=\"sent\"}", String(metrics.ledger.sent)),
                ("{outcome=\"dropped\"}", String(metrics.ledger.dropped)),
                ("{outcome=\"skipped\"}", String(metrics.ledger.skipped)),
                ("{outcome=\"evicted\"}", String(metrics.ledger.evicted)),
            ])
        writer.family(
            "relay_rejects_total", "counter", "Refusals and closes for a reason of the peer's, by code.",
            metrics.rejects.sorted {
                ($0.key.transport.rawValue, $0.key.code) < ($1.key.transport.rawValue, $1.key.code)
            }
            .map { ("{transport=\"\($0.key.transport.rawValue)\",code=\"RLY-\($0.key.code)\"}", String($0.value)) })
        writer.family(
            "relay_admission_refusals_total", "counter", "Connections and viewers refused for lack of room, by code.",
            metrics.refused.sorted { $0.key < $1.key }.map { ("{code=\"RLY-\($0.key)\"}", String($0.value)) })
        writer.family(
            "relay_loop_busy_ratio", "gauge", "Share of time an event loop worked or waited for a core.",
            status.loops.map { ("{loop=\"\($0.index)\"}", $0.busy.description) })
        writer.family(
            "relay_loop_viewers", "gauge", "Subscribers served by an event loop.",
            status.loops.map { ("{loop=\"\($0.index)\"}", String($0.viewers)) })
        writer.family(
            "relay_flush_interval_seconds", "gauge", "The flush interval in force on an event loop; 0 = at once.",
            status.loops.map { ("{loop=\"\($0.index)\"}", ($0.flushIntervalMs / 1000).description) })
        writer.gauge("relay_cpu_ratio", "Share of the CPU that the node may use.", metrics.cpu.used)
        writer.gauge(
            "relay_cpu_throttled_ratio", "Share of scheduling periods in which the CPU quota held the node back.",
            metrics.cpu.throttled ?? 0)
        if let cluster = metrics.cluster {
            writer.gauge("relay_cluster_registry_up", "1 while the registry answers.", cluster.isRegistryUp ? 1 : 0)
            writer.gauge(
                "relay_cluster_lease_held", "1 while the node may assert what it owns.", cluster.isLeaseHeld ? 1 : 0)
            writer.gauge("relay_cluster_streams_owned", "Streams whose publishers are here.", cluster.owned)
            writer.gauge("relay_cluster_pulls", "Streams pulled from other nodes.", cluster.pulls)
            writer.gauge("relay_cluster_children", "Subscriptions of other nodes served now.", cluster.children)
            writer.counter(
                "relay_cluster_pull_attempts_total", "Subscriptions asked for at parents.", cluster.attempts)
            writer.counter(
                "relay_cluster_failovers_total", "Changes of source that frames followed.", cluster.failovers)
            writer.counter(
                "relay_cluster_failover_frames_lost_total", "Frames lost in changes of source.", cluster.framesLost)
            writer.family(
                "relay_cluster_lookups_total", "counter", "Lookups of streams, by result.",
                ClusterFigures.Lookup.allCases.sorted { $0.rawValue < $1.rawValue }.map {
                    ("{result=\"\($0.rawValue)\"}", String(cluster.lookups[$0] ?? 0))
                })
        }
        writer.process(metrics.process)
        return writer.text
    }
}
