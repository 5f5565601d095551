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

    init(configuration: RelayConfiguration) {
        maximum = configuration.limits.maxStreams
        hubSettings = StreamHub.Settings(
            policy: configuration.publish.policy, grace: configuration.publish.grace,
            gop: FanoutSettings(configuration).gop)
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

    /// Gives a publisher its stream, making it if need be.
    ///
    /// - Parameter fanout: The publisher's loop, which becomes the home of a new stream.
    /// - Returns: On the publisher's loop: the hub, or why not.
    func publish(
        _ name: StreamName, _ publisher: Publisher, on fanout: LoopFanout
    ) -> EventLoopFuture<Result<StreamHub, PublishRefusal>> {
        let found: Result<StreamHub, PublishRefusal> = state.withLock { state in
            if state.isClosed { return .failure(.init(code: .draining)) }
            if let hub = state.streams[name] { return .success(hub) }
            guard state.streams.count < maximum else { return .failure(.init(code: .tooManyStreams)) }
            let hub = StreamHub(name: name, home: fanout, directory: self, settings: hubSettings, now: .now())
            state.streams[name] = hub
            return .success(hub)
        }
        guard case .success(let hub) = found else { return fanout.loop.makeSucceededFuture(found) }
        let claimed: EventLoopFuture<RelayCode?> =
            hub.home.loop.inEventLoop
            ? hub.home.loop.makeSucceededFuture(hub.claim(publisher, now: .now()))
            : hub.home.loop.submit { hub.claim(publisher, now: .now()) }
        return claimed.hop(to: fanout.loop).flatMap { code in
            switch code {
            case nil: fanout.loop.makeSucceededFuture(.success(hub))
            case .streamEnded?: self.publish(name, publisher, on: fanout)
            case let code?: fanout.loop.makeSucceededFuture(.failure(.init(code: code)))
            }
        }
    }

    /// Called by a hub that ended.
    func remove(_ hub: StreamHub) {
        state.withLock { if $0.streams[hub.name] === hub { $0.streams[hub.name] = nil } }
    }
}

/// Why a publisher does not get its stream.
struct PublishRefusal: Error, Sendable {
    var code: RelayCode
}
