import RelayCore
import Testing

@Suite struct TimelineTests {
    // MARK: Wraps

    /// How long before the wrap an encoder begins, ms.
    static let beforeWrap: [Int64] = [0, 1, 2, 16, 22, 23, 24, 32, 33, 34, 66, 500, 999, 1_000, 5_000, 9_999, 10_001]

    @Test(arguments: [24, 31, 32], beforeWrap)
    func `a clock that wraps goes on without a step`(bits: Int, before: Int64) {
        for (video, audio) in [(0, 0), (400, 0), (0, 400), (0, 2_000)] as [(Int64, Int64)] {
            let encoder = EncoderClock(
                videoLatency: video, audioLatency: audio, base: Int64(1) << bits - before, bits: bits)
            var timeline = CheckedTimeline()
            // The very first message may show a time after the wrap already; everything counts from there.
            var first: Int64?
            for message in encoder.messages(0..<20_000) {
                let out = timeline.place(message)
                let start = first ?? out - message.time
                first = start
                #expect(out == max(0, start + message.time))
            }
            #expect(timeline.timeline.rebases == 0)
        }
    }

    @Test(arguments: [24, 31, 32])
    func `many wraps in a row keep the distance to the true time`(bits: Int) {
        var timeline = CheckedTimeline()
        let encoder = EncoderClock(videoDistance: 9_000, audioDistance: 7_000, bits: bits)
        for message in encoder.messages(0..<(Int64(1) << min(bits, 27)) * 3) where bits < 31 || message.time < 1 << 26 {
            #expect(timeline.place(message) == message.time)
        }
        #expect(timeline.timeline.rebases == 0)
    }

    @Test func `a pause of ten minutes around a wrap is no jump`() {
        for bits in [24, 31, 32] {
            let encoder = EncoderClock(base: Int64(1) << bits - 300_000, bits: bits)
            var timeline = CheckedTimeline()
            let start = Int64(1) << bits - 300_000
            for message in encoder.messages(0..<1_000) + encoder.messages(601_000..<603_000) {
                #expect(timeline.place(message) == start + message.time)
            }
            #expect(timeline.timeline.rebases == 0)
        }
    }

    // MARK: Jumps

    struct Jump: CustomTestStringConvertible, Sendable {
        var name: String
        var shift: Int64
        var testDescription: String { name }

        static let all = [
            Jump(name: "an hour ahead", shift: 3_600_000), Jump(name: "an hour back", shift: -3_600_000),
            Jump(name: "five seconds back", shift: -5_000), Jump(name: "two seconds back", shift: -2_000),
            Jump(name: "restart at 0", shift: -7_230_000), Jump(name: "a minute ahead", shift: 60_000),
            Jump(name: "far into the other half of the range", shift: 2_500_000_000),
            Jump(name: "minus 25 days", shift: -2_147_490_000),
        ]
    }

    /// Which track is ahead in the interleave, and so sees the jump first; ms of latency of video and audio.
    static let interleaves: [[Int64]] = [[0, 0], [10, 0], [0, 10], [300, 0], [0, 300], [1_500, 0], [0, 1_500]]

    @Test(arguments: Jump.all, interleaves)
    func `a jump is carried over and audio and video stay together`(jump: Jump, latency: [Int64]) {
        let encoder = EncoderClock(videoLatency: latency[0], audioLatency: latency[1], base: 7_200_000)
        let jumpAt: Int64 = 30_000
        var timeline = CheckedTimeline()
        var jumped: [MediaKind: Int64] = [:]
        for message in encoder.messages(0..<60_000, shift: { $0 >= jumpAt ? jump.shift : 0 }) {
            let offset = timeline.place(message) - 7_200_000 - message.time
            // In step with the true time throughout, so in step with each other.
            #expect(abs(offset) <= 40, "\(message.kind) at \(message.time)")
            if message.time >= jumpAt { jumped[message.kind] = jumped[message.kind] ?? offset }
        }
        #expect(jumped.count == 2)
        #expect(timeline.timeline.rebases == 1)
    }

    @Test func `a jump every few seconds leaves audio and video together`() {
        for seed in 1...20 as ClosedRange<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let shifts = (0..<20).map { _ in Int64.random(in: 0..<1 << 32, using: &generator) }
            let encoder = EncoderClock(
                videoLatency: .random(in: 0...500, using: &generator),
                audioLatency: .random(in: 0...500, using: &generator))
            var timeline = CheckedTimeline()
            var newest: [MediaKind: Int64] = [:]
            var first: Int64?
            for message in encoder.messages(0..<200_000, shift: { shifts[Int($0 / 10_000)] }) {
                let out = timeline.place(message)
                let start = first ?? out - message.time
                first = start
                newest[message.kind] = out - start - message.time
                if let video = newest[.video], let audio = newest[.audio], message.time % 10_000 > 2_000 {
                    #expect(abs(video - audio) <= 40)
                }
            }
            // Each jump costs or gains at most one distance of frames.
            #expect(abs(newest[.video] ?? .max) <= 20 * 40)
        }
    }

    @Test func `a gap of five seconds in the timestamps is passed on as it is`() {
        let encoder = EncoderClock()
        var timeline = CheckedTimeline()
        for message in encoder.messages(0..<5_000) { #expect(timeline.place(message) == message.time) }
        for var message in encoder.messages(10_000..<15_000) {
            message.arrival -= 5_000
            #expect(timeline.place(message) == message.time)
        }
        #expect(timeline.timeline.rebases == 0)
    }

    @Test func `a new session goes on where the last one was, plus the time between`() {
        for base in [0, 5_000, 3_600_000, 1 << 31, 1 << 32 - 1] as [Int64] {
            var timeline = CheckedTimeline()
            for message in EncoderClock().messages(0..<3_000) { _ = timeline.place(message) }
            let clock = timeline.timeline.clock
            timeline.beginSession()
            var firstOut: Int64?
            for var message in EncoderClock(base: base).messages(0..<3_000) {
                message.arrival += 8_000
                let out = timeline.place(message)
                firstOut = firstOut ?? out
                // Both tracks of the new session share one offset.
                #expect(abs(out - (firstOut ?? 0) - message.time) <= 1)
            }
            #expect(abs((firstOut ?? 0) - clock - 5_000) <= 40)
            #expect(timeline.timeline.rebases == 0)
        }
    }

    // MARK: Clocks that are none

    @Test func `a clock that is always 0 runs with the time of arrival`() {
        var timeline = CheckedTimeline()
        for var message in EncoderClock().messages(0..<600_000) {
            message.raw = 0
            #expect(abs(timeline.place(message) - message.arrival) <= 40)
        }
        #expect(timeline.timeline.rebases == 0)
    }

    @Test func `a clock that is random per frame runs with the time of arrival`() {
        var generator = SeededGenerator(seed: 7)
        var timeline = CheckedTimeline()
        var first: Int64?
        for var message in EncoderClock().messages(0..<60_000) {
            message.raw = .random(in: 0...(.max), using: &generator)
            let out = timeline.place(message)
            let start = first ?? out
            first = start
            #expect(abs(out - start - message.arrival) <= 1_000)
        }
        #expect(timeline.timeline.rebases > 1_000)
    }

    @Test func `steps back within the jitter of an encoder do not count as jumps`() {
        var generator = SeededGenerator(seed: 3)
        var timeline = CheckedTimeline()
        for var message in EncoderClock(base: 100_000).messages(0..<60_000) {
            let jitter = Int64.random(in: -100...100, using: &generator)
            message.raw = UInt32(truncatingIfNeeded: 100_000 + message.time + jitter)
            #expect(abs(timeline.place(message) - 100_000 - message.time) <= 250)
        }
        #expect(timeline.timeline.rebases == 0)
    }

    @Test func `a track that begins before the first timestamp is put at 0`() {
        var timeline = CheckedTimeline()
        #expect(timeline.place(TimedMessage(kind: .audio, time: 0, raw: 0, arrival: 0)) == 0)
        #expect(timeline.place(TimedMessage(kind: .video, time: -20, raw: UInt32.max - 19, arrival: 0)) == 0)
        #expect(timeline.place(TimedMessage(kind: .video, time: 13, raw: 13, arrival: 13)) == 13)
        #expect(timeline.timeline.rebases == 0)
    }

    // MARK: Silence

    @Test(arguments: [MediaKind.audio, .video])
    func `a track that comes back after ten minutes is where it would have been`(silent: MediaKind) {
        var timeline = CheckedTimeline()
        for message in EncoderClock().messages(0..<620_000) {
            if message.kind == silent, (5_000..<605_000).contains(message.time) { continue }
            #expect(timeline.place(message) == message.time)
        }
        #expect(timeline.timeline.rebases == 0)
    }

    @Test func `an encoder that sleeps ten minutes and whose clock slept too goes on from where it was`() {
        var timeline = CheckedTimeline()
        for message in EncoderClock().messages(0..<5_000) { _ = timeline.place(message) }
        for var message in EncoderClock().messages(5_000..<10_000) {
            message.arrival += 600_000
            #expect(abs(timeline.place(message) - message.time) <= 40)
        }
        #expect(timeline.timeline.rebases == 0)
    }

    @Test func `an encoder that sleeps ten minutes and whose clock went on leaves the gap in`() {
        var timeline = CheckedTimeline()
        for message in EncoderClock().messages(0..<5_000) + EncoderClock().messages(605_000..<610_000) {
            #expect(timeline.place(message) == message.time)
        }
    }

    // MARK: Anything

    @Test func `whatever comes, each track only goes forward`() {
        for seed in 0..<200 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var timeline = CheckedTimeline()
            var arrival: Int64 = 0
            var clocks: [UInt32] = (0..<4).map { _ in .random(in: 0...(.max), using: &generator) }
            for _ in 0..<500 {
                let index = Int.random(in: 0..<4, using: &generator)
                arrival += Int64.random(in: 0...40, using: &generator)
                switch Int.random(in: 0..<40, using: &generator) {
                case 0: clocks[index] = .random(in: 0...(.max), using: &generator)
                case 1: clocks[index] = 0
                case 2: clocks[index] &-= .random(in: 0...12_000, using: &generator)
                case 3: clocks[index] &+= .random(in: 0...12_000, using: &generator)
                case 4: clocks[index] &= 1 << 24 - 1
                case 5: clocks[index] |= 0x7fff_f000
                case 6: clocks = clocks.map { _ in clocks[index] }
                case 7: arrival += .random(in: 0...20_000_000, using: &generator)
                case 8: timeline.beginSession()
                default: clocks[index] &+= .random(in: 0...60, using: &generator)
                }
                let kind: MediaKind = index < 2 ? .video : .audio
                _ = timeline.place(
                    TimedMessage(
                        kind: kind, track: UInt8(index % 2), time: 0, raw: clocks[index], arrival: arrival))
            }
        }
    }
}
