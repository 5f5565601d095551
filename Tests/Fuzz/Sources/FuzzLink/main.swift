import NIOCore
import RelayCore
import RelayLink

/// Nonces that are known, and codes that anyone can make, so that the fuzzer gets past the handshake.
private func crypto(_ nonce: UInt8) -> LinkCrypto {
    LinkCrypto(
        hmacSHA256: { _, _ in Array(repeating: 0, count: 32) },
        randomBytes: { Array(repeating: nonce, count: max(0, $0)) }, areEqual: { $0 == $1 })
}

/// Input: one byte (bit 0: the handshake is done already; the rest: into how long pieces), then what a peer called `e1` sends.
/// The same must come out whole and in pieces.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = bytes.first else { return 0 }
    let rest = Array(bytes.dropFirst())
    let whole = run(rest, piece: max(rest.count, 1), isOpen: first & 1 == 1)
    let pieces = run(rest, piece: Int(first >> 1) + 1, isOpen: first & 1 == 1)
    if whole != pieces { fatalError("the pieces matter") }
    return 0
}

private func run(_ bytes: [UInt8], piece: Int, isOpen: Bool) -> [String] {
    guard let name = NodeID("m"), let peer = NodeID("e1"), let stream = try? StreamName(path: "a/b") else { return [] }
    var session = LinkSession(
        role: .listener, settings: LinkSettings(nodeID: name, release: "", clusterKey: isOpen ? [] : [1]),
        crypto: crypto(1), now: .zero)
    var log = Log()
    if isOpen {
        var hello = LinkSession(
            role: .dialer, settings: LinkSettings(nodeID: peer, release: "", clusterKey: []), crypto: crypto(2),
            now: .zero)
        hello.start(now: .zero)
        session.receive(hello.takeOutput(limit: 1_024, now: .zero) ?? ByteBuffer(), now: .zero)
        log.pull(&session, now: .zero)
    }
    for id in 1...3 as ClosedRange<UInt64> {
        session.subscribe(LinkSubscribe(id: id, stream: stream, start: .live, path: [name], highestEpoch: 0))
        session.query(id, stream: stream)
    }
    for begin in stride(from: 0, to: bytes.count, by: piece) {
        session.receive(ByteBuffer(bytes: bytes[begin..<min(bytes.count, begin + piece)]), now: .zero)
        log.pull(&session, now: .zero)
    }
    while session.hasOutput { if session.takeOutput(limit: 1 << 16, now: .zero) == nil { break } }
    // However the input goes on or stops, time ends it.
    var now = MonotonicTime.zero
    for _ in 0..<200 {
        guard let next = session.nextDeadline else { break }
        now = max(now, next)
        session.timerFired(now: now)
        log.pull(&session, now: now)
        _ = session.takeOutput(limit: 1 << 16, now: now)
    }
    if !session.isClosed { fatalError("silence does not end it") }
    return log.said
}

private struct Log {
    var said: [String] = []
    private var isClosed = false
    private var next: [UInt64: UInt64] = [:]

    mutating func pull(_ session: inout LinkSession, now: MonotonicTime) {
        while let action = session.nextAction(now: now) {
            if isClosed { fatalError("something follows a close") }
            switch action {
            case .frames(let id, let frames):
                for frame in frames {
                    guard let expected = next[id], frame.id >= expected else { fatalError("a frame out of order") }
                    next[id] = frame.id + 1
                    said.append("frame \(id) \(frame.id) \(frame.kind) \(frame.body.readableBytes)")
                }
            case .accepted(let id, let accept):
                // Ids begin anew in another incarnation; that they may is all that is checked here.
                next[id] = 0
                said.append("accepted \(id) \(accept.incarnation) \(accept.headers.count)")
            case .subscribe(let request):
                if LinkPath.check(request.path, me: session.settings.nodeID, maxHops: 4) != nil { fatalError("a loop") }
                said.append("subscribe \(request)")
                session.accept(
                    request.id,
                    LinkAccept(
                        incarnation: Incarnation(epoch: 1, id: 1), startWallMilliseconds: 0, hops: 1, headers: []),
                    now: now)
                let frames = (0..<3).map {
                    Frame(
                        id: $0, kind: .video, dts: Int64($0), flags: $0 == 0 ? .key : [], body: ByteBuffer(bytes: [1]))
                }
                session.send(frames, to: request.id, now: now)
                if session.queueStatus(of: request.id, now: now)?.balances == false { fatalError("the account is off") }
            case .query(let id, let name):
                said.append("query \(id) \(name)")
                session.answer(
                    id, LinkStreamState(isOwner: false, hasPublisher: false, epoch: 0, frameAgeMilliseconds: 0))
            case .close(let error):
                isClosed = true
                said.append("close \(error.code)")
            case .ended(let id, let reason, let last):
                next[id] = nil
                said.append("ended \(id) \(reason) \(last)")
            case .skipped(let id, let from, let count):
                guard let expected = next[id], from >= expected, count > 0 else { fatalError("a skip out of order") }
                next[id] = from + count
                said.append("skipped \(id) \(from) \(count)")
            default: said.append("\(action)")
            }
        }
    }
}
