import NIOCore
import RelayClient
import RelayCore
import RelayLink
import RelayRTMP

/// Plays a stream of a foreign RTMP server and stamps it here, so that this node can stand before a server that knows nothing of
/// us.
///
/// Confined to its loop.
final class ForeignPull: @unchecked Sendable {
    private let url: String
    private let loop: any EventLoop
    private let emit: (LinkSubscriptionEvent) -> Void
    private var stamper = Stamper()
    private var player: StreamPlayer?
    private var isOver = false
    /// The foreign server has no epochs; each connection is a life of its own.
    private let incarnation = Incarnation(
        epoch: UInt64(clamping: WallClock.milliseconds), id: UInt64.random(in: 1...UInt64.max))

    init(url: String, loop: any EventLoop, emit: @escaping (LinkSubscriptionEvent) -> Void) {
        self.url = url
        self.loop = loop
        self.emit = emit
    }

    func start() {
        guard let parsed = RTMPURL(url), !parsed.name.isEmpty else {
            loop.execute { self.finish(.lost("not an RTMP URL")) }
            return
        }
        let connecting = loop.makePromise(of: StreamPlayer.self)
        connecting.completeWithTask { [loop] in
            var options = StreamPlayer.Options()
            options.connectTimeout = .seconds(3)
            return try await StreamPlayer.connect(to: .rtmp(parsed), options: options, group: loop) { event in
                if loop.inEventLoop { self.handle(event) } else { loop.execute { self.handle(event) } }
            }
        }
        connecting.futureResult.whenComplete { [self] result in
            switch result {
            case .success(let player):
                self.player = player
                if isOver { player.channel.close(promise: nil) }
            case .failure(let error): finish(.lost("\(error)"))
            }
        }
    }

    func stop() {
        isOver = true
        player?.channel.close(promise: nil)
    }

    private func handle(_ event: PlayerEvent) {
        guard !isOver else { return }
        switch event {
        case .ready:
            emit(
                .accepted(
                    LinkAccept(
                        incarnation: incarnation, startWallMilliseconds: WallClock.milliseconds, hops: 1, headers: [])))
        case .media(let media):
            let frame: Frame? =
                media.kind == .data
                ? try? stamper.stamp(data: media.payload, isMetadata: MetadataProbe.isMetadata(media.payload))
                : try? stamper.stamp(
                    media: media.kind, timestamp: media.timestamp, body: media.payload, now: media.receivedAt)
            if let frame { emit(.frames([frame])) }
        case .ended: finish(.ended(.sourceLost))
        case .reconnectRequested: finish(.lost("the server asks to connect again"))
        case .closed(.refused(let code, _)) where code.contains("NotFound"): finish(.refused(.notFound))
        case .closed(let error): finish(.lost(error.map { "\($0)" } ?? "closed"))
        }
    }

    private func finish(_ event: LinkSubscriptionEvent) {
        guard !isOver else { return }
        isOver = true
        player?.channel.close(promise: nil)
        emit(event)
    }
}
