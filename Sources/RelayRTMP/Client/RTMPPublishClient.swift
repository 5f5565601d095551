package import NIOCore
package import RelayCore

/// The client side of a publish: what an encoder is to us, we are to another server with this.
///
/// Pull style, like ``RTMPServerSession``: ``start(now:)`` once, ``receive(_:now:)`` for every read, then ``nextAction(now:)``
/// until nil; ``timerFired(now:)`` at ``nextDeadline``. After `ready`, media is written with
/// ``write(kind:timestamp:payload:into:)``.
package struct RTMPPublishClient: Sendable {
    private static let setDataFrame = AMF0.encode([.string("@setDataFrame")])

    private var core: RTMPClientCore

    package init(url: RTMPURL, configuration: RTMPClientConfiguration = RTMPClientConfiguration(), digest: RTMPDigest) {
        core = RTMPClientCore(role: .publisher, url: url, configuration: configuration, digest: digest)
    }

    /// When to call ``timerFired(now:)``; nil when nothing is waited for.
    package var nextDeadline: MonotonicTime? { core.nextDeadline }
    /// What the server announced for Enhanced RTMP; nothing before it answered.
    package var serverCapabilities: EnhancedCapabilities { core.serverCapabilities }
    /// Media may be written.
    package var isReady: Bool { core.isReady }

    /// The TCP connection stands: gives out C0 and C1.
    package mutating func start(now: MonotonicTime) { core.start(now: now) }
    /// What was read from the socket.
    package mutating func receive(_ bytes: consuming ByteBuffer, now: MonotonicTime) { core.receive(bytes) }
    /// The next thing to do; nil when there is nothing.
    package mutating func nextAction(now: MonotonicTime) -> RTMPClientAction? { core.nextAction(now: now) }
    /// Acts on a deadline that has passed.
    package mutating func timerFired(now: MonotonicTime) { core.timerFired(now: now) }
    /// Ends the publish in the normal way: run ``nextAction(now:)``, send, close.
    package mutating func finish() { core.finish() }

    /// Appends one message to what is to be sent. `onMetaData` is wrapped in `@setDataFrame`, as servers expect it.
    ///
    /// - Returns: false, with nothing written, before `ready` or when the payload does not fit a message.
    @discardableResult
    package func write(kind: MediaKind, timestamp: UInt32, payload: ByteBuffer, into buffer: inout ByteBuffer) -> Bool {
        guard core.isReady else { return false }
        var payload = payload
        let csid: UInt32
        switch kind {
        case .audio: csid = ChunkStreamID.audio
        case .video: csid = ChunkStreamID.video
        case .data:
            csid = ChunkStreamID.data
            if DataMessage.isMetadata(payload) {
                var wrapped = Self.setDataFrame
                wrapped.writeImmutableBuffer(payload)
                payload = wrapped
            }
        }
        return ChunkEncoder.write(
            type: kind.rawValue, timestamp: timestamp, streamID: core.streamID, csid: csid, payload: payload,
            chunkSize: core.writeChunkSize, into: &buffer)
    }
}
