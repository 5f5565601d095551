import RelayCore
import RelayScaling

/// Words for decisions that several commands use alike.
enum ScalingText {
    /// A leader decides every few seconds; with none for longer than this, s, something is wrong.
    static let worryingAge = 30.0

    /// `97.1 %` of a number that is a percentage already.
    static func percent(_ value: Double) -> String {
        let number = Units.fixed(value, 1)
        return number == "-" ? number : "\(number) %"
    }

    /// `+4`, `-2`, `0`
    static func change(_ decision: Decision) -> String {
        let (change, overflows) = decision.target.subtractingReportingOverflow(decision.current)
        return overflows ? "-" : change > 0 ? "+\(change)" : "\(change)"
    }

    /// The need that made the target; nil when something else did.
    static func binding(of decision: Decision) -> Decision.Need? {
        decision.needs.first { $0.name == decision.reason } ?? decision.needs.first
    }

    /// Needs are good news, guards are worth a look, trouble is trouble.
    static func colour(ofReason reason: String) -> Table.Colour {
        if trouble(reason) != nil { return .bad }
        let word = reason.prefix { $0 != "." }
        return ["reactive", "forecast", "event", "minimum", "stable_window", "batch", "draining", "turn"].contains(word)
            ? .plain : .warning
    }

    /// What to do about a reason or block that somebody has to look at; nil for those that come and go by themselves.
    static func trouble(_ code: String) -> String? {
        switch code {
        case "redis_down":
            "the registry does not answer (redis_down): nothing is taken away; relayctl nodes shows what it says."
        case "platform_away":
            "the platform's API does not answer (platform_away): the newest target is kept for when it does."
        case "rbac_denied": "the platform refuses (rbac_denied): the service account lacks a right of the chart's Role."
        case "target_missing": "there is no such workload (target_missing): check its name and namespace."
        case "conflict_two_masters":
            "somebody else scales the same workload (conflict_two_masters): take the HPA or ScaledObject away, or export."
        case "capacity_unavailable":
            "the platform cannot give more nodes (capacity_unavailable): look at quotas and at pods that wait."
        case "crash_loop": "new pods do not come up (crash_loop): look at their logs; relayctl nodes shows who did."
        case "fenced":
            "another autoscaler leads by another lease (fenced): give all of a cluster one autoscaler.election and lease."
        case "wrong_victim": "a pod other than the drained one was deleted (wrong_victim)."
        default: nil
        }
    }

    /// What a reason means, for people; nil when the word is not known here.
    static func meaning(_ reason: String) -> String? {
        let parts = reason.split(separator: ".", maxSplits: 1)
        let detail = parts.dropFirst().first.map(String.init)
        switch parts.first.map(String.init) ?? "" {
        case "reactive": return "\(detail ?? "demand") at this moment"
        case "forecast": return "\(detail ?? "demand") expected while the decision binds"
        case "event": return "the announced event" + (detail.map { " \($0)" } ?? "")
        case "slo": return "viewers wait too long or lose frames: one step more than the demand says"
        case "minimum": return "fewer are not allowed"
        case "maximum": return "more are not allowed"
        case "hold": return "a full window of fresh reports is awaited"
        case "cliff_guard": return "demand fell too fast to be believed; nothing is taken away for a while"
        case "manual_override": return "the count was set by hand and is kept as the floor for a while"
        case "paused": return "an operator paused scaling"
        case "panic": return "demand outgrew what is ready"
        case "growth_rate": return "growth is limited per decision"
        case "model_disabled": return "the forecast did worse than a fixed margin and only scores"
        case "forecast_off": return "an operator switched the forecast off"
        case "off": return "the tier's mode is off"
        case "up_only": return "the tier's mode only adds nodes"
        case "replicas_zero": return "somebody set the replicas to 0; scaling waits until somebody sets another count"
        case "quarantine": return "a node reports what cannot be and is not counted"
        case "turn": return "the tier grew a moment ago"
        case "stable_window": return "the need has not been smaller for long enough"
        case "no_victim": return "no node may be taken away"
        case "batch": return "a scale-in is under way"
        case "draining": return "drained nodes still have viewers"
        case "waiting_for_publishers": return "the origin to be taken away still has publishers"
        case "victim_mismatch": return "the platform would delete other pods than the drained ones"
        case "event_window": return "an announced event is near"
        case "rollout": return "a rollout is under way"
        case "stale_metrics": return "too many nodes did not report"
        case "budget": return "enough nodes were taken away lately"
        default: return nil
        }
    }

    /// An order in words.
    static func order(_ action: ScalingAction) -> String {
        switch action {
        case .scale(let from, let to, _): return "set replicas \(from) -> \(to)"
        case .drain(let nodes, let deadline):
            let time = deadline.map { "within \(Units.duration(seconds: $0))" } ?? "until the last has left"
            return "drain \(list(nodes.map(\.text))) \(time)"
        case .undrain(let nodes): return "take back from draining: \(list(nodes.map(\.text)))"
        case .mark(let pods):
            return "set the deletion cost of \(list(pods.map { "\($0.pod) (\($0.cost.map(String.init) ?? "none"))" }))"
        }
    }

    /// The first few of a list.
    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(8).joined(separator: ", ")
        return names.count > 8 ? "\(shown) and \(names.count - 8) more" : names.isEmpty ? "nothing" : shown
    }
}
