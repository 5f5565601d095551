import RelayCore
import Testing

/// A message on its way from an encoder: when it really happened, what the wire says, when it arrives.
struct TimedMessage {
    var kind: MediaKind
    var track: UInt8 = 0
    /// The encoder's true time, ms since it began.
    var time: Int64
    /// What it writes on the wire.
    var raw: UInt32
    /// When it arrives, ms.
    var arrival: Int64
}

/// An encoder with 30 frames/s and AAC, whose clock does what a test says.
struct EncoderClock {
    var videoDistance: Int64 = 33
    var audioDistance: Int64 = 23
    /// From capture to arrival, ms: the track with the smaller one is ahead in the interleave.
    var videoLatency: Int64 = 0
    var audioLatency: Int64 = 0
    /// What is added to the true time before the clock is cut to ``bits``.
    var base: Int64 = 0
    var bits = 32

    /// All messages of a span, in the order of arrival.
    ///
    /// - Parameter shift: What the clock shows too much at a time, ms.
    func messages(_ span: Range<Int64>, shift: (Int64) -> Int64 = { _ in 0 }) -> [TimedMessage] {
        func track(_ kind: MediaKind, every distance: Int64, latency: Int64) -> [TimedMessage] {
            stride(from: span.lowerBound, to: span.upperBound, by: Int(distance)).map { time in
                let shown = UInt64(bitPattern: base &+ time &+ shift(time)) & (1 << bits - 1)
                return TimedMessage(
                    kind: kind, time: time, raw: UInt32(truncatingIfNeeded: shown), arrival: time + latency)
            }
        }
        let both =
            track(.video, every: videoDistance, latency: videoLatency)
            + track(.audio, every: audioDistance, latency: audioLatency)
        return both.sorted { $0.arrival < $1.arrival }
    }
}

/// A timeline under test, with what it gave each track last; every placement is checked for what always holds.
struct CheckedTimeline {
    private(set) var timeline = Timeline()
    private var last: [Track: Int64] = [:]
    private var lastArrival: Int64?
    private var trackArrival: [Track: Int64] = [:]

    private struct Track: Hashable {
        var kind: MediaKind
        var id: UInt8
    }

    mutating func beginSession() { timeline.beginSession() }

    /// Places a message and checks: at least 0, strictly after the track's last, never further ahead than a jump of ten
    /// seconds over the time that passed, and seen in the stream's clock.
    mutating func place(_ message: TimedMessage, sourceLocation: SourceLocation = #_sourceLocation) -> Int64 {
        let track = Track(kind: message.kind, id: message.track)
        let before = timeline.clock
        let out = timeline.place(
            kind: message.kind, track: message.track, timestamp: message.raw, now: .milliseconds(message.arrival))
        #expect(out >= 0, sourceLocation: sourceLocation)
        if let last = last[track] { #expect(out > last, sourceLocation: sourceLocation) }
        if let lastArrival {
            let silence = message.arrival - (trackArrival[track] ?? lastArrival)
            #expect(out <= before + 10_001 + max(0, silence), sourceLocation: sourceLocation)
        }
        #expect(timeline.clock == max(before, out), sourceLocation: sourceLocation)
        #expect(timeline.placeBesideMedia() == timeline.clock, sourceLocation: sourceLocation)
        last[track] = out
        lastArrival = message.arrival
        trackArrival[track] = message.arrival
        return out
    }
}

extension MonotonicTime {
    /// An instant of a test's own clock.
    static func milliseconds(_ milliseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: milliseconds * 1_000_000)
    }
}
