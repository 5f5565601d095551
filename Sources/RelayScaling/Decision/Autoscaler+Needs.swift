import RelayCluster
import RelayCore

extension Autoscaler {
    /// Refusals are averaged over this long: a few reports of each node.
    private static let rateWindow = Duration.seconds(15)
    /// A refused viewer counts for at most this long (autoscaler.md §2.2).
    private static let longestSession = 60.0
    /// Forecasts beyond this are not believed (autoscaler.md §2.4).
    private static let mostGrowth = 1.7
    /// Announced peaks are taken with this margin (autoscaler.md §2.3).
    private static let eventMargin = 1.1
    /// Growth in a minute that no ordinary evening has: a raid brings 50 %, ordinary minutes up to 5 %.
    private static let steepShare = 0.14
    /// A slope is followed to this many times the demand of now; a crowd that goes on raises that.
    private static let mostSlope = 1.4
    /// Panic looks this far beyond the lead, s.
    private static let panicReach = 60.0

    /// Turns the reports into demand.
    static func measure(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        let now = tick.now
        let signals = tick.signals
        state.joins += signals.joins
        state.leaves += signals.leaves
        state.refused += signals.refused
        state.drops += signals.drops

        // Viewers of a lost node come back elsewhere within seconds: they count until they do, and never twice.
        var load = signals.freshLoad
        let recent = state.window.since(TierSignals.lostFor, now: now)
        for dimension in ScalingDimension.allCases where signals.lostLoad[dimension] > 0 {
            let before = recent.reduce(load[dimension]) { max($0, $1.load[dimension]) }
            let most = load[dimension] + signals.lostLoad[dimension]
            load[dimension] = recent.isEmpty ? most : min(most, before)
        }

        var demand = load
        let factor = censoredFactor(state, tick, viewers: load.viewers)
        if factor > 1 {
            for dimension in [ScalingDimension.viewers, .egress] { demand[dimension] *= factor }
            if load.viewers < 1, tick.capacity(.viewers) > 0 {
                demand.viewers = tick.capacity(.viewers) * tick.utilisation
            }
        }
        let isSlow =
            tick.settings.firstFrameLimit > 0 && signals.firstFrameNodes > 0
            && signals.firstFrameSlow * 5 >= signals.firstFrameNodes
        state.window.append(
            DemandWindow.Sample(
                at: now, demand: demand.demand(of: tick.tier), load: load, joins: state.joins, leaves: state.leaves,
                refused: state.refused, drops: state.drops, wanted: 0, isSlow: isSlow))

        // Processors jump about; they are a guard only.
        let stable = state.window.since(.seconds(tick.settings.stableWindow), now: now)
        demand.cpu = stable.reduce(0) { $0 + $1.load.cpu } / Double(max(1, stable.count))
        tick.demand = demand

        // Scale-in believes that missing nodes are full.
        tick.cautiousDemand = signals.freshLoad
        let unseen = max(0, (tick.workload?.readyPods ?? 0) + signals.foreignKnown - signals.known)
        let missing = Double(signals.missing + unseen)
        for dimension in tick.tier.dimensions {
            tick.cautiousDemand[dimension] = max(
                demand[dimension], signals.freshLoad[dimension] + missing * tick.capacity(dimension))
        }
    }

    /// By how much demand is larger than what is served, because viewers are refused: at most 2.
    private static func censoredFactor(_ state: ScalingState, _ tick: DecisionTick, viewers: Double) -> Double {
        guard tick.tier == .edges, let before = state.window.sample(before: rateWindow, now: tick.now) else { return 1 }
        let seconds = (tick.now - before.at).inSeconds
        let refused = state.refused - before.refused
        guard seconds > 0, refused > 0 else { return 1 }
        var session = longestSession
        if let minute = state.window.sample(before: .seconds(60), now: tick.now) {
            let span = (tick.now - minute.at).inSeconds
            let leaves = state.leaves - minute.leaves
            if span > 0, leaves > 0, viewers > 0 { session = min(longestSession, viewers * span / leaves) }
        }
        return min(2, 1 + refused / seconds * session / max(1, viewers))
    }

    static func forecast(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        guard freshShare(tick) >= 0.9 else {
            state.forecast = nil
            return
        }
        state.learned.forecast.observe(tick.demand.demand(of: tick.tier), at: tick.wallSeconds)
        // Its history is in minutes; asked more often, it would only answer to noise.
        let minute = (tick.wallSeconds / 60).rounded(.down)
        guard minute != state.forecastMinute || state.forecast == nil else { return }
        state.forecastMinute = minute
        state.forecastDemand = tick.demand.demand(of: tick.tier)
        // Given what one node carries of it, the forecast answers knowing that nodes are whole.
        let demand = tick.demand.demand(of: tick.tier)
        let binding = tick.binding(of: tick.demand)
        let perNode = binding.dimension != .cpu && binding.nodes > 0 && demand > 0 ? demand / binding.nodes : nil
        state.forecast = state.learned.forecast.predict(
            lead: tick.lead + max(0, tick.settings.reportAge), hold: tick.hold, perNode: perNode)
    }

    /// Looks at all that asks for nodes; the largest binds.
    static func weigh(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        var needs: [Decision.Need] = []
        let growth = followedGrowth(state, &tick)
        for dimension in tick.tier.dimensions where tick.capacity(dimension) > 0 {
            let demand = tick.demand[dimension]
            let nodes = tick.nodes(for: demand, dimension)
            let each = FigureText.amount(tick.capacity(dimension))
            let share = dimension == .cpu ? "as a guard" : "at \(FigureText.number(tick.utilisation, places: 2))"
            needs.append(
                .init(
                    name: "reactive.\(dimension.rawValue)", nodes: nodes,
                    text: "\(FigureText.amount(demand)) now, a node carries \(each) \(share)"))
            if let growth, dimension != .cpu, nodes > 0 {
                needs.append(
                    .init(
                        name: "forecast.\(dimension.rawValue)", nodes: nodes * growth,
                        text: forecastText(state.forecast, growth, nodes)))
            }
        }
        weighEvents(&needs, &tick)
        weighFaults(state, &needs, &tick)
        needs.sort { ($1.nodes, $0.name) < ($0.nodes, $1.name) }
        tick.decision.needs = needs
        let most = needs.first?.nodes ?? 0
        tick.wantedReason = needs.first.flatMap { $0.nodes > 0 ? $0.name : nil } ?? "minimum"
        tick.wanted = wholeNodes(most)
        tick.decision.buffer = buffer(for: tick.wanted, tick)
        tick.wanted += tick.decision.buffer

        let cautious = tick.binding(of: tick.cautiousDemand).nodes * max(1, growth ?? 1)
        tick.cautious = max(tick.wanted, wholeNodes(cautious) + tick.decision.buffer)
        panic(&state, &tick)
    }

    private static func followedGrowth(_ state: ScalingState, _ tick: inout DecisionTick) -> Double? {
        guard let answer = state.forecast, answer.growth.isFinite, answer.growth > 0 else { return nil }
        guard tick.observations.controls.usesForecast else {
            tick.block("forecast_off", "an operator switched the forecast off; it goes on scoring")
            return nil
        }
        if !answer.isTrusted {
            // What it answers meanwhile is "now + 5 %".
            tick.block(
                "model_disabled", "the forecast has been worse than \"now + 5 %\": until it is better, that is used")
        }
        // The answer stands until the next: what demand did meanwhile is not added to it.
        let demand = tick.demand.demand(of: tick.tier)
        let since = demand > 0 && state.forecastDemand > 0 ? state.forecastDemand / demand : 1
        return min(mostGrowth, answer.growth) * min(mostGrowth, since)
    }

    private static func forecastText(_ answer: ForecastAnswer?, _ growth: Double, _ nodes: Double) -> String {
        var parts = (answer?.experts ?? []).prefix(3).map { "\($0.name) \(FigureText.growth($0.growth))" }
        if let band = answer?.band { parts.append("band \(FigureText.growth(band))") }
        return "\(FigureText.number(growth, places: 3))x now (\(FigureText.number(nodes))): "
            + parts.joined(separator: ", ")
    }

    private static func weighEvents(_ needs: inout [Decision.Need], _ tick: inout DecisionTick) {
        let wall = tick.wallSeconds
        for event in tick.observations.events where event.tier == tick.settings.tier {
            let start = Double(event.startMilliseconds) / 1_000
            let end = Double(event.endMilliseconds) / 1_000
            guard event.peak.isFinite, event.peak > 0, end > start else { continue }
            let ramp = event.rampSeconds.isFinite ? min(86_400, max(0, event.rampSeconds)) : 0
            // Half a lead more than nine tenths of the pods needed, and a minute for the platform.
            let first = start - ramp - tick.lead * 1.5 - 60
            guard wall >= first, wall <= end else { continue }
            let peak = event.peak * eventMargin
            let demand = tick.demand.demand(of: tick.tier)
            var nodes = 0.0
            for dimension in tick.tier.dimensions where dimension != .cpu && tick.capacity(dimension) > 0 {
                switch dimension {
                case .viewers where tick.tier == .edges, .publishers where tick.tier == .origins:
                    nodes = max(nodes, tick.nodes(for: peak, dimension))
                case .egress, .ingest:
                    // What each of them asks for, as long as there are enough to tell.
                    if demand >= 10 {
                        nodes = max(nodes, tick.nodes(for: tick.demand[dimension] / demand * peak, dimension))
                    }
                default: break
                }
            }
            needs.append(
                .init(
                    name: "event.\(event.name)", nodes: nodes,
                    text: "\"\(event.name)\" announced: up to \(FigureText.amount(event.peak))"
                        + (wall < start ? ", in \(FigureText.number((start - wall) / 60, places: 0)) min" : ", now")))
            tick.block("event_window", "no scale-in around the announced event \"\(event.name)\"")
        }
    }

    /// Users see faults although the figures look well: a step more, but never more than half above what the figures ask for,
    /// because the cause may be one that nodes do not cure.
    private static func weighFaults(_ state: ScalingState, _ needs: inout [Decision.Need], _ tick: inout DecisionTick) {
        let stable = Duration.seconds(tick.settings.stableWindow)
        guard state.window.covers(stable, now: tick.now),
            let before = state.window.sample(before: stable, now: tick.now)
        else { return }
        var text: String?
        let samples = state.window.since(stable, now: tick.now)
        if tick.settings.firstFrameLimit > 0, samples.allSatisfy(\.isSlow) {
            text =
                "first frames take longer than \(FigureText.number(tick.settings.firstFrameLimit, places: 0)) ms in "
                + "\(tick.signals.firstFrameSlow) of \(tick.signals.firstFrameNodes) nodes"
        }
        let seconds = (tick.now - before.at).inSeconds
        let rate = (state.drops - before.drops) / max(1, seconds) / max(1, tick.demand.viewers)
        if tick.settings.dropLimit > 0, rate > tick.settings.dropLimit {
            text = "\(FigureText.number(rate, places: 2)) frames left out per viewer and second"
        }
        guard let text else { return }
        let most = needs.reduce(0) { max($0, $1.nodes) }
        let step = tick.settings.sloStep.isFinite ? max(0, tick.settings.sloStep) : 0
        let nodes = min(Double(tick.signals.serving) * (1 + step), max(1, most) * 1.5)
        needs.append(.init(name: "slo", nodes: nodes, text: text))
        tick.block("slo", "no scale-in while users see faults: \(text)")
    }

    /// Nodes beyond the need, for the loss of the largest zone and of spot nodes (autoscaler.md §2.3).
    private static func buffer(for nodes: Int, _ tick: DecisionTick) -> Int {
        guard nodes > 0, tick.signals.serving > 0 else { return 0 }
        var buffer = 0.0
        if tick.settings.absorbsZoneLoss, tick.signals.zones > 1 {
            let share = Double(tick.signals.largestZone) / Double(tick.signals.serving)
            let zone = (Double(nodes) * share).rounded(.up)
            buffer += max(0, (zone - (Double(nodes) - zone) * (1 / tick.utilisation - 1)).rounded(.up))
        }
        let risk = tick.settings.spotRisk
        if risk.isFinite, risk > 0 {
            let share = Double(tick.signals.spot) / Double(tick.signals.serving)
            buffer += (share * Double(nodes) * min(1, risk)).rounded(.up)
        }
        return wholeNodes(buffer)
    }

    /// Demand runs away from ready capacity: its slope is followed ahead, and nothing is given up until it has been calm.
    private static func panic(_ state: inout ScalingState, _ tick: inout DecisionTick) {
        let now = tick.now
        let demand = tick.demand.demand(of: tick.tier)
        var factor = 1.0
        var isSteep = false
        if let before = state.window.sample(before: .seconds(max(5, tick.settings.panicWindow)), now: now), demand > 0 {
            let seconds = (now - before.at).inSeconds
            let joins = state.joins - before.joins
            let leaves = state.leaves - before.leaves
            var rise = joins + leaves > 0 ? joins - leaves : demand - before.demand
            // Only what chance does not explain: two deviations of so many comings and goings.
            rise -= 2 * (joins + leaves > 0 ? joins + leaves : max(0, rise)).squareRoot()
            if seconds > 0, rise > 0 {
                factor = min(mostSlope, 1 + rise / seconds * (tick.lead + panicReach) / demand)
                isSteep = rise / seconds * 60 >= demand * steepShare
            }
        }
        let binding = tick.binding(of: tick.demand)
        // Ordinary ups are the forecast's business: only a crowd's slope is followed.
        let need = binding.nodes * (binding.dimension == .cpu || !isSteep ? 1 : factor)
        let ready = Double(max(0, tick.signals.serving))
        let isAlarm = need > tick.panicRatio * ready && tick.wanted > 0
        if isAlarm {
            if state.panic == nil { state.counters.panics &+= 1 }
            var panic = state.panic ?? .init(since: now, lastAlarm: now, floor: 0)
            panic.lastAlarm = now
            state.panic = panic
        } else if let panic = state.panic, now - panic.lastAlarm >= .seconds(tick.settings.stableWindow) {
            state.panic = nil
        }
        guard var panic = state.panic else { return }
        if isAlarm {
            tick.decision.needs.append(
                .init(
                    name: "panic.\(binding.dimension.rawValue)", nodes: need,
                    text:
                        "\(FigureText.number(factor, places: 2))x now within \(FigureText.number(tick.lead + panicReach, places: 0)) s"
                        + " at this slope; \(tick.signals.serving) nodes are ready"))
            tick.decision.needs.sort { ($1.nodes, $0.name) < ($0.nodes, $1.name) }
            if need > Double(panic.floor) { panic.floor = wholeNodes(need) + tick.decision.buffer }
        }
        panic.floor = min(panic.floor, tick.maximum)
        state.panic = panic
        if panic.floor > tick.wanted {
            tick.wanted = panic.floor
            tick.wantedReason = "panic.\(binding.dimension.rawValue)"
        }
        tick.cautious = max(tick.cautious, tick.wanted)
        tick.block(
            "panic", "no scale-in until \(FigureText.number(tick.settings.stableWindow, places: 0)) s have been calm")
    }
}
