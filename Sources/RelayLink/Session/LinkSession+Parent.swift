import NIOCore
package import RelayCore

extension LinkSession {
    // MARK: What the peer asks

    mutating func subscriptionAsked(_ reading: LinkSubscribe.Reading) {
        let id: UInt64
        let refusal: LinkRefusal?
        switch reading {
        case .refusable(let refusable, let reason): (id, refusal) = (refusable, reason)
        case .request(let request): (id, refusal) = (request.id, objection(to: request))
        }
        guard !outgoing.contains(id) else {
            // Refusing it would end the one that lives under this id.
            counters.badRequests &+= 1
            return
        }
        if let refusal {
            counters.refused &+= 1
            say { LinkRefuse(id: id, refusal: refusal).encode(into: &$0) }
        } else if case .request(let request) = reading {
            outgoing.add(id, limits: settings.queue)
            actions.append(.subscribe(request))
        }
    }

    private func objection(to request: LinkSubscribe) -> LinkRefusal? {
        if outgoing.count >= settings.maxSubscriptions { return .overloaded }
        // The path begins with who asks, and that has proven its name.
        if let first = request.path.first, first != peer?.node { return .denied }
        return LinkPath.check(request.path, me: settings.nodeID, maxHops: settings.maxHops)
    }

    mutating func unsubscribed(_ unsubscribe: LinkUnsubscribe) {
        guard let wasEnding = outgoing.remove(unsubscribe.id) else {
            // It may have crossed our refusal or our end.
            counters.badRequests &+= 1
            return
        }
        // After `end` the interpreter has done with it.
        if !wasEnding { actions.append(.unsubscribe(unsubscribe.id)) }
    }

    mutating func asked(_ body: ByteBuffer) throws(LinkWireError) {
        do {
            let query = try LinkQuery(from: body)
            actions.append(.query(query.id, query.stream))
        } catch .badValue {
            // A name that is not allowed names no stream, and no answer says more.
            counters.badRequests &+= 1
        }
    }

    // MARK: What the interpreter answers

    /// Takes a subscription, or goes on with it in another incarnation or with other headers; frames follow with
    /// ``send(_:to:now:)``. In the same incarnation it keeps its place behind the frames before it; a new incarnation leaves out
    /// what is still queued. Ignored when the subscriber left.
    package mutating func accept(_ id: UInt64, _ accept: LinkAccept, now: MonotonicTime) {
        outgoing.update(id) { subscription in
            subscription.isAccepted = true
            subscription.queue.append(accept, now: now)
        }
    }

    /// Does not take a subscription; `redirect` is the node that would. Not for one that was accepted: see
    /// ``end(_:_:lastFrameID:)``. Ignored when the subscriber left.
    package mutating func refuse(_ id: UInt64, _ refusal: LinkRefusal, redirect: NodeID?) {
        guard outgoing.remove(id) != nil else { return }
        say { LinkRefuse(id: id, refusal: refusal, redirect: redirect).encode(into: &$0) }
    }

    /// Queues the stream's next frames for a subscription that was accepted. The hot path: one lookup per call. Called for
    /// every batch of the stream, whether the socket is writable or not; what is too much is left out.
    package mutating func send(_ frames: [Frame], to id: UInt64, now: MonotonicTime) {
        let longest = settings.maxFrameBytes &- LinkFrame.maximumHeaderLength
        let unsendable = outgoing.update(id) { (subscription) -> UInt64? in
            guard subscription.isAccepted else { return nil }
            let before = subscription.queue.misordered
            for frame in frames {
                subscription.queue.append(frame, isTooLong: frame.body.readableBytes > longest, now: now)
            }
            return subscription.queue.misordered &- before
        }
        counters.unsendable &+= (unsendable ?? nil) ?? UInt64(clamping: frames.count)
    }

    /// Ends a subscription behind what is queued for it. `lastFrameID` is the newest frame that the stream had.
    package mutating func end(_ id: UInt64, _ reason: LinkEnd, lastFrameID: UInt64) {
        let now = lastSeen
        outgoing.update(id) { subscription in
            subscription.isEnding = true
            subscription.queue.end(reason, lastFrameID: lastFrameID, now: now)
        }
    }

    /// Answers a query of the peer.
    package mutating func answer(_ id: UInt64, _ state: LinkStreamState) {
        say { LinkAnswer(id: id, state: state).encode(into: &$0) }
    }

    /// Tells the peer that this node goes down: it subscribes elsewhere. Subscriptions live on until the interpreter ends them.
    package mutating func goAway(deadlineMilliseconds: UInt32) {
        say { LinkGoAway(deadlineMilliseconds: deadlineMilliseconds).encode(into: &$0) }
    }

    /// What waits for a subscriber; nil when there is no such subscription.
    package func queueStatus(of id: UInt64, now: MonotonicTime) -> LinkQueueStatus? {
        outgoing.status(of: id, now: now)
    }
}
