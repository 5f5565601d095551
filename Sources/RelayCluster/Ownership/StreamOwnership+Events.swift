package import RelayCore

/// What comes from the publisher and from other nodes.
extension StreamOwnership {
    // MARK: The publisher

    /// A publisher asks for the stream, and none is here.
    package mutating func publisherAsks(isBackup: Bool, now: MonotonicTime) {
        switch state {
        case .idle, .unclear:
            hasPublisher = true
            claim(.ifFree, Wish(isBackup: isBackup))
        case .claiming(let wish) where wish.isGone:
            // The claim of the one that left serves this one.
            hasPublisher = true
            state = .claiming(Wish(isBackup: isBackup, rounds: wish.rounds))
        case .owned, .raising, .local, .registering, .doubting:
            publisherReturned(now: now)
        case .claiming, .probing, .standby:
            emit(.refuse(.streamBusy))
        }
    }

    /// The publisher's connection broke; a stream that is served waits for it to return.
    package mutating func publisherLost(now: MonotonicTime) {
        hasPublisher = false
        switch state {
        case .claiming(var wish):
            wish.isGone = true
            if wish.isStanding { emit(.standDown) }
            state = .claiming(wish)
        case .probing(_, let wish):
            if wish.isStanding { emit(.standDown) }
            state = .idle
        case .standby:
            emit(.standDown)
            state = .idle
        case .owned(var location):
            location.state = .waiting
            state = .owned(location)
            emit(.write(location))
        case .raising(var location):
            location.state = .waiting
            state = .raising(location)
        case .idle, .local, .registering, .doubting, .unclear: break
        }
    }

    /// It is back at an owner that waited: the incarnation goes on.
    package mutating func publisherReturned(now: MonotonicTime) {
        guard isServing else { return }
        hasPublisher = true
        switch state {
        case .owned(var location) where location.state == .waiting:
            location.state = .live
            state = .owned(location)
            emit(.write(location))
        case .raising(var location):
            location.state = .live
            state = .raising(location)
        default: break
        }
    }

    /// The codecs and the instant of decoding time 0 became known, or changed.
    package mutating func described(
        videoCodec: String?, audioCodec: String?, startWallMilliseconds: Int64? = nil, now: MonotonicTime
    ) {
        guard case .owned(var location) = state else { return }
        let before = location
        location.videoCodec = videoCodec
        location.audioCodec = audioCodec
        if let startWallMilliseconds { location.startWallMilliseconds = startWallMilliseconds }
        guard location != before else { return }
        state = .owned(location)
        emit(.write(location))
    }

    /// The stream is over: the publisher said goodbye, or did not return in time.
    package mutating func ended(now: MonotonicTime) {
        hasPublisher = false
        switch state {
        case .owned(let location):
            state = .idle
            emit(.withdraw(epoch: location.epoch))
        case .raising(let location):
            emit(.withdraw(epoch: location.epoch))
            state = .claiming(Wish(isBackup: false, isGone: true))
        case .registering:
            state = .claiming(Wish(isBackup: false, isGone: true))
        case .local, .doubting:
            state = .idle
        case .idle, .claiming, .probing, .standby, .unclear:
            publisherLost(now: now)
        }
    }

    // MARK: Other nodes

    /// The answer to `.probe`.
    package mutating func probed(_ link: LinkState, now: MonotonicTime) {
        switch state {
        case .probing(let owner, let wish):
            if isReal(link) || (link == .gone && owner.epoch == lostTo) {
                if case .alive(_, let epoch, _) = link { see(epoch) }
                settle(owner, wish)
            } else {
                claim(.over(epoch: owner.epoch), wish)
            }
        case .doubting(let owner, let epoch):
            if isReal(link) {
                lose(to: owner.owner, epoch: owner.epoch, now: now)
            } else {
                state = .registering(epoch: epoch)
                emit(.claim(mode: .over(epoch: owner.epoch), floor: highestEpoch))
            }
        default: break
        }
    }

    /// The owner that the standby watches is gone: its link broke, or was silent for too long.
    package mutating func ownerGone(now: MonotonicTime) {
        guard case .standby(let owner) = state else { return }
        claim(.over(epoch: owner.epoch), Wish(isBackup: true, isStanding: true))
    }

    /// News of the registry about the stream.
    package mutating func heard(epoch: UInt64, owner: NodeID, isGone: Bool, now: MonotonicTime) {
        guard epoch <= Self.highestPossibleEpoch else { return }
        see(epoch)
        switch state {
        case .owned(let location), .raising(let location):
            // Of our own claims the answer tells.
            if epoch > location.epoch, owner != me { lose(to: isGone ? nil : owner, epoch: epoch, now: now) }
        case .standby(let watched):
            // Gone, changed hands, or its state changed: ask whether it is free.
            if epoch >= watched.epoch { claim(.ifFree, Wish(isBackup: true, isStanding: true)) }
        case .idle, .claiming, .probing, .local, .registering, .doubting, .unclear: break
        }
    }

    /// A subscriber has seen a higher epoch than the one served: a claim that a registry lost. Nobody who saw it will take ours,
    /// so a higher one is asked for; if another owns the stream, this is where it is found out.
    package mutating func subscriberSaw(epoch: UInt64, now: MonotonicTime) {
        guard case .owned(let location) = state, epoch > location.epoch, epoch <= Self.highestPossibleEpoch else {
            return
        }
        see(epoch)
        state = .raising(location)
        emit(.claim(mode: .ifFree, floor: highestEpoch))
    }

    // MARK: Shared

    func isReal(_ link: LinkState) -> Bool {
        guard case .alive(let hasPublisher, _, let age) = link else { return false }
        return hasPublisher && age <= settings.freshness
    }

    mutating func claim(_ mode: StreamClaim.Mode, _ wish: Wish) {
        state = .claiming(wish)
        emit(.claim(mode: mode, floor: highestEpoch))
    }

    /// Another's publisher really sends: what ours may do about it.
    mutating func settle(_ owner: StreamLocation, _ wish: Wish) {
        if wish.isBackup {
            state = .standby(owner)
            emit(.standBy(owner: owner))
        } else if settings.policy == .takeover, wish.rounds <= settings.rounds {
            claim(.over(epoch: owner.epoch), wish)
        } else {
            hasPublisher = false
            state = .idle
            emit(.refuse(.ownedElsewhere))
        }
    }

    /// Lets go of what is served. A backup that is told so asks again, and stands by.
    mutating func lose(to owner: NodeID?, epoch: UInt64, now: MonotonicTime) {
        hasPublisher = false
        state = .idle
        lostTo = epoch
        lostAt = now
        emit(.lose(to: owner, epoch: epoch))
    }
}
