import NIOCore
import RelayCore
import RelayVerify
import Testing

@Suite("Verify: switches, pauses and connections")
struct SwitchTests {
    @Test("A publisher that connects again is one switch, with its pause and without a loss")
    func again() throws {
        var feed = Feed()
        feed.begin(1)
        feed.run(200)
        let before = feed.now
        feed.wait(.milliseconds(1500))
        feed.begin(2)
        feed.run(200)
        let report = feed.finish()
        #expect(report.isClean(), "\(report.violations)")
        let found = try #require(report.switches.first)
        #expect(report.switches.count == 1)
        #expect((found.from, found.to, found.isOtherSource, found.videoLost, found.audioLost) == (1, 2, false, 0, 0))
        #expect(abs((found.gapMs ?? 0) - 1500) < 40)
        let gap = try #require(report.gaps.first)
        #expect(report.gaps.count == 1)
        #expect((gap.sessionBefore, gap.sessionAfter, gap.framesLost) == (1, 2, 0))
        #expect(abs(gap.ms - 1500) < 40 && gap.ms == report.longestGapMs)
        #expect(abs(gap.atWallMs - (Feed.wallMsAtZero + before.nanoseconds / 1_000_000)) < 40)
        #expect(!report.isClean(allowing: .init(gapMs: 1000)))
        #expect(report.violations(allowing: .init(gapMs: 1000)).map(\.rule) == [.liveness])
    }

    @Test("What is lost at a switch is counted there, what is lost after it elsewhere")
    func lossAtSwitch() throws {
        var feed = Feed()
        feed.begin(1)
        feed.runToKeyframe()
        feed.run(80)
        // Made, and lost with the node that had them.
        let lost = (0..<40).map { _ in feed.make() }
        feed.wait(.milliseconds(300))
        feed.begin(2)
        feed.run(300, drops: { mark, kind in kind == .audio && mark.number == 200 })
        let report = feed.finish()
        let video = UInt64(lost.filter { $0.kind == .video }.count)
        #expect(
            report.video.lost == video && report.video.lostAtSwitches == video && report.video.lostAfterSwitches == 0)
        let audio = 40 - video
        #expect(
            report.audio.lost == audio + 1 && report.audio.lostAtSwitches == audio
                && report.audio.lostAfterSwitches == 1)
        #expect(report.switches.first?.videoLost == video && report.switches.first?.audioLost == audio)
        #expect(report.gaps.map(\.framesLost) == [40], "both tracks, and not what was lost later")
        #expect(report.violations().map(\.rule) == [.lost])
        #expect(report.firstLossAtWallMs.map { $0 > report.gaps[0].atWallMs } == true)
    }

    @Test("From a primary to an aligned backup at a keyframe nothing is lost, double or out of reach")
    func aligned() {
        var primary = Feed(Feed.configuration { $0.isAligned = true })
        primary.begin(1)
        var backup = Feed(Feed.configuration { $0.isAligned = true })
        backup.wait(.milliseconds(700))
        backup.begin(100, delivers: false)
        primary.run(100)
        primary.runToKeyframe()
        let number = primary.make().mark?.number ?? 0
        var messages: [VerifiableSource.Message] = []
        while messages.last?.mark.map({ $0.isKeyframe && $0.number == number }) != true {
            messages.append(backup.make())
        }
        primary.deliver(messages[messages.count - 1])
        for _ in 0..<200 { primary.deliver(backup.make()) }
        let report = primary.finish()
        #expect(report.isClean(allowing: .init(gapMs: 150)), "\(report.violations(allowing: .init(gapMs: 150)))")
        #expect(report.switches.map(\.to) == [100])
    }

    @Test("A backup that starts with a frame that was seen shows it twice, and goes on from it")
    func seenKeyframe() {
        var primary = Feed(Feed.configuration { ($0.isAligned, $0.hasAudio) = (true, false) })
        primary.begin(1)
        primary.run(50)
        var backup = Feed(Feed.configuration { ($0.isAligned, $0.hasAudio) = (true, false) })
        backup.wait(primary.now - .zero - .milliseconds(60))
        for message in backup.source.beginSession(9, now: backup.now, wallMs: backup.wallMs) {
            primary.deliver(message)
        }
        for _ in 0..<50 { primary.deliver(backup.make()) }
        let report = primary.finish()
        #expect(report.broken[.duplicates] == 2 || report.broken[.duplicates] == 3)
        #expect(report.missingReferences == 0 && report.undecodable == 0 && report.lost == 0)
    }

    @Test("A backup that goes on in the middle of a GOP refers to pictures that were never shown")
    func middleOfGOP() {
        var primary = Feed(Feed.configuration { ($0.isAligned, $0.hasAudio) = (true, false) })
        primary.begin(1)
        var backup = Feed(Feed.configuration { ($0.isAligned, $0.hasAudio) = (true, false) })
        backup.begin(100, delivers: false)
        for _ in 0..<100 {
            primary.run(1)
            _ = backup.make()
        }
        for _ in 0..<40 { primary.deliver(backup.make()) }
        let report = primary.finish()
        #expect(report.broken == [.references: 1], "the numbers are the same, the pictures are not")
        #expect(report.lost == 0 && report.undecodable > 5)
    }

    @Test("Two publishers at once are frames again, and sessions that come back")
    func interleaved() {
        var primary = Feed(Feed.configuration { $0.isAligned = true })
        primary.begin(1)
        var backup = Feed(Feed.configuration { $0.isAligned = true })
        backup.begin(100, delivers: false)
        for _ in 0..<50 {
            primary.run(1)
            primary.deliver(backup.make())
        }
        let report = primary.finish()
        #expect(report.broken[.sessions] == 98, "100 frames that alternate, less the first of each")
        #expect(report.broken[.duplicates] == 50)
        #expect(report.switches.count == 99)
    }

    @Test("Another run of the source is a switch whose loss cannot be known")
    func otherRun() throws {
        var first = Feed()
        first.begin(1)
        first.run(100)
        var second = Feed(Feed.configuration { $0.run = 8 })
        second.checker = first.checker
        second.wait(.seconds(10))
        for message in second.source.beginSession(1, now: second.now, wallMs: second.wallMs) { second.deliver(message) }
        // A relay carries the timestamps on.
        for _ in 0..<100 {
            let message = second.make()
            second.deliver(message, timestamp: message.timestamp + 20_000)
        }
        let report = second.finish()
        #expect(report.isClean(), "\(report.violations)")
        #expect(report.switches.map(\.isOtherSource) == [true])
        #expect(report.video.frames == 78 && report.audio.frames == 122)
    }

    @Test("A viewer that connects again may see frames again, and only those it missed are lost")
    func viewerAgain() throws {
        var feed = Feed(Feed.configuration { $0.hasAudio = false })
        feed.begin(1)
        feed.run(70)
        // What an edge has ready for the next viewer: the GOP that began with 60.
        var cache: [VerifiableSource.Message] = []
        var again = Feed(Feed.configuration { $0.hasAudio = false })
        again.begin(1, delivers: false)
        for _ in 0..<75 {
            let message = again.make()
            if message.mark.map({ $0.number >= 60 }) == true { cache.append(message) }
        }
        feed.checker.disconnected(at: feed.now + .milliseconds(10), reason: "the connection was closed")
        feed.checker.connecting(at: feed.now + .milliseconds(11))
        for _ in 70..<75 { _ = feed.make() }
        for message in VerifiableSource(configuration: Feed.configuration()).headers { feed.deliver(message) }
        for message in cache { feed.deliver(message) }
        feed.run(20)
        let report = feed.finish()
        #expect(report.video.replayed == 10 && report.video.frames == 95 && report.lost == 0)
        #expect(report.violations == [], "\(report.violations)")
        #expect(report.violations().map(\.rule) == [.disconnects])
        #expect(report.isClean(allowing: .init(disconnects: 1)))
        #expect(report.disconnections.count == 1)
        #expect(report.disconnections.first?.backAfterMs.map { (150...180).contains($0) } == true)
        #expect((report.delay?.max ?? 0) < 10, "what was waiting for the viewer says nothing about the delay")
    }

    @Test("A frame that was missed and comes with the next connection is not lost")
    func recovered() {
        var feed = Feed(Feed.configuration { $0.hasAudio = false })
        feed.begin(1)
        feed.run(10)
        let missed = (0..<5).map { _ in feed.make() }
        feed.run(5)
        feed.checker.disconnected(at: feed.now, reason: "")
        feed.checker.connecting(at: feed.now)
        for message in missed { feed.deliver(message) }
        feed.run(5)
        let report = feed.finish()
        #expect(report.lost == 0 && report.video.frames == 25 && report.video.outOfOrder == 0)
    }

    @Test("A stream that ends counts as a pause up to the end, and one that never came is no life")
    func liveness() {
        var feed = Feed()
        feed.begin(1)
        feed.run(50)
        feed.wait(.seconds(5))
        let report = feed.finish()
        #expect((5000...5040).contains(report.longestGapMs) && report.longestSilenceMs >= 5000)
        #expect(report.gaps.map(\.sessionAfter) == [nil])
        var nothing = Feed()
        nothing.wait(.seconds(1))
        #expect(nothing.finish().violations().map(\.rule) == [.liveness])
    }

    @Test("A picture that stands still while sound goes on is a gap, and no silence")
    func frozen() {
        var feed = Feed()
        feed.begin(1)
        feed.run(100)
        feed.run(100, drops: { _, kind in kind == .video })
        let report = feed.finish()
        #expect(report.longestGapMs > 1200 && report.longestSilenceMs < 50)
    }

    @Test("Lists of gaps, switches and disconnections are bounded")
    func bounded() {
        var feed = Feed(Feed.configuration { $0.hasAudio = false })
        for session in 1...UInt32(StreamChecker.maximumListed + 50) {
            feed.begin(session)
            feed.run(1)
            feed.wait(.milliseconds(200))
            feed.checker.disconnected(at: feed.now, reason: "x")
            feed.checker.disconnected(at: feed.now, reason: "refused")
        }
        let report = feed.finish()
        #expect(report.gaps.count == 1000 && report.switches.count == 1000 && report.disconnections.count == 1000)
        #expect(report.gapsOmitted == 50 && report.switchesOmitted == 49 && report.disconnects == 1050)
        #expect(
            report.failedConnects == 1050 && report.lastFailure == "refused", "a connection that brings nothing is none"
        )
    }

    @Test(
        "Any loss, repetition and delay of frames is counted as a plain list of them would",
        arguments: 0..<40 as Range<UInt64>)
    func model(seed: UInt64) {
        var generator = Generator(state: seed &* 0x9E37_79B9 &+ 1)
        var feed = Feed(Feed.configuration { $0.hasAudio = false })
        feed.begin(1)
        var delivered: [UInt64] = []
        var held: [VerifiableSource.Message] = []
        func deliver(_ message: VerifiableSource.Message) {
            feed.deliver(message)
            if let mark = message.mark { delivered.append(mark.number) }
        }
        for _ in 0..<400 {
            let message = feed.make()
            switch UInt64.random(in: 0..<20, using: &generator) {
            case 0: break
            case 1:
                deliver(message)
                deliver(message)
            case 2: held.append(message)
            case 3 where !held.isEmpty:
                deliver(held.removeFirst())
                deliver(message)
            default: deliver(message)
            }
        }
        let report = feed.finish()
        let distinct = Set(delivered)
        let span = (delivered.max() ?? 0) - (delivered.first ?? 0) + 1
        // Frames before the very first one were not missing to anybody.
        let counted = distinct.filter { $0 >= delivered[0] }
        #expect(report.video.lost == span - UInt64(counted.count))
        #expect(report.video.frames == UInt64(counted.count))
        #expect(report.video.frames + report.video.duplicates == UInt64(delivered.count))
    }
}

extension VerifiableSource {
    /// What comes before media, for a viewer that joins.
    fileprivate var headers: [Message] {
        var copy = self
        return copy.beginSession(1, now: .zero, wallMs: 0)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed.
private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
