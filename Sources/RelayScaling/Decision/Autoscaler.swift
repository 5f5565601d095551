import RelayCluster
package import RelayCore

/// Decides how many nodes a tier shall have, by autoscaler.md §2.3 and §2.6-2.8, and what is to be done about it now.
///
/// Pure and deterministic: the same calls give the same decisions, bit for bit. The order of precedence is
/// off > nothing known > paused > blind (registry away, reports stale) > not yet warm > needs, and a need is followed upwards at
/// once, downwards only when nothing speaks against it.
package enum Autoscaler {
    /// One tick of one tier. Called by the autoscaler's loop, the replay and the benchmarks, in order of time.
    ///
    /// - Parameters:
    ///   - state: Changed in place, because the forecast's history is large.
    ///   - now: Monotonic; windows and deadlines are measured by it.
    package static func decide(
        _ state: inout ScalingState, _ observations: ScalingObservations, _ settings: TierSettings, now: MonotonicTime
    ) -> Decision {
        var tick = DecisionTick(&state, observations, settings, now: now)
        state.counters.ticks &+= 1
        defer {
            state.couldAct = tick.canAct
            if let workload = observations.workload { state.workload = workload }
        }
        guard settings.mode != .off else {
            tick.decision.reason = "off"
            return tick.decision
        }
        noteWorkload(&state, &tick)
        noteProblem(&tick)
        let upkeep = DrainPlan.keep(&state, &tick)
        let isSeeing = read(&state, &tick)
        tick.ordered = DrainPlan.ordered(state, tick)
        noteWaiting(&state, &tick)
        guard tick.workload != nil else { return finish(&state, &tick, hold: "platform_away", upkeep) }
        guard tick.replicas > 0 else {
            tick.block("replicas_zero", "replicas were set to 0: scaling pauses until they are set to another count")
            return finish(&state, &tick, hold: "paused", upkeep)
        }
        guard isSeeing else { return holdBlind(&state, &tick, upkeep) }

        measure(&state, &tick)
        forecast(&state, &tick)
        weigh(&state, &tick)
        note(&state, &tick)
        guard state.isWarm else {
            tick.block(
                "hold",
                "held until \(FigureText.number(settings.stableWindow, places: 0)) s of fresh reports have been seen")
            return finish(&state, &tick, hold: "hold", upkeep)
        }
        settle(&state, &tick)
        return act(&state, &tick, upkeep)
    }

    /// The same for callers that keep states as values.
    package static func decide(
        _ state: ScalingState, _ observations: ScalingObservations, _ settings: TierSettings, now: MonotonicTime
    ) -> (ScalingState, Decision) {
        var state = state
        let decision = decide(&state, observations, settings, now: now)
        return (state, decision)
    }

    // MARK: Ends of a tick

    /// Keeps what is there; only a count outside the limits is mended.
    private static func finish(
        _ state: inout ScalingState, _ tick: inout DecisionTick, hold reason: String, _ upkeep: [ScalingAction]
    ) -> Decision {
        tick.decision.reason = reason
        tick.decision.target = tick.serving
        var actions = upkeep
        if tick.replicas > 0, tick.serving < tick.minimum, tick.observations.controls.isPaused == false {
            tick.decision.target = tick.minimum
            tick.decision.reason = "minimum"
            actions += grow(&state, &tick, to: tick.minimum)
        }
        tick.decision.actions = tick.canAct ? actions : []
        return tick.decision
    }

    /// Without eyes: nothing changes for 30 s; then the last good target is put back if somebody took from it, never less.
    private static func holdBlind(
        _ state: inout ScalingState, _ tick: inout DecisionTick, _ upkeep: [ScalingAction]
    ) -> Decision {
        let isAway = if case .away = tick.observations.registry { true } else { false }
        let code = isAway ? "redis_down" : "stale_metrics"
        let since = state.blindSince ?? tick.now
        let seconds = FigureText.number((tick.now - since).inSeconds, places: 0)
        tick.block(
            code,
            isAway
                ? "the registry does not answer, for \(seconds) s: no scale-in, no drains"
                : "\(tick.signals.fresh) of \(max(tick.signals.known, tick.workload?.readyPods ?? 0)) nodes have fresh reports: no scale-in"
        )
        tick.decision.reason = code
        if isAway, tick.now - since < blindFreeze {
            tick.decision.target = tick.serving
            tick.decision.actions = tick.canAct ? upkeep : []
            return tick.decision
        }
        guard tick.now - since >= blindFreeze, let target = state.lastGoodTarget, target > tick.serving, state.isWarm
        else {
            return finish(&state, &tick, hold: code, upkeep)
        }
        let bounded = min(tick.maximum, max(tick.minimum, target))
        tick.decision.target = max(bounded, tick.serving)
        // Drains cannot be taken back without the registry, so that replicas stand in for them.
        var actions = upkeep
        if bounded > tick.serving, let workload = tick.workload {
            actions.append(ask(&state, &tick, workload, for: min(bounded + tick.ordered, tick.maximum + tick.ordered)))
        }
        tick.decision.actions = tick.canAct ? actions : []
        return tick.decision
    }

    private static func act(_ state: inout ScalingState, _ tick: inout DecisionTick, _ upkeep: [ScalingAction])
        -> Decision
    {
        let target = tick.decision.target
        state.lastGoodTarget = target
        var actions = upkeep
        if tick.observations.controls.isPaused {
            tick.block("paused", "an operator paused scaling")
            tick.decision.reason = "paused"
        }
        guard tick.canAct else {
            tick.decision.actions = []
            return tick.decision
        }
        if target > tick.serving {
            actions += grow(&state, &tick, to: target)
        } else if target < tick.serving, tick.canShrink {
            if tick.settings.drainsFirst {
                actions += DrainPlan.start(&state, &tick, to: target)
            } else if let workload = tick.workload {
                state.asked.append((target, tick.now))
                state.counters.scaleIns &+= 1
                turn(&state, .in, tick.now)
                actions.append(.scale(from: workload.replicas, to: target, uid: workload.uid))
            }
        }
        // Never beside a larger count: should that one get lost, the smaller one would stand alone.
        let isGrowing = actions.contains { if case .scale = $0 { true } else { false } }
        if tick.canShrink, tick.settings.drainsFirst, !isGrowing { actions += DrainPlan.remove(&state, &tick) }
        if tick.canShrink, actions.isEmpty { actions += giveUpMissing(&state, &tick) }
        tick.decision.actions = actions
        return tick.decision
    }

    /// Takes drains back, newest first, since that capacity is there at once; asks for replicas for the rest.
    private static func grow(_ state: inout ScalingState, _ tick: inout DecisionTick, to target: Int) -> [ScalingAction]
    {
        guard tick.canAct, let workload = tick.workload else { return [] }
        var actions: [ScalingAction] = []
        actions += DrainPlan.takeBack(&state, &tick, target - tick.serving)
        tick.ordered = DrainPlan.ordered(state, tick)
        if target > tick.serving { actions.append(ask(&state, &tick, workload, for: target + tick.ordered)) }
        if !actions.isEmpty { turn(&state, .out, tick.now) }
        return actions
    }

    /// Takes back what was asked for and never made, once demand no longer needs it: nobody is there to be drained, and a count that
    /// the platform cannot reach would look like a rollout that never ends.
    private static func giveUpMissing(_ state: inout ScalingState, _ tick: inout DecisionTick) -> [ScalingAction] {
        guard let missing = state.missing, tick.now - missing.since > .seconds(2 * tick.lead),
            let workload = tick.observations.workload
        else { return [] }
        let replicas = max(tick.minimum, workload.replicas - missing.pods)
        guard replicas < workload.replicas, tick.wanted + tick.ordered <= replicas else { return [] }
        state.asked.append((replicas, tick.now))
        state.missing = nil
        return [.scale(from: workload.replicas, to: replicas, uid: workload.uid)]
    }

    private static func ask(
        _ state: inout ScalingState, _ tick: inout DecisionTick, _ workload: WorkloadStatus, for replicas: Int
    ) -> ScalingAction {
        state.asked.append((replicas, tick.now))
        state.lastGrowth = tick.now
        state.counters.scaleOuts &+= 1
        return .scale(from: workload.replicas, to: replicas, uid: workload.uid)
    }

    static func turn(_ state: inout ScalingState, _ direction: ScalingState.Direction, _ now: MonotonicTime) {
        if let before = state.direction, before != direction { state.lastTurn = now }
        state.direction = direction
    }

    /// How long a registry that is away, or reports that are stale, freeze everything.
    private static let blindFreeze = Duration.seconds(30)
}

extension Duration {
    /// In seconds with fractions.
    var inSeconds: Double { Double(wholeNanoseconds) / 1e9 }
}
