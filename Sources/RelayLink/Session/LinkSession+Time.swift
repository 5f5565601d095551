package import RelayCore

extension LinkSession {
    /// Least time between two answers to pings: twenty a second, whatever the peer sends.
    static let pongEvery = Duration.milliseconds(50)

    /// When ``timerFired(now:)`` should be called next; nil when nothing is waited for.
    package var nextDeadline: MonotonicTime? {
        switch phase {
        case .idle, .closed: return nil
        case .hello(let deadline), .auth(let deadline, _): return deadline
        case .open:
            var next = throttledUntil ?? (lastInput + (isSuspect ? settings.deadAfter : settings.suspectAfter))
            if !isPingDue { next = min(next, pingDeadline) }
            if let pongDeadline, !isPongDue { next = min(next, pongDeadline) }
            return next
        }
    }

    private var pingDeadline: MonotonicTime {
        min(max(lastOutput, lastPing) + settings.pingEvery, lastPing + settings.measureEvery)
    }

    private var pongDeadline: MonotonicTime? {
        pingToAnswer.map { _ in lastPong.map { $0 + Self.pongEvery } ?? lastSeen }
    }

    /// A ping waits for its answer, and the last answer is long enough ago.
    var isPongDue: Bool {
        guard pingToAnswer != nil else { return false }
        return lastPong.map { lastSeen - $0 >= Self.pongEvery } ?? true
    }

    /// Bytes came.
    mutating func heard(_ now: MonotonicTime) {
        lastSeen = max(lastSeen, now)
        lastInput = max(lastInput, now)
        guard isSuspect else { return }
        isSuspect = false
        flushGroup()
        actions.append(.recovered)
    }

    /// Acts on whatever deadline has passed; run ``nextAction(now:)`` and ``takeOutput(limit:now:)`` afterwards.
    package mutating func timerFired(now: MonotonicTime) {
        let late = nextDeadline.map { now - $0 } ?? .zero
        lastSeen = max(lastSeen, now)
        switch phase {
        case .idle, .closed: return
        case .hello(let deadline), .auth(let deadline, _):
            if now >= deadline { fail(.helloTimeout) }
        case .open:
            // This node itself did not run (stopped, starved): the peer's bytes may lie unread in the socket, so the time
            // does not count as silence.
            if late > settings.suspectAfter { lastInput = min(now, lastInput + late) }
            if now >= pingDeadline { isPingDue = true }
            guard throttledUntil == nil else { return }
            let silence = now - lastInput
            if silence >= settings.deadAfter {
                fail(.dead)
            } else if silence >= settings.suspectAfter, !isSuspect {
                isSuspect = true
                flushGroup()
                actions.append(.suspect)
            }
        }
    }
}
