import NIOCore
import RelayCore
import RelayRTMP
import Testing

@Suite("Chunk decoder: limits")
struct ChunkLimitTests {
    @Test(
        "a message longer than the cap of its type is refused by its header alone",
        arguments: [
            (8, 256 << 10), (9, 8 << 20), (22, 8 << 20), (20, 64 << 10), (17, 64 << 10), (15, 64 << 10), (18, 64 << 10),
            (99, 64 << 10),
        ] as [(UInt8, Int)])
    func messageCaps(type: UInt8, cap: Int) {
        #expect(decodeEveryWay(header0(csid: 6, time: 0, length: cap, type: type)).error == nil)
        let outcome = decodeEveryWay(header0(csid: 6, time: 0, length: cap + 1, type: type))
        #expect(outcome.error == .messageTooLong(type: type, length: cap + 1))
    }

    /// `count` chunk streams, each with one chunk of a long video message.
    static func partials(_ count: Int, chunk: Int = 128) -> [UInt8] {
        var bytes: [UInt8] = []
        for csid in 0..<count {
            bytes +=
                [0x01, UInt8(csid & 0xFF), UInt8(csid >> 8)] + hex("000000 7fffff 09 01000000")
                + [UInt8](repeating: 1, count: chunk)
        }
        return bytes
    }

    @Test("64 messages may be unfinished, the 65th ends the connection")
    func partialMessages() {
        var decoder = ChunkDecoder()
        #expect(decode(Self.partials(64), with: &decoder).error == nil)
        var second = ChunkDecoder()
        #expect(decode(Self.partials(65), with: &second).error == .tooManyPartialMessages)
    }

    @Test("any number of chunk streams may be used one after the other, and old ones are forgotten")
    func manyChunkStreams() {
        var decoder = ChunkDecoder()
        for csid in 0..<65_536 {
            let bytes = [0x01, UInt8(csid & 0xFF), UInt8(csid >> 8)] + hex("000000 000001 08 01000000 aa")
            let outcome = decode(bytes, with: &decoder, now: .at(.milliseconds(csid / 10)))
            guard outcome.error == nil, outcome.messages.count == 1 else {
                Issue.record("chunk stream \(csid): \(outcome)")
                return
            }
        }
        #expect(decoder.counters.forgotten == 65_536 - 64)
    }

    @Test("unfinished messages hold at most so many bytes together")
    func partialBytes() {
        var limits = RTMPLimits()
        limits.partialBytes = 1000
        var decoder = ChunkDecoder(limits: limits)
        #expect(decode(Self.partials(7), with: &decoder).error == nil)
        #expect(decoder.bufferedBytes == 896)
        #expect(decode(Array(Self.partials(8).suffix(143)), with: &decoder).error == .tooManyPartialBytes)
    }

    @Test("finished and dropped messages give their bytes back")
    func partialBytesReturn() {
        var limits = RTMPLimits()
        limits.partialBytes = 1000
        var decoder = ChunkDecoder(limits: limits)
        for _ in 0..<50 {
            #expect(decode(message(type: 9, csid: 6, [UInt8](repeating: 1, count: 900)), with: &decoder).error == nil)
            let begun = header0(csid: 7, time: 0, length: 900, type: 9) + [UInt8](repeating: 1, count: 128)
            #expect(decode(begun + hex("02 000000 000004 02 00000000 00000007"), with: &decoder).error == nil)
        }
        #expect(decoder.bufferedBytes == 0)
        #expect(decoder.nextDeadline == nil)
    }

    @Test("an unfinished message has a deadline, set by the oldest one")
    func messageAge() throws {
        var decoder = ChunkDecoder()
        let begun = [UInt8](repeating: 1, count: 128)
        _ = decode(header0(csid: 6, time: 0, length: 200, type: 9) + begun, with: &decoder, now: .at(.seconds(1)))
        _ = decode(header0(csid: 7, time: 0, length: 200, type: 9) + begun, with: &decoder, now: .at(.seconds(3)))
        #expect(decoder.nextDeadline == .at(.seconds(11)))
        _ = decode([0xC6] + [UInt8](repeating: 1, count: 72), with: &decoder, now: .at(.seconds(4)))
        #expect(decoder.nextDeadline == .at(.seconds(13)))
        try decoder.checkDeadline(now: .at(.milliseconds(12_999)))
        #expect(throws: RTMPError.partialMessageTimeout) { try decoder.checkDeadline(now: .at(.seconds(13))) }
    }

    @Test("memory follows the bytes received, not the announced chunk size or message length")
    func memory() {
        var decoder = ChunkDecoder()
        let bytes =
            setChunkSize(0x7FFF_FFFF) + header0(csid: 6, time: 0, length: 8 << 20, type: 9)
            + [UInt8](repeating: 1, count: 5000)
        #expect(decode(bytes, feeding: .random(1), with: &decoder).error == nil)
        #expect(decoder.bufferedBytes == 5000)
        #expect(decoder.partialCapacity <= 8192)
    }

    @Test("more chunk headers in a second than the budget wait for the next second, and nothing is lost")
    func decodeBudget() {
        var limits = RTMPLimits()
        limits.chunkHeadersPerSecond = 100
        var decoder = ChunkDecoder(limits: limits)
        let bytes = (0..<250).flatMap { header0(csid: 4, time: $0, length: 1, type: 8) + [7] }
        var times: [UInt32] = []
        for second in 1...3 {
            let outcome = decode(second == 1 ? bytes : [], with: &decoder, now: .at(.seconds(second)))
            times += outcome.messages.map(\.timestamp)
            #expect(times.count == Swift.min(250, second * 100))
            #expect(decoder.isThrottled == (second < 3))
            #expect(decoder.nextDeadline == (second < 3 ? .at(.seconds(second + 1)) : nil))
        }
        #expect(times == Array(0..<250))
        #expect(decoder.bufferedBytes == 0)
    }

    @Test("a single byte at a time costs no more than whole headers")
    func decodeBudgetOfTrickle() {
        var limits = RTMPLimits()
        limits.chunkHeadersPerSecond = 3
        var decoder = ChunkDecoder(limits: limits)
        let bytes = (0..<3).flatMap { header0(csid: 4, time: $0, length: 1, type: 8) + [7] }
        #expect(decode(bytes, feeding: .singly, with: &decoder).messages.count == 3)
    }
}

@Suite("Chunk decoder: aggregates")
struct AggregateTests {
    /// A part: FLV tag header, payload, back pointer.
    static func part(type: UInt8, time: UInt32, _ payload: [UInt8], back: UInt32? = nil) -> [UInt8] {
        [type] + big24(UInt32(payload.count)) + big24(time & 0xFF_FFFF) + [UInt8(time >> 24)] + [0, 0, 0] + payload
            + big32(back ?? UInt32(payload.count + 11))
    }

    @Test(
        "parts come out as messages, timed relative to the first",
        arguments: [0, 1000, 0x0100_0000, 0xFFFF_FFF0] as [UInt32])
    func parts(first: UInt32) {
        let body =
            Self.part(type: 8, time: first, [1]) + Self.part(type: 9, time: first &+ 20, [2, 3])
            + Self.part(type: 18, time: first &+ 40, [4])
        let outcome = decodeEveryWay(
            message(type: 22, time: 5000, csid: 6, body) + message(type: 8, time: 9, csid: 4, [9]))
        #expect(outcome.error == nil)
        #expect(outcome.messages.map(\.timestamp) == [5000, 5020, 5040, 9])
        #expect(outcome.messages.map(\.type) == [8, 9, 18, 8])
        #expect(outcome.messages.map(\.payload.bytes) == [[1], [2, 3], [4], [9]])
    }

    @Test("a wrong or missing back pointer does not matter")
    func backPointer() {
        let body = Self.part(type: 8, time: 0, [1], back: 0xDEAD_BEEF) + Self.part(type: 8, time: 0, [2]).dropLast(4)
        #expect(decodeEveryWay(message(type: 22, csid: 6, body)).messages.map(\.payload.bytes) == [[1], [2]])
    }

    @Test("a part longer than what is left ends the connection")
    func tooLongPart() {
        let bytes = hex("06 000000 00000f 16 01000000 09 ffffff 000000 00 000000 00000000")
        #expect(decodeEveryWay(bytes).error == .badAggregate)
    }

    @Test("an aggregate inside an aggregate ends the connection")
    func nested() {
        let body = Self.part(type: 22, time: 0, Self.part(type: 8, time: 0, [1]))
        #expect(decodeEveryWay(message(type: 22, csid: 6, body)).error == .badAggregate)
    }

    @Test("parts that are no media are skipped, and so is padding")
    func otherParts() {
        let body =
            Self.part(type: 1, time: 0, big32(1)) + Self.part(type: 20, time: 0, [1]) + Self.part(type: 8, time: 0, [7])
            + [0, 0, 0]
        #expect(decodeEveryWay(message(type: 22, csid: 6, body)).messages.map(\.payload.bytes) == [[7]])
    }

    @Test("the caps of each type hold inside an aggregate")
    func caps() {
        var limits = RTMPLimits()
        limits.audioMessageBytes = 4
        let body = Self.part(type: 8, time: 0, [1, 2, 3, 4, 5])
        #expect(
            decodeEveryWay(message(type: 22, csid: 6, body), limits: limits).error
                == .messageTooLong(type: 8, length: 5))
    }
}
