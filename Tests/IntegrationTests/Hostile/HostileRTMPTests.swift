import NIOCore
import RelayCore
import RelayRTMP
import RelayTestKit
import Testing

extension Integration {
    /// Bad input on the handshake and the chunk layer, B004-B037; what has to wait for a timeout or needs tight limits is in
    /// ``HostileTimeoutTests``.
    @Suite(.stage("--node-threads", "2")) struct HostileRTMPTests {
        @Test("leaves everyone else alone", arguments: HostileRTMPTests.handshake + chunks + control)
        func entry(_ entry: HostileEntry) async throws { try await entry.run() }

        // MARK: Handshake

        static let handshake: [HostileEntry] =
            [
                HostileEntry(
                    "B004", "TLS on the plain port", .raw, .closes(.tlsOnPlainPort),
                    hex: "16 03 01 02 00 01 00 01 fc 03 03"),
                HostileEntry("B005", "HTTP on the RTMP port", .raw, .judged) { client in
                    client.rtmp.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
                    let end = client.rtmp.wire.readToEnd(within: .seconds(3))
                    try client.expect(
                        end.map { $0.bytes.count <= 128 } == true, "no short end but \(String(describing: end))")
                },
                HostileEntry(
                    "B005", "HTTP is counted", .raw, .closes(.httpOnRTMPPort), Array("GET / HTTP/1.1\r\n\r\n".utf8)),
                HostileEntry("B006", "RTMPE", .raw, .closes(.encryptedRTMP), hex: "06"),
                HostileEntry("B006", "version 0x20", .raw, .closes(.badHandshake), hex: "20"),
                HostileEntry("B006", "version 0xff", .raw, .closes(.badHandshake), hex: "ff"),
            ]
            + ([0x00, 0x02, 0x1F] as [UInt8]).map { version in
                HostileEntry("B006", "version \(version) is answered with 3", .raw, .judged) { client in
                    client.rtmp.send([version] + RTMPBytes.c1())
                    let answer = client.rtmp.wire.read(3073)
                    try client.expect(answer?.first == 3, "S0 is \(String(describing: answer?.first))")
                    client.rtmp.send(RTMPBytes.c1())
                    try client.expect(try client.rtmp.connect().name == "_result", "connect was refused")
                }
            } + [
                HostileEntry("B007", "digest offsets that point past the end", .raw, .judged) { client in
                    var c1 = RTMPBytes.c1(version: [9, 0, 124, 2])
                    for index in [8, 9, 10, 11, 772, 773, 774, 775] { c1[index] = 0xFF }
                    try simpleHandshake(client, c1)
                },
                HostileEntry("B008", "a version and a wrong digest", .raw, .judged) { client in
                    try simpleHandshake(client, RTMPBytes.c1(version: [10, 0, 32, 2]))
                },
                HostileEntry("B010", "everything one byte per segment", .raw, .works) { client in
                    client.rtmp.wire.sendOneByOne(RTMPBytes.c0c1 + RTMPBytes.c1() + RTMPBytes.connect(transaction: 7))
                    try client.expect(client.rtmp.wire.read(3073) != nil, "no handshake")
                    _ = try client.rtmp.command("answer") { $0.transactionID == 7 }
                    // What follows is the harness's own connect, which must be refused as the second.
                    throw Done.done
                }.endingThere,
                HostileEntry("B011", "a megabyte of noise after the handshake", .handshaken, .closes(nil)) { client in
                    var noise = SplitMix(seed: 11)
                    client.rtmp.send((0..<131_072).flatMap { _ in withUnsafeBytes(of: noise.next()) { Array($0) } })
                },
            ]

        private static func simpleHandshake(_ client: HostileClient, _ c1: [UInt8]) throws {
            client.rtmp.send([3] + c1)
            let answer = client.rtmp.wire.read(3073)
            // S2 of the simple handshake is C1 again.
            try client.expect(answer.map { Array($0[1537...]) } == c1, "S2 is not C1")
            client.rtmp.send(c1)
            try client.expect(try client.rtmp.connect().name == "_result", "connect was refused")
        }

        /// Where TCP cuts the bytes must not matter. All cuts of C2's end and the command, and some of the long constant parts:
        /// the whole property is tested on the machine without a socket.
        @Test("B010 gives the same answer wherever the bytes are cut")
        func splits() async throws {
            let stage = try Stage.shared()
            let port = stage.relay.rtmpPort
            let bytes = RTMPBytes.c0c1 + RTMPBytes.c1() + RTMPBytes.connect()
            let cuts = Array(stride(from: 1, to: 3_050, by: 131)) + Array(3_050..<bytes.count)
            try await HarmCheck.around(stage, memory: 8) {
                let answers = try await onThread {
                    try cuts.map { cut in
                        let client = try RTMPWire(port: port)
                        client.wire.send(bytes, splitAt: cut)
                        _ = client.wire.read(3073)
                        return try client.command("answer to connect") { $0.name == "_result" }
                    }
                }
                let first = try #require(answers.first)
                #expect(answers.allSatisfy { $0 == first })
            }
        }

        // MARK: Chunks

        private static let avcFrame = SyntheticMedia.video(0, isKeyframe: true, size: 500, at: .zero)

        static let chunks: [HostileEntry] =
            [
                HostileEntry(
                    "B012", "chunk size 0", .handshaken, .closes(.chunkSizeRefused),
                    hex: "02 000000 000004 01 00000000 00000000"),
                HostileEntry(
                    "B013", "chunk size 1", .handshaken, .closes(.chunkSizeRefused), RTMPBytes.setChunkSize(1)),
                HostileEntry("B014", "chunk size 2^31-1", .handshaken, .works, RTMPBytes.setChunkSize(0x7FFF_FFFF)),
                HostileEntry(
                    "B014", "chunk size of MonaServer", .handshaken, .works, RTMPBytes.setChunkSize(0x0800_0000)),
                HostileEntry(
                    "B015", "chunk size with the top bit", .handshaken, .closes(.chunkSizeRefused),
                    RTMPBytes.setChunkSize(0x8000_0000)),
                HostileEntry(
                    "B015", "chunk size of 3 bytes", .handshaken, .closes(.chunkProtocol),
                    hex: "02 000000 000003 01 00000000 000010"),
                HostileEntry(
                    "B015", "chunk size with a tail", .handshaken, .works,
                    hex: "02 000000 000005 01 00000000 00001000 ff"),
                HostileEntry("B016", "fresh chunk stream with type 3", .handshaken, .closes(.chunkProtocol), hex: "c3"),
                HostileEntry(
                    "B016", "fresh chunk stream with type 2", .handshaken, .closes(.chunkProtocol), hex: "83 000000"),
                HostileEntry("B017", "fresh chunk stream with type 1 is a ping of librtmp", .handshaken, .judged) {
                    client in
                    client.rtmp.send(RTMPBytes.hex("42 000000 000006 04 0006 00000d0f"))
                    _ = try client.rtmp.message("pong") {
                        $0.type == RTMPMessageType.userControl
                            && Array($0.payload.readableBytesView) == [0, 7, 0, 0, 0x0D, 0x0F]
                    }
                },
                HostileEntry("B019", "length changes in a message", .handshaken, .closes(.chunkProtocol)) { client in
                    let body = [UInt8](repeating: 0, count: 128)
                    client.rtmp.send(RTMPBytes.hex("04 000000 001000 08 01000000") + body)
                    client.rtmp.send(RTMPBytes.hex("44 000000 002000 08") + body)
                },
                HostileEntry("B020", "chunk stream ids in all forms", .handshaken, .works) { client in
                    for form in ["00 00", "00 ff", "01 00 00", "01 ff ff", "02", "3f", "01 05 00"] {
                        client.rtmp.send(RTMPBytes.hex(form + "000000 000004 05 00000000 002625a0"))
                    }
                    // Begun in the 2-byte form, gone on in the 3-byte form of the same value: a ping request of 6 bytes in two chunks.
                    client.rtmp.send(RTMPBytes.setChunkSize(128))
                    let long = RTMPBytes.amf([
                        .string("_checkbw"), .number(9), .null, .string(String(repeating: "x", count: 150)),
                    ])
                    client.rtmp.send(
                        RTMPBytes.hex("00 0a 000000") + RTMPBytes.big(UInt32(long.count)).dropFirst() + [
                            20, 0, 0, 0, 0,
                        ] + long.prefix(128))
                    client.rtmp.send(RTMPBytes.hex("c1 0a 00") + long.dropFirst(128))
                },
                HostileEntry(
                    "B021", "65,536 chunk streams with an unfinished message each", .handshaken,
                    .closes(.tooManyChunkStreams)
                ) {
                    client in
                    for csid in 0..<65_536 {
                        let wide = UInt16(csid)
                        // 65,535 bytes are announced: within the cap of a message, unlike the 16 MiB of B023.
                        let head: [UInt8] = [
                            1, UInt8(wide & 0xFF), UInt8(wide >> 8), 0, 0, 0, 0, 0xFF, 0xFF, 9, 1, 0, 0, 0,
                        ]
                        let bytes = head + [UInt8](repeating: 0x27, count: 128)
                        // The server is gone long before the last of them.
                        guard client.rtmp.wire.send(bytes) == bytes.count else { return }
                    }
                },
                HostileEntry(
                    "B022", "64 unfinished messages of a megabyte", .handshaken, .closes(.tooManyChunkStreams),
                    memory: 24
                ) {
                    client in
                    client.rtmp.send(RTMPBytes.setChunkSize(1 << 20))
                    let body = [UInt8](repeating: 0, count: 1 << 20)
                    for csid in UInt8(3)...63 {
                        let bytes = RTMPBytes.header(type: 9, length: (1 << 20) + 1, csid: csid) + body
                        guard client.rtmp.wire.send(bytes) == bytes.count else { return }
                    }
                },
                HostileEntry(
                    "B023", "a message of 16 MiB is announced", .handshaken, .closes(.messageTooLong),
                    hex: "06 000000 ffffff 09 01000000"),
            ]
            + ([20, 15, 17, 18] as [UInt8]).map { type in
                HostileEntry(
                    "B024", "type \(type) of 64 KiB and one", .handshaken, .closes(.messageTooLong),
                    RTMPBytes.header(type: type, length: 65_537, streamID: 0, csid: 3))
            } + [
                HostileEntry("B026", "extended timestamp repeated in continuations", .publishing, .judged) { client in
                    try extendedTimestamps(client) { bytes, time in bytes + RTMPBytes.big(time) }
                },
                HostileEntry("B026", "extended timestamp left out of continuations", .publishing, .judged) { client in
                    try extendedTimestamps(client) { bytes, _ in bytes }
                },
                HostileEntry("B027", "extended deltas on type 1 and 2", .publishing, .works) { client in
                    client.publishMedia()
                    let frame = SyntheticMedia.audio(9, at: .zero)
                    let length = RTMPBytes.big(UInt32(frame.count)).dropFirst()
                    for delta in ["ffffffff", "80000000", "00000000"] {
                        client.rtmp.send(RTMPBytes.hex("44 ffffff") + length + [8] + RTMPBytes.hex(delta) + frame)
                        client.rtmp.send(RTMPBytes.hex("84 ffffff") + RTMPBytes.hex(delta) + frame)
                    }
                    try monotonic(client)
                },
            ]

        /// A video message of several chunks at a time beyond 2^24, with or without the repeated field; and the one after it.
        private static func extendedTimestamps(
            _ client: HostileClient, _ continuation: ([UInt8], UInt32) -> [UInt8]
        ) throws {
            client.rtmp.send(RTMPBytes.setChunkSize(128))
            client.rtmp.chunkSize = 128
            client.rtmp.media(9, 0x0100_0000, SyntheticMedia.avcHeader)
            for number in UInt64(0)..<4 {
                let time = 0x0100_0000 + UInt32(number) * 40
                let frame = SyntheticMedia.video(number, isKeyframe: number == 0, size: 500, at: .zero)
                var bytes =
                    RTMPBytes.hex("06 ffffff") + RTMPBytes.big(UInt32(frame.count)).dropFirst() + [9, 1, 0, 0, 0]
                bytes += RTMPBytes.big(time) + frame.prefix(128)
                var rest = frame.dropFirst(128)
                while !rest.isEmpty {
                    bytes += continuation([0xC6], time) + rest.prefix(128)
                    rest = rest.dropFirst(128)
                }
                client.rtmp.send(bytes)
            }
            let tags = try client.viewer().tags(through: "the last frame") {
                $0.kind == .video && $0.body.count > 400 && stamp($0)?.number == 3
            }
            let frames = tags.filter { stamp($0) != nil }
            try client.expect(
                frames.map { stamp($0)?.number } == [0, 1, 2, 3], "frames \(frames.map { stamp($0)?.number as Any })")
            try client.expect(frames.allSatisfy { $0.body.count == 509 }, "sizes \(frames.map(\.body.count))")
            try client.expect(
                zip(frames, frames.dropFirst()).allSatisfy { $1.timestamp &- $0.timestamp == 40 },
                "times \(frames.map(\.timestamp))")
        }

        /// Every track's time goes up at a viewer.
        private static func monotonic(_ client: HostileClient) throws {
            client.rtmp.media(9, 4_000, SyntheticMedia.video(77, isKeyframe: true, at: .zero))
            client.rtmp.media(8, 4_000, SyntheticMedia.audio(77, at: .zero))
            client.rtmp.media(9, 4_040, SyntheticMedia.video(78, isKeyframe: false, at: .zero))
            let tags = try client.viewer().tags(through: "frame 78") { stamp($0)?.number == 78 }
            for kind in [9, 8] as [UInt8] {
                let times = tags.filter { $0.kind.rawValue == kind && stamp($0) != nil }.map(\.timestamp)
                try client.expect(
                    zip(times, times.dropFirst()).allSatisfy { Int32(bitPattern: $1 &- $0) > 0 }, "times \(times)")
            }
        }

        // MARK: Control messages

        static let control: [HostileEntry] = [
            HostileEntry(
                "B030", "abort for a chunk stream that never was", .handshaken, .works,
                hex: "02 000000 000004 02 00000000 ffffffff"),
            HostileEntry(
                "B030", "abort with nothing to abort", .handshaken, .works, hex: "02 000000 000004 02 00000000 00000003"
            ),
            HostileEntry("B030", "abort of a message that had begun", .handshaken, .works) { client in
                client.rtmp.send(
                    RTMPBytes.header(type: 20, length: 500, streamID: 0, csid: 3) + [UInt8](repeating: 2, count: 128))
                client.rtmp.send(RTMPBytes.hex("02 000000 000004 02 00000000 00000003"))
            },
            HostileEntry(
                "B032", "Set Peer Bandwidth 0", .handshaken, .works, hex: "02 000000 000005 06 00000000 00000000 02"),
            HostileEntry(
                "B032", "Set Peer Bandwidth of type 9", .handshaken, .works,
                hex: "02 000000 000005 06 00000000 00100000 09"),
            HostileEntry(
                "B032", "acknowledgements beyond what was sent and going back", .connected, .works,
                hex: "02 000000 000004 03 00000000 ffffffff  02 000000 000004 03 00000000 00000001"),
            HostileEntry(
                "B033", "user control of one byte", .handshaken, .closes(.chunkProtocol),
                hex: "02 000000 000001 04 00000000 00"),
            HostileEntry(
                "B033", "unknown user control event", .handshaken, .works, RTMPBytes.userControl(0x7FFF, [1, 2, 3, 4])),
            HostileEntry(
                "B033", "a buffer of 49 days", .handshaken, .works,
                RTMPBytes.userControl(3, [0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF])),
            HostileEntry("B033", "1,000 pings are answered at most ten times a second", .connected, .judged) { client in
                for number in UInt32(0)..<1_000 { client.rtmp.send(RTMPBytes.userControl(6, RTMPBytes.big(number))) }
                let start = ContinuousClock.now
                var pongs = 0
                while let message = try client.rtmp.next(within: .milliseconds(200)) {
                    if message.type == RTMPMessageType.userControl,
                        message.payload.getInteger(at: message.payload.readerIndex, as: UInt16.self) == 7
                    {
                        pongs += 1
                    }
                }
                let seconds = Int((ContinuousClock.now - start).components.seconds) + 2
                try client.expect(pongs > 0 && pongs <= 10 * seconds, "\(pongs) pongs in \(seconds) s")
            },
            HostileEntry("B034", "an empty message of every type", .connected, .works) { client in
                for type in UInt8.min ... .max { client.rtmp.send(RTMPBytes.message(type: type, csid: 3, [])) }
            },
            HostileEntry("B034", "audio and video of one byte", .publishing, .works) { client in
                client.publishMedia()
                client.rtmp.media(8, 200, [0xAF])
                client.rtmp.media(9, 200, [0x17])
                client.rtmp.media(9, 240, SyntheticMedia.video(5, isKeyframe: false, at: .zero))
            },
            HostileEntry("B034", "unknown types", .publishing, .works) { client in
                for type in [7, 10, 99] as [UInt8] { client.rtmp.media(type, 0, [1, 2, 3, 4, 5]) }
            },
            HostileEntry(
                "B035", "aggregate with a part longer than itself", .publishing, .closes(.chunkProtocol),
                hex: "06 000000 00000f 16 01000000 09ffffff 00000000 000000 00000000"),
            HostileEntry("B035", "aggregates inside each other", .publishing, .closes(.chunkProtocol)) { client in
                // A thousand levels of them would need 15 kB; the first level is where it ends.
                var body: [UInt8] = []
                for _ in 0..<1_000 {
                    body =
                        [22] + RTMPBytes.big(UInt32(body.count)).dropFirst() + [0, 0, 0, 0, 0, 0, 0] + body + [
                            0, 0, 0, 0,
                        ]
                }
                client.rtmp.media(22, 0, body)
            },
            HostileEntry("B035", "aggregate with wrong back pointers", .publishing, .judged) { client in
                client.publishMedia(frames: 1)
                let frame = SyntheticMedia.video(1, isKeyframe: false, at: .zero)
                let part =
                    [9] + RTMPBytes.big(UInt32(frame.count)).dropFirst() + [0, 0, 0, 0, 0, 0, 0] + frame
                    + RTMPBytes.hex("deadbeef")
                client.rtmp.media(22, 40, part)
                _ = try client.viewer().tags(through: "the frame of the aggregate") { stamp($0)?.number == 1 }
            },
            HostileEntry("B036", "a player that sends megabytes and nothing that matters", .playing, .works) { client in
                // 6 hours of acknowledgements and pings are 20 MB; two make the same point: input is read, whatever it is.
                client.rtmp.send(RTMPBytes.setChunkSize(65_536))
                let padding = RTMPBytes.message(type: 18, chunkSize: 65_536, [UInt8](repeating: 0, count: 60_000))
                for number in UInt32(0)..<32 {
                    client.rtmp.send(padding)
                    for _ in 0..<20 { client.rtmp.send(RTMPBytes.message(type: 3, csid: 2, RTMPBytes.big(number))) }
                    while try client.rtmp.next(within: .zero) != nil {}
                }
            },
        ]
    }
}

/// Ends an entry early, when what the harness would ask next makes no sense any more.
enum Done: Error { case done }

extension HostileEntry {
    /// The same entry, whose ``Done`` is success and the end.
    var endingThere: HostileEntry {
        HostileEntry(id, name, start, .judged, memory: memory, limit: limit) { client in
            do { try act(client) } catch Done.done {}
        }
    }
}
