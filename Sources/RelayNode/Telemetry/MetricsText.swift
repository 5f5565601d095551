import RelayAPI
import RelayCore

/// The Prometheus text exposition format, version 0.0.4, of ``NodeMetrics``.
enum MetricsText {
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    static func render(_ metrics: NodeMetrics) -> String {
        var out = ""
        let status = metrics.status
        func family(_ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: String)]) {
            out += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
            for sample in samples { out += "\(name)\(sample.labels) \(sample.value)\n" }
        }
        func gauge(_ name: String, _ help: String, _ value: some CustomStringConvertible) {
            family(name, "gauge", help, [("", value.description)])
        }
        func counter(_ name: String, _ help: String, _ value: some CustomStringConvertible) {
            family(name, "counter", help, [("", value.description)])
        }
        family(
            "relay_build_info", "gauge", "The release that runs, as a label.",
            [("{version=\"\(status.version)\",role=\"\(status.role)\"}", "1")])
        gauge("relay_uptime_seconds", "Seconds since the node was ready.", status.uptimeSeconds)
        gauge("relay_ready", "1 while new work is welcome.", metrics.isReady ? 1 : 0)
        gauge("relay_streams", "Streams that are live or wait for their publisher.", status.streams)
        gauge("relay_publishers", "Connected publishers.", status.publishers)
        family(
            "relay_viewers", "gauge", "Subscribers playing now, by transport.",
            ["http-flv", "rtmp", "ws-flv"].map {
                ("{transport=\"\($0)\"}", String(metrics.viewersByTransport[$0] ?? 0))
            })
        gauge("relay_connections", "Sockets of publishers and viewers open now.", status.connections)
        gauge("relay_connections_limit", "Sockets admitted at most.", status.maxConnections)
        counter("relay_ingest_bytes_total", "Media bytes received from publishers.", status.bytesIn)
        counter("relay_ingest_frames_total", "Frames stamped.", metrics.framesIn)
        counter("relay_egress_bytes_total", "Bytes handed to viewers' sockets.", status.bytesOut)
        counter("relay_egress_frames_total", "Frames handed to viewers' sockets.", metrics.framesOut)
        counter("relay_viewer_joins_total", "Viewers taken in.", metrics.joins)
        counter(
            "relay_viewer_slow_disconnects_total", "Viewers disconnected because they did not keep up.",
            metrics.slowDisconnects)
        family(
            "relay_viewer_frames_total", "counter", "Where every frame offered to a viewer went.",
            [
                ("{outcome=\"sent\"}", String(metrics.ledger.sent)),
                ("{outcome=\"dropped\"}", String(metrics.ledger.dropped)),
                ("{outcome=\"skipped\"}", String(metrics.ledger.skipped)),
                ("{outcome=\"evicted\"}", String(metrics.ledger.evicted)),
            ])
        family(
            "relay_rejects_total", "counter", "Refusals and closes for a reason of the peer's, by code.",
            metrics.rejects.sorted {
                ($0.key.transport.rawValue, $0.key.code) < ($1.key.transport.rawValue, $1.key.code)
            }
            .map { ("{transport=\"\($0.key.transport.rawValue)\",code=\"RLY-\($0.key.code)\"}", String($0.value)) })
        family(
            "relay_admission_refusals_total", "counter", "Connections and viewers refused for lack of room, by code.",
            metrics.refused.sorted { $0.key < $1.key }.map { ("{code=\"RLY-\($0.key)\"}", String($0.value)) })
        family(
            "relay_loop_busy_ratio", "gauge", "Share of time an event loop worked or waited for a core.",
            status.loops.map { ("{loop=\"\($0.index)\"}", $0.busy.description) })
        family(
            "relay_loop_viewers", "gauge", "Subscribers served by an event loop.",
            status.loops.map { ("{loop=\"\($0.index)\"}", String($0.viewers)) })
        family(
            "relay_flush_interval_seconds", "gauge", "The flush interval in force on an event loop; 0 = at once.",
            status.loops.map { ("{loop=\"\($0.index)\"}", ($0.flushIntervalMs / 1000).description) })
        if let cluster = metrics.cluster {
            gauge("relay_cluster_registry_up", "1 while the registry answers.", cluster.isRegistryUp ? 1 : 0)
            gauge(
                "relay_cluster_lease_held", "1 while the node may assert what it owns.", cluster.isLeaseHeld ? 1 : 0)
            gauge("relay_cluster_streams_owned", "Streams whose publishers are here.", cluster.owned)
            gauge("relay_cluster_pulls", "Streams pulled from other nodes.", cluster.pulls)
            gauge("relay_cluster_children", "Subscriptions of other nodes served now.", cluster.children)
            counter(
                "relay_cluster_pull_attempts_total", "Subscriptions asked for at parents.", cluster.attempts)
            counter("relay_cluster_failovers_total", "Changes of source that frames followed.", cluster.failovers)
            counter(
                "relay_cluster_failover_frames_lost_total", "Frames lost in changes of source.", cluster.framesLost)
            family(
                "relay_cluster_lookups_total", "counter", "Lookups of streams, by result.",
                ClusterFigures.Lookup.allCases.sorted { $0.rawValue < $1.rawValue }.map {
                    ("{result=\"\($0.rawValue)\"}", String(cluster.lookups[$0] ?? 0))
                })
        }
        counter("process_cpu_seconds_total", "CPU time used.", metrics.process.cpuSeconds)
        gauge("process_resident_memory_bytes", "Resident memory.", metrics.process.residentBytes)
        gauge("process_open_fds", "Descriptors open.", metrics.process.openDescriptors)
        gauge("process_max_fds", "Descriptors allowed.", metrics.process.maximumDescriptors)
        return out
    }
}
