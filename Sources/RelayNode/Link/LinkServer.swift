import Logging
import NIOCore
import RelayCore
import RelayLink

/// The parent's side of one link: other nodes' subscriptions to streams of this node.
///
/// Confined to the link's loop.
final class LinkServer: LinkOwner, @unchecked Sendable {
    private let services: ConnectionServices
    private let links: LinkRegister
    private let me: NodeID
    private let maxHops: Int
    private var children: [UInt64: LinkChild] = [:]
    private(set) var handler: LinkHandler?
    private var isPending = true

    init(services: ConnectionServices, links: LinkRegister, me: NodeID) {
        self.services = services
        self.links = links
        self.me = me
        maxHops = services.configuration.link.maxHops
    }

    func link(_ handler: LinkHandler, did action: LinkAction) {
        switch action {
        case .established(let peer):
            self.handler = handler
            settle()
            links.add(self)
            services.logger.info(
                "link up", metadata: ["peer": "\(peer.node)", "remote": "\(handler.remote)", "side": "parent"])
        case .subscribe(let request): subscribe(request, handler)
        case .unsubscribe(let id): remove(id)
        case .query(let id, let name): answer(id, name, handler)
        case .suspect, .recovered, .accepted, .refused, .frames, .skipped, .ended, .answered, .goAway: break
        case .close: break
        }
    }

    func linkClosed(_ handler: LinkHandler, error: LinkError?) {
        links.remove(self)
        settle()
        let wasUp = self.handler != nil
        self.handler = nil
        for id in children.keys { remove(id) }
        if let error {
            services.events.reject(
                error.code, transport: .link, remote: nil, detail: "\(handler.remote) \(error)",
                logger: services.logger,
                now: .now())
        } else if wasUp {
            services.logger.info(
                "link down", metadata: ["peer": "\(handler.session.peer?.node.text ?? "?")", "side": "parent"])
        }
    }

    private func settle() {
        guard isPending else { return }
        isPending = false
        links.settle()
    }

    private func subscribe(_ request: LinkSubscribe, _ handler: LinkHandler) {
        if let refusal = LinkPath.check(request.path, me: me, maxHops: maxHops) {
            handler.speak { $0.refuse(request.id, refusal, redirect: nil) }
            return
        }
        guard let hub = services.directory.hub(named: request.stream) else {
            handler.speak { $0.refuse(request.id, .notFound, redirect: nil) }
            return
        }
        let child = LinkChild(id: request.id, handler: handler, hub: hub, peer: handler.session.peer?.node)
        children[request.id] = child
        links.countChild(1)
        hub.home.run {
            guard let refusal = hub.add(child, request: request) else { return }
            child.run { [self] in
                guard children.removeValue(forKey: request.id) != nil else { return }
                links.countChild(-1)
                handler.speak { $0.refuse(request.id, refusal, redirect: nil) }
            }
        }
    }

    private func remove(_ id: UInt64) {
        guard let child = children.removeValue(forKey: id) else { return }
        links.countChild(-1)
        let hub = child.hub
        hub.home.run { hub.remove(child) }
    }

    private func answer(_ id: UInt64, _ name: StreamName, _ handler: LinkHandler) {
        guard let hub = services.directory.hub(named: name) else {
            handler.speak {
                $0.answer(
                    id, LinkStreamState(isOwner: false, hasPublisher: false, epoch: 0, frameAgeMilliseconds: .max))
            }
            return
        }
        hub.home.run {
            let state = hub.linkState(now: .now())
            handler.loop?.execute { handler.speak { $0.answer(id, state) } }
        }
    }

    /// The node drains: children are to look for another parent.
    func goAway(_ deadline: Duration) {
        handler?.speak { $0.goAway(deadlineMilliseconds: UInt32(clamping: deadline.wholeMilliseconds)) }
    }

    /// What waits for this peer's subscription of a stream.
    func queues(of hub: StreamHub) -> [LinkQueueStatus] {
        guard let handler else { return [] }
        return children.values.filter { $0.hub === hub }.compactMap {
            handler.session.queueStatus(of: $0.id, now: .now())
        }
    }
}

/// One subscription of another node.
final class LinkChild: HubChild, @unchecked Sendable {
    let id: UInt64
    let hub: StreamHub
    let peer: NodeID?
    private let handler: LinkHandler
    private let loop: (any EventLoop)?

    /// Made on the link's loop.
    init(id: UInt64, handler: LinkHandler, hub: StreamHub, peer: NodeID?) {
        self.id = id
        self.handler = handler
        self.hub = hub
        self.peer = peer
        loop = handler.loop
    }

    func run(_ work: @escaping @Sendable () -> Void) {
        guard let loop else { return }
        if loop.inEventLoop { work() } else { loop.execute(work) }
    }

    func accepted(_ accept: LinkAccept) { handler.speak { $0.accept(id, accept, now: .now()) } }
    func deliver(_ frames: [Frame]) { handler.speak { $0.send(frames, to: id, now: .now()) } }
    func end(_ reason: LinkEnd) { handler.speak { $0.end(id, reason, lastFrameID: 0) } }
}
