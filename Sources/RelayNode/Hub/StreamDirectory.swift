import NIOCore
import RelayCore
import Synchronization

/// The streams of this node by name. Looked up at publish and play, never per frame; safe from any thread.
final class StreamDirectory: Sendable {
    private let streams = Mutex<[StreamName: StreamHub]>([:])
    private let maximum: Int
    private let hubSettings: StreamHub.Settings

    init(configuration: RelayConfiguration) {
        maximum = configuration.limits.maxStreams
        hubSettings = StreamHub.Settings(
            policy: configuration.publish.policy, grace: configuration.publish.grace,
            gop: FanoutSettings(configuration).gop)
    }

    /// The stream, if it is live or waits for its publisher.
    func hub(named name: StreamName) -> StreamHub? { streams.withLock { $0[name] } }

    /// All streams, in no order.
    var all: [StreamHub] { streams.withLock { Array($0.values) } }
    var count: Int { streams.withLock { $0.count } }

    /// Gives a publisher its stream, making it if need be.
    ///
    /// - Parameter fanout: The publisher's loop, which becomes the home of a new stream.
    /// - Returns: On the publisher's loop: the hub, or why not.
    func publish(
        _ name: StreamName, _ publisher: Publisher, on fanout: LoopFanout
    ) -> EventLoopFuture<Result<StreamHub, PublishRefusal>> {
        let hub = streams.withLock { streams -> StreamHub? in
            if let hub = streams[name] { return hub }
            guard streams.count < maximum else { return nil }
            let hub = StreamHub(name: name, home: fanout, directory: self, settings: hubSettings, now: .now())
            streams[name] = hub
            return hub
        }
        guard let hub else { return fanout.loop.makeSucceededFuture(.failure(.init(code: .tooManyStreams))) }
        let claimed: EventLoopFuture<RelayCode?> = hub.home.loop.inEventLoop
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
        streams.withLock { if $0[hub.name] === hub { $0[hub.name] = nil } }
    }
}

/// Why a publisher does not get its stream.
struct PublishRefusal: Error, Sendable {
    var code: RelayCode
}
