package import RelayCore

/// Lookups, choice of attempts, and deadlines.
extension StreamPull {
    // MARK: Lookups

    /// Asks for a lookup: now, after the one under way, or when the pace allows it.
    mutating func resolve(now: MonotonicTime) {
        if isResolving {
            resolvesAgain = true
        } else if lookupPace.take(now: now) {
            isResolving = true
            resolveAt = nil
            emit(.resolve)
        } else {
            let due = lookupPace.readyAt()
            resolveAt = min(resolveAt ?? due, due)
        }
    }

    /// The answer to `.resolve`.
    package mutating func resolved(_ resolution: PullResolution, now: MonotonicTime) {
        guard !isOver, isResolving else { return }
        isResolving = false
        switch resolution {
        case .found(let epoch, let sources, let age): found(epoch: epoch, sources: sources, age: age)
        case .notFound: foundNothing(isCertain: true)
        case .unavailable: foundNothing(isCertain: false)
        }
        guard !isOver else { return }
        if resolvesAgain {
            resolvesAgain = false
            resolve(now: now)
        }
        proceed(now: now)
    }

    private mutating func found(epoch: UInt64, sources: [PullSource], age: Duration) {
        hasFound = true
        guard epoch >= highestEpoch else {
            lastLookup = .stale(epoch: epoch)
            staleAnswers += 1
            // An answer that stays behind means that the registry lost a claim and its owner is gone too. The owner it names
            // learns from our subscription that its epoch is behind, and claims anew; what it gives until then is refused.
            if staleAnswers > 1, current == nil { offer(sources, epoch: epoch) }
            return
        }
        lastLookup = .found(epoch: epoch, sources: sources.count, age: age)
        staleAnswers = 0
        highestEpoch = epoch
        if let gone = goneEpoch, epoch > gone { goneEpoch = nil }
        offer(sources, epoch: epoch)
    }

    private mutating func offer(_ sources: [PullSource], epoch: UInt64) {
        // The same again, while others are tried beside a source without frames: the round goes on.
        if let current, !isTroubled(current), epoch == candidatesEpoch, sources == candidates { return }
        candidates = sources
        cursor = 0
        candidatesEpoch = epoch
    }

    private mutating func foundNothing(isCertain: Bool) {
        lastLookup = isCertain ? .notFound : .unavailable
        if current == nil, asked.isEmpty, !hasFlowed {
            return finish(isCertain ? .streamNotFound : .registryAway)
        }
        guard isCertain else { return }
        staleAnswers = 0
        if let gone = goneEpoch, gone >= max(lastEpoch, highestEpoch), hasFlowed, asked.isEmpty, isSilent {
            finish(.streamEnded)
        }
    }

    /// Whether frames have not come since the last look.
    private var isSilent: Bool {
        guard let current else { return true }
        guard let stallCheckAt, let last = current.lastFrames else { return true }
        return last + Self.stallAfter <= stallCheckAt
    }

    // MARK: Attempts

    /// Makes, replaces and gives up attempts, as what is known now demands. Every event ends here.
    mutating func proceed(now: MonotonicTime) {
        guard !isOver else { return }
        giveUpLate(now: now)
        if let current, !isTroubled(current) {
            if !isStalled(current, now: now) || (nextBesideStall.map { now < $0 } ?? false) { return cancelAsked() }
        }
        if let current, isTroubled(current), troubleSince == nil { troubleSince = now }
        while let due = attemptDueAt, due <= now, let source = nextCandidate() {
            makeRoom()
            guard attemptPace.take(now: now) else { break }
            attempts += 1
            asked.append(Attempt(number: attempts, source: source, target: candidatesEpoch, began: now))
            emit(.subscribe(attempt: attempts, source))
        }
        if asked.isEmpty, !isResolving, resolveAt == nil, !hasCandidate { retryLater(now: now) }
    }

    /// When one more attempt is worth it beside those under way, given that another source is wanted; nil while it is not.
    private var attemptDueAt: MonotonicTime? {
        let ready = attemptPace.readyAt()
        let promising = asked.filter { !isOutdated($0) }
        guard let last = promising.last else { return ready }
        // Beside a source that is still there a second challenger replaces the first, if there is another to try.
        guard last.acceptedAt == nil, current != nil || promising.count < 2 else { return nil }
        return last.isSuspect ? ready : max(ready, last.began + settings.hedgeAfter)
    }

    /// Keeps the number of attempts at two.
    private mutating func makeRoom() {
        let room = current == nil ? 2 : 1
        while asked.count >= room {
            let index = asked.firstIndex(where: isOutdated) ?? 0
            emit(.cancel(attempt: asked.remove(at: index).number))
        }
    }

    /// A source that is there and gives nothing: its publisher is away, and the others have nothing either, or it is cut off
    /// itself (parents in a ring, F30), and another one has. Whoever gives a frame first is taken.
    private func isStalled(_ attempt: Attempt, now: MonotonicTime) -> Bool {
        guard let last = attempt.lastFrames ?? attempt.acceptedAt else { return false }
        return last + Self.stallAfter <= now
    }

    private func isUsable(_ source: PullSource) -> Bool {
        guard !asked.contains(where: { $0.source.isSame(as: source) }) else { return false }
        guard let current, current.source.isSame(as: source) else { return true }
        // A parent whose newer incarnation the registry shows tells of it on the subscription it has; one that does not is
        // asked anew after a while.
        return current.bestEpoch < candidatesEpoch && !current.isSuspect && retries > 2
    }

    private var hasCandidate: Bool { candidates[min(cursor, candidates.count)...].contains(where: isUsable) }

    private mutating func nextCandidate() -> PullSource? {
        while cursor < candidates.count {
            let source = candidates[cursor]
            cursor += 1
            if isUsable(source) { return source }
        }
        return nil
    }

    /// Nothing is left to try: look again after a while.
    private mutating func retryLater(now: MonotonicTime) {
        if let current, !isTroubled(current) {
            nextBesideStall = now + jitter.around(Self.besideStallEvery)
            cursor = 0
            return
        }
        var delay = settings.retryFloor
        for _ in 0..<min(retries, 16) where delay < settings.retryCeiling { delay *= 2 }
        retries += 1
        resolveAt = now + jitter.around(min(delay, settings.retryCeiling))
    }

    private mutating func giveUpLate(now: MonotonicTime) {
        while let index = asked.firstIndex(where: { lateAt($0) <= now }) {
            let attempt = asked.remove(at: index)
            emit(.cancel(attempt: attempt.number))
            if attempt.acceptedAt == nil { blame(attempt.source) }
        }
    }

    /// When an attempt has kept us waiting for its answer, or for its first frame beside another source, for too long.
    private func lateAt(_ attempt: Attempt) -> MonotonicTime {
        (attempt.acceptedAt ?? attempt.began) + settings.attemptTimeout
    }

    // MARK: Time

    /// When ``timerFired(now:)`` is to be called; nil when nothing is to come.
    package var nextDeadline: MonotonicTime? {
        guard !isOver else { return nil }
        var deadline: MonotonicTime?
        func consider(_ instant: MonotonicTime?) {
            if let instant { deadline = min(deadline ?? instant, instant) }
        }
        consider(lingerUntil)
        consider(resolveAt)
        consider(holdUntil)
        consider(answerUntil)
        consider(current == nil ? nil : stallCheckAt)
        for attempt in asked { consider(lateAt(attempt)) }
        if hasCandidate, current.map(isTroubled) ?? true { consider(attemptDueAt) }
        return deadline
    }

    /// Viewers who saw the stream are kept for long; those who never did are told soon, so that they can ask elsewhere.
    private var holdUntil: MonotonicTime? {
        guard current == nil else { return nil }
        return hasFlowed ? (heldSince ?? startedAt) + settings.hold : startedAt + settings.answerWithin
    }

    private var answerUntil: MonotonicTime? {
        hasFound || hasFlowed || current != nil || !asked.isEmpty ? nil : startedAt + settings.answerWithin
    }

    /// The deadline passed, or any other time did.
    package mutating func timerFired(now: MonotonicTime) {
        guard !isOver else { return }
        if let lingerUntil, lingerUntil <= now { return release() }
        if let answerUntil, answerUntil <= now { return finish(.registryAway) }
        if let holdUntil, holdUntil <= now { return demand > 0 ? finish(.sourceLost) : release() }
        if let due = resolveAt, due <= now {
            resolveAt = nil
            resolve(now: now)
        }
        checkStall(now: now)
        proceed(now: now)
    }

    private mutating func release() {
        letGo()
        emit(.release)
    }

    /// Looks the stream up again while its source gives nothing: news of another owner may have been lost.
    private mutating func checkStall(now: MonotonicTime) {
        guard let current, let due = stallCheckAt, due <= now else { return }
        if let last = current.lastFrames, last + Self.stallAfter > now {
            stallCheckAt = last + Self.stallAfter
        } else {
            stallCheckAt = now + jitter.around(settings.retryCeiling)
            resolve(now: now)
        }
    }
}

extension PullSource {
    /// Whether both are the same peer, whatever else is known of it.
    func isSame(as other: PullSource) -> Bool {
        switch (self, other) {
        case (.parent(let one), .parent(let another)): one.node == another.node
        case (.foreign(let one), .foreign(let another)): one == another
        default: false
        }
    }
}
