import NIOCore
import RelayCore
import RelayLink

/// A subscription of another node. All calls on the loop that ``run(_:)`` goes to.
protocol HubChild: AnyObject, Sendable {
    /// Runs on the loop of the child's link: at once when already there.
    func run(_ work: @escaping @Sendable () -> Void)
    /// Taken, or in another incarnation, or with other headers.
    func accepted(_ accept: LinkAccept)
    func deliver(_ frames: [Frame])
    func end(_ reason: LinkEnd)
}

extension StreamHub {
    // MARK: Children (on the home loop)

    /// Another node subscribes.
    ///
    /// - Returns: Why not, or nil.
    func add(_ child: any HubChild, request: LinkSubscribe) -> LinkRefusal? {
        switch state {
        case .ended, nil: return .notFound
        case .live, .waiting, .pulling: break
        }
        if case .pulling(let source) = state {
            // Two nodes must not wait for each other's frames.
            guard source.hasSource else { return .moved }
            guard source.parentNode != request.path.first else { return .loop }
        }
        guard let incarnation else { return isPulled ? .moved : .notFound }
        guard request.highestEpoch <= incarnation.epoch else {
            if !isPulled { directory.observer?.hub(self, did: .subscriberSaw(epoch: request.highestEpoch)) }
            return .stale
        }
        flushOutbound(now: .now())
        let first: [Frame]
        switch request.start {
        case .live: first = history.newestGOP
        case .after(let id, incarnation): first = history.frames(after: id) ?? history.newestGOP
        case .after: first = history.newestGOP
        case .window(let milliseconds): first = history.window(milliseconds: Int64(milliseconds))
        }
        let accept = acceptance(incarnation)
        children.append(child)
        child.run {
            child.accepted(accept)
            if !first.isEmpty { child.deliver(first) }
        }
        noteDemand()
        return nil
    }

    func remove(_ child: any HubChild) {
        children.removeAll { $0 === child }
        noteDemand()
    }

    private func acceptance(_ incarnation: Incarnation) -> LinkAccept {
        LinkAccept(
            incarnation: incarnation, startWallMilliseconds: startWall, hops: hops &+ 1,
            headers: headersToInject.isEmpty ? headers.inOrder : headersToInject)
    }

    /// Another publisher, or another incarnation: what follows stands on its own.
    func reacceptChildren() {
        guard let incarnation, !children.isEmpty else { return }
        let accept = acceptance(incarnation)
        for child in children { child.run { child.accepted(accept) } }
    }

    /// The stream went to another owner: whoever subscribes has to look it up again.
    func endChildren(_ reason: LinkEnd) {
        for child in children { child.run { child.end(reason) } }
        children = []
        noteDemand()
    }
}
