import NIOCore
import RelayCore
import RelayRTMP
import Testing

@Suite("Chunk decoder: timestamps")
struct ChunkTimestampTests {
    @Test(
        "the 24-bit field of exactly ffffff, and nothing else, announces the extended timestamp",
        arguments: [0, 0xFF_FFFE, 0xFF_FFFF, 0x100_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF] as [UInt32])
    func extended(time: UInt32) {
        let outcome = decodeEveryWay(header0(csid: 6, time: time, length: 1, type: 9) + [0x17])
        #expect(outcome.messages.map(\.timestamp) == [time])
    }

    @Test("an extended timestamp whose last byte is missing waits for it")
    func incompleteExtended() {
        var decoder = ChunkDecoder()
        #expect(decode(hex("06 ffffff 000005 09 01000000 010000"), with: &decoder) == Outcome())
        let rest = decode(hex("00 1122334455"), with: &decoder)
        #expect(rest.messages.map(\.timestamp) == [0x0100_0000])
    }

    @Test(
        "the extended timestamp of types 1 and 2 is a delta modulo 2^32",
        arguments: [(0xFFFF_FFFF, 999), (0x8000_0000, 0x8000_03E8), (0, 1000), (0x0100_0000, 0x0100_03E8)]
            as [(UInt32, UInt32)])
    func extendedDelta(delta: UInt32, expected: UInt32) {
        let begin = header0(csid: 6, time: 1000, length: 1, type: 9) + [0x17]
        #expect(
            decodeEveryWay(begin + hex("46 ffffff 000001 09") + big32(delta) + [0x27]).messages.last?.timestamp
                == expected)
        #expect(decodeEveryWay(begin + hex("86 ffffff") + big32(delta) + [0x27]).messages.last?.timestamp == expected)
    }

    @Test(
        "deltas go across 2^24, 2^31 and 2^32 from many starting points",
        arguments: [1 << 24, 1 << 31, 0] as [UInt32])
    func wraps(border: UInt32) {
        for offset in 0..<50 as Range<UInt32> {
            let start = border &- offset
            let bytes =
                header0(csid: 6, time: start, length: 1, type: 9) + [0x17] + hex("46 000019 000001 09 27")
                + hex("c6 27")
            var decoder = ChunkDecoder()
            #expect(decode(bytes, with: &decoder).messages.map(\.timestamp) == [start, start &+ 25, start &+ 50])
        }
    }

    @Test("the time may go back: chunk streams are independent and type 0 is absolute")
    func backwards() {
        let bytes =
            header0(csid: 6, time: 5000, length: 1, type: 9) + [1] + header0(csid: 4, time: 4900, length: 1, type: 8)
            + [2]
            + header0(csid: 6, time: 0, length: 1, type: 9) + [3]
        #expect(decodeEveryWay(bytes).messages.map(\.timestamp) == [5000, 4900, 0])
    }

    /// A message of 400 bytes at 2^24 + 5, with or without the repetition of the extended timestamp.
    static func long(time: UInt32 = 0x0100_0005, repeats: Bool, payload: [UInt8]) -> [UInt8] {
        var bytes = header0(csid: 6, time: time, length: payload.count, type: 9)
        var rest = payload[...]
        bytes += rest.prefix(128)
        rest = rest.dropFirst(128)
        while !rest.isEmpty {
            bytes += [0xC6] + (repeats ? big32(time) : []) + rest.prefix(128)
            rest = rest.dropFirst(128)
        }
        return bytes
    }

    @Test(
        "continuations are read with and without the repeated extended timestamp", arguments: [true, false],
        [129, 130, 257, 400, 1000])
    func repetition(repeats: Bool, length: Int) {
        let payload = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let bytes = Self.long(repeats: repeats, payload: payload)
        let outcome = decodeEveryWay(bytes + bytes + bytes)
        #expect(outcome.error == nil)
        #expect(outcome.messages.map(\.payload.bytes) == [payload, payload, payload])
        #expect(outcome.messages.map(\.timestamp) == [0x0100_0005, 0x0100_0005, 0x0100_0005])
    }

    @Test("payload that looks like the timestamp is payload, once the peer was seen to omit it")
    func lookalike() {
        let plain = [UInt8](repeating: 0x55, count: 400)
        var lookalike = plain
        lookalike.replaceSubrange(128..<132, with: big32(0x0100_0005))
        let outcome = decodeEveryWay(
            Self.long(repeats: false, payload: plain) + Self.long(repeats: false, payload: lookalike))
        #expect(outcome.messages.map(\.payload.bytes) == [plain, lookalike])
    }

    @Test("a peer that repeats another value, after it was seen to repeat, is still understood")
    func mismatch() {
        let payload = [UInt8](repeating: 0x55, count: 400)
        let odd =
            header0(csid: 6, time: 0x0100_0005, length: 130, type: 9) + payload.prefix(128) + [0xC6]
            + hex("01000006 5555")
        let outcome = decodeEveryWay(Self.long(repeats: true, payload: payload) + odd)
        #expect(outcome.error == nil)
        #expect(outcome.messages.map(\.payload.bytes) == [payload, Array(payload.prefix(130))])
    }

    @Test("the repeated value may be the absolute time of a message that was sent with a delta")
    func absoluteRepeated() {
        let payload = [UInt8](repeating: 0x33, count: 130)
        let bytes =
            header0(csid: 6, time: 1000, length: 1, type: 9) + [0x17] + hex("46 ffffff 000082 09 01000000")
            + payload.prefix(128)
            + [0xC6] + big32(0x0100_03E8) + payload.suffix(2)
        let outcome = decodeEveryWay(bytes)
        #expect(outcome.messages.last?.payload.bytes == payload)
        #expect(outcome.messages.last?.timestamp == 0x0100_03E8)
    }

    @Test("two bytes left of a message without repetition do not wait for what comes after it")
    func shortTail() {
        let payload = [UInt8](repeating: 0x55, count: 130)
        var decoder = ChunkDecoder()
        let outcome = decode(Self.long(repeats: false, payload: payload), with: &decoder)
        #expect(outcome.messages.map(\.payload.bytes) == [payload])
    }

    @Test("type 3 starting a message right after type 0 repeats a small absolute time and not a large one")
    func deltaAfterAbsolute() {
        var decoder = ChunkDecoder()
        let conformant = header0(csid: 4, time: 23, length: 1, type: 8) + [1] + [0xC4, 2] + [0xC4, 3]
        #expect(decode(conformant, with: &decoder).messages.map(\.timestamp) == [23, 46, 69])
        #expect(decoder.counters.absoluteRepeated == 2)
        let sameTime = header0(csid: 4, time: 90_000, length: 1, type: 8) + [1] + [0xC4, 2] + [0xC4, 3]
        #expect(decode(sameTime, with: &decoder).messages.map(\.timestamp) == [90_000, 90_000, 90_000])
        #expect(decoder.counters.absoluteNotRepeated == 2)
    }
}
