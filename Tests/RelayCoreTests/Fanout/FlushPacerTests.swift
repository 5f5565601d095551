import RelayCore
import Testing

@Suite struct FlushPacerTests {
    private func adaptive(target: Double = 0.6, ceiling: Duration = .milliseconds(350)) -> FlushPacer {
        FlushPacer(mode: .adaptive, target: target, ceiling: ceiling)
    }

    @Test func `a light loop flushes at once`() {
        var pacer = adaptive()
        for busy in [0, 0.1, 0.45, 0.59] {
            pacer.observe(busy: busy)
            #expect(pacer.interval == .zero)
        }
    }

    @Test func `the first excess opens the smallest interval`() {
        for busy in [0.61, 0.8, 1, 5] {
            var pacer = adaptive()
            pacer.observe(busy: busy)
            #expect(pacer.interval == FlushPacer.smallestInterval)
        }
    }

    @Test func `more load never gives a smaller interval`() {
        let loads = stride(from: 0.0, through: 1.0, by: 0.01)
        for history in 0..<12 {
            var before: Duration?
            for load in loads {
                var pacer = adaptive()
                for _ in 0..<history { pacer.observe(busy: 0.9) }
                pacer.observe(busy: load)
                if let before { #expect(pacer.interval >= before) }
                before = pacer.interval
            }
        }
    }

    @Test func `it widens up to the ceiling and no further`() {
        var pacer = adaptive()
        var before = pacer.interval
        for _ in 0..<50 {
            pacer.observe(busy: 1)
            #expect(pacer.interval >= before)
            #expect(pacer.interval <= .milliseconds(350))
            before = pacer.interval
        }
        #expect(pacer.interval == .milliseconds(350))
    }

    @Test func `a loop just over its target still gets out of it within seconds`() {
        var pacer = adaptive()
        // Five observations a second, for ten seconds.
        for _ in 0..<50 { pacer.observe(busy: 0.601) }
        #expect(pacer.interval == .milliseconds(350))
    }

    @Test func `it comes back to zero when the load is gone`() {
        var pacer = adaptive()
        for _ in 0..<50 { pacer.observe(busy: 1) }
        var observations = 0
        var before = pacer.interval
        while pacer.interval > .zero, observations < 1_000 {
            pacer.observe(busy: 0)
            observations += 1
            #expect(pacer.interval < before)
            before = pacer.interval
        }
        // From 350 to 6 ms at a factor of 0.85: about 26 observations, five seconds.
        #expect(20...30 ~= observations)
        pacer.observe(busy: 0)
        #expect(pacer.interval == .zero)
    }

    @Test func `between comfort and target it stays where it is`() {
        var pacer = adaptive()
        for _ in 0..<4 { pacer.observe(busy: 0.9) }
        let interval = pacer.interval
        #expect(interval > .zero)
        for busy in [0.45, 0.5, 0.55, 0.6] {
            for _ in 0..<20 { pacer.observe(busy: busy) }
            #expect(pacer.interval == interval)
        }
    }

    @Test func `a loop whose load falls with the interval settles and does not swing`() {
        // What a flush costs is shared by the frames in it: the load is a floor and a part that falls with the interval.
        var pacer = adaptive()
        var intervals: [Duration] = []
        for _ in 0..<200 {
            let milliseconds = max(1, Double(pacer.interval.wholeMilliseconds))
            let busy = min(1, 0.2 + 20 / milliseconds)
            pacer.observe(busy: busy)
            intervals.append(pacer.interval)
        }
        #expect(Set(intervals.suffix(100)).count == 1)
    }

    @Test func `figures that are none change nothing`() {
        var pacer = adaptive()
        pacer.observe(busy: 0.9)
        let interval = pacer.interval
        for busy in [Double.nan, .infinity, -.infinity] { pacer.observe(busy: busy) }
        #expect(pacer.interval == interval)
    }

    @Test(arguments: [0, 3, 6, 350])
    func `no budget is exceeded, however small`(milliseconds: Int) {
        var pacer = adaptive(ceiling: .milliseconds(milliseconds))
        for _ in 0..<50 {
            pacer.observe(busy: 1)
            #expect(pacer.interval <= .milliseconds(milliseconds))
        }
    }

    @Test func `a target of zero still behaves`() {
        var pacer = adaptive(target: 0)
        for _ in 0..<50 { pacer.observe(busy: 0.5) }
        #expect(pacer.interval == .milliseconds(350))
        pacer.observe(busy: 0)
        #expect(pacer.interval == .milliseconds(350))
    }

    @Test(arguments: [0, 1, 350, 1_000])
    func `a fixed interval does not move`(milliseconds: Int) {
        var pacer = FlushPacer(mode: .fixed(.milliseconds(milliseconds)), target: 0.6, ceiling: .milliseconds(350))
        for busy in [0, 1, 0.6, 0, 1] {
            pacer.observe(busy: busy)
            #expect(pacer.interval == .milliseconds(milliseconds))
        }
    }
}
