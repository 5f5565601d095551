import NIOCore
import RelayCore
import RelayCrypto
import RelayRTMP
import Testing

/// Bytes from hex with spaces.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }.compactMap { $0.hexDigitValue.map(UInt8.init) }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

func buffer(_ bytes: [UInt8]) -> ByteBuffer { ByteBuffer(bytes: bytes) }

extension ByteBuffer {
    var bytes: [UInt8] { Array(readableBytesView) }
}

/// A generator with a seed, so that a failing split is found again.
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

extension RTMPDigest {
    static let real = RTMPDigest(
        hmacSHA256: { HMACSHA256.authenticate(key: $0, message: $1) }, randomBytes: { SecureRandom.bytes(count: $0) })
}

extension MonotonicTime {
    static func at(_ duration: Duration) -> MonotonicTime { .zero + duration }
}

/// How bytes arrive.
enum Feeding {
    case whole
    case singly
    case split(Int)
    case random(UInt64)

    func pieces(_ bytes: [UInt8]) -> [[UInt8]] {
        switch self {
        case .whole: return [bytes]  // also when empty: time alone may let a decoder go on
        case .singly: return bytes.map { [$0] }
        case .split(let at): return [Array(bytes.prefix(at)), Array(bytes.dropFirst(at))]
        case .random(let seed):
            var generator = SplitMix(seed)
            var rest = bytes[...]
            var pieces: [[UInt8]] = []
            while !rest.isEmpty {
                let count = Int.random(in: 1...Swift.max(1, Swift.min(rest.count, 300)), using: &generator)
                pieces.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            return pieces
        }
    }
}

/// What a decoder made of some bytes.
struct Outcome: Equatable {
    var messages: [RTMPMessage] = []
    var error: RTMPError?
}

/// Runs a decoder over pieces of input.
func decode(
    _ bytes: [UInt8], feeding: Feeding = .whole, with decoder: inout ChunkDecoder, now: MonotonicTime = .zero
) -> Outcome {
    var outcome = Outcome()
    for piece in feeding.pieces(bytes) {
        decoder.append(buffer(piece))
        do {
            while let message = try decoder.next(now: now) { outcome.messages.append(message) }
        } catch {
            outcome.error = error
            return outcome
        }
    }
    return outcome
}

/// Decodes whole, byte by byte and split at every point, expects the same each time, and returns it.
func decodeEveryWay(
    _ bytes: [UInt8], limits: RTMPLimits = RTMPLimits(), sourceLocation: SourceLocation = #_sourceLocation
) -> Outcome {
    var decoder = ChunkDecoder(limits: limits)
    let outcome = decode(bytes, with: &decoder)
    let step = Swift.max(1, bytes.count / 200)
    let feedings = [Feeding.singly] + stride(from: 1, to: bytes.count, by: step).map { Feeding.split($0) }
    for feeding in feedings {
        var other = ChunkDecoder(limits: limits)
        let outcome2 = decode(bytes, feeding: feeding, with: &other)
        #expect(outcome2 == outcome, "fed \(feeding)", sourceLocation: sourceLocation)
    }
    return outcome
}

/// A type 0 chunk header.
func header0(csid: UInt8, time: UInt32, length: Int, type: UInt8, streamID: UInt32 = 1) -> [UInt8] {
    let field = Swift.min(time, 0xFF_FFFF)
    var bytes = [csid] + big24(field) + big24(UInt32(length)) + [type] + little32(streamID)
    if time >= 0xFF_FFFF { bytes += big32(time) }
    return bytes
}

func big24(_ value: UInt32) -> [UInt8] { Array(big32(value).dropFirst()) }
func big32(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
}
func little32(_ value: UInt32) -> [UInt8] { big32(value).reversed() }

func setChunkSize(_ size: UInt32) -> [UInt8] { hex("02 000000 000004 01 00000000") + big32(size) }

/// Any message as chunks.
func message(
    type: UInt8, time: UInt32 = 0, streamID: UInt32 = 1, csid: UInt32 = 3, chunkSize: Int = 128, _ payload: [UInt8]
) -> [UInt8] {
    var out = ByteBuffer()
    ChunkEncoder.write(
        type: type, timestamp: time, streamID: streamID, csid: csid, payload: buffer(payload), chunkSize: chunkSize,
        into: &out)
    return out.bytes
}

func command(
    _ name: String, id: Double = 0, object: AMF0Value = .null, _ arguments: AMF0Value..., streamID: UInt32 = 0
) -> [UInt8] {
    var out = ByteBuffer()
    Command(name, transactionID: id, object: object, arguments: arguments).encode(
        streamID: streamID, chunkSize: 128, into: &out)
    return out.bytes
}
