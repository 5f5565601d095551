import NIOCore
import RelayClient
import RelayCore
package import RelayRTMP
import RelayVerify
import Synchronization

/// One viewer of `relayctl verify`: plays, feeds its checker, and connects again where that was asked for.
///
/// Media is checked on the event loop that reads it; the lock is only ever waited for when the line of progress is made.
final class VerifyViewer: Sendable {
    /// What a viewer does when its connection breaks.
    struct Behaviour: Sendable {
        var reconnects = false
        /// Goes to the next URL each time.
        var hasFailover = false
        var connectTimeout = Duration.seconds(5)
        /// Waits between attempts that bring nothing; the first is at once.
        var retries = (first: Duration.milliseconds(50), most: Duration.seconds(1))
    }

    /// Something to play, as it was typed.
    struct Source: Sendable {
        var url: String
        var target: PlayTarget
    }

    private struct State: Sendable {
        var checker: StreamChecker
        var report: VerifyReport?
        var source: Int
        var hasConnected = false
        var hasEnded = false
        var lastReason = ""
        var hasMedia = false
        var requested: PlayTarget?
        var isRequested = false
    }

    /// From 0.
    let number: Int
    private let sources: [Source]
    private let behaviour: Behaviour
    private let state: Mutex<State>

    init(
        number: Int, sources: [Source], behaviour: Behaviour, checker: StreamChecker.Configuration,
        startedAt: MonotonicTime
    ) {
        self.number = number
        self.sources = sources
        self.behaviour = behaviour
        let index = number % max(1, sources.count)
        state = Mutex(State(checker: StreamChecker(configuration: checker, startedAt: startedAt), source: index))
    }

    /// Plays until the task is cancelled or, without connecting again, until the stream or the connection ends.
    func run() async {
        var wait = Duration.zero
        var requested: PlayTarget?
        while !Task.isCancelled {
            let source = state.withLock { state in
                state.checker.connecting(at: .now())
                (state.hasMedia, state.isRequested, state.requested) = (false, false, nil)
                return state.source
            }
            guard sources.indices.contains(source) else { return }
            let error = await play(requested ?? sources[source].target)
            guard !Task.isCancelled else { return }
            let (goesOn, hadMedia) = closed(error)
            guard goesOn else { return }
            requested = state.withLock { $0.requested }
            wait = hadMedia ? .zero : min(max(wait * 2, behaviour.retries.first), behaviour.retries.most)
            // Its only failure is the end of this task.
            if wait > .zero { try? await Task.sleep(for: wait) }
        }
    }

    /// One connection; the error it ended with, nil after an end that the server announced.
    private func play(_ target: PlayTarget) async -> ClientError? {
        let (ends, continuation) = AsyncStream.makeStream(of: ClientError?.self)
        var options = StreamPlayer.Options()
        options.connectTimeout = behaviour.connectTimeout
        let player: StreamPlayer
        do throws(ClientError) {
            player = try await StreamPlayer.connect(to: target, options: options) { [self] event in
                switch event {
                case .media(let media): note(media)
                case .reconnectRequested(let url):
                    guard behaviour.reconnects else { return }
                    move(to: url, from: target)
                    continuation.yield(nil)
                    continuation.finish()
                case .ended:
                    // Nothing comes behind it, though the connection may stay.
                    continuation.yield(nil)
                    continuation.finish()
                case .closed(let error):
                    continuation.yield(error)
                    continuation.finish()
                case .ready: break
                }
            }
        } catch {
            return error
        }
        state.withLock { state in
            state.hasConnected = true
            state.lastReason = ""
        }
        var end: ClientError?
        for await error in ends { end = error }
        await player.close()
        return end
    }

    private func note(_ media: ReceivedMedia) {
        state.withLock { state in
            guard state.report == nil else { return }
            state.hasMedia = true
            state.checker.note(
                kind: media.kind, timestamp: media.timestamp, body: media.payload, receivedAt: media.receivedAt)
        }
    }

    private func move(to url: String?, from target: PlayTarget) {
        guard case .rtmp(let current) = target else { return }
        let next = url.flatMap { RTMPURL(reconnectURL: $0, from: current) }
        state.withLock { state in
            state.isRequested = true
            state.requested = next.map { .rtmp($0) }
        }
    }

    /// Counts the end of a connection, and decides whether there is another.
    private func closed(_ error: ClientError?) -> (goesOn: Bool, hadMedia: Bool) {
        state.withLock { state in
            guard state.report == nil else { return (false, false) }
            let now = MonotonicTime.now()
            let reason = error.map { "\($0)" } ?? (state.isRequested ? "asked to connect again" : "the stream ended")
            state.lastReason = reason
            if behaviour.reconnects {
                state.checker.disconnected(at: now, reason: String(reason.prefix(200)))
                if behaviour.hasFailover, !state.isRequested {
                    state.source = (state.source + 1) % max(1, sources.count)
                }
                return (true, state.hasMedia)
            }
            if error == nil {
                state.hasEnded = true
            } else {
                state.checker.disconnected(at: now, reason: String(reason.prefix(200)))
            }
            state.report = state.checker.finish(now: now)
            return (false, state.hasMedia)
        }
    }

    /// Counts so far.
    func counts() -> VerifyCounts {
        state.withLock { state in
            VerifyCounts(
                frames: state.checker.frames, lost: state.checker.lost, bytes: state.checker.bytes,
                violations: state.checker.violations, disconnects: state.checker.disconnects,
                lastMediaAt: state.checker.lastMediaAt)
        }
    }

    /// What was seen up to `now`, unless the viewer had ended before; what comes later is not looked at.
    func finish(now: MonotonicTime) -> (result: VerifyResult.Viewer, delays: DelayHistogram, hasConnected: Bool) {
        state.withLock { state in
            let report = state.report ?? state.checker.finish(now: now)
            state.report = report
            let source = sources[state.source]
            let viewer = VerifyResult.Viewer(
                viewer: number + 1, url: source.url, transport: source.target.transport, hasEnded: state.hasEnded,
                lastReason: state.lastReason, report: report)
            return (viewer, state.checker.delays, state.hasConnected)
        }
    }
}

/// What the line of progress shows of a viewer.
struct VerifyCounts: Sendable {
    var frames: UInt64
    var lost: UInt64
    var bytes: UInt64
    var violations: UInt64
    var disconnects: UInt64
    var lastMediaAt: MonotonicTime?
}

extension RTMPURL {
    /// Where a server wants a client to go that is connected to `current`: the `tcUrl` of Enhanced RTMP's reconnect
    /// request, absolute or relative (`//host/app`, `/app`), or a whole URL with the stream's name; the name stays. nil when
    /// that is no URL.
    package init?(reconnectURL text: String, from current: RTMPURL) {
        var text = String(text.prefix { $0 != "?" && $0 != "#" })
        while text.hasSuffix("/") { text.removeLast() }
        if text.hasPrefix("//") {
            text = "rtmp:" + text
        } else if text.hasPrefix("/") {
            let host = current.host.contains(":") ? "[\(current.host)]" : current.host
            text = "rtmp://\(host):\(current.port)" + text
        }
        let hasName = text.hasSuffix("/\(current.app)/\(current.name)")
        let whole = hasName ? text : "\(text)/\(current.name)"
        self.init(current.query.isEmpty ? whole : "\(whole)?\(current.query)")
        guard !isSecure, !name.isEmpty else { return nil }
    }
}
