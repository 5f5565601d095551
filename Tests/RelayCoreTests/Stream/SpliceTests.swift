import NIOCore
import RelayCore
import Testing

@Suite("A splice joins incarnations and parents")
struct SpliceTests {
    static let first = Incarnation(epoch: 5, id: 1)
    static let second = Incarnation(epoch: 6, id: 2)

    static func video(_ id: UInt64, _ dts: Int64, _ flags: FrameFlags = [], track: UInt8 = 0) -> Frame {
        Frame(id: id, kind: .video, trackID: track, dts: dts, flags: flags, body: ByteBuffer(bytes: [1]))
    }

    static func audio(_ id: UInt64, _ dts: Int64) -> Frame {
        Frame(id: id, kind: .audio, dts: dts, body: ByteBuffer(bytes: [1]))
    }

    /// A splice that takes frames of the first incarnation.
    static func begun() -> Splice {
        var splice = Splice()
        _ = splice.begin(first)
        return splice
    }

    private func at(_ milliseconds: Int) -> MonotonicTime { .zero + .milliseconds(milliseconds) }

    /// Feeds frames of one incarnation and gives the ids that passed.
    private func passed(_ splice: inout Splice, _ frames: [Frame], of incarnation: Incarnation = first, at now: Int = 0)
        -> [UInt64]
    {
        frames.compactMap { frame in
            if case .pass = splice.judge(frame, of: incarnation, now: at(now)) { frame.id } else { nil }
        }
    }

    @Test("passes a stream from its keyframe on, audio and headers at once")
    func start() {
        var splice = Self.begun()
        var header = Self.video(1, 0)
        header.flags = .config
        let ids = passed(
            &splice, [Self.audio(0, 0), header, Self.video(2, 10), Self.video(3, 50, .key), Self.video(4, 90)])
        #expect(ids == [0, 1, 3, 4])
        #expect(splice.counters.undecodable == 1)
        #expect(splice.counters.lost == 0)
        #expect(splice.clock == 90)
    }

    @Test("passes no frame twice when another parent gives what was had")
    func duplicates() {
        var splice = Self.begun()
        _ = passed(&splice, [Self.video(0, 0, .key), Self.video(1, 40), Self.video(2, 80)])
        let again = [Self.video(0, 0, .key), Self.video(1, 40), Self.video(2, 80), Self.video(3, 120)]
        #expect(passed(&splice, again) == [3])
        #expect(splice.counters.duplicates == 3)
        #expect(splice.counters.lost == 0)
    }

    @Test("counts exactly what is lost, and waits for a keyframe after it; audio goes on")
    func gap() {
        var splice = Self.begun()
        _ = passed(&splice, [Self.video(0, 0, .key), Self.video(1, 40)])
        let ids = passed(
            &splice,
            [Self.video(5, 200), Self.audio(6, 210), Self.video(7, 240), Self.video(8, 280, .key), Self.video(9, 320)])
        #expect(ids == [6, 8, 9])
        #expect(splice.counters.lost == 3)
        #expect(splice.counters.undecodable == 2)
    }

    @Test("waits for a keyframe on each track of its own")
    func tracks() {
        var splice = Self.begun()
        _ = passed(&splice, [Self.video(0, 0, .key), Self.video(1, 0, .key, track: 1)])
        let ids = passed(
            &splice,
            [
                Self.video(3, 80, .key), Self.video(4, 80, track: 1), Self.video(5, 120),
                Self.video(6, 120, .key, track: 1),
                Self.video(7, 160, track: 1),
            ])
        #expect(ids == [3, 5, 6, 7])
    }

    @Test("waits for no keyframe when the parent says that only disposable frames were left out")
    func skips() {
        var splice = Self.begun()
        _ = passed(&splice, [Self.video(0, 0, .key)])
        splice.skip(from: 1, count: 2, of: Self.first)
        #expect(passed(&splice, [Self.video(3, 120)]) == [3])
        #expect(splice.counters.lost == 2)
        // Told again, and of another incarnation.
        splice.skip(from: 1, count: 2, of: Self.first)
        splice.skip(from: 4, count: 2, of: Self.second)
        #expect(splice.counters.lost == 2)
        // Partly had already.
        splice.skip(from: 2, count: 4, of: Self.first)
        #expect(splice.counters.lost == 4)
        #expect(passed(&splice, [Self.video(6, 200)]) == [6])
        // Behind frames that never came: these are a gap.
        splice.skip(from: 9, count: 1, of: Self.first)
        #expect(splice.counters.lost == 7)
        #expect(passed(&splice, [Self.video(10, 400), Self.video(11, 440, .key)]) == [11])
        splice.skip(from: .max, count: 2, of: Self.first)
        splice.skip(from: 12, count: 0, of: Self.first)
        #expect(splice.counters.lost == 7)
    }

    @Test("takes no frame of an incarnation that was not begun, nor goes back to an older epoch")
    func epochs() {
        var splice = Self.begun()
        _ = passed(&splice, [Self.video(0, 0, .key)])
        #expect(passed(&splice, [Self.video(0, 0, .key)], of: Self.second) == [])
        let isTaken = splice.begin(Self.second)
        #expect(isTaken)
        #expect(passed(&splice, [Self.video(1, 40)], of: Self.first) == [])
        let isTakenBack = splice.begin(Self.first)
        #expect(!isTakenBack)
        #expect(splice.incarnation == Self.second)
        #expect(splice.counters.stale == 2)
        #expect(splice.counters.switches == 1)
    }

    @Test("begins a new incarnation at its keyframe, and lets its ids start over")
    func newIncarnation() {
        var splice = Self.begun()
        _ = passed(&splice, [Self.video(0, 0, .key), Self.video(1, 40)])
        _ = splice.begin(Self.second)
        let ids = passed(
            &splice, [Self.video(40, 5_000), Self.video(41, 5_040, .key), Self.video(42, 5_080)], of: Self.second)
        #expect(ids == [41, 42])
        #expect(splice.counters.lost == 0)
    }

    @Test(
        "lets times go on after a change of incarnation, whatever the new one counts from",
        arguments: [0, 39, 40, 41, 700, 1_039, 1_040, 1_500, 2_500, 90_000, -5_000] as [Int64])
    func times(start: Int64) throws {
        var splice = Self.begun()
        _ = passed(&splice, [Self.video(0, 0, .key), Self.audio(1, 20), Self.video(2, 40)], at: 40)
        _ = splice.begin(Self.second)
        var out: [MediaKind: [Int64]] = [.video: [40], .audio: [20]]
        let frames = [
            Self.video(0, start, .key), Self.audio(1, start - 15), Self.video(2, start + 40), Self.audio(3, start + 8),
        ]
        for frame in frames {
            guard case .pass(let offset) = splice.judge(frame, of: Self.second, now: at(1_040)) else {
                Issue.record("frame \(frame.id) did not pass")
                continue
            }
            out[frame.kind]?.append(frame.dts + offset)
        }
        for (_, times) in out { for (one, next) in zip(times, times.dropFirst()) { #expect(one < next) } }
        // The time that passed is the time that is seen, or what the wall clock made of it when that is near.
        let first = try #require(out[.video]?.dropFirst().first)
        #expect(first >= 1_040 && first <= 2_040)
        if (1_040...2_040).contains(start) { #expect(first == start) }
        // Audio and video stay together.
        #expect(splice.clock == out[.video]?.last)
        #expect((out[.video]?.last ?? 0) - (out[.audio]?.last ?? 0) == 32)
    }

    @Test("goes on behind what was stamped here before the stream moved")
    func continuing() {
        var splice = Splice(continuing: Self.first, clock: 10_000, lastArrival: at(0))
        _ = splice.begin(Self.second)
        guard case .pass(let offset) = splice.judge(Self.video(0, 50, .key), of: Self.second, now: at(500)) else {
            Issue.record("the keyframe did not pass")
            return
        }
        #expect(50 + offset == 10_500)
    }

    @Test("agrees with a count of its own over random losses, repeats and changes of parent", arguments: 1...20)
    func model(seed: Int) {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15
        func below(_ bound: UInt64) -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state % bound
        }
        var splice = Splice()
        var epoch: UInt64 = 1
        var lost: UInt64 = 0
        var lastOut: Int64 = .min
        for _ in 0..<8 {
            let incarnation = Incarnation(epoch: epoch, id: epoch)
            _ = splice.begin(incarnation)
            var arrived: Set<UInt64> = []
            var position: UInt64 = below(30)
            var delivered: UInt64?
            for _ in 0..<400 {
                if below(50) == 0 { position = position > 12 ? position - below(12) : 0 }
                if below(40) == 0 { position += below(9) }
                let isKey = position % 10 == 0
                let frame = Self.video(position, Int64(position) * 40 + Int64(epoch * 100_000), isKey ? .key : [])
                if case .pass(let offset) = splice.judge(frame, of: incarnation, now: at(Int(position))) {
                    #expect(frame.dts + offset > lastOut)
                    lastOut = frame.dts + offset
                    // Decodable: a keyframe, or the very next after one that was passed.
                    #expect(isKey || delivered == position - 1)
                    delivered = position
                }
                if arrived.isEmpty || position > (arrived.max() ?? 0) { arrived.insert(position) }
                position += 1
            }
            if let first = arrived.min(), let last = arrived.max() { lost += last - first + 1 - UInt64(arrived.count) }
            epoch += 1
        }
        #expect(splice.counters.lost == lost)
    }
}
