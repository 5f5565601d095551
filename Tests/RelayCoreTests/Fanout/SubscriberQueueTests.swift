import NIOCore
import RelayCore
import Testing

@Suite struct SubscriberQueueTests {
    private let limits = SubscriberQueue.Limits(
        dropAfter: .seconds(1), skipAfter: .seconds(3), maxBacklog: 1_000, disconnectAfter: .seconds(20))

    @discardableResult
    private func append(
        _ frames: [(MediaKind, FrameFlags)], _ log: inout WireLog, at milliseconds: Int64 = 0, track: UInt8 = 0
    ) -> WireLog.Batch {
        let frames = frames.map { (frame: Frame.test(0, $0.0, track: track, flags: $0.1), length: 10) }
        return log.append(
            BatchMaker.buffer(frames, prefix: 0), prefix: 0, frames: frames, now: .milliseconds(milliseconds))
    }

    /// All steps up to idle.
    private func steps(_ queue: inout SubscriberQueue, _ log: borrowing WireLog, at milliseconds: Int64)
        -> [SubscriberQueue.Step]
    {
        var steps: [SubscriberQueue.Step] = []
        while steps.count < 100 {
            let step = queue.next(log: log, limits: limits, now: .milliseconds(milliseconds))
            if step == .idle { return steps }
            steps.append(step)
        }
        Issue.record("the queue never idles")
        return steps
    }

    // MARK: Joining

    @Test func `a subscriber that joins gets the headers and the newest GOP`() {
        var log = WireLog()
        append([(.video, .key), (.video, [])], &log)
        append([(.video, .config), (.video, .key), (.audio, [])], &log)
        append([(.video, [])], &log)
        var queue = SubscriberQueue(joining: log, now: .zero)
        #expect(steps(&queue, log, at: 0) == [.headers, .frames(3..<5), .frames(5..<6)])
        #expect(queue.ledger(log: log) == LossLedger(offered: 3, sent: 3))
    }

    @Test func `without a keyframe it hears audio and sees video from the next one on`() {
        var log = WireLog(hasVideo: true)
        var queue = SubscriberQueue(joining: log, now: .zero)
        #expect(steps(&queue, log, at: 0) == [.headers])
        append([(.video, []), (.audio, []), (.video, []), (.audio, []), (.video, .config)], &log)
        #expect(steps(&queue, log, at: 0) == [.frames(1..<2), .frames(3..<5)])
        append([(.video, []), (.video, .key), (.video, [])], &log)
        #expect(steps(&queue, log, at: 0) == [.frames(6..<8)])
        #expect(queue.ledger(log: log) == LossLedger(offered: 8, sent: 5, skipped: 3))
    }

    @Test func `the keyframe of another track does not end the wait for the default track's`() {
        var log = WireLog(hasVideo: true)
        var queue = SubscriberQueue(joining: log, now: .zero)
        #expect(steps(&queue, log, at: 0) == [.headers])
        append([(.video, .key)], &log, track: 1)
        append([(.video, [])], &log)
        append([(.video, .key), (.video, [])], &log)
        let given = steps(&queue, log, at: 0)
        #expect(!given.contains(.frames(1..<2)), "an inter frame of the default track without its keyframe")
        #expect(given.last == .frames(2..<4))
    }

    @Test func `the fast path waits until the subscriber has its headers`() {
        var log = WireLog()
        var queue = SubscriberQueue(joining: log, now: .zero)
        let batch = append([(.audio, [])], &log)
        let answer1 = queue.take(batch, length: 10)
        #expect(!answer1)
        #expect(steps(&queue, log, at: 0) == [.headers, .frames(0..<1)])
        let answer2 = queue.take(batch, length: 10)
        #expect(!answer2)
        let next = append([(.audio, [])], &log)
        let answer3 = queue.take(next, length: 14)
        #expect(answer3)
        #expect(queue.sentBytes == 24)
        #expect(queue.isCaughtUp(with: log))
    }

    // MARK: Lagging

    /// A subscriber that has the first batch and has not been asked since.
    private func lagging(_ batches: [[(MediaKind, FrameFlags)]], every milliseconds: Int64) -> (
        WireLog, SubscriberQueue
    ) {
        var log = WireLog(limits: WireLog.Limits(retention: .seconds(60)))
        append([(.video, .key)], &log)
        var queue = SubscriberQueue(joining: log, now: .zero)
        _ = steps(&queue, log, at: 0)
        for (index, batch) in batches.enumerated() { append(batch, &log, at: Int64(index) * milliseconds) }
        return (log, queue)
    }

    @Test func `past the first bound disposable frames are left out, and only they`() {
        let batch: [(MediaKind, FrameFlags)] = [
            (.video, .disposable), (.video, []), (.video, .disposable), (.audio, []),
        ]
        var (log, queue) = lagging([batch, batch], every: 1_300)
        // The oldest frame waited for exactly the bound: everything goes.
        var exact = queue
        #expect(steps(&exact, log, at: 1_000) == [.frames(1..<5), .frames(5..<9)])
        // One more millisecond, and disposable ones stay behind until half the bound is reached again.
        #expect(steps(&queue, log, at: 1_001) == [.frames(2..<3), .frames(4..<5), .frames(5..<9)])
        #expect(queue.dropped == 2)
        append([(.video, [])], &log, at: 1_400)
        #expect(queue.ledger(log: log) == LossLedger(offered: 10, sent: 7, dropped: 2, unsent: 1))
    }

    @Test func `past the second bound it goes on at the newest keyframe with headers before`() {
        let (log, queue) = lagging(
            [[(.video, []), (.audio, [])], [(.video, .config), (.video, .key), (.video, [])]], every: 100)
        var late = queue
        #expect(steps(&late, log, at: 3_001) == [.headers, .frames(4..<6)])
        #expect(late.ledger(log: log) == LossLedger(offered: 6, sent: 3, skipped: 3))
        var intime = queue
        #expect(steps(&intime, log, at: 900) == [.frames(1..<3), .frames(3..<6)])
    }

    @Test func `a backlog in bytes has the same effect, whatever the time`() {
        let batch = [(MediaKind, FrameFlags)](repeating: (.video, []), count: 50)
        var (log, queue) = lagging([batch, batch, [(.video, .key)]], every: 1)
        #expect(log.backlog(from: queue.cursor) == 1_010)
        #expect(steps(&queue, log, at: 3) == [.headers, .frames(101..<102)])
        append([(.video, [])], &log, at: 3)
        #expect(queue.skipped == 100)
    }

    @Test func `without a newer keyframe video waits and audio goes on`() {
        var (log, queue) = lagging(
            [[(.video, []), (.audio, []), (.video, [])], [(.video, []), (.audio, [])]], every: 100)
        #expect(steps(&queue, log, at: 3_001) == [.frames(2..<3), .frames(5..<6)])
        append([(.video, []), (.audio, [])], &log, at: 3_100)
        #expect(steps(&queue, log, at: 3_100) == [.frames(7..<8)])
        append([(.video, .key), (.video, [])], &log, at: 3_200)
        #expect(steps(&queue, log, at: 3_200) == [.frames(8..<10)])
        #expect(queue.ledger(log: log) == LossLedger(offered: 10, sent: 6, skipped: 4))
    }

    @Test func `when not even audio gets through it goes on at the present`() {
        var (log, queue) = lagging([[(.video, []), (.audio, [])], [(.audio, [])]], every: 100)
        #expect(steps(&queue, log, at: 6_001) == [.headers])
        #expect(queue.skipped == 3)
        append([(.audio, []), (.video, [])], &log, at: 6_100)
        #expect(steps(&queue, log, at: 6_100) == [.frames(4..<5)])
        #expect(queue.ledger(log: log).balances)
    }

    @Test func `frames that the log no longer holds are counted as evicted`() {
        var log = WireLog(limits: WireLog.Limits(retention: .seconds(1)))
        append([(.audio, [])], &log)
        var queue = SubscriberQueue(joining: log, now: .zero)
        for index in 1...10 as ClosedRange<Int64> { append([(.audio, [])], &log, at: index * 1_000) }
        let start = log.start
        #expect(steps(&queue, log, at: 10_000).first == .headers)
        #expect(queue.evicted == start - 1)
        #expect(queue.ledger(log: log).balances)
    }

    @Test func `a subscriber behind a change of publisher goes on where the new one begins`() {
        var (log, queue) = lagging([[(.video, []), (.video, .key), (.video, [])]], every: 100)
        log.forgetKeyframe()
        append([(.audio, [])], &log, at: 1_000)
        var late = queue
        #expect(steps(&late, log, at: 3_001) == [.headers, .frames(4..<5)])
        #expect(late.ledger(log: log) == LossLedger(offered: 5, sent: 2, skipped: 3))
        append([(.video, .config), (.video, .key)], &log, at: 3_100)
        #expect(steps(&late, log, at: 3_100) == [.frames(5..<7)])
        // One that keeps up loses nothing.
        #expect(steps(&queue, log, at: 900) == [.frames(1..<4), .frames(4..<5), .frames(5..<7)])
    }

    @Test func `the lag counts from the join, the last skip or the frame, whichever is newest`() {
        var log = WireLog(limits: WireLog.Limits(retention: .seconds(60)))
        append([(.video, .key)], &log)
        var queue = SubscriberQueue(joining: log, now: .milliseconds(10_000))
        #expect(queue.lag(log: log, now: .milliseconds(10_500)) == .milliseconds(500))
        _ = steps(&queue, log, at: 10_000)
        #expect(queue.lag(log: log, now: .milliseconds(60_000)) == .zero)
        append([(.video, [])], &log, at: 20_000)
        #expect(queue.lag(log: log, now: .milliseconds(20_100)) == .milliseconds(100))
        // A clock that steps back makes no negative lag.
        #expect(queue.lag(log: log, now: .milliseconds(19_000)) == .zero)
    }

    // MARK: Disconnecting

    @Test func `a subscriber that takes less than a tenth for a whole window is to go`() {
        var (log, queue) = lagging([], every: 0)
        for index in 0..<100 as Range<Int64> { append([(.audio, [])], &log, at: index * 200) }
        let answer4 = queue.shouldDisconnect(log: log, limits: limits, now: .milliseconds(19_999))
        #expect(!answer4)
        let answer5 = queue.shouldDisconnect(log: log, limits: limits, now: .milliseconds(20_000))
        #expect(answer5)
        // The next window is a new chance.
        let answer6 = queue.shouldDisconnect(log: log, limits: limits, now: .milliseconds(20_001))
        #expect(!answer6)
    }

    @Test func `a subscriber that takes a tenth may stay`() {
        var (log, queue) = lagging([], every: 0)
        for index in 0..<100 as Range<Int64> { append([(.audio, [])], &log, at: index * 20) }
        for _ in 0..<10 { _ = queue.next(log: log, limits: limits, now: .milliseconds(2_000)) }
        #expect(!queue.isCaughtUp(with: log))
        let answer7 = queue.shouldDisconnect(log: log, limits: limits, now: .milliseconds(20_000))
        #expect(!answer7)
        let answer8 = queue.shouldDisconnect(log: log, limits: limits, now: .milliseconds(40_000))
        #expect(!answer8, "nothing was offered")
    }

    @Test func `a subscriber that has everything stays, however little there is`() {
        var (log, queue) = lagging([], every: 0)
        #expect(queue.isCaughtUp(with: log))
        let answer9 = queue.shouldDisconnect(log: log, limits: limits, now: .milliseconds(20_000))
        #expect(!answer9)
        append([(.audio, [])], &log, at: 39_999)
        let answer10 = queue.shouldDisconnect(log: log, limits: limits, now: .milliseconds(40_000))
        #expect(answer10)
    }
}
