import NIOCore
import RelayCore
import Testing

@testable import RelayLink

@Suite struct HandshakeTests {
    @Test("two nodes with the same key meet, however the bytes arrive", arguments: Feeding.allCases)
    func meet(_ feeding: Feeding) {
        var pair = LinkPair(feeding: feeding)
        pair.connect()
        #expect(pair.edgeLog == ["established origin 1.0"])
        #expect(pair.originLog == ["established edge 1.0"])
        #expect(pair.edge.peer?.node == node("origin"))
        #expect(pair.origin.isOpen && pair.edge.isOpen)
    }

    @Test func twoNodesWithoutAKeyMeet() {
        var pair = LinkPair(.named("edge", key: ""), .named("origin", key: ""))
        pair.connect()
        #expect(pair.edgeLog == ["established origin 1.0"])
        #expect(pair.originLog == ["established edge 1.0"])
    }

    @Test("another key, or none on one side, shows in both logs", arguments: [("a", "b"), ("a", ""), ("", "b")])
    func keyMismatch(_ edge: String, _ origin: String) {
        var pair = LinkPair(.named("edge", key: edge), .named("origin", key: origin))
        pair.connect()
        #expect(pair.edgeLog == ["close RLY-7002"])
        #expect(pair.originLog == ["close RLY-7002"])
        #expect(pair.edge.peer == nil && pair.origin.peer == nil)
    }

    @Test func theWordsOfTheOtherSideAreInTheError() {
        var pair = LinkPair(.named("edge", key: "a"), .named("origin", key: "b"))
        pair.edge.start(now: .zero)
        pair.origin.receive(pair.edge.said(), now: .zero)
        _ = pair.origin.pull(.zero)
        pair.edge.receive(pair.origin.said(), now: .zero)
        _ = pair.edge.pull(.zero)
        pair.origin.receive(pair.edge.said(), now: .zero)
        guard case .close(.keyMismatch(.different))? = pair.origin.pull(.zero).last else {
            Issue.record("the listener does not say that the keys differ")
            return
        }
        pair.edge.receive(pair.origin.said(), now: .zero)
        guard case .close(let error)? = pair.edge.pull(.zero).last else {
            Issue.record("the dialer was not told")
            return
        }
        #expect(error == .peer(code: 7002, text: "the cluster keys of the two nodes differ"))
        #expect(pair.origin.takeOutput(limit: 9_999, now: .zero) == nil)
    }

    @Test func aDialerThatCannotProveTheKeyGetsNoProofFromTheListener() {
        // Otherwise anyone could collect proofs and guess the key.
        var pair = LinkPair(.named("edge", key: "wrong"), .named("origin"))
        pair.edge.start(now: .zero)
        pair.origin.receive(pair.edge.said(), now: .zero)
        _ = pair.origin.pull(.zero)
        let said = pair.origin.takeOutput(limit: 9_999, now: .zero)?.bytes ?? []
        #expect(said.count == 4 + Int(said[3]) && said[4] == LinkMessageType.hello.rawValue)
    }

    @Test func aNodeDoesNotLinkWithItsOwnName() {
        var pair = LinkPair(.named("edge"), .named("edge"))
        pair.connect()
        #expect(pair.originLog == ["close RLY-7008"])
        #expect(pair.edgeLog == ["close RLY-7008"])
    }

    @Test("an echo of the own hello is no peer", arguments: ["", "a key"])
    func reflection(_ key: String) {
        var edge = LinkSession(role: .dialer, settings: .named("edge", key: key), crypto: .fixed(1), now: .zero)
        edge.start(now: .zero)
        let hello = edge.said()
        edge.receive(hello, now: .zero)
        guard case .close(.reflected)? = edge.pull(.zero).first else {
            Issue.record("taken for a peer")
            return
        }
        #expect(edge.takeOutput(limit: 9_999, now: .zero) == nil)
    }

    @Test func theListenerOfAnotherNodeCannotBeImpersonatedByReflectingTheProof() throws {
        // A stranger answers with a hello of its own and sends the dialer's proof back to it.
        var edge = LinkSession(role: .dialer, settings: .named("edge"), crypto: .fixed(1), now: .zero)
        edge.start(now: .zero)
        _ = edge.takeOutput(limit: 9_999, now: .zero)
        var hello = ByteBuffer()
        LinkHello(hasKey: true, node: node("origin"), release: "", nonce: Array(repeating: 9, count: 32)).encode(
            into: &hello)
        edge.receive(hello, now: .zero)
        #expect(edge.pull(.zero).isEmpty)
        let proof = edge.said()
        edge.receive(proof, now: .zero)
        #expect(edge.pull(.zero).map(\.text) == ["close RLY-7002"])
    }

    @Test func aRecordedConversationCannotBePlayedAgain() throws {
        // The dialer's bytes of one session, against a listener with a nonce of its own.
        var recorded: [ByteBuffer] = []
        var first = LinkPair()
        first.edge.start(now: .zero)
        for _ in 0..<2 {
            let bytes = first.edge.said()
            recorded.append(bytes)
            first.origin.receive(bytes, now: .zero)
            first.look()
            first.edge.receive(first.origin.said(), now: .zero)
            first.look()
        }
        #expect(first.originLog == ["established edge 1.0"])
        var second = LinkSession(role: .listener, settings: .named("origin"), crypto: .fixed(3), now: .zero)
        for bytes in recorded { second.receive(bytes, now: .zero) }
        #expect(second.pull(.zero).map(\.text) == ["close RLY-7002"])
    }

    @Test("no byte of a hello can be changed on the way", arguments: 4..<30)
    func tampering(_ offset: Int) throws {
        var pair = LinkPair()
        pair.edge.start(now: .zero)
        var hello = pair.edge.said()
        hello.setInteger((hello.getInteger(at: offset, as: UInt8.self) ?? 0) ^ 1, at: offset)
        pair.toOrigin(hello)
        pair.run()
        #expect(!pair.originLog.contains { $0.hasPrefix("established") })
        #expect(!pair.edgeLog.contains { $0.hasPrefix("established") })
    }

    @Test(
        "strangers are told apart by their first bytes",
        arguments: [
            ("TLS", "16 03 01 02 00", LinkError.Stranger.tls), ("HTTP", "47 45 54 20 2F", .http),
            ("RTMP", "03 00 00 00 00", .rtmp), ("SSH", "53 53 48", .http), ("noise", "FF", .unknown),
            ("a length beyond a hello", "00 00 10 00", .unknown), ("another type", "00 00 00 30 20", .unknown),
            ("another magic", "00 00 00 30 01 52 4C 4E 4C", .unknown),
        ] as [(String, String, LinkError.Stranger)])
    func strangers(_ what: String, _ bytes: String, _ stranger: LinkError.Stranger) {
        for role in [LinkSession.Role.listener, .dialer] {
            var session = LinkSession(role: role, settings: .named("n"), crypto: .real, now: .zero)
            session.start(now: .zero)
            _ = session.takeOutput(limit: 9_999, now: .zero)
            session.receive(ByteBuffer(bytes: hex(bytes)), now: .zero)
            guard case .close(.notALink(stranger))? = session.pull(.zero).first else {
                Issue.record("\(what) was not told apart")
                continue
            }
            #expect(session.takeOutput(limit: 9_999, now: .zero) == nil)
        }
    }

    @Test("versions without overlap are told", arguments: [(UInt8(2), UInt8(2)), (0, 0), (255, 255), (255, 2)])
    func versions(_ newest: UInt8, _ oldest: UInt8) throws {
        var origin = LinkSession(role: .listener, settings: .named("origin"), crypto: .real, now: .zero)
        // What follows the versions may look like anything.
        var hello = ByteBuffer(bytes: hex("00000008 01 524C4E4B") + [newest, oldest, 0xFF])
        origin.receive(hello, now: .zero)
        #expect(origin.pull(.zero).map(\.text) == ["close RLY-7003"])
        hello = origin.said()
        #expect(hello.bytes[4] == LinkMessageType.error.rawValue)
    }

    @Test func aNewerVersionThatStillSpeaksOursIsWelcome() {
        var origin = LinkSession(role: .listener, settings: .named("origin", key: ""), crypto: .real, now: .zero)
        var hello = ByteBuffer()
        LinkHello(
            newest: 9, oldest: 1, hasKey: false, node: node("edge"), release: "9", nonce: Array(repeating: 1, count: 32)
        )
        .encode(into: &hello)
        origin.receive(hello, now: .zero)
        #expect(origin.pull(.zero).map(\.text) == ["established edge 9"])
    }

    @Test("nothing but the handshake is understood before it", arguments: MessageVector.all)
    func nothingElse(_ vector: MessageVector) {
        var pair = LinkPair()
        pair.edge.start(now: .zero)
        while let bytes = pair.edge.takeOutput(limit: 9_999, now: .zero) { pair.toOrigin(bytes) }
        pair.origin.receive(ByteBuffer(bytes: vector.bytes), now: .zero)
        let told = pair.origin.pull(.zero).map(\.text)
        #expect(told.count == 1 && told.first?.hasPrefix("close") == true)
        #expect(pair.origin.peer == nil)
    }

    @Test func theHandshakeHasADeadlineOnBothSides() {
        var edge = LinkSession(role: .dialer, settings: .named("edge"), crypto: .real, now: .zero)
        var origin = LinkSession(role: .listener, settings: .named("origin"), crypto: .real, now: .zero)
        #expect(edge.nextDeadline == nil)
        edge.start(now: .at(.seconds(1)))
        #expect(edge.nextDeadline == .at(.seconds(6)))
        #expect(origin.nextDeadline == .at(.seconds(5)))
        origin.timerFired(now: .at(.milliseconds(4_999)))
        #expect(origin.pull(.at(.seconds(5))).isEmpty)
        origin.timerFired(now: .at(.seconds(5)))
        #expect(origin.pull(.at(.seconds(5))).map(\.text) == ["close RLY-7004"])
        // One byte each second does not extend it.
        for second in 2..<6 { edge.receive(ByteBuffer(bytes: [0]), now: .at(.seconds(second))) }
        edge.timerFired(now: .at(.seconds(6)))
        #expect(edge.pull(.at(.seconds(6))).contains { $0.text == "close RLY-7004" || $0.text == "close RLY-7009" })
    }

    @Test func nothingFollowsAClose() {
        var pair = LinkPair(.named("edge", key: "a"), .named("origin", key: "b"))
        pair.connect()
        pair.edge.receive(ByteBuffer(bytes: [1, 2, 3]), now: .zero)
        pair.edge.subscribe(.to("live/a", id: 1))
        pair.edge.timerFired(now: .at(.seconds(99)))
        #expect(pair.edge.pull(.zero).isEmpty)
        #expect(pair.edge.takeOutput(limit: 9_999, now: .zero) == nil)
        #expect(pair.edge.nextDeadline == nil && !pair.edge.hasOutput && !pair.edge.wantsInput)
    }

    @Test func thePeersWordsAreCleanedForTheLog() throws {
        var buffer = ByteBuffer()
        buffer.writeVarint(7_001)
        buffer.writeText("a\u{1B}[31m\nb\u{7F}ü" + String(repeating: "x", count: 500))
        let farewell = try LinkFarewell(from: buffer)
        #expect(farewell.text.hasPrefix("a[31mb") && farewell.text.utf8.count == LinkFarewell.maximumTextLength)
    }
}
