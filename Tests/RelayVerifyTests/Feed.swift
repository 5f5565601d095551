import NIOCore
import RelayCore
import RelayVerify

/// A source and a checker on one clock, and a wire between them that does what a test wants.
struct Feed {
    var source: VerifiableSource
    var checker: StreamChecker
    /// What the source made last comes to the viewer so much later.
    var delay = Duration.milliseconds(5)
    /// Wall clock at the zero of the monotonic one.
    static let wallMsAtZero: Int64 = 1_700_000_000_000
    private(set) var now = MonotonicTime.zero

    static func configuration(_ change: (inout VerifiableSource.Configuration) -> Void = { _ in })
        -> VerifiableSource.Configuration
    {
        var configuration = VerifiableSource.Configuration(streamName: "live/one", run: 7)
        // Small frames: a debug build takes its time for every byte.
        configuration.bitrate = 200_000
        change(&configuration)
        return configuration
    }

    static func checker(at now: MonotonicTime = .zero, gapThreshold: Duration = .milliseconds(100)) -> StreamChecker {
        var settings = StreamChecker.Configuration()
        settings.wallMsAtZero = wallMsAtZero
        settings.gapThreshold = gapThreshold
        settings.expectedStream = VerifySourceID(streamName: "live/one", run: 0).stream
        return StreamChecker(configuration: settings, startedAt: now)
    }

    init(_ configuration: VerifiableSource.Configuration = Feed.configuration()) {
        source = VerifiableSource(configuration: configuration)
        checker = Feed.checker()
    }

    var wallMs: Int64 { Self.wallMsAtZero + now.nanoseconds / 1_000_000 }

    /// Begins a session and delivers what comes before media.
    mutating func begin(_ session: UInt32, delivers: Bool = true) {
        for message in source.beginSession(session, now: now, wallMs: wallMs) where delivers { deliver(message) }
    }

    /// Lets time pass without a frame.
    mutating func wait(_ duration: Duration) { now = now + duration }

    /// The next frame, at its time, not delivered.
    mutating func make() -> VerifiableSource.Message {
        now = max(now, source.nextDue)
        return source.next(now: now, wallMs: wallMs)
    }

    mutating func deliver(_ message: VerifiableSource.Message, body: ByteBuffer? = nil, timestamp: UInt32? = nil) {
        checker.note(
            kind: message.kind, timestamp: timestamp ?? message.timestamp, body: body ?? message.body,
            receivedAt: now + delay)
    }

    /// Makes and delivers frames, all but those that `drops` says.
    mutating func run(_ count: Int, drops: (VerifyMark, MediaKind) -> Bool = { _, _ in false }) {
        for _ in 0..<count {
            let message = make()
            if let mark = message.mark, drops(mark, message.kind) { continue }
            deliver(message)
        }
    }

    /// Frames until the next would be a keyframe.
    mutating func runToKeyframe() { while !source.isKeyframeNext { run(1) } }

    mutating func finish() -> VerifyReport { checker.finish(now: now + delay) }
}

extension VerifyReport {
    /// The rules that were broken, and how often.
    var broken: [VerifyRule: UInt64] {
        Dictionary(violations.map { ($0.rule, $0.count) }) { first, _ in first }
    }
}
