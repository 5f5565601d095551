import Logging
import NIOCore
import NIOPosix
import RelayCluster
import RelayCore
import RelayLink

/// What a subscription at a parent leads to. All calls on the link's loop; implementors go to their own.
protocol LinkSubscriber: AnyObject, Sendable {
    func link(did event: LinkSubscriptionEvent)
}

enum LinkSubscriptionEvent: Sendable {
    case accepted(LinkAccept)
    case refused(LinkRefusal)
    case frames([Frame])
    case skipped(from: UInt64, count: UInt64)
    case ended(LinkEnd)
    case suspect
    case recovered
    case goingAway
    /// The link could not be made, or is gone; nothing follows.
    case lost(String)
}

/// The child's side of one link: all subscriptions of this node at one parent.
///
/// Confined to its loop, hence the unchecked `Sendable`.
final class LinkConnection: LinkOwner, @unchecked Sendable {
    /// A link without subscriptions is kept this long.
    static let linger = TimeAmount.seconds(30)

    let parent: PullParent
    let loop: any EventLoop
    private let logger: Logger
    private let closed: (LinkConnection) -> Void
    private var handler: LinkHandler?
    private var isUp = false
    private var isOver = false
    private var nextID: UInt64 = 1
    private var subscribers: [UInt64: any LinkSubscriber] = [:]
    private var waiting: [LinkSubscribe] = []
    private var queries: [UInt64: (stream: StreamName, promise: EventLoopPromise<LinkStreamState?>)] = [:]
    private var idle: Scheduled<Void>?

    init(parent: PullParent, loop: any EventLoop, logger: Logger, closed: @escaping @Sendable (LinkConnection) -> Void)
    {
        self.parent = parent
        self.loop = loop
        self.logger = logger
        self.closed = closed
    }

    /// Round trip to the parent; nil before it was measured. On the loop.
    var roundTrip: Duration? { handler?.session.roundTrip }

    /// The channel stands. On the loop.
    func attach(_ handler: LinkHandler) { self.handler = handler }

    /// Subscribes, as soon as the link is up. On the loop.
    ///
    /// - Returns: The subscription's number, or nil when the link is gone already.
    func subscribe(_ make: (UInt64) -> LinkSubscribe, for subscriber: any LinkSubscriber) -> UInt64? {
        guard !isOver else { return nil }
        idle?.cancel()
        idle = nil
        let id = nextID
        nextID &+= 1
        subscribers[id] = subscriber
        let request = make(id)
        if isUp { handler?.speak { $0.subscribe(request) } } else { waiting.append(request) }
        return id
    }

    /// Ends a subscription; its subscriber hears nothing more. On the loop.
    func unsubscribe(_ id: UInt64) {
        guard subscribers.removeValue(forKey: id) != nil else { return }
        if isUp { handler?.speak { $0.unsubscribe(id) } } else { waiting.removeAll { $0.id == id } }
        scheduleIdle()
    }

    /// Asks the parent about a stream; nil when the link is lost first. On the loop.
    func query(_ stream: StreamName) -> EventLoopFuture<LinkStreamState?> {
        guard !isOver else { return loop.makeSucceededFuture(nil) }
        let id = nextID
        nextID &+= 1
        let promise = loop.makePromise(of: LinkStreamState?.self)
        queries[id] = (stream, promise)
        if isUp { handler?.speak { $0.query(id, stream: stream) } }
        scheduleIdle()
        return promise.futureResult
    }

    private func scheduleIdle() {
        guard subscribers.isEmpty, idle == nil, !isOver else { return }
        idle = loop.scheduleTask(in: Self.linger) { [self] in
            idle = nil
            guard subscribers.isEmpty else { return }
            fail("idle")
            handler?.close()
        }
    }

    // MARK: From the link

    func link(_ handler: LinkHandler, did action: LinkAction) {
        switch action {
        case .established(let peer):
            guard peer.node == parent.node else {
                // Another node took the address over: what we wanted of the old one is not for it.
                fail("\(peer.node) answers at the address of \(parent.node)")
                handler.close()
                return
            }
            isUp = true
            logger.info("link up", metadata: ["peer": "\(peer.node)", "remote": "\(handler.remote)", "side": "child"])
            let waiting = waiting
            self.waiting = []
            for request in waiting { handler.speak { $0.subscribe(request) } }
            for (id, query) in queries { handler.speak { $0.query(id, stream: query.stream) } }
            scheduleIdle()
        case .accepted(let id, let accept): subscribers[id]?.link(did: .accepted(accept))
        case .refused(let id, let refusal, _): subscribers.removeValue(forKey: id)?.link(did: .refused(refusal))
        case .frames(let id, let frames): subscribers[id]?.link(did: .frames(frames))
        case .skipped(let id, let from, let count): subscribers[id]?.link(did: .skipped(from: from, count: count))
        case .ended(let id, let reason, _): subscribers.removeValue(forKey: id)?.link(did: .ended(reason))
        case .answered(let id, let state): queries.removeValue(forKey: id)?.promise.succeed(state)
        case .suspect: for subscriber in subscribers.values { subscriber.link(did: .suspect) }
        case .recovered: for subscriber in subscribers.values { subscriber.link(did: .recovered) }
        case .goAway: for subscriber in subscribers.values { subscriber.link(did: .goingAway) }
        case .subscribe, .unsubscribe, .query, .close: break
        }
    }

    func linkClosed(_ handler: LinkHandler, error: LinkError?) {
        if let error {
            logger.warning(
                "\(error.code.message)",
                metadata: [
                    "code": "\(error.code)", "peer": "\(parent.node)", "detail": "\(LogText.escaped("\(error)"))",
                ])
        }
        fail(error.map { "\($0)" } ?? "the link was closed")
    }

    /// Nothing more will come of this connection.
    func fail(_ reason: String) {
        guard !isOver else { return }
        isOver = true
        idle?.cancel()
        if isUp {
            logger.info("link down", metadata: ["peer": "\(parent.node)", "side": "child", "reason": "\(reason)"])
        }
        let subscribers = subscribers
        self.subscribers = [:]
        waiting = []
        closed(self)
        for query in queries.values { query.promise.succeed(nil) }
        queries = [:]
        for subscriber in subscribers.values { subscriber.link(did: .lost(reason)) }
    }
}
