package import NIOCore
package import RelayCore

/// The client side of a play: what a player is to us, we are to another server with this.
///
/// Used as ``RTMPPublishClient`` is; media comes as actions. Small on purpose: load tests keep thousands of them.
package struct RTMPPlayClient: Sendable {
    private var core: RTMPClientCore

    package init(url: RTMPURL, configuration: RTMPClientConfiguration = RTMPClientConfiguration(), digest: RTMPDigest) {
        core = RTMPClientCore(role: .player, url: url, configuration: configuration, digest: digest)
    }

    /// When to call ``timerFired(now:)``; nil when nothing is waited for.
    package var nextDeadline: MonotonicTime? { core.nextDeadline }
    /// What the server announced for Enhanced RTMP; nothing before it answered.
    package var serverCapabilities: EnhancedCapabilities { core.serverCapabilities }
    /// The play runs.
    package var isReady: Bool { core.isReady }

    /// The TCP connection stands: gives out C0 and C1.
    package mutating func start(now: MonotonicTime) { core.start(now: now) }
    /// What was read from the socket.
    package mutating func receive(_ bytes: consuming ByteBuffer, now: MonotonicTime) { core.receive(bytes) }
    /// The next thing to do; nil when there is nothing.
    package mutating func nextAction(now: MonotonicTime) -> RTMPClientAction? { core.nextAction(now: now) }
    /// Acts on a deadline that has passed.
    package mutating func timerFired(now: MonotonicTime) { core.timerFired(now: now) }
    /// Ends the play in the normal way: run ``nextAction(now:)``, send, close.
    package mutating func finish() { core.finish() }
}
