import NIOCore
import RelayCore
import RelayRTMP
import Testing

@Suite("Server session: control messages, acknowledgements, deadlines")
struct ServerControlTests {
    typealias Harness = SessionHarness

    static func control(_ type: UInt8, _ payload: [UInt8]) -> [UInt8] {
        message(type: type, streamID: 0, csid: 2, payload)
    }

    @Test("a ping is answered with the same four bytes, also on librtmp's fresh type 1 chunk stream")
    func ping() {
        var harness = Harness.connected()
        harness.feed(Self.control(4, hex("0006 12345678")))
        #expect(harness.sequence == ["pingResponse(305419896)"])
        var librtmp = Harness()
        librtmp.feed(Harness.handshake + hex("42 000000 000006 04 0006 00000d0f"))
        #expect(librtmp.sequence == ["pingResponse(3343)"])
    }

    @Test("at most 10 pings a second are answered")
    func pingFlood() {
        var harness = Harness.connected()
        for _ in 0..<1000 { harness.feed(Self.control(4, hex("0006 00000001"))) }
        #expect(harness.sent.count == 10)
        harness.now = harness.now + .seconds(1)
        harness.feed(Self.control(4, hex("0006 00000001")))
        #expect(harness.sent.count == 11)
        #expect(harness.session.counters.unansweredControl == 990)
    }

    @Test(
        "unknown and undocumented user control events are ignored",
        arguments: ["001a", "001f 00000001", "0020", "7fff", "0005 00000001", "0004 00000001", "0002 00000001"])
    func unknownEvents(body: String) {
        var harness = Harness.connected()
        harness.feed(Self.control(4, hex(body)))
        #expect(harness.closeError == nil)
        #expect(harness.sent.isEmpty)
    }

    @Test(
        "control messages shorter than their fields end the connection",
        arguments: [(4, "00"), (4, "0006 0000"), (4, "0003 00000001"), (3, "00"), (5, "000000"), (6, "0000")]
            as [(UInt8, String)])
    func truncated(type: UInt8, body: String) {
        var harness = Harness.connected()
        harness.feed(Self.control(type, hex(body)))
        #expect(harness.closeError == .truncatedControl(type: type))
    }

    @Test("empty messages of every type are ignored and counted, and so are unknown types with one byte")
    func emptyMessages() {
        var harness = Harness.connected()
        for type in UInt8.min ... .max {
            harness.feed(message(type: type, csid: 5, []))
            if ![1, 2, 3, 4, 5, 6, 8, 9, 15, 17, 18, 20, 22].contains(type) {
                harness.feed(message(type: type, csid: 5, [0]))
            }
            harness.now = harness.now + .milliseconds(20)
        }
        #expect(harness.closeError == nil)
        #expect(harness.sent.isEmpty)
        #expect(harness.session.counters.ignoredMessages > 480)
    }

    @Test("a new bandwidth is answered with the window; a repeated, zero or unknown one is not")
    func bandwidth() {
        var harness = Harness.connected()
        harness.feed(
            Self.control(6, hex("00100000 02")) + Self.control(6, hex("00100000 02"))
                + Self.control(6, hex("00000000 02")) + Self.control(6, hex("00200000 09")))
        #expect(harness.sent.map(\.type) == [5])
        #expect(harness.sent.first?.payload.bytes == hex("00100000"))
    }

    @Test("acknowledgements of the peer, whatever they claim, change nothing")
    func peerAcknowledgements() {
        var harness = Harness.connected()
        for sequence in ["00000001", "ffffffff", "00000000"] { harness.feed(Self.control(3, hex(sequence))) }
        #expect(harness.closeError == nil)
        #expect(harness.sent.isEmpty)
    }

    @Test("received bytes are acknowledged each half window, with the running total")
    func acknowledgements() {
        var harness = Harness.publishing()
        harness.feed(Self.control(5, big32(20_000)))
        let before = harness.session.bytesReceived
        var total = before
        for _ in 0..<50 {
            let bytes = message(type: 8, csid: 4, [UInt8](repeating: 0, count: 1000))
            harness.feed(bytes)
            total += UInt64(bytes.count)
        }
        let sequences = harness.sent.compactMap { try? Acknowledgement($0.payload)?.sequence }
        #expect(sequences.count == 5)
        #expect(sequences == sequences.sorted())
        #expect(sequences.last.map { total - UInt64($0) < 10_000 } == true)
    }

    @Test("a peer that announces no window is acknowledged by the default one")
    func defaultWindow() {
        var window = AcknowledgementWindow()
        window.received(1_249_999)
        #expect(window.due() == nil)
        window.received(1)
        #expect(window.due() == Acknowledgement(sequence: 1_250_000))
        #expect(window.due() == nil)
        window.announce(0)
        window.received(1000)
        #expect(window.due() == nil)
    }

    @Test(
        "the running total starts over before 2^32, from many starting points",
        arguments: [1, 1000, 999_983, 0x7FFF_FFFF] as [Int])
    func sequenceWrap(step: Int) {
        var window = AcknowledgementWindow()
        window.announce(2)
        var last: UInt32 = 0
        var restarts = 0
        let steps = Swift.min(20_000, 6 << 32 / Swift.max(step, 1 << 20)) + 10
        for index in 0..<steps {
            window.received(index == 0 ? 0xEFFF_FF00 : step)
            guard let sequence = window.due()?.sequence else {
                Issue.record("no acknowledgement at \(index)")
                return
            }
            #expect(sequence <= AcknowledgementWindow.restart)
            if sequence <= last { restarts += 1 }
            last = sequence
        }
        #expect(restarts >= 1)
    }

    // MARK: Deadlines

    @Test("the handshake has a deadline that progress does not move")
    func handshakeDeadline() {
        var harness = Harness()
        #expect(harness.session.nextDeadline == harness.now + .seconds(5))
        harness.feed([3, 0])
        harness.advance(.seconds(4))
        harness.feed([0])
        #expect(harness.closeError == nil)
        harness.advance(.seconds(1))
        #expect(harness.closeError == .handshakeTimeout)
        #expect(harness.sentBytes == 0)
    }

    @Test("a connection that neither publishes nor plays is closed, whatever else it says")
    func setupDeadline() {
        var harness = Harness.connected()
        harness.advance(.seconds(9))
        harness.feed(command("x", id: 1))
        #expect(harness.closeError == nil)
        harness.advance(.seconds(1))
        #expect(harness.closeError == .setupTimeout)
    }

    @Test(
        "the time of a decision is not the client's, a running stream has no such deadline, and its end sets a new one")
    func setupDeadlinePauses() {
        var harness = Harness.connected()
        harness.feed(header0(csid: 6, time: 0, length: 1000, type: 9) + [1])
        harness.feed([UInt8](repeating: 1, count: 127) + Harness.publish())
        harness.advance(.seconds(60))
        #expect(harness.closeError == nil)
        // A deadline that nothing can be done about would keep the interpreter's timer spinning.
        #expect(harness.session.nextDeadline.map { $0 > harness.now } == true)
        harness.session.acceptPublish(streamID: 1, now: harness.now)
        harness.run()
        harness.feed(hex("02 000000 000004 02 00000000 00000006"))
        harness.advance(.seconds(60))
        #expect(harness.closeError == nil)
        harness.feed(command("closeStream", streamID: 1))
        harness.advance(.milliseconds(9_999))
        #expect(harness.closeError == nil)
        harness.advance(.milliseconds(1))
        #expect(harness.closeError == .setupTimeout)
    }

    @Test("a silent peer is pinged; one that never answered a ping is not judged by it")
    func pings() {
        var harness = Harness.publishing()
        for _ in 0..<10 { harness.advance(.seconds(20)) }
        #expect(harness.sent.count == 10)
        #expect(harness.sent.allSatisfy { $0.type == 4 })
        #expect(harness.closeError == nil)
    }

    @Test("a peer that answered once has to go on answering")
    func pingTimeout() {
        var harness = Harness.publishing()
        harness.advance(.seconds(20))
        harness.feed(Self.control(4, hex("0007 00000001")))
        harness.advance(.seconds(20))
        #expect(harness.sent.count == 2)
        #expect(harness.session.nextDeadline == harness.now + .seconds(20))
        harness.advance(.seconds(20))
        #expect(harness.closeError == .pingTimeout)
    }

    @Test("a player is not pinged, since what it is sent tells whether it is there")
    func quietPlayerIsNotPinged() {
        var harness = Harness.playing()
        #expect(harness.session.nextDeadline == nil)
        for _ in 0..<10 { harness.advance(.seconds(20)) }
        #expect(harness.sent.isEmpty)
        #expect(harness.closeError == nil)
    }

    @Test("any input is a sign of life")
    func signOfLife() {
        var harness = Harness.publishing()
        harness.advance(.seconds(20))
        harness.feed(Self.control(4, hex("0007 00000001")))
        harness.advance(.seconds(20))
        harness.advance(.seconds(19))
        harness.feed(Self.control(3, hex("00000001")))
        harness.advance(.seconds(19))
        #expect(harness.closeError == nil)
        #expect(harness.sent.count == 2)
    }

    @Test("an unfinished message ends the connection at its age")
    func partialMessage() {
        var harness = Harness.publishing()
        harness.feed(header0(csid: 6, time: 0, length: 1000, type: 9) + [1])
        for _ in 0..<9 {
            harness.advance(.seconds(1))
            harness.feed([1])
        }
        #expect(harness.closeError == nil)
        harness.advance(.seconds(1))
        #expect(harness.closeError == .partialMessageTimeout)
    }

    @Test("a viewer that only ever acknowledges is read for hours without growing")
    func quietViewer() {
        var harness = Harness.playing()
        for index in 0..<20_000 as Range<UInt32> {
            harness.session.receive(buffer(Self.control(3, big32(index &* 1_000_000))), now: harness.now)
            harness.run()
            harness.now = harness.now + .seconds(1)
        }
        #expect(harness.actions.isEmpty)
        #expect(harness.sent.isEmpty)
        #expect(harness.session.decoder.bufferedBytes == 0)
    }
}
