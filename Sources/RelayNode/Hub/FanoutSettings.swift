import RelayCluster
import RelayCore

/// The part of the configuration that the fan-out needs, in the types of the pure machines.
struct FanoutSettings: Sendable {
    var chunkSize: Int
    var log: WireLog.Limits
    var queue: SubscriberQueue.Limits
    var gop: GOPCache.Limits
    var flushMode: FlushPacer.Mode
    /// The most a frame may wait for company, adaptive mode.
    var budget: Duration
    var targetBusy: Double
    /// How long a loop keeps a stream without viewers, so that a returning one is served from memory.
    var replicaLinger: Duration

    /// How long a loop of a node alone keeps a stream without viewers.
    static let replicaLinger = Duration.seconds(10)

    init(_ configuration: RelayConfiguration, role: NodeRole = .standalone) {
        // Of an edge's linger the loops take their share; the pull takes the rest.
        replicaLinger =
            role == .standalone ? Self.replicaLinger : min(Self.replicaLinger, configuration.edge.linger / 2)
        chunkSize = configuration.rtmp.chunkSize
        log = WireLog.Limits(
            retention: configuration.viewer.skipAfter, bytes: configuration.gop.maxBytes,
            frames: configuration.gop.maxFrames)
        queue = SubscriberQueue.Limits(
            dropAfter: configuration.viewer.dropAfter, skipAfter: configuration.viewer.skipAfter,
            maxBacklog: configuration.viewer.maxBacklog, disconnectAfter: configuration.viewer.disconnectAfter)
        gop = GOPCache.Limits(
            bytes: configuration.gop.maxBytes, frames: configuration.gop.maxFrames,
            milliseconds: configuration.gop.maxSeconds.wholeMilliseconds)
        switch configuration.flush.interval {
        case .adaptive: flushMode = .adaptive
        case .fixed(let interval): flushMode = .fixed(interval)
        }
        budget = configuration.flush.budget
        targetBusy = configuration.flush.targetBusy
    }
}

/// What one event loop sent; read by the loop's own snapshot, written on the hot path without locks.
final class FanoutMeter {
    /// Writes to viewers that keep up.
    var writes: UInt64 = 0
    /// Bytes handed to viewers' sockets.
    var bytesOut: UInt64 = 0
    /// Frames handed to viewers' sockets.
    var framesOut: UInt64 = 0
    /// Viewers disconnected for being slow.
    var slowDisconnects: UInt64 = 0
    /// Viewers taken in, and those of them that left or were ended.
    var joins: UInt64 = 0
    var leaves: UInt64 = 0
    /// Viewers that waited for a stream of the cluster and did not get it, for no reason of their own.
    var joinFailures: UInt64 = 0
    /// How long viewers waited for their first media.
    var firstFrames = FirstFrameTimes()
    /// Bytes handed to the links of other nodes.
    var linkBytesOut: UInt64 = 0
    /// Bytes and frames of the publishers whose streams live on the loop.
    var bytesIn: UInt64 = 0
    var framesIn: UInt64 = 0
    /// bit/s over the last seconds.
    private(set) var bitrateOut = 0.0
    private(set) var bitrateIn = 0.0
    private(set) var linkBitrateOut = 0.0

    private var last: (time: MonotonicTime, bytesIn: UInt64, bytesOut: UInt64, linkBytesOut: UInt64)?

    /// Takes the rates; once a second.
    func tick(now: MonotonicTime) {
        firstFrames.turn(now: now)
        defer { last = (now, bytesIn, bytesOut, linkBytesOut) }
        guard let last, now > last.time else { return }
        let seconds = (now - last.time).seconds
        bitrateOut += (Double(bytesOut &- last.bytesOut) * 8 / seconds - bitrateOut) * StreamMeter.weight
        bitrateIn += (Double(bytesIn &- last.bytesIn) * 8 / seconds - bitrateIn) * StreamMeter.weight
        let onLinks = Double(linkBytesOut &- last.linkBytesOut) * 8 / seconds
        linkBitrateOut += (onLinks - linkBitrateOut) * StreamMeter.weight
        if linkBitrateOut < 1 { linkBitrateOut = 0 }
        if bitrateOut < 1 { bitrateOut = 0 }
        if bitrateIn < 1 { bitrateIn = 0 }
    }
}

extension FanoutMeter {
    /// A viewer's wait for a stream ended without any media of it. That there is no such stream, that the player cannot take it,
    /// and that operators want the viewer elsewhere are no failures.
    func noteFailedJoin(_ code: RelayCode) {
        let isExpected: Set<RelayCode> = [
            .streamNotFound, .streamEnded, .codecRefused, .tooManyMessageStreams, .kicked, .draining,
        ]
        if !isExpected.contains(code) { joinFailures &+= 1 }
    }
}
