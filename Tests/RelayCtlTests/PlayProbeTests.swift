import NIOCore
import RelayClient
import RelayCore
import Testing
import relayctl

/// Media as a publisher would make it, at times of our own.
private struct Feed {
    var probe = PlayProbe(url: "rtmp://h/a/b", transport: "rtmp", startedAt: .zero)

    /// AVC: `17 01 000000` and so on, then some bytes.
    mutating func video(_ timestamp: Int64, at milliseconds: Double, key: Bool = false, clock: MonotonicTime? = nil) {
        var body = ByteBuffer(bytes: [key ? 0x17 : 0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x06, 0x05])
        if let clock {
            body.writeString("RELAYBENCH")
            body.writeInteger(UInt64(clamping: clock.nanoseconds))
        }
        receive(.video, timestamp, milliseconds, body)
    }

    mutating func audio(_ timestamp: Int64, at milliseconds: Double) {
        receive(.audio, timestamp, milliseconds, ByteBuffer(bytes: [0xAF, 1, 0x21, 0x10]))
    }

    mutating func receive(_ kind: MediaKind, _ timestamp: Int64, _ milliseconds: Double, _ body: ByteBuffer) {
        let at = MonotonicTime.zero + .nanoseconds(Int64(milliseconds * 1_000_000))
        probe.receive(
            ReceivedMedia(kind: kind, timestamp: UInt32(truncatingIfNeeded: timestamp), payload: body, receivedAt: at))
    }
}

@Suite("relayctl play: measurements")
struct PlayProbeTests {
    @Test("Join time counts from connecting to the first keyframe, not to the first media")
    func join() {
        var feed = Feed()
        feed.probe.ready(at: .zero + .milliseconds(12))
        feed.video(0, at: 20)
        #expect(feed.probe.summary().joinMs == nil)
        feed.video(33, at: 45, key: true)
        feed.video(66, at: 99, key: true)
        let report = feed.probe.summary()
        #expect(report.readyMs == 12)
        #expect(report.joinMs == 45)
    }

    @Test("An audio-only play joins with its first audio")
    func audioOnly() {
        var feed = Feed()
        for index in 0..<100 { feed.audio(Int64(index) * 23, at: 30 + Double(index) * 23) }
        let report = feed.probe.summary()
        #expect(report.joinMs == 30)
        #expect(report.video == nil)
        #expect(report.audio?.frames == 100)
        #expect(report.audio?.codec == "aac")
    }

    @Test("Rates come from timestamps, over the wrap of 32 bits", arguments: [0, 0xFFFF_FF00, 0x7FFF_FF00] as [Int64])
    func rates(start: Int64) {
        var feed = Feed()
        for index in 0..<91 {
            feed.video(start + Int64(index) * 40, at: Double(index) * 40, key: index % 30 == 0)
        }
        let report = feed.probe.summary()
        #expect(report.video?.framesPerSecond == 25)
        #expect(report.video?.keyframes == 4)
        #expect(report.video?.keyIntervalMs == 1200)
        #expect(report.seconds == 3.6)
        #expect(report.timestampRegressions == 0)
        #expect(report.timestampJumps == 0)
        #expect(report.bitrate == Double(91 * 11 * 8) / 3.6)
    }

    @Test("Gaps, stalls, regressions and jumps are counted")
    func trouble() {
        var feed = Feed()
        feed.video(0, at: 0, key: true)
        feed.video(40, at: 40)
        feed.video(30, at: 640)
        feed.video(5000, at: 700)
        feed.audio(4000, at: 701)
        feed.receive(.video, 5040, 740, ByteBuffer(bytes: [0x17]))
        feed.receive(.audio, 5040, 741, ByteBuffer())
        let report = feed.probe.summary()
        #expect(report.longestGapMs == 600)
        #expect(report.stalls == 1)
        #expect(report.timestampRegressions == 1)
        #expect(report.timestampJumps == 1, "audio is behind video, and that is no jump")
        #expect(report.brokenFrames == 1, "an empty message is legal")
    }

    @Test("Delay comes from the clock in the frames, jitter from the timestamps; the join's burst is left out")
    func delay() throws {
        var feed = Feed()
        // A burst of two seconds at once, then live with 8 ms of delay and every tenth frame 20 ms late.
        for index in 0..<50 { feed.video(Int64(index) * 40, at: 5, key: index == 0, clock: .zero) }
        for index in 50..<250 {
            let sent = Double(index - 50) * 40 + 37
            let late = index % 10 == 0 ? 20.0 : 0
            feed.video(
                Int64(index) * 40, at: sent + 8 + late, clock: .zero + .nanoseconds(Int64(sent * 1_000_000)))
        }
        let report = feed.probe.summary()
        let delay = try #require(report.delay)
        let jitter = try #require(report.jitter)
        #expect((7.9...8.1).contains(delay.p50))
        #expect((27.5...28.5).contains(delay.max))
        #expect(jitter.p50 < 0.1)
        #expect((19.5...20.5).contains(jitter.max))
    }

    @Test("Clocks of other machines and broken timestamps spoil nothing")
    func nonsense() {
        var feed = Feed()
        for index in 0..<100 {
            let clock = MonotonicTime(nanoseconds: index % 2 == 0 ? .max : 0)
            feed.video(Int64(index) * 0x1234_5678, at: Double(index) * 50, key: true, clock: clock)
        }
        #expect(feed.probe.summary().video?.frames == 100)
    }

    @Test("The line of progress starts over each time")
    func recent() {
        var feed = Feed()
        for index in 0..<30 { feed.video(Int64(index) * 33, at: Double(index) * 33) }
        #expect(feed.probe.takeRecent(now: .zero + .seconds(1)).framesPerSecond == 30)
        let second = feed.probe.takeRecent(now: .zero + .seconds(2))
        #expect((second.framesPerSecond, second.bitrate, second.longestGapMs) == (0, 0, 0))
    }
}

@Suite("relayctl publish: pace")
struct PublishPacerTests {
    @Test("Tags are due at their timestamps, counted from the first")
    func pace() {
        var pacer = PublishPacer(startedAt: .zero)
        #expect(pacer.due(5000, isMedia: true) == (.zero, 0))
        #expect(pacer.due(5040, isMedia: true) == (.zero + .milliseconds(40), 40))
        #expect(pacer.due(0, isMedia: false) == (.zero + .milliseconds(40), 40), "script data is sent where it stands")
        #expect(pacer.due(5035, isMedia: true) == (.zero + .milliseconds(35), 35))
        #expect(pacer.due(5080, isMedia: true) == (.zero + .milliseconds(80), 80))
    }

    @Test("Another round goes on one step behind the last")
    func rounds() {
        var pacer = PublishPacer(startedAt: .zero)
        for time in [0, 40, 80] as [UInt32] { _ = pacer.due(time, isMedia: true) }
        pacer.startOver()
        #expect(pacer.due(0, isMedia: true).timestamp == 120)
        #expect(pacer.due(40, isMedia: true).timestamp == 160)
        pacer.startOver()
        #expect(pacer.due(0, isMedia: true).timestamp == 200)
    }

    @Test("A cut in the file is no pause")
    func cut() {
        var pacer = PublishPacer(startedAt: .zero)
        #expect(pacer.due(1000, isMedia: true).timestamp == 0)
        #expect(pacer.due(1040, isMedia: true).timestamp == 40)
        #expect(pacer.due(90_000, isMedia: true).timestamp == 80)
        #expect(pacer.due(90_040, isMedia: true).timestamp == 120)
        #expect(pacer.due(40, isMedia: true).timestamp == 160)
    }

    @Test("Timestamps wrap without a pause")
    func wrap() {
        var pacer = PublishPacer(startedAt: .zero)
        #expect(pacer.due(0xFFFF_FFF0, isMedia: true).timestamp == 0)
        #expect(pacer.due(0x18, isMedia: true).timestamp == 40)
    }
}
