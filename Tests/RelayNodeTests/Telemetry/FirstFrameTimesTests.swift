import RelayCore
import Testing

@testable import RelayNode

@Suite struct FirstFrameTimesTests {
    @Test func `there is no percentile without viewers`() {
        #expect(FirstFrameTimes.percentile(0.95, of: []) == nil)
        #expect(FirstFrameTimes.percentile(0.95, of: [FirstFrameTimes(), FirstFrameTimes()]) == nil)
    }

    @Test(arguments: [1, 3, 17, 100, 999, 12_345, 60_000])
    func `a percentile is right to a bucket and never too low`(milliseconds: Int64) throws {
        var times = FirstFrameTimes()
        for _ in 0..<100 { times.note(.milliseconds(milliseconds), now: .zero) }
        let found = try #require(FirstFrameTimes.percentile(0.95, of: [times]))
        #expect((Double(milliseconds) * 0.999...Double(milliseconds) * 1.19).contains(found), "\(found)")
    }

    @Test func `the slow ones count as soon as they are more than a twentieth, on whatever loop`() throws {
        var (fast, slow) = (FirstFrameTimes(), FirstFrameTimes())
        for _ in 0..<95 { fast.note(.milliseconds(10), now: .zero) }
        for _ in 0..<5 { slow.note(.seconds(2), now: .zero) }
        #expect(try #require(FirstFrameTimes.percentile(0.95, of: [fast, slow])) < 13)
        slow.note(.seconds(2), now: .zero)
        #expect(try #require(FirstFrameTimes.percentile(0.95, of: [fast, slow])) > 1_900)
    }

    @Test func `a time is forgotten after half a minute, and not before 25 s`() {
        for start in stride(from: Int64(0), through: 4_900, by: 700) {
            var times = FirstFrameTimes()
            times.turn(now: .zero)
            let begin = MonotonicTime.zero + .milliseconds(start)
            times.note(.milliseconds(10), now: begin)
            for second in 1...25 {
                times.turn(now: begin + .seconds(second))
                #expect(FirstFrameTimes.percentile(0.5, of: [times]) != nil, "\(second) s after \(start) ms")
            }
            times.turn(now: begin + .seconds(30))
            #expect(FirstFrameTimes.percentile(0.5, of: [times]) == nil, "30 s after \(start) ms")
        }
    }

    @Test func `after a long silence everything is forgotten at once, and what comes then counts`() {
        var times = FirstFrameTimes()
        times.note(.milliseconds(10), now: .zero)
        times.note(.seconds(1), now: .zero + .seconds(100_000))
        #expect(FirstFrameTimes.percentile(0.01, of: [times]).map { $0 > 900 } == true)
    }

    @Test func `times that no viewer has are counted at the ends`() {
        var times = FirstFrameTimes()
        for time in [Duration.seconds(-5), .zero, .seconds(1_000_000_000)] { times.note(time, now: .zero) }
        #expect(FirstFrameTimes.percentile(0.5, of: [times]) == 1)
        #expect(FirstFrameTimes.percentile(1, of: [times]) == 65_536)
    }
}
