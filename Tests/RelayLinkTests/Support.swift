import NIOCore
import RelayCore
import RelayCrypto
import Testing

@testable import RelayLink

/// Bytes from hex with spaces.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.compactMap { $0.hexDigitValue.map(UInt8.init) }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

extension ByteBuffer {
    var bytes: [UInt8] { Array(readableBytesView) }
}

/// A generator with a seed, so that a failing run is found again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func node(_ text: String) -> NodeID { NodeID(text) ?? { fatalError("not a node name: \(text)") }() }
func name(_ text: String) -> StreamName {
    do { return try StreamName(path: text) } catch { fatalError("not a stream name: \(text)") }
}

extension LinkCrypto {
    static let real = LinkCrypto(
        hmacSHA256: { HMACSHA256.authenticate(key: $0, message: $1) }, randomBytes: { SecureRandom.bytes(count: $0) },
        areEqual: { ConstantTime.areEqual($0, $1) })
    /// Nonces of one byte value, so that whole conversations can be compared.
    static func fixed(_ byte: UInt8) -> LinkCrypto {
        var crypto = real
        crypto.randomBytes = { Array(repeating: byte, count: $0) }
        return crypto
    }
}

extension LinkSettings {
    static func named(_ name: String, key: String = "a key of the cluster") -> LinkSettings {
        LinkSettings(nodeID: node(name), release: "1.0", clusterKey: Array(key.utf8))
    }
}

extension MonotonicTime {
    static func at(_ duration: Duration) -> MonotonicTime { .zero + duration }
}

extension Frame {
    static func video(_ id: UInt64, _ flags: FrameFlags = [], bytes: Int = 10, dts: Int64? = nil) -> Frame {
        Frame(
            id: id, kind: .video, dts: dts ?? Int64(truncatingIfNeeded: id), flags: flags,
            body: ByteBuffer(repeating: UInt8(truncatingIfNeeded: id), count: bytes))
    }

    static func audio(_ id: UInt64, _ flags: FrameFlags = [], bytes: Int = 5) -> Frame {
        Frame(
            id: id, kind: .audio, dts: Int64(truncatingIfNeeded: id), flags: flags,
            body: ByteBuffer(repeating: 0xA0, count: bytes))
    }
}

extension LinkAccept {
    static func life(_ id: UInt64, epoch: UInt64 = 1, headers: [Frame] = []) -> LinkAccept {
        LinkAccept(
            incarnation: Incarnation(epoch: epoch, id: id), startWallMilliseconds: 1_700_000_000_000, hops: 1,
            headers: headers)
    }
}

extension LinkSubscribe {
    static func to(_ stream: String, id: UInt64, start: LinkStart = .live, path: [String] = ["edge"]) -> LinkSubscribe {
        LinkSubscribe(id: id, stream: name(stream), start: start, path: path.map(node), highestEpoch: 0)
    }
}

extension LinkAction {
    /// Short and comparable.
    var text: String {
        switch self {
        case .established(let peer): "established \(peer.node) \(peer.release)"
        case .subscribe(let request): "subscribe \(request.id) \(request.stream)"
        case .unsubscribe(let id): "unsubscribe \(id)"
        case .query(let id, let stream): "query \(id) \(stream)"
        case .answered(let id, let state): "answered \(id) epoch \(state.epoch)"
        case .accepted(let id, let accept): "accepted \(id) \(accept.incarnation) headers \(accept.headers.map(\.id))"
        case .refused(let id, let refusal, let redirect): "refused \(id) \(refusal) \(redirect?.text ?? "-")"
        case .frames(let id, let frames): "frames \(id) \(frames.map(\.id))"
        case .skipped(let id, let from, let count): "skipped \(id) \(from)+\(count)"
        case .ended(let id, let reason, let last): "ended \(id) \(reason) \(last)"
        case .goAway(let milliseconds): "goAway \(milliseconds)"
        case .suspect: "suspect"
        case .recovered: "recovered"
        case .close(let error): "close \(error.code)"
        }
    }
}

extension LinkSession {
    /// What it has to say; empty = nothing.
    mutating func said(at now: MonotonicTime = .zero) -> ByteBuffer {
        takeOutput(limit: 1 << 16, now: now) ?? ByteBuffer()
    }

    mutating func pull(_ now: MonotonicTime) -> [LinkAction] {
        var found: [LinkAction] = []
        while let action = nextAction(now: now) { found.append(action) }
        return found
    }
}

/// How bytes arrive.
enum Feeding: CaseIterable {
    case whole
    case glued
    case singly
    case random
}

/// An edge that dials an origin, with a pipe between them and a clock in hand.
struct LinkPair {
    var edge: LinkSession
    var origin: LinkSession
    var now: MonotonicTime
    var feeding: Feeding
    /// What the two were told, as text, and the frames the edge got.
    var edgeLog: [String] = []
    var originLog: [String] = []
    var edgeFrames: [UInt64: [Frame]] = [:]
    private var generator: SplitMix

    init(
        _ edge: LinkSettings = .named("edge"), _ origin: LinkSettings = .named("origin"), feeding: Feeding = .whole,
        seed: UInt64 = 1, crypto: (LinkCrypto, LinkCrypto) = (.fixed(1), .fixed(2)), at now: MonotonicTime = .zero
    ) {
        self.edge = LinkSession(role: .dialer, settings: edge, crypto: crypto.0, now: now)
        self.origin = LinkSession(role: .listener, settings: origin, crypto: crypto.1, now: now)
        self.now = now
        self.feeding = feeding
        generator = SplitMix(seed)
    }

    /// A pair that has shaken hands, with empty logs.
    static func open(_ feeding: Feeding = .whole) -> LinkPair {
        var pair = LinkPair(feeding: feeding)
        pair.connect()
        pair.edgeLog = []
        pair.originLog = []
        return pair
    }

    mutating func connect() {
        edge.start(now: now)
        origin.start(now: now)
        run()
    }

    /// Carries bytes both ways until neither has any.
    mutating func run() {
        while edge.hasOutput || origin.hasOutput {
            var fromEdge = ByteBuffer()
            while var bytes = edge.takeOutput(limit: 1 << 16, now: now) {
                if feeding == .glued { fromEdge.writeBuffer(&bytes) } else { toOrigin(bytes) }
            }
            if fromEdge.readableBytes > 0 { toOrigin(fromEdge) }
            var fromOrigin = ByteBuffer()
            while var bytes = origin.takeOutput(limit: 1 << 16, now: now) {
                if feeding == .glued { fromOrigin.writeBuffer(&bytes) } else { toEdge(bytes) }
            }
            if fromOrigin.readableBytes > 0 { toEdge(fromOrigin) }
        }
        look()
    }

    mutating func toOrigin(_ bytes: ByteBuffer) {
        for piece in pieces(bytes) {
            origin.receive(piece, now: now)
            look()
        }
    }

    mutating func toEdge(_ bytes: ByteBuffer) {
        for piece in pieces(bytes) {
            edge.receive(piece, now: now)
            look()
        }
    }

    /// Runs the actions of both.
    mutating func look() {
        for action in edge.pull(now) {
            edgeLog.append(action.text)
            if case .frames(let id, let frames) = action { edgeFrames[id, default: []] += frames }
        }
        originLog += origin.pull(now).map(\.text)
    }

    /// Lets time pass in the steps that the sessions ask for.
    mutating func advance(by duration: Duration) {
        let end = now + duration
        while let next = [edge.nextDeadline, origin.nextDeadline].compactMap({ $0 }).min(), next <= end {
            now = max(now, next)
            edge.timerFired(now: now)
            origin.timerFired(now: now)
            run()
            if let again = [edge.nextDeadline, origin.nextDeadline].compactMap({ $0 }).min(), again <= next { break }
        }
        now = end
    }

    /// The edge subscribes and the origin accepts.
    mutating func subscribe(_ id: UInt64, _ name: String = "live/a", accept: LinkAccept = .life(7)) {
        edge.subscribe(.to(name, id: id))
        run()
        origin.accept(id, accept, now: now)
        run()
    }

    private mutating func pieces(_ bytes: ByteBuffer) -> [ByteBuffer] {
        var rest = bytes
        var pieces: [ByteBuffer] = []
        switch feeding {
        case .whole, .glued: return [bytes]
        case .singly:
            while let piece = rest.readSlice(length: 1) { pieces.append(piece) }
        case .random:
            while rest.readableBytes > 0,
                let piece = rest.readSlice(
                    length: Int.random(in: 1...min(rest.readableBytes, 300), using: &generator))
            {
                pieces.append(piece)
            }
        }
        return pieces
    }
}
