/// What a play was like; `relayctl play -o json` prints it. Fields are nil when there was nothing to measure.
package struct PlayReport: Codable, Sendable, Equatable {
    /// The URL that was played.
    package var url: String
    /// `rtmp`, `http-flv` or `ws-flv`.
    package var transport: String
    /// Media time on the wall, from the first to the last message, s.
    package var seconds = 0.0
    /// From the start of the connection to the server's acceptance, ms.
    package var readyMs: Double?
    /// From the start of the connection to the first frame that can be shown: a keyframe, or audio without video; ms.
    package var joinMs: Double?
    package var video: VideoReport?
    package var audio: AudioReport?
    /// Media bytes, and their rate over the whole play, bit/s.
    package var bytes: UInt64 = 0
    package var bitrate = 0.0
    /// From the clock in the frames to their arrival, of frames that came after the first second; nil without such a clock.
    package var delay: Spread?
    /// How much later than the fastest frame each came, measured against its timestamp, after the first second.
    package var jitter: Spread?
    /// Longest time without media, ms.
    package var longestGapMs = 0.0
    /// Times without media for more than half a second.
    package var stalls = 0
    /// Timestamps that went back within their kind.
    package var timestampRegressions = 0
    /// Timestamps that jumped ahead by more than a second within their kind.
    package var timestampJumps = 0
    /// Media messages without a readable header.
    package var brokenFrames = 0

    /// Percentiles, ms.
    package struct Spread: Codable, Sendable, Equatable {
        package var p50: Double
        package var p99: Double
        package var max: Double
    }

    package struct VideoReport: Codable, Sendable, Equatable {
        /// RFC 6381 where the sequence header tells it.
        package var codec: String
        package var width: Int?
        package var height: Int?
        package var frames = 0
        package var keyframes = 0
        /// By timestamps.
        package var framesPerSecond: Double?
        /// Mean distance of keyframes, ms.
        package var keyIntervalMs: Double?
    }

    package struct AudioReport: Codable, Sendable, Equatable {
        /// RFC 6381 where the sequence header tells it.
        package var codec: String
        package var sampleRate: Int?
        package var channels: Int?
        package var frames = 0
    }
}

extension PlayReport {
    /// The report as lines to read; escaped.
    package func table(width: Int?, hasColour: Bool) -> String {
        var table = Table([.init("PLAYED"), .init(url, shrinks: true)])
        table.add(["over", transport])
        table.add(["for", Units.duration(seconds: seconds)])
        table.add(
            ["ready after", readyMs.map(Units.milliseconds) ?? "never"], colours: readyMs == nil ? [1: .bad] : [:])
        table.add(
            ["first picture", joinMs.map(Units.milliseconds) ?? "never"], colours: joinMs == nil ? [1: .bad] : [:])
        if let video {
            let size = video.width.flatMap { width in video.height.map { " \(width)x\($0)" } } ?? ""
            let rate = video.framesPerSecond.map { ", \(Units.fixed($0, 2)) fps" } ?? ""
            table.add(["video", "\(video.codec)\(size)\(rate), \(video.frames) frames"])
            table.add(["key interval", video.keyIntervalMs.map(Units.milliseconds) ?? "unknown"])
        } else {
            table.add(["video", "none"])
        }
        if let audio {
            let rate = audio.sampleRate.map { " \($0) Hz" } ?? ""
            let channels = audio.channels.map { ", \($0) ch" } ?? ""
            table.add(["audio", "\(audio.codec)\(rate)\(channels), \(audio.frames) frames"])
        } else {
            table.add(["audio", "none"])
        }
        table.add(["bitrate", "\(Units.bitrate(bitrate)), \(Units.bytes(bytes))"])
        if let delay { table.add(["delay", delay.text]) }
        if let jitter { table.add(["jitter", jitter.text]) }
        table.add(["longest gap", Units.milliseconds(longestGapMs)], colours: longestGapMs > 500 ? [1: .warning] : [:])
        table.add(["stalls", "\(stalls)"], colours: stalls > 0 ? [1: .warning] : [:])
        table.add(["went back", "\(timestampRegressions)"], colours: timestampRegressions > 0 ? [1: .bad] : [:])
        table.add(["jumped", "\(timestampJumps)"], colours: timestampJumps > 0 ? [1: .warning] : [:])
        table.add(["broken", "\(brokenFrames)"], colours: brokenFrames > 0 ? [1: .bad] : [:])
        return table.render(width: width, hasColour: hasColour)
    }
}

extension PlayReport.Spread {
    /// `p50 1.2 ms, p99 8.0 ms, max 9.1 ms`
    var text: String {
        "p50 \(Units.milliseconds(p50)), p99 \(Units.milliseconds(p99)), max \(Units.milliseconds(max))"
    }
}
