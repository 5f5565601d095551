import NIOCore
import RelayCore

/// What a viewer's connection does for the fan-out. Implemented by the channel handlers; all calls on their event loop.
protocol ViewerConnection: AnyObject {
    /// Where batches are written.
    var writeContext: ChannelHandlerContext? { get }
    /// The stream is over for this viewer: say so in the protocol's own words and close.
    func end(_ code: RelayCode)
    /// The stream took the viewer in; the first bytes follow at once.
    ///
    /// - Parameter tracks: What the stream is known to carry.
    func didJoin(tracks: TrackKinds)
    /// Whether the viewer can take a stream with these sequence headers.
    func accepts(_ configurations: [Frame]) -> Bool
    /// A publisher returned, or another took over, while the viewer was kept.
    func publisherReturned()
    /// For the API.
    var remote: SocketAddress? { get }
    /// `rtmp`, `http-flv` or `ws-flv`.
    var transport: String { get }
    var identity: ViewerIdentity { get }
}

/// What kinds of media a stream is known to carry; both when nothing is known yet.
struct TrackKinds: Sendable, Hashable {
    var hasAudio = true
    var hasVideo = true
}

/// Who a viewer says it is.
struct ViewerIdentity: Sendable {
    /// The longest name kept, in characters; a viewer costs little memory.
    static let maximumLength = 120
    /// `User-Agent` or `flashVer`.
    var player: String?
}

/// One subscriber on its event loop: a place in the shared log and the connection it is written to.
///
/// Confined to the event loop of its connection. Small on purpose: there are thousands.
final class Viewer {
    /// Unique within the process; also the id of the connection.
    let id: UInt64
    let form: WireForm
    /// When it asked for the stream, and when it was taken in.
    let askedAt: MonotonicTime
    let joinedAt: MonotonicTime
    /// nil once the connection is gone; it holds the viewer and the viewer holds it, until then.
    private(set) var connection: (any ViewerConnection)?
    /// Where it is in the list of its feed, kept up by the feed.
    var index = 0
    /// A write may complete after the stream has ended, so the viewer keeps what it belonged to.
    let feed: WireFeed
    var queue: SubscriberQueue
    private let channel: any Channel
    private let socket: DirectSocket
    /// nil once the connection is gone.
    private(set) var context: ChannelHandlerContext?
    /// Writes handed to the channel and not yet taken by the kernel.
    private var waitingWrites = 0
    /// Set while the feed writes to it, so that a change of writability in between does not write inside the write.
    var isPumping = false

    init?(
        id: UInt64, form: WireForm, connection: any ViewerConnection, feed: WireFeed, askedAt: MonotonicTime,
        now: MonotonicTime
    ) {
        guard let context = connection.writeContext else { return nil }
        self.id = id
        self.form = form
        self.connection = connection
        self.feed = feed
        self.askedAt = askedAt
        self.joinedAt = now
        self.queue = SubscriberQueue(joining: feed.log, now: now)
        self.context = context
        self.channel = context.channel
        self.socket = DirectSocket(of: context.channel)
    }

    /// The connection is gone.
    func detach() {
        context = nil
        connection = nil
    }

    /// Whether the channel takes more before its high water mark.
    var isWritable: Bool { context != nil && channel.isWritable }

    // MARK: Writing

    /// Whether ``send(_:)`` may be used: the channel has nothing waiting that would have to go first, and is open. (A channel
    /// that is closed may have given its descriptor to somebody else.)
    @inline(__always)
    var isDirect: Bool { waitingWrites == 0 && context != nil && channel.isActive }

    /// The hot path: hands shared bytes to the kernel without the channel; only while ``isDirect``.
    ///
    /// - Returns: Bytes taken; less than all of them when the rest has to wait, or when the socket is broken.
    @inline(__always)
    func send(_ bytes: UnsafeRawBufferPointer) -> Int { socket.send(bytes) }

    /// Hands bytes to the channel, behind everything that waits there. Everything that is not sent by ``send(_:)`` has to
    /// come this way, or it could end up in the middle of a frame.
    func write(_ bytes: ByteBuffer) {
        guard let context else { return }
        waitingWrites += 1
        let promise = context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        promise.futureResult.whenComplete { _ in bound.value.writeCompleted() }
        context.write(NIOAny(bytes), promise: promise)
    }

    func flush() { context?.flush() }

    private func writeCompleted() {
        waitingWrites -= 1
        if waitingWrites == 0, context != nil { feed.resume(self) }
    }
}
