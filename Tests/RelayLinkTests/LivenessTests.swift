import NIOCore
import RelayCore
import Testing

@testable import RelayLink

@Suite struct LivenessTests {
    @Test func anIdleLinkStaysAliveByPings() {
        var pair = LinkPair.open()
        pair.advance(by: .seconds(60))
        #expect(pair.edgeLog.isEmpty && pair.originLog.isEmpty)
        #expect(!pair.edge.isSuspect && !pair.origin.isSuspect)
    }

    @Test func silenceIsSuspectAfter300msAndTheEndAfter5s() {
        var pair = LinkPair.open()
        let start = pair.now
        // The origin is frozen: only the edge's clock goes on.
        var log: [(String, Duration)] = []
        while let next = pair.edge.nextDeadline, log.last?.0.hasPrefix("close") != true {
            pair.now = max(next, pair.now)
            pair.edge.timerFired(now: pair.now)
            _ = pair.edge.takeOutput(limit: 9_999, now: pair.now)
            for action in pair.edge.pull(pair.now) { log.append((action.text, pair.now - start)) }
        }
        #expect(log.map(\.0) == ["suspect", "close RLY-7005"])
        #expect(log.map(\.1) == [.milliseconds(300), .seconds(5)])
        // The dead are not talked to.
        #expect(pair.edge.takeOutput(limit: 9_999, now: pair.now) == nil)
    }

    @Test func anyByteBringsItBack() {
        var pair = LinkPair.open()
        pair.now = pair.now + .milliseconds(300)
        pair.edge.timerFired(now: pair.now)
        #expect(pair.edge.pull(pair.now).map(\.text) == ["suspect"])
        #expect(pair.edge.isSuspect)
        pair.edge.receive(ByteBuffer(bytes: [0]), now: pair.now)
        #expect(pair.edge.pull(pair.now).map(\.text) == ["recovered"])
        #expect(!pair.edge.isSuspect)
    }

    @Test func timeInWhichThisNodeStoodStillIsNotThePeersSilence() {
        var pair = LinkPair.open()
        // The timer of 100 ms fires after 60 s.
        pair.now = pair.now + .seconds(60)
        pair.edge.timerFired(now: pair.now)
        #expect(pair.edge.pull(pair.now).isEmpty)
        pair.run()
        #expect(pair.edgeLog.isEmpty)
        // The peer really is gone: it shows as late as ever.
        for _ in 0..<3 {
            guard let next = pair.edge.nextDeadline else { break }
            pair.edge.timerFired(now: next)
            pair.edgeLog += pair.edge.pull(next).map(\.text)
            _ = pair.edge.takeOutput(limit: 9_999, now: next)
        }
        #expect(pair.edgeLog == ["suspect"])
    }

    @Test func pingsGoOutOnlyWhenNothingElseDoes() {
        var pair = LinkPair.open()
        pair.subscribe(1)
        var pings = 0
        let start = pair.now
        for tick in 0..<200 {
            pair.now = start + .milliseconds(tick * 10)
            pair.origin.send([.audio(UInt64(tick))], to: 1, now: pair.now)
            pair.origin.timerFired(now: pair.now)
            var bytes = pair.origin.takeOutput(limit: 9_999, now: pair.now) ?? ByteBuffer()
            while let length: UInt32 = bytes.readInteger(), let message = bytes.readSlice(length: Int(length)) {
                if message.getInteger(at: message.readerIndex) == LinkMessageType.ping.rawValue { pings += 1 }
            }
        }
        // One a second, to measure with.
        #expect(pings <= 2 && pings >= 1)
    }

    @Test func onePingWaitsHoweverLongTheSocketIsBlocked() throws {
        var pair = LinkPair.open()
        pair.advance(by: .seconds(1))
        for tick in 1..<40 {
            let now = pair.now + .milliseconds(tick * 100)
            pair.edge.receive(ByteBuffer(bytes: hex("00000003 04 AC02")), now: now)
            _ = pair.edge.pull(now)
            pair.edge.timerFired(now: now)
        }
        let now = pair.now + .seconds(4)
        let bytes = pair.edge.said(at: now)
        #expect(bytes.readableBytes < 40)
    }

    @Test func theRoundTripIsMeasuredAndSmoothed() throws {
        var pair = LinkPair.open()
        #expect(pair.edge.roundTrip == .zero)
        // 20 ms each way, every second.
        var now = pair.now
        for _ in 0..<60 {
            now = now + .seconds(1)
            pair.edge.timerFired(now: now)
            let ping = pair.edge.said(at: now)
            pair.origin.receive(ping, now: now + .milliseconds(20))
            _ = pair.origin.pull(now + .milliseconds(20))
            // The time that the answer waits at the peer does not count.
            let pong = pair.origin.said(at: now + .milliseconds(70))
            now = now + .milliseconds(90)
            pair.edge.receive(pong, now: now)
            _ = pair.edge.pull(now)
        }
        let roundTrip = try #require(pair.edge.roundTrip)
        #expect(roundTrip > .milliseconds(39))
        #expect(roundTrip <= .milliseconds(40))
    }

    @Test func theClocksOffsetIsFound() throws {
        // The listener was born three seconds after the dialer, so its link clock is behind by that.
        let edge = LinkSession(role: .dialer, settings: .named("edge"), crypto: .fixed(1), now: .zero)
        var pair = LinkPair(at: .at(.seconds(3)))
        pair.edge = edge
        pair.connect()
        pair.advance(by: .seconds(10))
        let offset = try #require(pair.edge.clockOffset)
        #expect(offset == .seconds(-3))
        #expect(pair.origin.clockOffset == .seconds(3))
    }

    @Test(
        "a peer's clock may say anything",
        arguments: [(0, 0), (UInt64.max, 0), (0, UInt64.max), (.max, .max), (1 << 63, 1 << 62)] as [(UInt64, UInt64)])
    func wildClocks(_ received: UInt64, _ sent: UInt64) throws {
        var clock = LinkClock(birth: .zero)
        for round in 1..<20 {
            let then = MonotonicTime.at(.seconds(round))
            let ping = clock.ping(now: then)
            let pong = LinkPong(pingSentAt: ping.sentAt, receivedAt: received, sentAt: sent)
            let isTaken = clock.take(pong, now: then + .milliseconds(30))
            #expect(isTaken)
            #expect(try #require(clock.roundTrip) <= .milliseconds(30))
            #expect(try #require(clock.roundTrip) >= .zero)
        }
    }

    @Test func aClockThatJumpsIsFollowedAtOnce() throws {
        var clock = LinkClock(birth: .zero)
        for (round, hours) in [0, 0, 1].enumerated() {
            let then = MonotonicTime.at(.seconds(round + 1))
            let ping = clock.ping(now: then)
            let peer = ping.sentAt + UInt64(hours) * 3_600_000_000
            let isTaken = clock.take(LinkPong(pingSentAt: ping.sentAt, receivedAt: peer, sentAt: peer), now: then)
            #expect(isTaken)
        }
        #expect(clock.offset == .seconds(3_600))
        #expect(clock.roundTrip == .zero)
    }

    @Test func answersToPingsNeverSentAreIgnored() {
        var pair = LinkPair.open()
        var message = ByteBuffer()
        LinkPong(pingSentAt: 12_345, receivedAt: 0, sentAt: 0).encode(into: &message)
        let before = pair.edge.roundTrip
        pair.toEdge(message)
        #expect(pair.edge.counters.unasked == 1)
        #expect(pair.edge.roundTrip == before)
    }

    @Test func pingsAreAnsweredAtMostTwentyTimesASecond() {
        var pair = LinkPair.open()
        pair.advance(by: .seconds(1))
        var pongs = 0
        let start = pair.now
        for tick in 0..<1_000 {
            let now = start + .milliseconds(tick)
            pair.origin.receive(ByteBuffer(bytes: hex("00000003 04 AC02")), now: now)
            _ = pair.origin.pull(now)
            pair.origin.timerFired(now: now)
            while var bytes = pair.origin.takeOutput(limit: 9_999, now: now) {
                while let length: UInt32 = bytes.readInteger(), let message = bytes.readSlice(length: Int(length)) {
                    if message.getInteger(at: message.readerIndex) == LinkMessageType.pong.rawValue { pongs += 1 }
                }
            }
        }
        #expect(pongs >= 19 && pongs <= 21)
    }

    @Test func aPingThatCameTooSoonIsAnsweredLater() throws {
        var pair = LinkPair.open()
        pair.advance(by: .milliseconds(575))
        let now = pair.now
        let ping = ByteBuffer(bytes: hex("00000003 04 AC02"))
        pair.origin.receive(ping, now: now)
        _ = pair.origin.pull(now)
        #expect(pair.origin.takeOutput(limit: 9_999, now: now) != nil)
        pair.origin.receive(ping, now: now + .milliseconds(10))
        _ = pair.origin.pull(now)
        #expect(!pair.origin.hasOutput)
        let due = try #require(pair.origin.nextDeadline)
        #expect(due == now + .milliseconds(50))
        pair.origin.timerFired(now: due)
        #expect(pair.origin.hasOutput)
    }
}
