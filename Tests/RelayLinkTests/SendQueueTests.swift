import NIOCore
import RelayCore
import Testing

@testable import RelayLink

extension LinkSendQueue.Item {
    var text: String {
        switch self {
        case .frame(let frame): "\(frame.id)"
        case .skip(let from, let end, let reason): "skip \(from)..<\(end) \(reason)"
        case .accept(let accept): "accept \(accept.incarnation)"
        case .end(let reason, _): "end \(reason)"
        }
    }
}

@Suite struct SendQueueTests {
    private func queue(maxBytes: Int = 1 << 20) -> LinkSendQueue {
        LinkSendQueue(
            limits: LinkQueueLimits(dropAfter: .milliseconds(500), skipAfter: .seconds(1), maxBytes: maxBytes))
    }

    private func drain(_ queue: inout LinkSendQueue, at time: Duration) -> [String] {
        var items: [String] = []
        while let item = queue.next(now: .at(time)) { items.append(item.text) }
        #expect(queue.isEmpty && queue.urgency == nil)
        #expect(queue.status(now: .at(time)).balances)
        return items
    }

    @Test func aLinkThatKeepsUpGetsEverything() {
        var queue = queue()
        for id in 0..<4 { queue.append(.video(UInt64(id), id == 0 ? .key : .disposable), now: .zero) }
        #expect(drain(&queue, at: .milliseconds(500)) == ["0", "1", "2", "3"])
        let status = queue.status(now: .at(.seconds(1)))
        #expect(status == LinkQueueStatus(offered: 4, sent: 4))
    }

    @Test func pastTheFirstBoundDisposableFramesAreLeftOut() {
        var queue = queue()
        let flags: [FrameFlags] = [.key, .disposable, .disposable, [], .disposable]
        for (id, flags) in flags.enumerated() { queue.append(.video(UInt64(id), flags), now: .zero) }
        queue.append(.audio(5), now: .zero)
        #expect(
            drain(&queue, at: .milliseconds(501)) == ["0", "skip 1..<3 disposable", "3", "skip 4..<5 disposable", "5"])
        #expect(queue.status(now: .zero).dropped == 3)
    }

    @Test func itGoesOnLeavingOutUntilTheLagIsHalfTheBound() {
        var queue = queue()
        queue.append(.video(0, .key), now: .zero)
        queue.append(.video(1, .disposable), now: .at(.milliseconds(200)))
        queue.append(.video(2, .disposable), now: .at(.milliseconds(300)))
        // 600 ms old, then 400 (over 250), then 250.
        #expect(queue.next(now: .at(.milliseconds(600)))?.text == "0")
        #expect(queue.next(now: .at(.milliseconds(550)))?.text == "skip 1..<2 disposable")
        #expect(queue.next(now: .at(.milliseconds(550)))?.text == "2")
    }

    @Test func pastTheSecondBoundItGoesOnAtTheNewestKeyframe() {
        var queue = queue()
        queue.append(.video(0, [.config, .key]), now: .zero)
        queue.append(.video(1, .key), now: .zero)
        queue.append(.video(2), now: .zero)
        queue.append(.audio(3), now: .at(.milliseconds(100)))
        queue.append(.video(4, .key), now: .at(.milliseconds(200)))
        queue.append(.audio(5), now: .at(.milliseconds(600)))
        queue.append(.video(6), now: .at(.milliseconds(600)))
        queue.append(.video(7, .key), now: .at(.milliseconds(700)))
        queue.append(.video(8), now: .at(.milliseconds(800)))
        // At 1.15 s: the header stays, the late audio goes, the young audio stays, the older keyframes go.
        #expect(
            drain(&queue, at: .milliseconds(1_150))
                == ["0", "skip 1..<5 keyframe", "5", "skip 6..<7 keyframe", "7", "8"])
        #expect(queue.status(now: .zero).skipped == 5)
    }

    @Test func withoutAKeyframeVideoWaitsForTheNextAndAudioGoesOn() {
        var queue = queue()
        queue.append(.video(0), now: .zero)
        queue.append(.audio(1), now: .at(.milliseconds(600)))
        #expect(drain(&queue, at: .milliseconds(1_100)) == ["skip 0..<1 keyframe", "1"])
        queue.append(.video(2), now: .at(.milliseconds(1_200)))
        queue.append(.audio(3), now: .at(.milliseconds(1_200)))
        queue.append(.video(4), now: .at(.milliseconds(1_200)))
        queue.append(.video(5, .key), now: .at(.milliseconds(1_200)))
        queue.append(.video(6), now: .at(.milliseconds(1_200)))
        #expect(
            drain(&queue, at: .milliseconds(1_200))
                == ["skip 2..<3 keyframe", "3", "skip 4..<5 keyframe", "5", "6"])
    }

    @Test func aKeyframeThatIsItselfTooLateGoesWithItsGOP() {
        var queue = queue()
        queue.append(.video(0, .key), now: .zero)
        queue.append(.video(1), now: .at(.milliseconds(900)))
        #expect(drain(&queue, at: .milliseconds(1_001)) == ["skip 0..<2 keyframe"])
        queue.append(.video(2), now: .at(.milliseconds(1_001)))
        queue.append(.video(3, .key), now: .at(.milliseconds(1_001)))
        #expect(drain(&queue, at: .milliseconds(1_001)) == ["skip 2..<3 keyframe", "3"])
    }

    @Test func ofSeveralSequenceHeadersTheNewestOfEachTrackStays() {
        var queue = queue()
        queue.append(.video(0, .config), now: .zero)
        queue.append(.audio(1, .config), now: .zero)
        queue.append(.video(2, .key), now: .zero)
        queue.append(.video(3, .config), now: .zero)
        queue.append(.video(4, .key), now: .at(.milliseconds(900)))
        #expect(
            drain(&queue, at: .milliseconds(1_100))
                // The header at the head was sent before anything was known to be late.
                == ["0", "1", "skip 2..<3 keyframe", "3", "4"])
        queue = self.queue(maxBytes: 100)
        queue.append(.video(0, .config, bytes: 40), now: .zero)
        queue.append(.video(1, .config, bytes: 40), now: .zero)
        queue.append(.video(2, .key, bytes: 40), now: .zero)
        #expect(drain(&queue, at: .zero) == ["skip 0..<1 keyframe", "1", "2"])
    }

    @Test func aSequenceHeaderThatQueuedAudioNeedsIsNotSuperseded() {
        var queue = queue()
        queue.append(.video(0), now: .zero)
        queue.append(.audio(1, .config), now: .zero)
        queue.append(.audio(2), now: .at(.milliseconds(500)))
        queue.append(.audio(3, .config), now: .at(.milliseconds(500)))
        queue.append(.audio(4), now: .at(.milliseconds(500)))
        #expect(drain(&queue, at: .milliseconds(1_100)) == ["skip 0..<1 keyframe", "1", "2", "3", "4"])
    }

    @Test func tooManyBytesGoTheSameWay() {
        var queue = queue(maxBytes: 1_000)
        queue.append(.video(0, .key, bytes: 400), now: .zero)
        queue.append(.audio(1), now: .zero)
        queue.append(.video(2, bytes: 400), now: .zero)
        queue.append(.video(3, .key, bytes: 400), now: .zero)
        #expect(queue.bytes == 405)
        #expect(drain(&queue, at: .zero) == ["skip 0..<1 keyframe", "1", "skip 2..<3 keyframe", "3"])
    }

    @Test func aGOPLargerThanTheBoundIsGivenUpWhole() {
        var queue = queue(maxBytes: 1_000)
        queue.append(.video(0, .key, bytes: 900), now: .zero)
        queue.append(.video(1, bytes: 900), now: .zero)
        queue.append(.video(2, bytes: 10), now: .zero)
        #expect(drain(&queue, at: .zero) == ["skip 0..<3 keyframe"])
    }

    @Test func audioAloneIsBoundedInBytesAndAge() {
        var queue = queue(maxBytes: 1_000)
        queue.append(.audio(0, .config, bytes: 100), now: .zero)
        for id in 1..<10 { queue.append(.audio(UInt64(id), bytes: 200), now: .zero) }
        #expect(queue.bytes <= 1_000)
        #expect(drain(&queue, at: .zero) == ["0", "skip 1..<6 overflow", "6", "7", "8", "9"])
        queue.append(.audio(10), now: .at(.seconds(1)))
        queue.append(.audio(11), now: .at(.seconds(2)))
        #expect(drain(&queue, at: .milliseconds(2_001)) == ["skip 10..<11 keyframe", "11"])
    }

    @Test func sequenceHeadersAloneAreBoundedToo() {
        var queue = queue(maxBytes: 1_000)
        for id in 0..<100 {
            queue.append(
                Frame(
                    id: UInt64(id), kind: .video, trackID: UInt8(id), dts: 0, flags: .config,
                    body: ByteBuffer(repeating: 0, count: 300)),
                now: .zero)
            #expect(queue.bytes <= 1_000)
        }
        #expect(queue.status(now: .zero).balances)
    }

    @Test func whileNothingCanBeSentTheQueueStaysShort() {
        // An hour of 30 fps and 43 audio frames a second, keyframe every 2 s, and nobody takes anything.
        var queue = queue(maxBytes: 8 << 20)
        var id: UInt64 = 0
        var most = 0
        for tick in 0..<(20 * 60 * 73) {
            let now = MonotonicTime.at(.milliseconds(tick * 1_000 / 73))
            if tick % 73 < 43 {
                queue.append(.audio(id), now: now)
            } else {
                queue.append(.video(id, tick % 146 == 43 ? .key : []), now: now)
            }
            id += 1
            most = max(most, queue.entries.count)
        }
        #expect(most < 300)
        let status = queue.status(now: .at(.seconds(20 * 60)))
        #expect(status.balances && status.offered == id)
        #expect(status.oldestAge < .seconds(2))
    }

    @Test func anAcceptOfTheSameIncarnationKeepsItsPlace() {
        var queue = queue()
        queue.append(.life(1), now: .zero)
        queue.append(.audio(0), now: .zero)
        queue.append(.life(1), now: .zero)
        queue.append(.audio(1), now: .zero)
        #expect(drain(&queue, at: .zero) == ["accept 1.1", "0", "accept 1.1", "1"])
    }

    @Test func headersReplacedAgainAndAgainDoNotPileUp() {
        var queue = queue()
        for id in 0..<1_000 {
            queue.append(.life(1), now: .zero)
            queue.append(.audio(UInt64(id)), now: .zero)
        }
        #expect(queue.entries.count < 12)
        #expect(queue.status(now: .zero).balances)
        let items = drain(&queue, at: .zero)
        #expect(items.first == "skip 0..<995 keyframe" || items.first?.hasPrefix("skip 0..<") == true)
        #expect(items.last == "999")
    }

    @Test func theEndComesLastAndNothingAfterIt() {
        var queue = queue()
        queue.append(.audio(0), now: .zero)
        queue.end(.finished, lastFrameID: 0, now: .zero)
        queue.append(.audio(1), now: .zero)
        queue.end(.lost, lastFrameID: 0, now: .zero)
        queue.append(.life(1), now: .zero)
        #expect(drain(&queue, at: .seconds(5)) == ["skip 0..<1 keyframe", "end finished"])
    }

    @Test func idsThatDoNotGoUpAreNotTaken() {
        var queue = queue()
        queue.append(.audio(5), now: .zero)
        queue.append(.audio(5), now: .zero)
        queue.append(.audio(4), now: .zero)
        queue.append(.audio(.max), now: .zero)
        #expect(queue.misordered == 3)
        #expect(drain(&queue, at: .zero) == ["5"])
    }

    @Test func aStreamWhoseOnlyVideoIsOnAnotherTrackHasKeyframesToo() {
        var queue = queue()
        func frame(_ id: UInt64, _ flags: FrameFlags = []) -> Frame {
            Frame(id: id, kind: .video, trackID: 1, dts: 0, flags: flags, body: ByteBuffer())
        }
        queue.append(frame(0, .key), now: .zero)
        queue.append(frame(1, .key), now: .at(.milliseconds(900)))
        #expect(drain(&queue, at: .milliseconds(1_100)) == ["skip 0..<1 keyframe", "1"])
        // As soon as there is a default track, only its keyframes count; nothing gets stuck by the change.
        queue.append(frame(2, .key), now: .at(.milliseconds(1_100)))
        queue.append(.video(3), now: .at(.milliseconds(1_100)))
        #expect(drain(&queue, at: .seconds(3)) == ["skip 2..<4 keyframe"])
    }

    /// Compares against a plain account kept outside the queue, over random traffic.
    @Test("every frame is sent once or told as left out, in order", arguments: 0..<200)
    func property(_ seed: UInt64) {
        var generator = SplitMix(seed)
        var queue = queue(maxBytes: Int.random(in: 500...20_000, using: &generator))
        var now = MonotonicTime.zero
        var id: UInt64 = UInt64.random(in: 0...5, using: &generator)
        var given: [UInt64: Frame] = [:]
        var sent: [UInt64] = []
        var skipped: [Range<UInt64>] = []
        var position: UInt64 = 0
        func take(_ item: LinkSendQueue.Item) {
            switch item {
            case .frame(let frame):
                #expect(frame.id >= position)
                #expect(given[frame.id]?.body == frame.body)
                position = frame.id + 1
                sent.append(frame.id)
            case .skip(let from, let end, _):
                #expect(from >= position && end > from)
                position = end
                skipped.append(from..<end)
            case .accept, .end: Issue.record("was not queued")
            }
        }
        for _ in 0..<400 {
            now = now + .milliseconds(Int.random(in: 0...80, using: &generator))
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<7:
                let bytes = Int.random(in: 0...1_500, using: &generator)
                let frame: Frame
                switch Int.random(in: 0..<12, using: &generator) {
                case 0: frame = .video(id, .key, bytes: bytes)
                case 1: frame = .video(id, [.config, .key], bytes: bytes / 10)
                case 2: frame = .audio(id, .config, bytes: bytes / 10)
                case 3..<6: frame = .audio(id, bytes: bytes / 5)
                case 6..<8: frame = .video(id, .disposable, bytes: bytes)
                default: frame = .video(id, bytes: bytes)
                }
                queue.append(frame, isTooLong: Int.random(in: 0..<50, using: &generator) == 0, now: now)
                given[id] = frame
                // The source has gaps of its own.
                id += Int.random(in: 0..<20, using: &generator) == 0 ? 3 : 1
            default:
                for _ in 0..<Int.random(in: 0...3, using: &generator) {
                    if let item = queue.next(now: now) { take(item) }
                }
            }
            let status = queue.status(now: now)
            #expect(status.balances)
            #expect(status.bytes <= queue.limits.maxBytes)
            #expect(status.sent == UInt64(sent.count))
            #expect(status.offered == UInt64(given.count))
        }
        while let item = queue.next(now: now) { take(item) }
        #expect(queue.bytes == 0 && queue.frames == 0 && queue.videoBeforeKey == 0 && queue.videoSinceKey == 0)
        let gone = Set(skipped.flatMap { Array($0) })
        for id in given.keys { #expect(sent.contains(id) != gone.contains(id)) }
        let status = queue.status(now: now)
        #expect(status.dropped + status.skipped == UInt64(given.count - sent.count))
    }

    /// Whatever is left out, a decoder never gets a frame whose keyframe it did not get.
    @Test("after a gap in the video comes a keyframe", arguments: 0..<100)
    func decodable(_ seed: UInt64) {
        var generator = SplitMix(seed)
        var queue = queue(maxBytes: 10_000)
        var now = MonotonicTime.zero
        var needsKey = false
        var last: UInt64?
        for id in 0..<800 as Range<UInt64> {
            now = now + .milliseconds(33)
            let isDisposable = id % 3 == 2
            queue.append(.video(id, id % 30 == 0 ? .key : isDisposable ? .disposable : [], bytes: 300), now: now)
            for _ in 0..<Int.random(in: 0...2, using: &generator) {
                guard Int.random(in: 0..<100, using: &generator) < 60, let item = queue.next(now: now) else { break }
                switch item {
                case .skip(_, _, let reason): if reason > .disposable { needsKey = true }
                case .frame(let frame):
                    if frame.flags.contains(.key) { needsKey = false }
                    #expect(!needsKey || frame.flags.contains(.key))
                    last = frame.id
                default: break
                }
            }
        }
        #expect(last != nil)
    }
}
