import Histogram
import NIOCore
package import RelayClient
package import RelayCore
import RelayFLV

/// Measures a play from what arrives. A value: tests feed it media and times of their own.
package struct PlayProbe {
    /// Time after the first media during which the join's burst would spoil delay and jitter.
    static let warmUp = Duration.seconds(1)
    /// Silence that counts as a stall.
    static let stall = Duration.milliseconds(500)
    /// Step of a timestamp that counts as a jump, ms.
    static let jump: Int64 = 1000

    /// What is followed for audio and for video each.
    private struct Track {
        var clock = TimestampUnwrapper()
        var first: Int64?
        var last: Int64?
        var frames = 0
        var configuration: CodecConfiguration?
        var codec: Codec?
    }

    /// One second of arrivals, for the line of progress.
    package struct Recent: Sendable, Equatable {
        package var framesPerSecond: Double
        package var bitrate: Double
        package var longestGapMs: Double
    }

    private let startedAt: MonotonicTime
    private var report: PlayReport
    private var video = Track()
    private var audio = Track()
    private var firstAt: MonotonicTime?
    private var lastAt: MonotonicTime?
    private var lastKey: Int64?
    private var keyIntervals = (sum: Int64(0), count: Int64(0))
    private var delays = Histogram<UInt32>(numberOfSignificantValueDigits: .two)
    private var lateness = Histogram<UInt32>(numberOfSignificantValueDigits: .two)
    /// The least (arrival minus timestamp) seen, ns.
    private var fastest: Int64?
    private var recent = (frames: 0, bytes: 0, gap: Duration.zero, since: MonotonicTime.zero)

    /// - Parameter startedAt: when the connection was begun.
    package init(url: String, transport: String, startedAt: MonotonicTime) {
        self.startedAt = startedAt
        report = PlayReport(url: url, transport: transport)
        recent.since = startedAt
    }

    /// Whether anything that can be shown has arrived.
    package var hasJoined: Bool { report.joinMs != nil }
    /// Whether any media has arrived.
    package var hasMedia: Bool { firstAt != nil }

    /// The server has accepted the play.
    package mutating func ready(at now: MonotonicTime) { report.readyMs = Self.milliseconds(now - startedAt) }

    /// One message or tag.
    package mutating func receive(_ media: ReceivedMedia) {
        let now = media.receivedAt
        report.bytes &+= UInt64(clamping: media.payload.readableBytes)
        recent.bytes &+= media.payload.readableBytes
        if let lastAt {
            let gap = now - lastAt
            report.longestGapMs = max(report.longestGapMs, Self.milliseconds(gap))
            recent.gap = max(recent.gap, gap)
            if gap > Self.stall { report.stalls += 1 }
        }
        if firstAt == nil { firstAt = now }
        lastAt = now
        guard media.kind != .data else { return }
        let header: MediaHeader
        do throws(MediaHeaderError) {
            header = try MediaHeader.parse(kind: media.kind, body: media.payload)
        } catch {
            if error != .empty { report.brokenFrames += 1 }
            return
        }
        if media.kind == .video { receive(header, media, \.video) } else { receive(header, media, \.audio) }
    }

    private mutating func receive(_ header: MediaHeader, _ media: ReceivedMedia, _ track: WritableKeyPath<Self, Track>)
    {
        if header.isSequenceHeader {
            if let configuration = try? CodecConfiguration.parse(header: header, body: media.payload) {
                self[keyPath: track].configuration = configuration
            } else {
                report.brokenFrames += 1
            }
            return
        }
        guard header.isCoded else { return }
        let now = media.receivedAt
        let dts = self[keyPath: track].clock.unwrap(media.timestamp)
        if let last = self[keyPath: track].last {
            if dts < last { report.timestampRegressions += 1 }
            if dts - last > Self.jump { report.timestampJumps += 1 }
        }
        self[keyPath: track].first = self[keyPath: track].first ?? dts
        self[keyPath: track].last = dts
        self[keyPath: track].frames += 1
        self[keyPath: track].codec = header.codec
        if self[keyPath: track].configuration == nil {
            self[keyPath: track].configuration = CodecConfiguration(withoutSequenceHeader: header)
        }
        if media.kind == .video {
            recent.frames += 1
            if header.isKeyframe { keyframe(dts, at: now) }
        } else if report.joinMs == nil, let firstAt, now - firstAt > Self.warmUp {
            // Audio counts as a picture only where no video comes.
            if video.configuration == nil, video.frames == 0 { report.joinMs = Self.milliseconds(firstAt - startedAt) }
        }
        measure(dts, media)
    }

    private mutating func keyframe(_ dts: Int64, at now: MonotonicTime) {
        report.joinMs = report.joinMs ?? Self.milliseconds(now - startedAt)
        if let lastKey, dts > lastKey { keyIntervals = (keyIntervals.sum + dts - lastKey, keyIntervals.count + 1) }
        lastKey = dts
        report.video = report.video ?? .init(codec: "")
        report.video?.keyframes += 1
    }

    private mutating func measure(_ dts: Int64, _ media: ReceivedMedia) {
        let now = media.receivedAt
        let (scaled, overflow) = dts.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow, let firstAt else { return }
        let offset = now.nanoseconds &- scaled
        fastest = min(fastest ?? offset, offset)
        guard now - firstAt >= Self.warmUp, let fastest else { return }
        Self.record(offset &- fastest, in: &lateness)
        if media.kind == .video, let sentAt = ClockStamp.find(in: media.payload) {
            Self.record((now - sentAt).wholeNanoseconds, in: &delays)
        }
    }

    /// What came since the last call, for the line of progress.
    package mutating func takeRecent(now: MonotonicTime) -> Recent {
        let seconds = max(0.001, Self.milliseconds(now - recent.since) / 1000)
        defer { recent = (0, 0, .zero, now) }
        return Recent(
            framesPerSecond: Double(recent.frames) / seconds, bitrate: Double(recent.bytes) * 8 / seconds,
            longestGapMs: Self.milliseconds(recent.gap))
    }

    /// What was measured so far.
    package func summary() -> PlayReport {
        var report = report
        if let firstAt, let lastAt {
            report.seconds = Self.milliseconds(lastAt - firstAt) / 1000
            report.bitrate = report.seconds > 0 ? Double(report.bytes) * 8 / report.seconds : 0
            if report.joinMs == nil, video.configuration == nil, video.frames == 0, audio.frames > 0 {
                report.joinMs = Self.milliseconds(firstAt - startedAt)
            }
        }
        if video.frames > 0 || video.configuration != nil {
            let keyframes = report.video?.keyframes ?? 0
            var result = PlayReport.VideoReport(
                codec: video.configuration?.codecString ?? video.codec?.name ?? "unknown")
            result.width = video.configuration?.width
            result.height = video.configuration?.height
            result.frames = video.frames
            result.keyframes = keyframes
            if let first = video.first, let last = video.last, last > first {
                result.framesPerSecond = Double(video.frames - 1) * 1000 / Double(last - first)
            }
            if keyIntervals.count > 0 { result.keyIntervalMs = Double(keyIntervals.sum) / Double(keyIntervals.count) }
            report.video = result
        }
        if audio.frames > 0 || audio.configuration != nil {
            var result = PlayReport.AudioReport(
                codec: audio.configuration?.codecString ?? audio.codec?.name ?? "unknown")
            result.sampleRate = audio.configuration?.sampleRate
            result.channels = audio.configuration?.channels
            result.frames = audio.frames
            report.audio = result
        }
        report.delay = Self.spread(delays)
        report.jitter = Self.spread(lateness)
        return report
    }

    /// Microseconds, at most an hour: a clock of another machine or a broken timestamp says anything.
    private static func record(_ nanoseconds: Int64, in histogram: inout Histogram<UInt32>) {
        let microseconds = nanoseconds / 1000
        guard (0...3_600_000_000).contains(microseconds) else { return }
        histogram.record(UInt64(clamping: microseconds))
    }

    private static func spread(_ histogram: Histogram<UInt32>) -> PlayReport.Spread? {
        guard histogram.totalCount > 0 else { return nil }
        func at(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1000 }
        return PlayReport.Spread(p50: at(50), p99: at(99), max: at(100))
    }

    private static func milliseconds(_ duration: Duration) -> Double { Double(duration.wholeNanoseconds) / 1_000_000 }
}
