import NIOCore
package import RelayCore

/// The subscriber's side: what this node asked the peer for.
struct IncomingSubscriptions: Sendable {
    /// Farthest that ids go ahead in one step: two months of frames at 400 a second. Beyond it they are no ids of this stream.
    private static let longestGap: UInt64 = 1 << 31
    /// Ids a stream never gets to.
    private static let highestID: UInt64 = 1 << 62

    enum Verdict {
        case inOrder
        case outOfOrder
        case unknown
    }

    struct Subscription: Sendable {
        var start: LinkStart
        var incarnation: Incarnation?
        /// The lowest id that may come; nil = any.
        var expected: UInt64?
    }

    private var subscriptions: [UInt64: Subscription] = [:]

    mutating func add(_ id: UInt64, start: LinkStart) { subscriptions[id] = Subscription(start: start) }

    /// - Returns: False when there is none.
    mutating func remove(_ id: UInt64) -> Bool { subscriptions.removeValue(forKey: id) != nil }

    func isAccepted(_ id: UInt64) -> Bool { subscriptions[id]?.incarnation != nil }

    /// - Returns: False when there is no such subscription.
    mutating func accept(_ id: UInt64, incarnation: Incarnation) -> Bool {
        guard let index = subscriptions.index(forKey: id) else { return false }
        let known = subscriptions.values[index].incarnation
        guard known != incarnation else { return true }
        subscriptions.values[index].incarnation = incarnation
        subscriptions.values[index].expected = nil
        // What the subscriber holds already is not taken again.
        if known == nil, case .after(let frameID, incarnation) = subscriptions.values[index].start {
            subscriptions.values[index].expected = frameID &+ 1
        }
        return true
    }

    mutating func take(_ frameID: UInt64, of id: UInt64) -> Verdict { advance(id, from: frameID, end: frameID &+ 1) }

    mutating func skip(_ from: UInt64, count: UInt64, of id: UInt64) -> Verdict {
        guard count > 0, count < Self.longestGap else { return .outOfOrder }
        return advance(id, from: from, end: from &+ count)
    }

    @inline(__always)
    private mutating func advance(_ id: UInt64, from: UInt64, end: UInt64) -> Verdict {
        guard let index = subscriptions.index(forKey: id), subscriptions.values[index].incarnation != nil else {
            return .unknown
        }
        guard from < Self.highestID else { return .outOfOrder }
        if let expected = subscriptions.values[index].expected {
            guard from >= expected, from &- expected < Self.longestGap else { return .outOfOrder }
        }
        subscriptions.values[index].expected = end
        return .inOrder
    }
}

extension LinkSession {
    /// Most questions of ours that may wait for an answer; with more, answers to the older ones are not taken any more.
    private static let maximumQueries = 4_096

    /// Asks the peer for a stream. `accepted` or `refused` follows, or the end of the session. Before the handshake is done the
    /// request waits for it. The id must not have been used in this session.
    package mutating func subscribe(_ request: LinkSubscribe) {
        guard !isClosed else { return }
        incoming.add(request.id, start: request.start)
        say { request.encode(into: &$0) }
    }

    /// Ends a subscription. Nothing about it is given out any more.
    package mutating func unsubscribe(_ id: UInt64) {
        guard incoming.remove(id) else { return }
        if groupID == id { group = [] }
        actions.removeAll { $0.isAbout(subscription: id) }
        say { LinkUnsubscribe(id: id).encode(into: &$0) }
    }

    /// Asks the peer about a stream; `answered` follows, or nothing.
    package mutating func query(_ id: UInt64, stream: StreamName) {
        guard !isClosed else { return }
        if queries.count >= Self.maximumQueries { queries.removeAll() }
        queries.insert(id)
        say { LinkQuery(id: id, stream: stream).encode(into: &$0) }
    }

    mutating func accepted(_ id: UInt64, _ accept: LinkAccept) {
        if incoming.accept(id, incarnation: accept.incarnation) {
            actions.append(.accepted(id, accept))
        } else {
            counters.unasked &+= 1
        }
    }

    mutating func refused(_ refuse: LinkRefuse) {
        if !incoming.isAccepted(refuse.id), incoming.remove(refuse.id) {
            actions.append(.refused(refuse.id, refuse.refusal, redirect: refuse.redirect))
        } else {
            counters.unasked &+= 1
        }
    }

    mutating func ended(_ end: LinkEnded) {
        if incoming.isAccepted(end.id), incoming.remove(end.id) {
            actions.append(.ended(end.id, end.reason, lastFrameID: end.lastFrameID))
        } else {
            counters.unasked &+= 1
        }
    }
}

extension LinkAction {
    /// Whether it tells a subscriber something about this subscription of its own.
    fileprivate func isAbout(subscription id: UInt64) -> Bool {
        switch self {
        case .accepted(id, _), .refused(id, _, _), .frames(id, _), .skipped(id, _, _), .ended(id, _, _): true
        default: false
        }
    }
}
