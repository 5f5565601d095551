package import RelayCore

/// The rules of a ``ScalingStore`` as a value: what Redis scripts do in a cluster, done in memory. Sizes and names have been
/// checked by the caller (``ScalingLimits``).
package struct ScalingTable: Sendable {
    private struct Written: Sendable {
        var document: ScalingDocument
        var at: MonotonicTime
    }

    private struct Logged: Sendable {
        var wallMilliseconds: Int64
        var json: String
        var at: MonotonicTime
    }

    private struct Led: Sendable {
        var leadership: Leadership
        var until: MonotonicTime
    }

    private var states: [NodeRole: Written] = [:]
    private var current: [NodeRole: Written] = [:]
    private var history: [NodeRole: [Logged]] = [:]
    private var leaders: [String: Led] = [:]
    private var epochs: [String: UInt64] = [:]
    /// See ``ScalingStore/announcedEvents()``.
    package private(set) var events: [String: String] = [:]
    /// See ``ScalingStore/scalingControls(_:)``.
    package var controls: [String: String] = [:]

    /// Empty.
    package init() {}

    // MARK: Documents

    /// See ``ScalingStore/scalingState(of:)``.
    package func state(of tier: NodeRole) -> ScalingDocument? { states[tier]?.document }

    /// See ``ScalingStore/storeScalingState(_:of:)``.
    package mutating func store(_ document: ScalingDocument, of tier: NodeRole, now: MonotonicTime) -> Bool {
        guard !Self.isFenced(states[tier], from: document.epoch, now: now) else { return false }
        states[tier] = Written(document: document, at: now)
        return true
    }

    /// See ``ScalingStore/logDecision(_:of:isKept:)``.
    @discardableResult
    package mutating func log(
        _ document: ScalingDocument, of tier: NodeRole, isKept: Bool, wallMilliseconds: Int64, now: MonotonicTime
    ) -> Bool {
        guard !Self.isFenced(current[tier], from: document.epoch, now: now) else { return false }
        current[tier] = Written(document: document, at: now)
        guard isKept else { return true }
        var logged = history[tier] ?? []
        logged.append(Logged(wallMilliseconds: wallMilliseconds, json: document.json, at: now))
        let surplus = logged.count - ScalingLimits.maximumDecisions
        // In batches: taking one from the front moves all others.
        if surplus > ScalingLimits.maximumDecisions / 10 { logged.removeFirst(surplus) }
        history[tier] = logged
        return true
    }

    private static func isFenced(_ written: Written?, from epoch: UInt64, now: MonotonicTime) -> Bool {
        guard let written else { return false }
        return epoch < written.document.epoch && now < written.at + ScalingLimits.fence
    }

    /// See ``ScalingStore/currentDecisions()``; in the order of the roles.
    package func currentDecisions(now: MonotonicTime) -> [(document: ScalingDocument, ageMilliseconds: Int64)] {
        NodeRole.allCases.compactMap { tier in
            current[tier].map { ($0.document, (now - $0.at).wholeMilliseconds) }
        }
    }

    /// See ``ScalingStore/decisions(of:until:limit:)``.
    package func decisions(of tier: NodeRole, until milliseconds: Int64?, limit: Int, now: MonotonicTime) -> [String] {
        let found = (history[tier] ?? []).suffix(ScalingLimits.maximumDecisions).filter { logged in
            now < logged.at + ScalingLimits.history && milliseconds.map { logged.wallMilliseconds <= $0 } ?? true
        }
        return found.suffix(max(0, limit)).map(\.json)
    }

    // MARK: Events

    /// See ``ScalingStore/announce(_:named:)``.
    ///
    /// - Returns: false when there are as many as there may be.
    package mutating func announce(_ event: String?, named name: String) -> Bool {
        if event != nil, events[name] == nil, events.count >= ScalingLimits.maximumEvents { return false }
        events[name] = event
        return true
    }

    // MARK: Leadership

    /// See ``ScalingStore/lead(_:as:ttl:)``. The epoch is max(last, wall clock in ms) + 1, so that it grows even where everything
    /// was forgotten.
    package mutating func lead(
        _ group: String, as holder: String, ttl: Duration, wallMilliseconds: Int64, now: MonotonicTime
    ) -> Leadership {
        if var led = leaders[group], now < led.until {
            guard led.leadership.holder == holder else { return led.leadership }
            led.until = now + ttl
            leaders[group] = led
            return led.leadership
        }
        let epoch = max(epochs[group] ?? 0, UInt64(clamping: wallMilliseconds)) &+ 1
        epochs[group] = epoch
        let leadership = Leadership(holder: holder, epoch: epoch)
        leaders[group] = Led(leadership: leadership, until: now + ttl)
        return leadership
    }

    /// See ``ScalingStore/resign(_:as:)``.
    package mutating func resign(_ group: String, as holder: String) {
        if leaders[group]?.leadership.holder == holder { leaders[group] = nil }
    }
}
