import RelayCluster
import RelayCore

extension Autoscaler {
    /// Share of the viewers whose stream fell silent that announces a fall (autoscaler.md §2.3).
    private static let strandedShare = 0.05
    /// And how many nodes' worth of viewers that is at least: two of thirty at night are no fall to come.
    private static let strandedNodes = 0.5
    /// A pod that restarted so often does not start.
    private static let crashRestarts = 3

    /// Limits of what is wanted, the accuracy of what was decided, and the guard against cliffs.
    static func note(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        limit(&state, &tick)
        state.window.setWanted(tick.cautious)
        cliff(&state, &tick)
        let need = tick.binding(of: tick.demand).nodes
        let full = Double(max(1, tick.signals.serving)) / tick.utilisation
        state.learned.accuracy.note(
            need: need, replicas: tick.serving, isOverloaded: need > full, lead: tick.lead, hold: tick.hold,
            wallSeconds: tick.wallSeconds)
        tick.decision.accuracy = state.learned.accuracy.accuracy
    }

    /// From what demand wants to what may be had.
    private static func limit(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        // Nodes outside the workload serve too; pods that somebody else drains do not.
        let others = tick.signals.foreignDraining - tick.signals.foreignServing
        tick.wanted = max(0, tick.wanted + others)
        tick.cautious = max(0, tick.cautious + others)
        if let floor = state.manualFloor {
            let seconds = FigureText.number((floor.until - tick.now).inSeconds, places: 0)
            tick.block(
                "manual_override", "\(floor.replicas) replicas were set by hand and are the floor for \(seconds) s more"
            )
            raise(&tick, to: floor.replicas, "manual_override")
        }
        raise(&tick, to: tick.minimum, "minimum")
        if tick.wanted > tick.maximum {
            tick.block("maximum", "\(tick.wanted) nodes are needed, \(tick.maximum) are allowed")
            tick.wantedReason = "maximum"
        }
        tick.wanted = min(tick.wanted, tick.maximum)
        tick.cautious = min(tick.cautious, tick.maximum)
    }

    private static func raise(_ tick: inout DecisionTick, to floor: Int, _ reason: String) {
        if tick.wanted < floor {
            tick.wanted = floor
            tick.wantedReason = reason
        }
        tick.cautious = max(tick.cautious, floor)
    }

    /// A fall so steep that viewers are likely to come back: their origin was lost, not their interest.
    private static func cliff(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        // Against what it was at the window's beginning, on average: a crowd that leaves as it came is no cliff.
        let span = tick.settings.cliffWindow
        let recent = state.window.since(.seconds(span), now: tick.now)
        let before = recent.prefix { tick.now - $0.at >= .seconds(span * 2 / 3) }
        let highest = before.isEmpty ? 0 : before.reduce(0) { $0 + $1.demand } / Double(before.count)
        let demand = tick.demand.demand(of: tick.tier)
        let stranded = tick.signals.stranded / max(1, tick.signals.freshLoad.viewers)
        // A handful of viewers is no cliff: whole nodes must hang on it.
        let isSteep = highest > 0 && demand < highest * (1 - tick.settings.cliffShare) && tick.serving > tick.minimum
        let isStranded =
            tick.tier == .edges && tick.serving > tick.minimum && stranded > strandedShare
            && stranded * Double(tick.serving) >= strandedNodes
        if isSteep || isStranded {
            if state.cliffUntil == nil { state.counters.cliffs &+= 1 }
            state.cliffUntil = tick.now + .seconds(tick.settings.cliffFreeze)
        }
        guard let until = state.cliffUntil else { return }
        guard tick.now < until else {
            state.cliffUntil = nil
            return
        }
        tick.block(
            "cliff_guard",
            "demand fell steeply or publishers went: no scale-in for \(FigureText.number((until - tick.now).inSeconds, places: 0)) s more"
        )
    }

    /// From what may be had to the target.
    static func settle(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        tick.decision.reason = tick.wantedReason
        if tick.wanted >= tick.serving {
            settleGrowth(&state, &tick)
        } else {
            settleShrinking(&state, &tick)
        }
    }

    private static func settleGrowth(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        var target = tick.wanted
        // Also when nothing more is wanted: what was asked for and does not come has to be told.
        let limit = growthLimit(state, &tick)
        guard target > tick.serving else {
            tick.decision.target = target
            return
        }
        let isUrgent =
            state.panic != nil
            || ["minimum", "manual_override", "slo"].contains(tick.wantedReason)
            || tick.wantedReason.hasPrefix("event.")
        if state.direction == .in, !isUrgent,
            Double(target - tick.serving) < Double(tick.serving) * tick.settings.turnShortage,
            let turn = state.lastTurn, tick.now - turn < .seconds(tick.settings.turnGap)
        {
            tick.block(
                "turn", "the direction changed less than \(FigureText.number(tick.settings.turnGap, places: 0)) s ago")
            tick.decision.target = tick.serving
            return
        }
        let factor = tick.settings.growthFactor.isFinite ? min(1_000, max(1, tick.settings.growthFactor)) : 2
        let most = max(
            wholeNodes(Double(tick.replicas) * factor), tick.replicas + max(1, min(mostNodes, tick.settings.growthStep))
        )
        if target > most {
            tick.block("growth_rate", "\(target) nodes are wanted, \(most) at a time are allowed")
            target = most
        }
        if let limit, target > max(limit, tick.serving) {
            target = max(limit, tick.serving)
        }
        tick.decision.target = target
    }

    /// Replicas beyond which asking is of no use now.
    private static func growthLimit(_ state: ScalingState, _ tick: inout DecisionTick) -> Int? {
        let patience = Duration.seconds(2 * tick.lead)
        let waiting = state.waiting.values.reduce(0) { $0 + (tick.now - $1.since > patience ? 1 : 0) }
        let missing = state.missing.map { tick.now - $0.since > patience ? $0.pods : 0 } ?? 0
        let late = waiting + missing
        guard late > 0 else { return nil }
        // One pod that never comes up is not the platform's limit.
        let isMany = late >= max(2, tick.replicas / 20)
        var crashing = 0
        for name in state.waiting.keys {
            if let pod = tick.pods[name], !pod.isReady, pod.restarts >= crashRestarts { crashing += 1 }
        }
        if crashing >= max(2, tick.replicas / 20), crashing * 2 >= state.waiting.count {
            tick.block(
                "crash_loop",
                "\(crashing) new pods restart again and again and never reported: no more of them are asked for")
            return tick.replicas
        }
        guard late - crashing > 0 else { return nil }
        let what =
            missing > 0 ? "\(missing) pods were asked for and never made, \(waiting) wait" : "\(waiting) pods wait"
        tick.block(
            "capacity_unavailable",
            "\(what), longer than two lead times (\(FigureText.number(2 * tick.lead, places: 0)) s)"
                + (isMany ? ": no more are asked for" : ""))
        return isMany ? tick.replicas : nil
    }

    /// Every reason not to take anything away now, and the highest that was wanted within the window.
    private static func settleShrinking(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        let now = tick.now
        if tick.settings.mode == .upOnly { tick.block("up_only", "this mode never takes nodes away") }
        if freshShare(tick) < fullyFresh {
            tick.block("stale_metrics", "\(tick.signals.fresh) of \(tick.signals.known) nodes have fresh reports")
        } else if let since = state.fullyFreshSince, now - since < .seconds(tick.settings.stableWindow) {
            tick.block(
                "stale_metrics",
                "reports have been complete for \(FigureText.number((now - since).inSeconds, places: 0)) s only")
        }
        if let workload = tick.workload, !workload.isSettled { tick.block("rollout", "a rollout is under way") }

        let window = Duration.seconds(tick.settings.shrinkWindow)
        let desired = state.window.since(window, now: now).reduce(tick.cautious) { max($0, $1.wanted) }
        if !state.window.covers(window, now: now) {
            tick.block("stable_window", "not enough has been seen to take anything away")
        }
        if state.direction == .out, let turn = state.lastTurn, now - turn < .seconds(tick.settings.turnGap),
            Double(tick.serving - desired) < Double(tick.serving) * tick.settings.turnExcess
        {
            tick.block(
                "turn", "the direction changed less than \(FigureText.number(tick.settings.turnGap, places: 0)) s ago")
        }
        if desired >= tick.serving {
            tick.block(
                "stable_window", "more was wanted within the last \(FigureText.number(window.inSeconds, places: 0)) s")
        }
        if let code = tick.decision.blocks.first(where: { stopsShrinking.contains($0.code) })?.code {
            tick.decision.target = tick.serving
            tick.decision.reason = code
        } else {
            tick.decision.target = max(tick.minimum, desired)
        }
    }

    private static let fullyFresh = 0.95

    /// Blocks that keep what is there.
    static let stopsShrinking: Set<String> = [
        "platform_away", "rbac_denied", "target_missing", "conflict_two_masters", "quarantine", "stale_metrics",
        "panic",
        "cliff_guard", "event_window", "slo", "rollout", "up_only", "turn", "stable_window",
    ]
    /// Blocks that also keep drained nodes from being removed: what drained may be needed again.
    static let stopsRemoval: Set<String> = stopsShrinking.subtracting(["turn", "stable_window"])
}
