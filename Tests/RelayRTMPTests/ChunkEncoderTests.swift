import NIOCore
import RelayCore
import RelayRTMP
import Testing

@Suite("Chunk encoder")
struct ChunkEncoderTests {
    @Test("a short message is one type 0 chunk")
    func short() {
        let bytes = message(type: 8, time: 0x1234, streamID: 1, csid: 4, [0xAF, 0x01])
        #expect(bytes == hex("04 001234 000002 08 01000000 af01"))
    }

    @Test("the extended timestamp starts at ffffff and is repeated on every continuation")
    func extended() {
        #expect(message(type: 9, time: 0xFF_FFFE, csid: 6, [1]) == hex("06 fffffe 000001 09 01000000 01"))
        let bytes = message(type: 9, time: 0xFF_FFFF, csid: 6, chunkSize: 2, [1, 2, 3, 4, 5])
        #expect(bytes == hex("06 ffffff 000005 09 01000000 00ffffff 0102 c6 00ffffff 0304 c6 00ffffff 05"))
    }

    @Test(
        "chunk stream ids are written in the shortest form",
        arguments: [(63, "3f"), (64, "0000"), (319, "00ff"), (320, "010001"), (65599, "01ffff")] as [(UInt32, String)])
    func ids(csid: UInt32, form: String) {
        let bytes = message(type: 8, csid: csid, [1])
        #expect(bytes == hex(form) + hex("000000 000001 08 01000000 01"))
    }

    @Test("what is written is read again, for many lengths, chunk sizes, times and chunk streams")
    func roundTrip() {
        var generator = SplitMix(42)
        for _ in 0..<300 {
            let length = [0, 1, 127, 128, 129, 256, 257, 1000, 4096, 70_000].randomElement(using: &generator) ?? 0
            let chunkSize = [128, 129, 1000, 4096, 60_000].randomElement(using: &generator) ?? 128
            let times: [UInt32] = [0, 1, 0xFF_FFFE, 0xFF_FFFF, 0x7FFF_FFFF, 0xFFFF_FFFF]
            let time = times.randomElement(using: &generator) ?? 0
            let csids: [UInt32] = [2, 4, 63, 64, 319, 320, 65599]
            let csid = csids.randomElement(using: &generator) ?? 4
            let payload = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            var out = ByteBuffer()
            let written = RTMPMessage(type: 9, timestamp: time, streamID: 3, payload: buffer(payload))
            ChunkEncoder.write(written, csid: csid, chunkSize: chunkSize, into: &out)
            #expect(
                out.readableBytes
                    == ChunkEncoder.wireLength(
                        payload: length, chunkSize: chunkSize, isExtended: time >= 0xFF_FFFF, csid: csid))
            var decoder = ChunkDecoder()
            let outcome = decode(
                setChunkSize(UInt32(chunkSize)) + out.bytes, feeding: .random(generator.next()), with: &decoder)
            #expect(outcome.error == nil)
            #expect(outcome.messages == [written])
        }
    }

    @Test("a payload that no message can carry is not written")
    func tooLong() {
        var out = ByteBuffer()
        let payload = ByteBuffer(repeating: 0, count: 1 << 24)
        #expect(
            !ChunkEncoder.write(
                type: 9, timestamp: 0, streamID: 1, csid: 6, payload: payload, chunkSize: 4096, into: &out))
        #expect(out.readableBytes == 0)
    }

    @Test("a frame is the message of its kind, with the low 32 bits of its dts, and its length is known before")
    func frame() {
        let dts = Int64(1) << 32 | 40
        for (kind, csid) in [(MediaKind.audio, 4), (.video, 6), (.data, 5)] as [(MediaKind, UInt8)] {
            let frame = Frame(id: 7, kind: kind, dts: dts, body: buffer([1, 2, 3]))
            var out = ByteBuffer()
            #expect(RTMPFrameEncoder.write(frame, chunkSize: 4096, streamID: 1, into: &out))
            #expect(out.bytes == [csid] + hex("000028 000003") + [kind.rawValue] + hex("01000000 010203"))
            #expect(RTMPFrameEncoder.wireLength(of: frame, chunkSize: 4096) == out.readableBytes)
        }
    }

    @Test("control messages are one chunk on chunk stream 2 and message stream 0, and are read again")
    func control() throws {
        var out = ByteBuffer()
        SetPeerBandwidth(size: 2_500_000, limitType: 2).encode(into: &out)
        #expect(out.bytes == hex("02 000000 000005 06 00000000 002625a0 02"))
        let events: [UserControl] = [
            .streamBegin(streamID: 1), .streamEOF(streamID: 2), .streamDry(streamID: 3),
            .setBufferLength(streamID: 1, milliseconds: 3000),
            .streamIsRecorded(streamID: 1), .pingRequest(77), .pingResponse(77), .unknown(31),
        ]
        for event in events {
            var out = ByteBuffer()
            event.encode(into: &out)
            var decoder = ChunkDecoder()
            let message = try #require(decode(out.bytes, with: &decoder).messages.first)
            #expect(try UserControl(message.payload) == event)
        }
    }
}
