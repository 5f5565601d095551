import Glibc
import RelayClient
import RelayCore
import RelayRTMP
import RelayVerify

/// All viewers of one `relayctl verify`.
struct VerifyRun {
    /// What to do; the command line, checked.
    struct Settings: Sendable {
        var sources: [VerifyViewer.Source]
        var viewers = 1
        var duration: Duration?
        var behaviour = VerifyViewer.Behaviour()
        var allowed = VerifyAllowance()
        var showsProgress = false
    }

    /// Viewers that connect per second: a burst would measure the listen queue.
    private static let joinsPerSecond = 1000
    /// Viewers up to which each checks every frame's seal; more take turns, so that together they still do.
    private static let everySeal = 100

    private let settings: Settings
    private let viewers: [VerifyViewer]
    private let startedAt: MonotonicTime
    private let startedAtWallMs: Int64

    init(_ settings: Settings) {
        self.settings = settings
        let startedAt = MonotonicTime.now()
        startedAtWallMs = WallClock.now()
        self.startedAt = startedAt
        Self.allowFiles(settings.viewers)
        var configuration = StreamChecker.Configuration()
        configuration.wallMsAtZero = startedAtWallMs - startedAt.nanoseconds / 1_000_000
        configuration.sealStride = settings.viewers > Self.everySeal ? 16 : 1
        viewers = (0..<settings.viewers).map { number in
            var configuration = configuration
            configuration.sealPhase = UInt64(clamping: number)
            let source = settings.sources[number % settings.sources.count]
            configuration.expectedStream = source.target.streamName.map {
                VerifySourceID(streamName: $0, run: 0).stream
            }
            return VerifyViewer(
                number: number, sources: settings.sources, behaviour: settings.behaviour, checker: configuration,
                startedAt: startedAt + Self.join(number))
        }
    }

    /// Runs to the end of the time, of all streams, or of the task.
    ///
    /// - Throws: ``Failure/unreachable(_:)`` when no viewer could connect at all.
    func run() async throws(Failure) -> VerifyResult {
        let (done, continuation) = AsyncStream.makeStream(of: Void.self)
        let playing = Task { [viewers] in
            await withTaskGroup(of: Void.self) { group in
                for viewer in viewers {
                    group.addTask {
                        let wait = Self.join(viewer.number)
                        // Its only failure is the end of this task.
                        if wait > .zero { try? await Task.sleep(for: wait) }
                        await viewer.run()
                    }
                }
            }
            continuation.finish()
        }
        let clock = Task { [settings, viewers, startedAt] in
            await Self.watch(viewers, settings: settings, since: startedAt)
            continuation.finish()
        }
        for await _ in done {}
        let now = MonotonicTime.now()
        let endedAtWallMs = WallClock.now()
        clock.cancel()
        var delays = DelayHistogram()
        var results: [VerifyResult.Viewer] = []
        var hasConnected = false
        for viewer in viewers {
            let finished = viewer.finish(now: now)
            results.append(finished.result)
            delays.add(finished.delays)
            hasConnected = hasConnected || finished.hasConnected
        }
        playing.cancel()
        await playing.value
        await clock.value
        if settings.showsProgress { Console.current.err("\r\u{1B}[K") }
        guard hasConnected else {
            throw .unreachable(Escape.forTerminal(results.first?.lastReason ?? "No viewer could connect."))
        }
        return VerifyResult(
            viewers: results, delays: delays, allowed: settings.allowed, startedAtWallMs: startedAtWallMs,
            endedAtWallMs: endedAtWallMs)
    }

    private static func join(_ number: Int) -> Duration { .milliseconds(number * 1000 / joinsPerSecond) }

    /// Returns when the time is over.
    private static func watch(_ viewers: [VerifyViewer], settings: Settings, since start: MonotonicTime) async {
        let deadline = settings.duration.map { start + $0 }
        var last: (at: MonotonicTime, frames: UInt64, bytes: UInt64) = (start, 0, 0)
        while !Task.isCancelled {
            let now = MonotonicTime.now()
            let left = deadline.map { $0 - now } ?? .seconds(1)
            guard left > .zero else { return }
            do { try await Task.sleep(for: min(left, .seconds(1)), tolerance: .zero) } catch { return }
            guard settings.showsProgress else { continue }
            last = progress(viewers, since: start, last: last)
        }
    }

    private static func progress(
        _ viewers: [VerifyViewer], since start: MonotonicTime, last: (at: MonotonicTime, frames: UInt64, bytes: UInt64)
    ) -> (at: MonotonicTime, frames: UInt64, bytes: UInt64) {
        let now = MonotonicTime.now()
        let counts = viewers.map { $0.counts() }
        let frames = counts.reduce(0) { $0 &+ $1.frames }
        let bytes = counts.reduce(0) { $0 &+ $1.bytes }
        let playing = counts.filter { $0.lastMediaAt.map { now - $0 < .seconds(1) } ?? false }.count
        let seconds = max(0.001, (now - last.at) / .seconds(1))
        let line = [
            Units.duration(seconds: (now - start) / .seconds(1)), "\(playing) of \(viewers.count) playing",
            "\(Units.fixed(Double(frames &- last.frames) / seconds, 0)) frames/s",
            Units.bitrate(Double(bytes &- last.bytes) * 8 / seconds),
            "lost \(counts.reduce(0) { $0 &+ $1.lost })", "cut \(counts.reduce(0) { $0 &+ $1.disconnects })",
            "violations \(counts.reduce(0) { $0 &+ $1.violations })",
        ].joined(separator: "  ")
        Console.current.err("\r\(line.prefix(max(10, (Console.current.width ?? 100) - 1)))\u{1B}[K")
        return (now, frames, bytes)
    }

    /// Lets the process have a descriptor for each viewer, where the system does.
    private static func allowFiles(_ count: Int) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        let wanted = rlim_t(clamping: count) + 256
        guard limit.rlim_cur < wanted else { return }
        limit.rlim_cur = min(wanted, limit.rlim_max)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

extension PlayTarget {
    /// `app/name` of what is played; nil when the URL does not say it in the usual way.
    var streamName: String? {
        switch self {
        case .rtmp(let url): return try? StreamName(app: url.app, name: url.name).description
        case .http(let url), .webSocket(let url):
            let path = url.target.prefix { $0 != "?" }
            guard path.hasSuffix(".flv") else { return nil }
            return try? StreamName(path: String(path.dropLast(4))).description
        }
    }
}
