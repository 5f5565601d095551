import NIOCore
import RelayCore
import Synchronization

/// The streams of this node by name. Looked up at publish and play, never per frame; safe from any thread.
final class StreamDirectory: Sendable {
    private struct State {
        var streams: [StreamName: StreamHub] = [:]
        var isClosed = false
    }

    private let state = Mutex(State())
    private let maximum: Int
    private let hubSettings: StreamHub.Settings
    private let cluster = Mutex(ClusterHooks())

    /// What a node alone does without.
    private struct ClusterHooks {
        weak var observer: (any HubObserver)?
        var opener: (any PullOpener)?
    }

    /// Told what happens to streams; nil on a node alone.
    var observer: (any HubObserver)? { cluster.withLock { $0.observer } }

    /// Called once, before anything connects.
    func join(observer: any HubObserver, opener: any PullOpener) {
        cluster.withLock {
            $0.observer = observer
            $0.opener = opener
        }
    }

    init(configuration: RelayConfiguration) {
        maximum = configuration.limits.maxStreams
        hubSettings = StreamHub.Settings(
            policy: configuration.publish.policy, grace: configuration.publish.grace,
            standbyAfter: configuration.publish.standbyAfter, gop: FanoutSettings(configuration).gop)
    }

    /// The stream, if it is live or waits for its publisher.
    func hub(named name: StreamName) -> StreamHub? { state.withLock { $0.streams[name] } }

    /// All streams, in no order.
    var all: [StreamHub] { state.withLock { Array($0.streams.values) } }
    var count: Int { state.withLock { $0.streams.count } }

    /// No new streams from here on.
    ///
    /// - Returns: The streams there are.
    func close() -> [StreamHub] {
        state.withLock { state in
            state.isClosed = true
            return Array(state.streams.values)
        }
    }

    /// The stream for a viewer: here, or pulled from another node from now on.
    ///
    /// - Parameters:
    ///   - fanout: The viewer's loop, which becomes the home of a pulled stream.
    ///   - remote: Who asks; lookups are limited by address.
    func openForViewer(
        _ name: StreamName, on fanout: LoopFanout, remote: SocketAddress?
    ) -> Result<StreamHub, PublishRefusal> {
        if let hub = hub(named: name) { return .success(hub) }
        guard let opener = cluster.withLock({ $0.opener }) else { return .failure(.init(code: .streamNotFound)) }
        if let code = opener.refuse(name, remote: remote, now: .now()) { return .failure(.init(code: code)) }
        let (found, isNew) = hubOrNew(name, home: fanout)
        guard case .success(let hub) = found, isNew else { return found }
        opener.open(hub)
        return found
    }

    /// The stream, or a new hub for it that somebody has to give a source.
    func hubOrNew(_ name: StreamName, home: LoopFanout) -> (Result<StreamHub, PublishRefusal>, isNew: Bool) {
        state.withLock { state in
            if state.isClosed { return (.failure(.init(code: .draining)), false) }
            if let hub = state.streams[name] { return (.success(hub), false) }
            guard state.streams.count < maximum else { return (.failure(.init(code: .tooManyStreams)), false) }
            let hub = StreamHub(name: name, home: home, directory: self, settings: hubSettings, now: .now())
            state.streams[name] = hub
            return (.success(hub), true)
        }
    }

    /// Gives a publisher its stream, making it if need be.
    ///
    /// - Parameters:
    ///   - grant: What the cluster granted; nil on a node alone.
    ///   - fanout: The publisher's loop, which becomes the home of a new stream.
    /// - Returns: On the publisher's loop: the hub, or why not.
    func publish(
        _ name: StreamName, _ publisher: Publisher, grant: StreamGrant? = nil, on fanout: LoopFanout
    ) -> EventLoopFuture<Result<(StreamHub, ClaimOutcome), PublishRefusal>> {
        let (found, _) = hubOrNew(name, home: fanout)
        let hub: StreamHub
        switch found {
        case .success(let found): hub = found
        case .failure(let refusal): return fanout.loop.makeSucceededFuture(.failure(refusal))
        }
        let claimed: EventLoopFuture<ClaimOutcome> =
            hub.home.loop.inEventLoop
            ? hub.home.loop.makeSucceededFuture(hub.claim(publisher, grant: grant, now: .now()))
            : hub.home.loop.submit { hub.claim(publisher, grant: grant, now: .now()) }
        return claimed.hop(to: fanout.loop).flatMap { outcome in
            switch outcome {
            case .live, .standby: fanout.loop.makeSucceededFuture(.success((hub, outcome)))
            case .refused(.streamEnded): self.publish(name, publisher, grant: grant, on: fanout)
            case .refused(let code): fanout.loop.makeSucceededFuture(.failure(.init(code: code)))
            }
        }
    }

    /// Called by a hub that ended.
    func remove(_ hub: StreamHub) {
        state.withLock { if $0.streams[hub.name] === hub { $0.streams[hub.name] = nil } }
    }
}

/// Finds sources for streams that are not here. Safe from any thread.
protocol PullOpener: AnyObject, Sendable {
    /// Whether a viewer of a stream that is not here is turned away without asking anyone: known not to exist, or too many
    /// lookups.
    func refuse(_ name: StreamName, remote: SocketAddress?, now: MonotonicTime) -> RelayCode?
    /// Gives a new hub its source.
    func open(_ hub: StreamHub)
}

/// Why a publisher does not get its stream.
struct PublishRefusal: Error, Sendable {
    var code: RelayCode
}
