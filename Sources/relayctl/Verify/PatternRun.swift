import NIOCore
import RelayClient
import RelayCore
import RelayRTMP
import RelayVerify
import Synchronization

/// Publishes a verifiable stream as an encoder with several origins does: in real time, and to the next URL when a
/// connection is lost.
struct PatternRun {
    /// Time that the system may take no bytes before the connection counts as lost: what encoders allow.
    private static let stall = Duration.seconds(5)
    private static let connectTimeout = Duration.seconds(3)

    private let targets: [RTMPURL]
    private var source: VerifiableSource
    private var session: UInt32
    private let retry: Duration
    private let deadline: MonotonicTime?
    private let format: OutputFormat
    private var frames: UInt64 = 0
    private var hasConnected = false

    /// How a connection ended.
    private enum End {
        case finished
        /// With where the server had asked to go before, if it had.
        case lost(String, asked: RTMPURL?)
        case requested(RTMPURL)
    }

    init(
        targets: [RTMPURL], source: VerifiableSource, session: UInt32, retry: Duration, duration: Duration?,
        format: OutputFormat
    ) {
        self.targets = targets
        self.source = source
        self.session = session
        self.retry = retry
        deadline = duration.map { .now() + $0 }
        self.format = format
    }

    private var isOver: Bool { Task.isCancelled || deadline.map { .now() >= $0 } ?? false }

    /// Publishes until the time is over or the task is cancelled.
    ///
    /// - Throws: ``Failure/unreachable(_:)`` when no connection was ever made.
    mutating func publish() async throws(Failure) {
        var index = 0
        var requested: RTMPURL?
        var lastReason = ""
        var last = targets[0]
        while !isOver {
            let target = requested ?? targets[index % targets.count]
            requested = nil
            last = target
            let requests = RequestBox()
            let publisher: StreamPublisher
            do throws(ClientError) {
                publisher = try await StreamPublisher.connect(
                    to: target, connectTimeout: Self.connectTimeout, onReconnectRequest: { requests.make($0) })
            } catch {
                lastReason = "\(error)"
                try tell(.failed, target, reason: lastReason)
                index += 1
                await pause()
                continue
            }
            hasConnected = true
            try tell(.connected, target)
            let before = frames
            let end = try await send(
                over: publisher, to: target, next: targets[(index + 1) % targets.count], requests: requests)
            switch end {
            case .finished:
                await publisher.finish()
                try tell(.left, target, frames: frames &- before)
            case .requested(let url):
                await publisher.finish()
                try tell(.left, target, frames: frames &- before, reason: "asked to connect elsewhere")
                requested = url
                index = targets.firstIndex(of: url) ?? index
            case .lost(let reason, let asked):
                lastReason = reason
                try tell(.lost, target, frames: frames &- before, reason: reason)
                requested = asked
                index = asked.map { targets.firstIndex(of: $0) ?? index } ?? index + 1
            }
            session &+= 1
            if case .lost(_, asked: nil) = end { await pause() }
        }
        session &-= hasConnected ? 1 : 0
        try tell(.finished, last, frames: frames)
        guard hasConnected else { throw .unreachable(Escape.forTerminal("Nothing took the stream; \(lastReason).")) }
    }

    /// Sends frames as they are due, until the connection is lost or is to be ended.
    private mutating func send(
        over publisher: StreamPublisher, to target: RTMPURL, next: RTMPURL, requests: RequestBox
    ) async throws(Failure) -> End {
        let watchdog = Watchdog(limit: Self.stall) { publisher.channel.close(promise: nil) }
        let watching = Task { await watchdog.run() }
        defer { watching.cancel() }
        var hasKeyframe = false
        // Where the server asked to go; the next URL of the list when it does not say where.
        var asked: RTMPURL?
        do {
            let headers = source.beginSession(session, now: .now(), wallMs: WallClock.now())
            watchdog.begin()
            try await publisher.send(headers.map { ($0.kind, $0.timestamp, $0.body) })
            watchdog.end()
            while !isOver {
                let due = deadline.map { min($0, source.nextDue) } ?? source.nextDue
                let wait = due - .now()
                // Its only failure is the end of this task, which ends the loop.
                if wait > .zero { try? await Task.sleep(for: wait, tolerance: .zero) }
                guard !isOver else { break }
                if asked == nil, let url = requests.take(from: target, otherwise: next) {
                    asked = url
                    try tell(.reconnectRequested, url)
                }
                // A request is followed between two GOPs, where nothing is cut.
                if let asked, source.isKeyframeNext { return .requested(asked) }
                let message = source.next(now: .now(), wallMs: WallClock.now())
                watchdog.begin()
                try await publisher.send(kind: message.kind, timestamp: message.timestamp, payload: message.body)
                watchdog.end()
                frames &+= 1
                if !hasKeyframe, message.mark?.isKeyframe == true {
                    hasKeyframe = true
                    try tell(.keyframe, target, number: message.mark?.number)
                }
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            if asked == nil, let url = requests.take(from: target, otherwise: next) {
                asked = url
                try tell(.reconnectRequested, url)
            }
            return .lost(watchdog.hasBitten ? "the server takes no bytes" : "\(error)", asked: asked)
        }
        return .finished
    }

    private func pause() async {
        let wait = deadline.map { min(retry, $0 - .now()) } ?? retry
        // Its only failure is the end of this task.
        if wait > .zero { try? await Task.sleep(for: wait, tolerance: .zero) }
    }

    private func tell(
        _ kind: PatternEvent.Kind, _ target: RTMPURL, number: UInt64? = nil, frames: UInt64? = nil,
        reason: String? = nil
    ) throws(Failure) {
        let event = PatternEvent(
            event: kind, wallMs: WallClock.now(), url: target.description, session: session, number: number,
            frames: frames, reason: reason)
        try Console.current.print(format == .json ? AdminOptions.json(event, isOneLine: true) : event.text)
    }
}

/// A server's wish, from the event loop to the task that sends.
private final class RequestBox: Sendable {
    private let state = Mutex<(isMade: Bool, url: String?)>((false, nil))

    func make(_ url: String?) { state.withLock { $0 = (true, url) } }

    /// Where to go, once: what the server named, or `otherwise` when it named nothing that can be used.
    func take(from current: RTMPURL, otherwise: RTMPURL) -> RTMPURL? {
        state.withLock { state in
            guard state.isMade else { return nil }
            defer { state = (false, nil) }
            return state.url.flatMap { RTMPURL(reconnectURL: $0, from: current) } ?? otherwise
        }
    }
}

/// Bites when something that was begun does not end in time.
private final class Watchdog: Sendable {
    private let limit: Duration
    private let bite: @Sendable () -> Void
    private let state = Mutex<(since: MonotonicTime?, hasBitten: Bool)>((nil, false))

    init(limit: Duration, bite: @escaping @Sendable () -> Void) {
        self.limit = limit
        self.bite = bite
    }

    var hasBitten: Bool { state.withLock { $0.hasBitten } }
    func begin() { state.withLock { $0.since = .now() } }
    func end() { state.withLock { $0.since = nil } }

    /// Looks on until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .milliseconds(200)) } catch { return }
            let isLate = state.withLock { state in
                guard let since = state.since, .now() - since > limit, !state.hasBitten else { return false }
                state.hasBitten = true
                return true
            }
            if isLate { bite() }
        }
    }
}
