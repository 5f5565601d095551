import NIOCore
import RelayCore
import Testing

@Suite struct WireLogTests {
    @Test(arguments: 0..<40 as Range<UInt64>)
    func `it says the same as a log kept in plain arrays`(seed: UInt64) {
        var maker = BatchMaker(seed: seed)
        maker.hasVideo = seed % 5 != 0
        maker.keyChance = [3, 12, 100][Int(seed % 3)]
        let limits = WireLog.Limits(
            retention: .milliseconds([200, 3_000][Int(seed % 2)]), bytes: [600, 3_000, 1 << 20][Int(seed % 3)],
            frames: [20, 200, 4_096][Int(seed / 3 % 3)])
        var log = WireLog(limits: limits)
        var model = NaiveLog(limits: limits)
        var now = MonotonicTime.zero
        model.check(log)
        for _ in 0..<200 {
            now = now + .milliseconds(Int.random(in: 0...120, using: &maker.generator))
            switch Int.random(in: 0..<30, using: &maker.generator) {
            case 0:
                log.forgetKeyframe()
                model.forgetKeyframe()
            case 1:
                now = now + .seconds(2)
                log.trim(now: now)
                model.trim(now: now)
            default:
                let frames = maker.frames()
                let prefix = Int(seed % 2) * 4
                let buffer = BatchMaker.buffer(frames, prefix: prefix)
                log.append(buffer, prefix: prefix, frames: frames, now: now)
                model.append(frames, contents: Array(buffer.readableBytesView.dropFirst(prefix)), now: now)
            }
            model.check(log)
        }
    }

    private func append(
        _ flags: [FrameFlags], _ log: inout WireLog, at now: MonotonicTime = .zero, kind: MediaKind = .video,
        track: UInt8 = 0
    ) {
        let frames = flags.map { (frame: Frame.test(0, kind, track: track, flags: $0), length: 10) }
        log.append(BatchMaker.buffer(frames, prefix: 0), prefix: 0, frames: frames, now: now)
    }

    @Test func `the newest keyframe and all after it outlive the retention`() {
        var log = WireLog(limits: WireLog.Limits(retention: .seconds(3)))
        append([[]], &log)
        append([.key, []], &log, at: .milliseconds(100))
        for second in 1..<60 as Range<Int64> { append([[]], &log, at: .milliseconds(second * 1_000)) }
        #expect(log.start == 1)
        #expect(log.newestKey == 1)
        append([.key], &log, at: .milliseconds(60_000))
        // The old GOP is let go of as far as no slow subscriber may still be given it.
        #expect(log.start == 59)
        #expect(log.newestKey == 62)
    }

    @Test func `without video the retention bounds what is held`() {
        var log = WireLog(limits: WireLog.Limits(retention: .seconds(3)))
        for second in 0..<60 as Range<Int64> { append([[]], &log, at: .milliseconds(second * 1_000), kind: .audio) }
        #expect(log.heldFrames == 4)
        #expect(!log.hasVideo)
    }

    @Test func `a GOP past the bound is cut and nobody may join at its keyframe any more`() {
        var log = WireLog(limits: WireLog.Limits(retention: .seconds(3), bytes: 100, frames: 1_000))
        append([.key], &log)
        for _ in 0..<30 { append([[]], &log) }
        #expect(log.newestKey == nil)
        #expect(log.heldBytes <= 100)
    }

    @Test func `one batch is held whatever its size`() {
        var log = WireLog(limits: WireLog.Limits(retention: .zero, bytes: 1, frames: 1))
        append([.key, [], []], &log)
        log.trim(now: .milliseconds(1_000_000))
        #expect(log.heldFrames == 3)
        #expect(log.newestKey == 0)
    }

    @Test func `only keyframes of the default track can be joined at, and nobody waits for others`() {
        var log = WireLog()
        append([.key], &log, track: 1)
        #expect(log.newestKey == nil)
        #expect(!log.hasVideo)
        append([.key], &log)
        #expect(log.newestKey == 1)
    }

    @Test func `a log that is told of video says so before the first frame`() {
        #expect(WireLog(hasVideo: true).hasVideo)
        #expect(!WireLog().hasVideo)
    }

    @Test func `an empty range has no bytes`() {
        var log = WireLog()
        append([.key], &log)
        #expect(log.bytes(of: 0..<0) == nil)
        #expect(log.bytes(of: 5..<6) == nil)
    }
}
