package import RelayCore

/// What comes from sources, viewers and the clock. Events of attempts that are no longer there are ignored.
extension StreamPull {
    // MARK: Viewers

    /// How many viewers and children there are now, those that wait for the stream included.
    package mutating func demand(_ count: Int, now: MonotonicTime) {
        guard !isOver else { return }
        demand = max(0, count)
        if demand > 0 {
            lingerUntil = nil
        } else if lingerUntil == nil {
            lingerUntil = now + settings.linger
        }
        proceed(now: now)
    }

    // MARK: Sources

    /// The source took the subscription; also when an adopted source goes on in another incarnation.
    package mutating func accepted(attempt number: Int, epoch: UInt64, now: MonotonicTime) {
        guard !isOver else { return }
        if current?.number == number {
            guard epoch >= highestEpoch || epoch >= current?.epoch ?? 0 else {
                emit(.cancel(attempt: number))
                return lose(now: now)
            }
            current?.epoch = epoch
            highestEpoch = max(highestEpoch, epoch)
            return proceed(now: now)
        }
        guard let index = asked.firstIndex(where: { $0.number == number }) else { return }
        guard epoch >= highestEpoch else {
            emit(.cancel(attempt: number))
            return refused(attempt: number, .stale, now: now)
        }
        highestEpoch = max(highestEpoch, epoch)
        asked[index].epoch = epoch
        if asked[index].acceptedAt == nil { asked[index].acceptedAt = now }
        if current == nil { adopt(asked.remove(at: index), now: now) }
        proceed(now: now)
    }

    /// The source did not take the subscription.
    package mutating func refused(attempt number: Int, _ refusal: PullRefusal, now: MonotonicTime) {
        guard !isOver else { return }
        if current?.number == number { return lose(now: now) }
        guard let index = asked.firstIndex(where: { $0.number == number }) else { return }
        asked.remove(at: index)
        if refusal.doubtsLocation, retries == 0 {
            retries = 1
            resolve(now: now)
        }
        proceed(now: now)
    }

    /// The source could not be reached, or the link to it died.
    package mutating func failed(attempt number: Int, now: MonotonicTime) {
        guard !isOver else { return }
        if current?.number == number { return lose(now: now) }
        guard let index = asked.firstIndex(where: { $0.number == number }) else { return }
        asked.remove(at: index)
        proceed(now: now)
    }

    /// Media arrived that the stream does not have yet: called with each batch, at least once a second while frames come.
    package mutating func frames(attempt number: Int, now: MonotonicTime) {
        guard !isOver else { return }
        if current?.number == number {
            flow(now: now)
            if current?.isSuspect == true { recovered(attempt: number, now: now) }
            return
        }
        guard let index = asked.firstIndex(where: { $0.number == number }), asked[index].acceptedAt != nil,
            asked[index].bestEpoch >= current?.bestEpoch ?? 0
        else { return }
        adopt(asked.remove(at: index), now: now)
        flow(now: now)
        proceed(now: now)
    }

    /// Nothing was heard on the link for 300 ms (P1).
    package mutating func suspect(attempt number: Int, now: MonotonicTime) {
        guard !isOver else { return }
        if current?.number == number {
            guard current?.isSuspect == false else { return }
            current?.isSuspect = true
            seekAnother(now: now)
        } else if let index = asked.firstIndex(where: { $0.number == number }) {
            asked[index].isSuspect = true
            proceed(now: now)
        }
    }

    /// The link speaks again.
    package mutating func recovered(attempt number: Int, now: MonotonicTime) {
        guard !isOver else { return }
        if current?.number == number {
            current?.isSuspect = false
            proceed(now: now)
        } else if let index = asked.firstIndex(where: { $0.number == number }) {
            asked[index].isSuspect = false
        }
    }

    /// The source ended the subscription.
    ///
    /// - Parameter isFinished: The publisher said goodbye or did not come back.
    package mutating func ended(attempt number: Int, isFinished: Bool, now: MonotonicTime) {
        guard !isOver else { return }
        guard let current, current.number == number else {
            return refused(attempt: number, isFinished ? .notFound : .moved, now: now)
        }
        if isFinished, current.bestEpoch >= max(candidatesEpoch, highestEpoch), asked.isEmpty || !isTroubled(current) {
            self.current = nil
            return finish(.streamEnded)
        }
        lose(now: now)
    }

    /// The parent goes down soon.
    package mutating func goingAway(attempt number: Int, now: MonotonicTime) {
        guard !isOver else { return }
        if current?.number == number {
            guard current?.isLeaving == false else { return }
            current?.isLeaving = true
            seekAnother(now: now)
        } else if asked.contains(where: { $0.number == number }) {
            emit(.cancel(attempt: number))
            refused(attempt: number, .draining, now: now)
        }
    }

    // MARK: Registry

    /// The registry says that the stream changed: claimed, another state, or withdrawn.
    package mutating func changed(epoch: UInt64, isGone: Bool, now: MonotonicTime) {
        guard !isOver else { return }
        if isGone {
            guard epoch >= max(lastEpoch, highestEpoch) else { return }
            goneEpoch = max(goneEpoch ?? 0, epoch)
            if current == nil, hasFlowed, !asked.contains(where: { $0.bestEpoch > epoch }) { finish(.streamEnded) }
            return
        }
        if let gone = goneEpoch, epoch > gone { goneEpoch = nil }
        guard epoch > current?.bestEpoch ?? 0 || current == nil, epoch >= highestEpoch else { return }
        retries = 0
        resolve(now: now)
        proceed(now: now)
    }

    /// The registry can be asked again; news may have been missed.
    package mutating func reachable(now: MonotonicTime) {
        guard !isOver else { return }
        if let current, !isTroubled(current) {
            let due = now + jitter.upTo(Self.reachableSpread)
            resolveAt = min(resolveAt ?? due, due)
        } else {
            retries = 0
            resolve(now: now)
        }
        proceed(now: now)
    }

    // MARK: Steps

    /// The adopted source is gone.
    private mutating func lose(now: MonotonicTime) {
        if current != nil, troubleSince == nil { troubleSince = now }
        current = nil
        stallCheckAt = nil
        if let gone = goneEpoch, hasFlowed, gone >= max(lastEpoch, highestEpoch) { return finish(.streamEnded) }
        if let index = asked.firstIndex(where: { $0.acceptedAt != nil }) {
            adopt(asked.remove(at: index), now: now)
        } else {
            if heldSince == nil { heldSince = now }
            emit(.hold)
        }
        seekAnother(now: now)
    }

    private mutating func seekAnother(now: MonotonicTime) {
        if current != nil, troubleSince == nil { troubleSince = now }
        if current != nil { cursor = 0 }
        resolve(now: now)
        proceed(now: now)
    }

    /// Makes an attempt the stream's source and gives up the others.
    mutating func adopt(_ attempt: Attempt, now: MonotonicTime) {
        let old = current
        if let from = flowedFrom, hasFlowed {
            openFailover = Failover(began: troubleSince ?? now, gap: nil, from: from, to: attempt.source)
        }
        current = attempt
        troubleSince = nil
        nextBesideStall = nil
        stallCheckAt = now + Self.stallAfter
        emit(.adopt(attempt: attempt.number))
        if let old { emit(.cancel(attempt: old.number)) }
        cancelAsked()
    }

    mutating func cancelAsked() {
        for attempt in asked { emit(.cancel(attempt: attempt.number)) }
        asked.removeAll()
    }

    private mutating func flow(now: MonotonicTime) {
        if var failover = openFailover {
            failover.gap = lastFlow.map { now - $0 }
            lastFailover = failover
            failovers &+= 1
            openFailover = nil
        }
        current?.lastFrames = now
        hasFlowed = true
        lastFlow = now
        flowedFrom = current?.source
        lastEpoch = current?.bestEpoch ?? lastEpoch
        heldSince = nil
        nextBesideStall = nil
        if let current, !isTroubled(current) { retries = 0 }
    }

    /// Over, with a word to viewers.
    mutating func finish(_ code: RelayCode) {
        letGo()
        outcome = code
        emit(.end(code))
    }

    /// Over, with nobody to tell.
    mutating func letGo() {
        cancelAsked()
        if let current { emit(.cancel(attempt: current.number)) }
        current = nil
        isOver = true
    }
}
