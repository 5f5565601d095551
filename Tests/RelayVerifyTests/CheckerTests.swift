import NIOCore
import RelayCore
import RelayVerify
import Testing

@Suite("Verify: checker")
struct CheckerTests {
    @Test("A stream that comes as it was sent is clean, and counted exactly")
    func clean() {
        var feed = Feed(Feed.configuration { $0.disposableShare = 0.25 })
        feed.begin(1)
        feed.run(1000)
        let report = feed.finish()
        #expect(
            report.isClean(allowing: VerifyAllowance(gapMs: 50)), "\(report.violations(allowing: .init(gapMs: 50)))")
        #expect((report.video.frames, report.audio.frames) == (390, 610))
        #expect(report.video.firstNumber == 0 && report.video.lastNumber == 389)
        #expect(report.lost == 0 && report.undecodable == 0 && report.gaps == [] && report.switches == [])
        #expect((33.3...33.4).contains(report.longestGapMs))
        #expect(report.longestSkewMs <= 1)
        #expect(report.firstFrameMs == 5)
        #expect(report.delay.map { $0.max == 5 && (4.7...5).contains($0.p50) } == true)
        #expect(report.startedAtWallMs == Feed.wallMsAtZero)
    }

    @Test("A stream of audio alone is followed by its audio")
    func audioOnly() {
        var feed = Feed()
        feed.begin(1)
        feed.run(300, drops: { _, kind in kind == .video })
        feed.wait(.milliseconds(300))
        let report = feed.finish()
        #expect(report.isClean())
        #expect(report.firstFrameMs == 5)
        #expect((300...330).contains(report.longestGapMs))
        #expect(report.gaps.map(\.sessionAfter) == [nil])
    }

    @Test("Lost frames are counted by their numbers, and what refers to them too")
    func lost() throws {
        var feed = Feed(Feed.configuration { $0.hasAudio = false })
        feed.begin(1)
        feed.run(120, drops: { mark, _ in [10, 11, 70].contains(mark.number) })
        let report = feed.finish()
        #expect(report.video.lost == 3 && report.video.frames == 117 && report.video.lostAtSwitches == 0)
        #expect(report.missingReferences == 2, "12 and 71")
        #expect(report.undecodable == 48 + 49, "12...59 and 71...119")
        #expect(report.broken == [.references: 2])
        let violations = report.violations()
        #expect(violations.map(\.rule) == [.references, .lost])
        #expect(violations.map(\.invariant) == ["I2", nil])
        #expect(violations.last?.count == 3)
        #expect(violations.first?.first == "video frame 12 of session 1 without frame 11, which it refers to")
        #expect(violations.first?.firstAtWallMs == Feed.wallMsAtZero + 405)
        #expect(!report.isClean(allowing: .init(lost: 3)))
        #expect(report.isClean(allowing: .init(lost: 3, ignored: [.references])))
        #expect(!report.isClean(allowing: .init(lost: 2, ignored: [.references])))
    }

    @Test("A lost disposable frame is lost, and nothing refers to it")
    func disposable() {
        var feed = Feed(Feed.configuration { $0.disposableShare = 0.5 })
        feed.begin(1)
        feed.run(600, drops: { mark, _ in mark.isDisposable })
        let report = feed.finish()
        #expect(report.video.lost > 100)
        #expect(report.violations().map(\.rule) == [.lost])
    }

    @Test("Video before a keyframe cannot be decoded")
    func middle() {
        var feed = Feed()
        feed.begin(1)
        for _ in 0..<20 { _ = feed.make() }
        feed.run(10, drops: { _, kind in kind == .audio })
        let report = feed.finish()
        #expect(report.broken[.references] == 1)
        #expect(report.undecodable == report.video.frames && report.firstFrameMs == nil)
    }

    @Test("Frames twice, late, damaged, of others, or without a mark are told apart")
    func intruders() throws {
        var feed = Feed(Feed.configuration { $0.hasAudio = false })
        feed.begin(1)
        feed.run(5)
        let twice = feed.make()
        feed.deliver(twice)
        feed.deliver(twice, timestamp: twice.timestamp + 1)
        let late = feed.make()
        let early = feed.make()
        feed.deliver(early)
        feed.deliver(late, timestamp: early.timestamp + 1)
        let damaged = feed.make()
        var bytes = Array(damaged.body.readableBytesView)
        bytes[200] ^= 4
        feed.deliver(damaged, body: ByteBuffer(bytes: bytes))
        var other = VerifiableSource(configuration: .init(streamName: "live/two", run: 7))
        _ = other.beginSession(1, now: feed.now, wallMs: feed.wallMs)
        feed.deliver(other.next(now: feed.now, wallMs: feed.wallMs))
        feed.deliver(damaged, body: ByteBuffer(bytes: [0x27, 1, 0, 0, 0, 0, 0, 0, 1, 0x41]))
        feed.deliver(damaged, body: ByteBuffer(bytes: [0x27]))
        feed.deliver(damaged, body: ByteBuffer())
        let report = feed.finish()
        #expect(report.broken == [.duplicates: 1, .order: 1, .damage: 2, .foreign: 2, .references: 1])
        #expect(report.video.frames == 8 && report.video.lost == 0)
        #expect(report.video.duplicates == 1 && report.video.outOfOrder == 1)
    }

    @Test("Only every n-th seal is checked where that was asked for, and viewers take turns")
    func sealStride() {
        let found = (0..<4).map { phase in
            var feed = Feed(Feed.configuration { $0.hasAudio = false })
            var settings = StreamChecker.Configuration()
            settings.sealStride = 4
            settings.sealPhase = UInt64(phase)
            feed.checker = StreamChecker(configuration: settings, startedAt: .zero)
            feed.begin(1)
            for index in 0..<40 {
                let message = feed.make()
                var bytes = Array(message.body.readableBytesView)
                if index == 17 { bytes[300] ^= 1 }
                feed.deliver(message, body: ByteBuffer(bytes: bytes))
            }
            return feed.finish().broken[.damage, default: 0]
        }
        #expect(found.reduce(0, +) == 1)
    }

    @Test("Timestamps that stand still or go back break a rule, and the wrap of 32 bits does not")
    func timestamps() {
        for start in [0, 0xFFFF_FF00, 0x7FFF_FF80] as [UInt32] {
            var feed = Feed()
            feed.begin(1)
            for index in 0..<50 {
                let message = feed.make()
                let back: UInt32 = index == 30 ? 100 : 0
                feed.deliver(message, timestamp: message.timestamp &+ start &- back)
            }
            let report = feed.finish()
            #expect(report.broken[.timestamps] == 1)
            #expect(report.broken[.skew] != nil)
            #expect(report.longestSkewMs >= 99)
        }
        var feed = Feed(Feed.configuration { $0.hasAudio = false })
        feed.begin(1)
        for _ in 0..<10 { feed.deliver(feed.make(), timestamp: 7) }
        #expect(feed.finish().broken == [.timestamps: 9])
    }

    @Test("Audio that was moved against video by 40 ms or more is told", arguments: [0, 39, 40, 41] as [UInt32])
    func skew(moved: UInt32) {
        var feed = Feed()
        feed.begin(1)
        for _ in 0..<100 {
            let message = feed.make()
            feed.deliver(message, timestamp: message.timestamp &+ 12_345 &+ (message.kind == .audio ? moved : 0))
        }
        let report = feed.finish()
        // Both tracks' times are cut to whole ms, which can add one.
        #expect((moved...moved + 1).contains(UInt32(report.longestSkewMs)))
        #expect((report.broken[.skew] != nil) == (moved >= 39 && report.longestSkewMs >= 40))
    }

    @Test("A picture shown more than a second after its decoding breaks a rule")
    func compositionTime() {
        var feed = Feed(Feed.configuration { $0.hasAudio = false })
        feed.begin(1)
        for shift in [0, 1000, 1001, 0xFF_FC17] as [UInt32] {
            let message = feed.make()
            var body = message.body
            body.setInteger(0x0100_0000 | shift, at: body.readerIndex + 1)
            feed.deliver(message, body: body)
        }
        #expect(feed.finish().broken == [.compositionTime: 2])
    }

    @Test("Frames need their own sequence header before them")
    func sequenceHeaders() {
        var feed = Feed()
        feed.begin(1, delivers: false)
        feed.run(20)
        #expect(feed.finish().broken == [.sequenceHeaders: 20])

        var larger = Feed(Feed.configuration { $0.macroblocks = (40, 22) })
        larger.begin(1)
        larger.run(20)
        // The same run with another picture size: the old header is there, and does not fit.
        var smaller = Feed()
        smaller.checker = larger.checker
        smaller.begin(2, delivers: false)
        for _ in 0..<20 { _ = smaller.make() }
        smaller.run(20, drops: { _, kind in kind == .audio })
        let report = smaller.finish()
        #expect((report.broken[.sequenceHeaders] ?? 0) > 5)
    }
}
