import NIOCore
import RelayCore
import RelayRTMP

/// Not a digest at all, but as good as one for finding traps, and fast.
private let digest = RTMPDigest(
    hmacSHA256: { key, message in
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in key + message { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return (0..<32).map { UInt8(truncatingIfNeeded: hash >> UInt64($0 % 8 * 8)) }
    },
    randomBytes: { count in (0..<max(0, count)).map { UInt8(truncatingIfNeeded: $0 &* 31) } })

/// Input: one byte that says into how long pieces the rest is cut, and who reads it; then a handshake.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = bytes.first else { return 0 }
    let rest = bytes.dropFirst()
    let step = Int(first >> 2) * 8 + 1
    let pieces = stride(from: rest.startIndex, to: rest.endIndex, by: step).map {
        Array(rest[$0..<min(rest.endIndex, $0 + step)])
    }
    let whole: Outcome
    let cut: Outcome
    if first & 1 == 0 {
        whole = serve([Array(rest)])
        cut = serve(pieces)
    } else {
        let kind = first & 2 == 0 ? HandshakeKind.simple : .digest
        whole = connect([Array(rest)], kind: kind)
        cut = connect(pieces, kind: kind)
    }
    if whole != cut { fatalError("pieces of \(step) gave something else") }
    return 0
}

private struct Outcome: Equatable {
    var sent: [UInt8] = []
    var error: RTMPError?
    var isDone = false
    var rest: [UInt8] = []
}

private func serve(_ pieces: [[UInt8]]) -> Outcome {
    var machine = RTMPHandshakeServer(digest: digest)
    return run(pieces) { (input) throws(RTMPError) in try machine.advance(&input) }
}

private func connect(_ pieces: [[UInt8]], kind: HandshakeKind) -> Outcome {
    var machine = RTMPHandshakeClient(kind: kind, digest: digest)
    return run(pieces) { (input) throws(RTMPError) in try machine.advance(&input) }
}

private func run(
    _ pieces: [[UInt8]], _ advance: (inout ByteBuffer) throws(RTMPError) -> HandshakeStep
) -> Outcome {
    var outcome = Outcome()
    var input = ByteBuffer()
    for piece in [[]] + pieces {
        input.writeBytes(piece)
        do {
            loop: while !outcome.isDone {
                switch try advance(&input) {
                case .needMore: break loop
                case .send(let bytes): outcome.sent += bytes
                case .done: outcome.isDone = true
                }
            }
        } catch {
            outcome.error = error
            return outcome
        }
    }
    outcome.rest = Array(input.readableBytesView)
    return outcome
}
