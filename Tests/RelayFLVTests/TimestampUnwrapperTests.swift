import RelayFLV
import Testing

@Suite struct TimestampUnwrapperTests {
    /// Starts around every place where something could wrap.
    static let starts: [UInt32] = [
        0, 1, 0xff_fff0, 0xff_ffff, 0x100_0000, 0x7fff_0000, 0x7fff_fff0, 0x7fff_ffff, 0x8000_0000, 0x8000_0001,
        0xc000_0000,
        0xffff_0000, 0xffff_fff0, 0xffff_ffff,
    ]

    @Test(arguments: starts)
    func `steps forwards are followed over every wrap`(start: UInt32) {
        for step: UInt32 in [1, 23, 40, 10_000, 1_000_000, 0x3fff_ffff] {
            var unwrapper = TimestampUnwrapper()
            var expected = Int64(start)
            #expect(unwrapper.unwrap(start) == expected)
            var timestamp = start
            for _ in 0..<20 {
                timestamp &+= step
                expected += Int64(step)
                #expect(unwrapper.unwrap(timestamp) == expected, "from \(start) by \(step)")
            }
            #expect(unwrapper.value == expected)
        }
    }

    @Test(arguments: starts)
    func `steps backwards are followed over every wrap`(start: UInt32) {
        for step: UInt32 in [1, 40, 5_000, 3_600_000] {
            var unwrapper = TimestampUnwrapper()
            _ = unwrapper.unwrap(start)
            var timestamp = start
            var expected = Int64(start)
            for _ in 0..<20 {
                timestamp &-= step
                expected -= Int64(step)
                #expect(unwrapper.unwrap(timestamp) == expected, "from \(start) by \(step)")
            }
        }
    }

    @Test func `a wrap at 2^31 is followed again and again`() {
        var unwrapper = TimestampUnwrapper()
        var expected: Int64 = 0x7fff_f000
        var timestamp: UInt32 = 0x7fff_f000
        #expect(unwrapper.unwrap(timestamp) == expected)
        for _ in 0..<3 {
            for _ in 0..<200 {
                timestamp = (timestamp &+ 40) & 0x7fff_ffff
                expected += 40
                #expect(unwrapper.unwrap(timestamp) == expected)
            }
            // To just before the next wrap, in steps that are understood.
            while timestamp < 0x7fff_0000 {
                let step = min(0x3fff_ffff, 0x7fff_f000 - timestamp)
                timestamp += step
                expected += Int64(step)
                #expect(unwrapper.unwrap(timestamp) == expected)
            }
        }
    }

    @Test func `a clock that starts again at 0 goes back`() {
        var unwrapper = TimestampUnwrapper()
        #expect(unwrapper.unwrap(3_600_000) == 3_600_000)
        #expect(unwrapper.unwrap(0) == 0)
        #expect(unwrapper.unwrap(40) == 40)
    }
}
