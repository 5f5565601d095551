package import RelayCore

/// What the registry answers.
extension StreamOwnership {
    /// The answer to `.claim`.
    package mutating func claimed(_ result: Result<ClaimAnswer, RegistryError>, now: MonotonicTime) {
        switch result {
        case .success(.granted(let location)):
            see(location.epoch)
            granted(location)
        case .success(.held(let location)):
            see(location.epoch)
            held(by: location, now: now)
        case .failure:
            undecided()
        }
    }

    private mutating func granted(_ location: StreamLocation) {
        switch state {
        case .claiming(let wish):
            guard !wish.isGone else {
                state = .idle
                return emit(.withdraw(epoch: location.epoch))
            }
            state = .owned(location)
            emit(wish.isStanding ? .promote(location) : .grant(location))
        case .raising(let before):
            own(location, isLive: before.state == .live)
        case .registering:
            own(location, isLive: hasPublisher)
        case .idle, .probing, .owned, .local, .doubting, .standby, .unclear: break
        }
    }

    /// A stream that is served goes on under another epoch.
    private mutating func own(_ location: StreamLocation, isLive: Bool) {
        var location = location
        let isRight = (location.state == .live) == isLive
        location.state = isLive ? .live : .waiting
        state = .owned(location)
        emit(.grant(location))
        if !isRight { emit(.write(location)) }
    }

    private mutating func held(by owner: StreamLocation, now: MonotonicTime) {
        switch state {
        case .claiming(var wish):
            guard !wish.isGone else { return state = .idle }
            wish.rounds += 1
            if wish.rounds > settings.rounds {
                // Others win each time: one of them is real.
                if wish.isBackup { return settle(owner, wish) }
                hasPublisher = false
                state = .idle
                return emit(.refuse(.ownedElsewhere))
            }
            if settings.policy == .takeover, !wish.isBackup { return claim(.over(epoch: owner.epoch), wish) }
            // Without its word a living owner stays a living owner: also the one a standby was told to be gone.
            state = .probing(owner, wish)
            emit(.probe(owner))
        case .raising:
            lose(to: owner.owner, epoch: owner.epoch, now: now)
        case .registering(let epoch):
            state = .doubting(owner, epoch: epoch)
            emit(.probe(owner))
        case .idle, .probing, .owned, .local, .doubting, .standby, .unclear: break
        }
    }

    /// The registry did not say; what is served goes on.
    private mutating func undecided() {
        switch state {
        case .claiming(let wish):
            guard !wish.isGone else { return state = .unclear }
            let epoch = highestEpoch &+ 1
            see(epoch)
            if wish.isStanding { emit(.standDown) }
            state = .local(epoch: epoch)
            emit(.grantLocally(epoch: epoch))
        case .raising(let location): state = .owned(location)
        case .registering(let epoch): state = .local(epoch: epoch)
        case .idle, .probing, .owned, .local, .doubting, .standby, .unclear: break
        }
    }

    /// The registry can be asked again (`becameOwner` or `restoreAll` of ``NodeLease``): a provisional stream is registered.
    package mutating func registryBack(now: MonotonicTime) {
        switch state {
        case .local(let epoch):
            state = .registering(epoch: epoch)
            emit(.claim(mode: .ifFree, floor: max(highestEpoch, epoch)))
        case .unclear:
            claim(.ifFree, Wish(isBackup: false, isGone: true))
        default: break
        }
    }

    /// `restore` found another location in the stead of ours: it is lost, and never asserted again. One that is our own and
    /// newer is of a claim whose answer was lost.
    package mutating func standing(against location: StreamLocation, now: MonotonicTime) {
        see(location.epoch)
        switch state {
        case .owned(let own), .raising(let own):
            guard location.epoch >= own.epoch, location != own else { return }
            if location.owner == me, location.token == token {
                if location.epoch > own.epoch { self.own(location, isLive: own.state == .live) }
            } else {
                lose(to: location.owner == me ? nil : location.owner, epoch: location.epoch, now: now)
            }
        default: break
        }
    }

    /// Another process lives under this node's name: what was owned is not ours to assert.
    package mutating func nodeLost(now: MonotonicTime) {
        if let epoch { lose(to: nil, epoch: epoch, now: now) }
    }
}
