import RelayCluster
import RelayScaling

/// `GET /metrics` of the autoscaler. Announced events are named by operators, so their names never become labels.
enum AutoscalerMetrics {
    struct Tier {
        var tier: NodeRole
        /// nil when there is no fresh decision; then the sample is missing, which is how Prometheus says "unknown".
        var desired: Int?
        var decision: Decision?
        var ticks: UInt64
        var tickSeconds: Double
        var failures: [String: UInt64]
        var counters = ScalingCounters()
    }

    /// What the decision core counts, per tier, since start.
    private static var counters: [(name: String, help: String, path: KeyPath<ScalingCounters, UInt64>)] {
        [
            ("scale_outs", "Larger replica counts decided on.", \.scaleOuts),
            ("scale_ins", "Smaller replica counts decided on.", \.scaleIns),
            ("drains", "Nodes ordered to drain.", \.drains),
            ("undrains", "Drains taken back.", \.undrains),
            (
                "victim_mismatches", "Scale-ins put off because the platform would have taken other pods.",
                \.victimMismatches
            ),
            ("wrong_victims", "Pods that the platform took although they were not drained.", \.wrongVictims),
            ("quarantined_reports", "Reports left out because their figures are impossible.", \.quarantinedReports),
            ("manual_overrides", "Replica counts that somebody else set.", \.manualOverrides),
            ("panics", "Times that demand ran ahead of capacity.", \.panics),
            ("cliffs", "Times that the guard against sudden falls stopped scale-in.", \.cliffs),
        ]
    }

    static func render(
        _ tiers: [Tier], isLeader: Bool, epoch: UInt64, isRegistryUp: Bool, nodes: Int, process: ProcessFigures
    ) -> String {
        var writer = MetricsWriter()
        func each(_ value: (Tier) -> String?) -> [(labels: String, value: String)] {
            tiers.compactMap { tier in value(tier).map { ("{target=\"\(tier.tier.rawValue)\"}", $0) } }
        }
        writer.family(
            "relay_build_info", "gauge", "The release that runs, as a label.",
            [("{version=\"\(RelayVersion.current)\",role=\"autoscaler\"}", "1")])
        writer.gauge("relay_autoscaler_leader", "1 while this process acts.", isLeader ? 1 : 0)
        writer.gauge("relay_autoscaler_epoch", "Changes of leader so far.", epoch)
        writer.gauge("relay_autoscaler_registry_up", "1 while the registry answers.", isRegistryUp ? 1 : 0)
        writer.gauge("relay_autoscaler_nodes", "Nodes with a living lease.", nodes)
        writer.family(
            "relay_desired_replicas", "gauge", "Replicas that a tier is to have; missing while nobody knows.",
            each { $0.desired.map(String.init) })
        writer.family(
            "relay_autoscaler_current_replicas", "gauge", "Replicas asked for at the last tick.",
            each { $0.decision.map { String($0.current) } })
        writer.family(
            "relay_autoscaler_buffer_replicas", "gauge", "Replicas kept for the loss of a zone or of spot nodes.",
            each { $0.decision.map { String($0.buffer) } })
        writer.family(
            "relay_autoscaler_reason", "gauge", "What binds the newest decision, as a label.",
            tiers.compactMap { tier in
                tier.decision.map { ("{target=\"\(tier.tier.rawValue)\",reason=\"\(label($0.reason))\"}", "1") }
            })
        writer.family(
            "relay_autoscaler_blocked", "gauge", "What keeps a tier from its target, as a label.",
            tiers.flatMap { tier in
                Set((tier.decision?.blocks ?? []).map { label($0.code) }).sorted().map {
                    ("{target=\"\(tier.tier.rawValue)\",code=\"\($0)\"}", "1")
                }
            })
        writer.family(
            "relay_autoscaler_lead_seconds", "gauge",
            "90th percentile from asking for a node to its first report; assumed until measured.",
            each { $0.decision.map { $0.leadSeconds.description } })
        writer.family(
            "relay_autoscaler_sda_percent", "gauge", "Decisions of the last 24 h that were right (SDA-1).",
            each { $0.decision?.accuracy?.sda.description })
        writer.family(
            "relay_autoscaler_overloaded_minutes", "gauge", "Minutes of the last 24 h with more demand than capacity.",
            each { $0.decision?.accuracy?.overloadedMinutes.description })
        writer.family("relay_autoscaler_ticks_total", "counter", "Decisions made.", each { String($0.ticks) })
        for counter in counters {
            writer.family(
                "relay_autoscaler_\(counter.name)_total", "counter", counter.help,
                each { String($0.counters[keyPath: counter.path]) })
        }
        writer.family(
            "relay_autoscaler_tick_seconds", "gauge", "How long the last tick took, calls included.",
            each { $0.tickSeconds.description })
        writer.family(
            "relay_autoscaler_action_failures_total", "counter", "Actions that failed, by code.",
            tiers.flatMap { tier in
                tier.failures.sorted { $0.key < $1.key }.map {
                    ("{target=\"\(tier.tier.rawValue)\",code=\"\(label($0.key))\"}", String($0.value))
                }
            })
        writer.process(process)
        return writer.text
    }

    /// The part of a reason before a name that an operator gave.
    static func label(_ reason: String) -> String {
        let word = reason.hasPrefix("event.") ? "event" : reason
        return String(
            word.unicodeScalars.filter {
                $0.isASCII
                    && ($0.properties.isAlphabetic || "._-".unicodeScalars.contains($0) || ("0"..."9").contains($0))
            }.prefix(64).map(Character.init))
    }
}
