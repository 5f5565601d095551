import NIOCore
import RelayCore
import Testing

@testable import RelayLink

/// A parent that sends over a link of so many bytes a second, with little room in the socket.
private struct SlowLink {
    var pair = LinkPair.open()
    var bytesPerSecond: Int
    /// Bytes that the socket holds, as with `TCP_NOTSENT_LOWAT` of 16 kB.
    static let socketRoom = 16 << 10
    private var socket = ByteBuffer()
    private var credit = 0
    private let tick = Duration.milliseconds(10)
    /// When each frame got there, by subscription and id.
    var arrivals: [UInt64: [UInt64: MonotonicTime]] = [:]
    var skips: [UInt64: UInt64] = [:]

    init(bytesPerSecond: Int) { self.bytesPerSecond = bytesPerSecond }

    mutating func advance() {
        pair.now = pair.now + tick
        let now = pair.now
        // The edge's side is fast.
        pair.edge.timerFired(now: now)
        if let bytes = pair.edge.takeOutput(limit: 1 << 16, now: now) { pair.origin.receive(bytes, now: now) }
        pair.originLog += pair.origin.pull(now).map(\.text)
        pair.origin.timerFired(now: now)
        credit = min(credit + bytesPerSecond / 100, 4_096 + bytesPerSecond / 100)
        repeat {
            while socket.readableBytes < Self.socketRoom,
                var bytes = pair.origin.takeOutput(limit: Self.socketRoom - socket.readableBytes, now: now)
            {
                socket.writeBuffer(&bytes)
            }
            let count = min(credit, socket.readableBytes)
            guard count > 0, let bytes = socket.readSlice(length: count) else { break }
            credit -= count
            pair.edge.receive(bytes, now: now)
        } while credit > 0
        if socket.readerIndex > 1 << 20 { socket.discardReadBytes() }
        for action in pair.edge.pull(now) {
            switch action {
            case .frames(let id, let frames): for frame in frames { arrivals[id, default: [:]][frame.id] = now }
            case .skipped(let id, _, let count): skips[id, default: 0] += count
            default: break
            }
        }
    }
}

@Suite struct SlowLinkTests {
    /// 25 fps at ~1 Mbit/s, keyframe every 2 s, every third frame disposable, 50 audio frames a second of 100 bytes.
    private func frames(at tick: Int, _ id: inout UInt64, scale: Int = 1) -> [Frame] {
        var frames: [Frame] = []
        if tick % 4 == 0 {
            let number = tick / 4
            let isKey = number % 50 == 0
            frames.append(
                .video(id, isKey ? .key : number % 3 == 2 ? .disposable : [], bytes: (isKey ? 30_000 : 4_500) * scale))
            id += 1
        }
        if tick % 2 == 0 {
            frames.append(.audio(id, bytes: 100))
            id += 1
        }
        return frames
    }

    @Test func aLinkWithRoomLosesNothingAndIsNotLate() throws {
        var link = SlowLink(bytesPerSecond: 400_000)
        link.pair.subscribe(1)
        var id: UInt64 = 0
        var sentAt: [UInt64: MonotonicTime] = [:]
        for tick in 0..<1_000 {
            let frames = frames(at: tick, &id)
            for frame in frames { sentAt[frame.id] = link.pair.now }
            link.pair.origin.send(frames, to: 1, now: link.pair.now)
            link.advance()
        }
        for _ in 0..<20 { link.advance() }
        let arrivals = try #require(link.arrivals[1])
        #expect(arrivals.count == Int(id) && link.skips.isEmpty)
        for (id, at) in arrivals { #expect(try #require(sentAt[id]) + .milliseconds(150) > at) }
    }

    @Test(
        "a link that is too slow carries the audio and whole beginnings of GOPs, and tells every gap",
        arguments: [60_000, 90_000, 110_000])
    func tooSlow(_ rate: Int) throws {
        var link = SlowLink(bytesPerSecond: rate)
        link.pair.subscribe(1)
        var id: UInt64 = 0
        var sentAt: [UInt64: MonotonicTime] = [:]
        var audio = 0
        var kinds: [UInt64: Frame] = [:]
        for tick in 0..<3_000 {
            let frames = frames(at: tick, &id)
            for frame in frames {
                sentAt[frame.id] = link.pair.now
                kinds[frame.id] = frame
                if frame.kind == .audio { audio += 1 }
            }
            link.pair.origin.send(frames, to: 1, now: link.pair.now)
            link.advance()
            #expect(try #require(link.pair.origin.queueStatus(of: 1, now: link.pair.now)).balances)
        }
        for _ in 0..<300 { link.advance() }
        let arrivals = try #require(link.arrivals[1])
        let status = try #require(link.pair.origin.queueStatus(of: 1, now: link.pair.now))
        #expect(status.dropped > 0 && status.frames == 0)
        if rate < 100_000 { #expect(status.skipped > 0) }
        // What is not there was told, exactly.
        #expect(UInt64(arrivals.count) + (link.skips[1] ?? 0) == id)
        #expect(status.dropped + status.skipped == link.skips[1])
        // Late by the queue's bound and what a keyframe and the socket take on top.
        let bound = Duration.milliseconds(1_000 + (30_000 + 16_384) * 1_000 / rate)
        for (id, at) in arrivals { #expect(at - (try #require(sentAt[id])) <= bound) }
        let gotAudio = arrivals.keys.filter { kinds[$0]?.kind == .audio }.count
        #expect(gotAudio > audio * 9 / 10)
        let gotKeys = arrivals.keys.filter { kinds[$0]?.flags.contains(.key) == true }.count
        #expect(gotKeys >= 12)
    }

    @Test func whenTheLinkIsFastAgainItIsBackWithinAGOP() throws {
        var link = SlowLink(bytesPerSecond: 400_000)
        link.pair.subscribe(1)
        var id: UInt64 = 0
        var last: UInt64 = 0
        for tick in 0..<1_600 {
            if tick == 400 { link.bytesPerSecond = 20_000 }
            if tick == 900 { link.bytesPerSecond = 400_000 }
            let frames = frames(at: tick, &id)
            link.pair.origin.send(frames, to: 1, now: link.pair.now)
            link.advance()
            if tick == 1_120 { last = id }
        }
        let arrivals = try #require(link.arrivals[1])
        for recent in last..<(id - 30) { #expect(arrivals[recent] != nil) }
    }

    @Test func aHeavyStreamDoesNotStallALightOne() throws {
        var link = SlowLink(bytesPerSecond: 150_000)
        link.pair.subscribe(1, "live/heavy")
        link.pair.subscribe(2, "live/light")
        link.pair.subscribe(3, "live/radio")
        var ids: [UInt64] = [0, 0, 0]
        var sentAt: [UInt64: MonotonicTime] = [:]
        for tick in 0..<2_000 {
            let now = link.pair.now
            link.pair.origin.send(frames(at: tick, &ids[0], scale: 3), to: 1, now: now)
            if tick % 4 == 0 {
                link.pair.origin.send([.video(ids[1], ids[1] % 50 == 0 ? .key : [], bytes: 500)], to: 2, now: now)
                sentAt[ids[1]] = now
                ids[1] += 1
            }
            if tick % 2 == 0 {
                link.pair.origin.send([.audio(ids[2], bytes: 100)], to: 3, now: now)
                ids[2] += 1
            }
            link.advance()
        }
        // The heavy one has two and a half times the link; its keyframes block it for 0.6 s.
        let heavy = try #require(link.pair.origin.queueStatus(of: 1, now: link.pair.now))
        #expect(heavy.skipped > 300)
        let light = try #require(link.arrivals[2])
        let radio = try #require(link.arrivals[3])
        #expect(link.skips[2] == nil && link.skips[3] == nil)
        #expect(light.count > Int(ids[1]) - 100 && radio.count > Int(ids[2]) - 100)
    }

    @Test func subscriptionsShareTheLinkEvenlyWhateverTheSizeOfTheirFrames() throws {
        var pair = LinkPair.open()
        let sizes = [100, 700, 1_500, 4_000, 9_000, 30_000]
        for id in sizes.indices { pair.subscribe(UInt64(id), "live/\(id)") }
        for (id, size) in sizes.enumerated() {
            let frames = (0..<(600_000 / size)).map { Frame.video(UInt64($0), .key, bytes: size) }
            pair.origin.send(frames, to: UInt64(id), now: pair.now)
        }
        var taken = 0
        while taken < 1_200_000, let bytes = pair.origin.takeOutput(limit: 16 << 10, now: pair.now) {
            taken += bytes.readableBytes
            pair.toEdge(bytes)
        }
        let shares = sizes.enumerated().map { (pair.edgeFrames[UInt64($0)]?.count ?? 0) * $1 }
        let most = try #require(shares.max())
        let least = try #require(shares.min())
        // All have their share of 200 kB, give or take a frame and the headers of the small ones.
        #expect(least > 160_000 && most < 240_000, "\(shares)")
    }

    @Test func controlAndAudioGoBeforeVideoOfOthers() throws {
        var pair = LinkPair.open()
        for id in 1...3 as ClosedRange<UInt64> { pair.subscribe(id, "live/\(id)") }
        pair.edgeLog = []
        pair.origin.send([.video(0, .key, bytes: 100_000)], to: 1, now: pair.now)
        pair.origin.send([.audio(0)], to: 2, now: pair.now)
        pair.origin.accept(3, .life(9), now: pair.now)
        pair.origin.goAway(deadlineMilliseconds: 1)
        pair.run()
        #expect(pair.edgeLog == ["goAway 1", "accepted 3 1.9 headers []", "frames 2 [0]", "frames 1 [0]"])
    }

    @Test func noMoreIsSerialisedThanWasAskedFor() throws {
        var pair = LinkPair.open()
        pair.subscribe(1)
        pair.origin.send((0..<100).map { .video($0, $0 == 0 ? .key : [], bytes: 1_000) }, to: 1, now: pair.now)
        let taken = pair.origin.takeOutput(limit: 5_000, now: pair.now)
        let bytes = try #require(taken)
        #expect(bytes.readableBytes <= 5_000 && bytes.readableBytes > 4_000)
        #expect(pair.origin.queueStatus(of: 1, now: pair.now)?.frames == 96)
        // A frame is never split.
        pair.toEdge(bytes)
        #expect(pair.edge.input.readableBytes == 0)
    }
}
