import NIOCore
import RelayCore

extension LinkSession {
    /// What is known of the peer while its proof is waited for.
    struct Handshake: Sendable {
        var hello: LinkHello
        /// As it was on the wire.
        var bytes: [UInt8]
    }

    mutating func sayHello() {
        ownNonce = crypto.randomBytes(LinkHello.nonceLength)
        let hello = LinkHello(
            hasKey: !settings.clusterKey.isEmpty, node: settings.nodeID, release: settings.release, nonce: ownNonce)
        var message = ByteBuffer()
        hello.encode(into: &message)
        ownHello = Array(message.readableBytesView.dropFirst(LinkWire.headerLength))
        outbox.writeBuffer(&message)
    }

    /// A message that came before both sides had proven themselves.
    mutating func handshake(_ type: UInt8, _ body: ByteBuffer, now: MonotonicTime) throws(LinkError) {
        switch (phase, LinkMessageType(rawValue: type)) {
        case (_, .error): throw farewell(body)
        case (.hello(let deadline), .hello): try handle(LinkHello(from: body), body, deadline: deadline, now: now)
        case (.auth(_, let handshake), .auth):
            guard let auth = try? LinkAuth(from: body) else { throw .malformed(type: type) }
            try handle(auth, handshake, now: now)
        default: throw .unexpected(type: type)
        }
    }

    private mutating func handle(
        _ hello: LinkHello, _ body: ByteBuffer, deadline: MonotonicTime, now: MonotonicTime
    ) throws(LinkError) {
        if role == .dialer, crypto.areEqual(hello.nonce, ownNonce) { throw .reflected }
        guard hello.node != settings.nodeID else { throw .toSelf }
        let hasKey = !settings.clusterKey.isEmpty
        guard hello.hasKey == hasKey else { throw .keyMismatch(hasKey ? .missingThere : .missingHere) }
        let handshake = Handshake(hello: hello, bytes: Array(body.readableBytesView))
        if role == .listener { sayHello() }
        guard hasKey else { return open(hello, now: now) }
        if role == .dialer { proof(of: .dialer, handshake).encode(into: &outbox) }
        phase = .auth(deadline: deadline, handshake)
    }

    private mutating func handle(_ auth: LinkAuth, _ handshake: Handshake, now: MonotonicTime) throws(LinkError) {
        let expected = proof(of: role == .dialer ? .listener : .dialer, handshake)
        guard crypto.areEqual(auth.code, expected.code) else { throw .keyMismatch(.different) }
        if role == .listener { proof(of: .listener, handshake).encode(into: &outbox) }
        open(handshake.hello, now: now)
    }

    private func proof(of prover: Role, _ handshake: Handshake) -> LinkAuth {
        LinkAuth(
            of: prover, version: min(LinkHello.version, handshake.hello.newest),
            dialer: role == .dialer ? ownHello : handshake.bytes,
            listener: role == .dialer ? handshake.bytes : ownHello,
            key: settings.clusterKey, crypto: crypto)
    }

    private mutating func open(_ hello: LinkHello, now: MonotonicTime) {
        let peer = LinkPeer(node: hello.node, release: hello.release)
        self.peer = peer
        phase = .open
        ownHello = []
        outbox.writeBuffer(&deferred)
        deferred = ByteBuffer()
        // The first ping at once, so that the round trip is known early.
        isPingDue = true
        actions.append(.established(peer))
    }

    func farewell(_ body: ByteBuffer) -> LinkError {
        guard let farewell = try? LinkFarewell(from: body) else {
            return .malformed(type: LinkMessageType.error.rawValue)
        }
        return .peer(code: Int(clamping: farewell.code), text: farewell.text)
    }
}
