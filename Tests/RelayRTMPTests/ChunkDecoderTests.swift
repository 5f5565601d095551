import NIOCore
import RelayCore
import RelayRTMP
import Testing

@Suite("Chunk decoder: headers and messages")
struct ChunkDecoderTests {
    static let payload: [UInt8] = [0xAF, 0x01, 0x02]

    static func audio(_ time: UInt32, _ payload: [UInt8] = payload, streamID: UInt32 = 1) -> RTMPMessage {
        RTMPMessage(type: 8, timestamp: time, streamID: streamID, payload: buffer(payload))
    }

    @Test("a message of one chunk comes out with type, time, little-endian stream id and payload")
    func oneChunk() {
        let outcome = decodeEveryWay(hex("04 000010 000003 08 05000000 af0102"))
        #expect(outcome == Outcome(messages: [Self.audio(16, streamID: 5)]))
    }

    @Test(
        "a chunk stream is the same in whatever form its id is written",
        arguments: [
            ("3f", "3f", 63), ("00 00", "01 00 00", 64), ("00 ff", "01 ff 00", 319), ("01 ff ff", "01 ff ff", 65599),
        ])
    func basicHeaderForms(first: String, second: String, csid: UInt32) {
        let begin = hex(first) + hex("000005 000003 08 01000000 af0102")
        // The second header is type 3, so it is readable only if it means the same chunk stream.
        var form = hex(second)
        form[0] |= 0xC0
        let outcome = decodeEveryWay(begin + form + hex("af0102"))
        #expect(outcome.error == nil)
        #expect(outcome.messages == [Self.audio(5), Self.audio(10)])
    }

    @Test("ids 2 to 63 may be written in the long forms")
    func shortIDsInLongForms() {
        // The 2- and 3-byte forms start at 64, so only 64 and up can be written in them; 64 in both is one stream.
        let outcome = decodeEveryWay(hex("00 00 000001 000001 08 01000000 aa") + hex("c1 00 00 bb"))
        #expect(outcome.messages.map(\.timestamp) == [1, 2])
    }

    @Test("header types 0 to 3 carry over what they leave out")
    func headerTypes() {
        let bytes =
            hex("04 000064 000003 08 01000000 af0102")  // t = 100
            + hex("44 000014 000002 08 af03")  // + 20, new length
            + hex("84 00000a af04")  // + 10
            + hex("c4 af05")  // + 10 again
        let outcome = decodeEveryWay(bytes)
        #expect(outcome.error == nil)
        #expect(outcome.messages.map(\.timestamp) == [100, 120, 130, 140])
        #expect(outcome.messages.map(\.payload.readableBytes) == [3, 2, 2, 2])
        #expect(outcome.messages.allSatisfy { $0.streamID == 1 && $0.type == 8 })
    }

    @Test("a message of several chunks is put together, with others in between on other chunk streams")
    func interleaved() {
        let video = [UInt8](repeating: 0x17, count: 300)
        let bytes =
            header0(csid: 6, time: 40, length: 300, type: 9) + video[0..<128]
            + header0(csid: 4, time: 41, length: 3, type: 8) + Self.payload
            + [0xC6] + video[128..<256] + [0xC4] + Self.payload + [0xC6] + video[256..<300]
        let outcome = decodeEveryWay(bytes)
        #expect(outcome.error == nil)
        #expect(outcome.messages.map(\.type) == [8, 8, 9])
        #expect(outcome.messages.last?.payload.bytes == video)
        #expect(outcome.messages.last?.timestamp == 40)
    }

    @Test("librtmp's ping answer starts a fresh chunk stream with type 1 and is understood")
    func freshTypeOne() {
        var decoder = ChunkDecoder()
        let outcome = decode(hex("42 000000 000006 04 0006 00000d0f"), with: &decoder)
        #expect(outcome.messages.first?.payload.bytes == hex("0006 00000d0f"))
        #expect(decoder.counters.freshTypeOne == 1)
    }

    @Test("a fresh chunk stream cannot start with type 2 or 3", arguments: ["c3", "83 000000"])
    func freshTypeTwoAndThree(text: String) {
        #expect(decodeEveryWay(hex(text)).error == .noPreviousChunk(csid: 3))
    }

    @Test("FMLE starts messages with type 3 and the time goes on by the last delta")
    func typeThreeFirst() {
        let bytes = hex("04 000000 000001 08 01000000 aa  44 000015 000001 08 bb  c4 cc  c4 dd")
        #expect(decodeEveryWay(bytes).messages.map(\.timestamp) == [0, 21, 42, 63])
    }

    @Test("Set Chunk Size governs the next chunk", arguments: [128, 129, 4096, 0x0800_0000, 0x7FFF_FFFF] as [UInt32])
    func chunkSize(size: UInt32) {
        let payload = [UInt8](repeating: 7, count: 1000)
        let bytes = setChunkSize(size) + message(type: 9, csid: 6, chunkSize: Int(size), payload)
        let outcome = decodeEveryWay(bytes)
        #expect(outcome.error == nil)
        #expect(outcome.messages.map(\.payload.bytes) == [payload])
    }

    @Test("Set Chunk Size applies inside a message that was begun with the old one")
    func chunkSizeInsideMessage() {
        let payload = [UInt8](repeating: 9, count: 400)
        let bytes =
            header0(csid: 6, time: 0, length: 400, type: 9) + payload[0..<128] + setChunkSize(256) + [0xC6]
            + payload[128..<384] + [0xC6] + payload[384..<400]
        #expect(decodeEveryWay(bytes).messages.map(\.payload.bytes) == [payload])
    }

    @Test(
        "a chunk size below the floor or with the reserved bit ends the connection",
        arguments: [0, 1, 127, 0x8000_0000, 0xFFFF_FFFF] as [UInt32])
    func refusedChunkSize(size: UInt32) {
        #expect(decodeEveryWay(setChunkSize(size)).error == .chunkSizeRefused(size))
    }

    @Test("Set Chunk Size of three bytes is an error, of five is read, of none is ignored")
    func chunkSizeBodies() {
        #expect(decodeEveryWay(hex("02 000000 000003 01 00000000 000010")).error == .truncatedControl(type: 1))
        var decoder = ChunkDecoder()
        #expect(decode(hex("02 000000 000005 01 00000000 0000100099"), with: &decoder).error == nil)
        #expect(decoder.chunkSize == 4096)
        #expect(decode(hex("02 000000 000000 01 00000000"), with: &decoder).error == nil)
        #expect(decoder.chunkSize == 4096)
        #expect(decoder.counters.ignored == 1)
    }

    @Test("Abort drops the message begun on its chunk stream, and the stream goes on")
    func abort() {
        let bytes =
            header0(csid: 6, time: 40, length: 300, type: 9) + [UInt8](repeating: 1, count: 128)
            + hex("02 000000 000004 02 00000000 00000006") + hex("46 000005 000001 09 aa")
        let outcome = decodeEveryWay(bytes)
        #expect(outcome.error == nil)
        #expect(outcome.messages.map(\.payload.bytes) == [[0xAA]])
        #expect(outcome.messages.map(\.timestamp) == [45])
    }

    @Test("Abort for a chunk stream with nothing to drop is counted", arguments: ["ffffffff", "00000004"])
    func idleAbort(csid: String) {
        var decoder = ChunkDecoder()
        #expect(decode(hex("02 000000 000004 02 00000000") + hex(csid), with: &decoder) == Outcome())
        #expect(decoder.counters.idleAborts == 1)
    }

    @Test("an empty message is a message", arguments: [0, 3, 4, 7, 8, 9, 10, 18, 20, 99, 255] as [UInt8])
    func emptyMessage(type: UInt8) {
        let outcome = decodeEveryWay(header0(csid: 4, time: 7, length: 0, type: type))
        #expect(outcome.messages == [RTMPMessage(type: type, timestamp: 7, streamID: 1, payload: ByteBuffer())])
    }

    @Test("a header inside a message may repeat it but not change it")
    func headerInsideMessage() {
        let begin = hex("04 000000 001000 08 01000000") + [UInt8](repeating: 0, count: 128)
        #expect(decodeEveryWay(begin + hex("44 000000 002000 08")).error == .headerChangedInMessage(csid: 4))
        #expect(decodeEveryWay(begin + hex("44 000000 001000 09")).error == .headerChangedInMessage(csid: 4))
        #expect(
            decodeEveryWay(begin + header0(csid: 4, time: 0, length: 0x1000, type: 8)).error
                == .headerChangedInMessage(csid: 4))
        let rest = [UInt8](repeating: 0, count: 2)
        let repeated =
            header0(csid: 4, time: 9, length: 130, type: 8) + [UInt8](repeating: 0, count: 128)
            + hex("44 000005 000082 08") + rest
        #expect(decodeEveryWay(repeated).messages.map(\.timestamp) == [9])
    }

    @Test("a small message is copied out of a large read, a large one is a slice of it")
    func slicing() throws {
        let large = [UInt8](repeating: 5, count: 100)
        var bytes = header0(csid: 4, time: 0, length: 3, type: 8) + Self.payload
        bytes += header0(csid: 6, time: 0, length: 100, type: 9) + large
        var read = ByteBufferAllocator().buffer(capacity: 256)
        read.writeBytes(bytes)
        var decoder = ChunkDecoder()
        decoder.append(read)
        let small = try #require(try decoder.next(now: .zero))
        let big = try #require(try decoder.next(now: .zero))
        #expect(small.payload.storageCapacity < 64)
        #expect(big.payload.storageCapacity == read.storageCapacity)
        #expect(big.payload.bytes == large)
    }

    @Test("nothing is held between messages")
    func idleMemory() throws {
        var decoder = ChunkDecoder()
        var read = ByteBufferAllocator().buffer(capacity: 65536)
        read.writeBytes(header0(csid: 4, time: 0, length: 3, type: 8) + Self.payload + [0x04, 0x00])
        decoder.append(read)
        _ = try decoder.next(now: .zero)
        #expect(try decoder.next(now: .zero) == nil)
        #expect(decoder.input.storageCapacity <= 64)
        #expect(decoder.bufferedBytes == 2)
        #expect(MemoryLayout<ChunkDecoder>.size <= 512)
    }
}
