import NIOCore
import RelayAPI
import RelayCore
import RelayRTMP
import RelayTestKit
import Testing

extension Integration {
    /// Bad input that shows only when a clock runs out, or where a lower limit makes the point with fewer bytes. The times are
    /// configured short; that the defaults are what they should be is the configuration's test.
    @Suite(
        .stage(
            "--node-threads", "2", "--limits-handshake-timeout", "700ms", "--limits-setup-timeout", "1500ms",
            "--limits-first-media-timeout", "1s", "--limits-media-timeout", "4s", "--limits-http-request-timeout",
            "700ms",
            "--limits-min-chunk-size", "1", "--limits-chunk-headers-per-second", "2000", "--gop-max-frames", "200",
            "--publish-grace", "500ms")
    ) struct HostileTimeoutTests {
        @Test("leaves everyone else alone", arguments: entries)
        func entry(_ entry: HostileEntry) async throws { try await entry.run() }

        static let entries: [HostileEntry] = [
            HostileEntry("B001", "a connection that says nothing", .raw, .closes(.handshakeTimeout), []),
            HostileEntry("B002", "a byte of C1 now and then", .raw, .closes(.handshakeTimeout)) { client in
                let start = ContinuousClock.now
                client.rtmp.send([3])
                // One byte every 100 ms: progress must not move the deadline.
                while client.rtmp.wire.receive(within: .milliseconds(100)) == .nothing {
                    try client.expect(ContinuousClock.now - start < .seconds(4), "the handshake's deadline moved")
                    client.rtmp.send([0])
                }
            },
            HostileEntry(
                "B001", "a handshake and nothing after it", .handshaken, .closes(.setupTimeout), limit: .seconds(5), []),
            HostileEntry(
                "B001", "connect and nothing after it", .connected, .closes(.setupTimeout), limit: .seconds(5), []),
            HostileEntry(
                "B013", "5,000 chunks of one byte are decoded at the rate that is allowed", .publishing, .judged
            ) { client in
                // The floor is lowered here, so that the budget has to do it.
                let body = [UInt8](repeating: 0x0C, count: 5_000)
                try throttled(
                    client,
                    RTMPBytes.setChunkSize(1) + RTMPBytes.message(type: 9, streamID: 1, csid: 6, chunkSize: 1, body),
                    ping: 1)
            },
            // The catalogue says a million aborts; the budget, lowered to 2,000 headers a second, is crossed by 5,000.
            HostileEntry("B030", "thousands of aborts are decoded at the rate that is allowed", .publishing, .judged) {
                client in
                let abort = RTMPBytes.hex("02 000000 000004 02 00000000 00000003")
                try throttled(client, (0..<5_000).flatMap { _ in abort }, ping: 128)
            },
            HostileEntry(
                "B023", "a trickle behind an announced megabyte", .connected, .closes(.setupTimeout), limit: .seconds(6)
            ) { client in
                client.rtmp.send(RTMPBytes.header(type: 9, length: 1 << 20))
                while client.rtmp.wire.receive(within: .milliseconds(200)) == .nothing { client.rtmp.send([0]) }
            },
            HostileEntry(
                "B025", "three of four bytes of an extended timestamp", .handshaken, .closes(.setupTimeout),
                limit: .seconds(5)
            ) {
                client in client.rtmp.send(RTMPBytes.hex("06 ffffff 000005 09 01000000 000000"))
            },
            HostileEntry("B025", "an extended timestamp completed later", .connected, .works) { client in
                client.rtmp.send(RTMPBytes.hex("06 ffffff 000005 09 01000000 000000"))
                _ = client.rtmp.wire.receive(within: .milliseconds(200))
                client.rtmp.send(RTMPBytes.hex("01 0102030405"))
            },
            HostileEntry(
                "B056", "a publish without media", .publishing, .closes(.mediaTimeout), limit: .seconds(5), []),
            HostileEntry(
                "B056", "sequence headers and nothing else", .publishing, .closes(.mediaTimeout), limit: .seconds(8)
            ) { client in
                client.rtmp.media(9, 0, SyntheticMedia.avcHeader)
                client.rtmp.media(8, 0, SyntheticMedia.aacHeader)
            },
            HostileEntry("B057", "a GOP without end", .publishing, .judged) { client in
                // 10 hours of P frames are a million; the cache's bound is lowered to 200 frames.
                client.rtmp.send(RTMPBytes.setChunkSize(65_536))
                client.rtmp.media(9, 0, SyntheticMedia.avcHeader)
                for number in UInt64(0)..<300 {
                    client.rtmp.media(
                        9, UInt32(number * 10),
                        SyntheticMedia.video(number, isKeyframe: number == 0, size: 100, at: .zero))
                }
                let name = "live/\(client.stream)"
                try poll("the GOP cache gives up") {
                    try client.relay.admin.stream(name)?.gopNote?.contains("GOP longer") == true
                }
                let detail = try client.relay.admin.stream(name)
                try client.expect(
                    detail?.gopFrames == 0 && detail?.gopBytes == 0,
                    "it still holds \(String(describing: detail?.gopFrames))")
                // A late viewer waits for the next keyframe, and gets nothing that it could not decode.
                let viewer = try client.viewer()
                client.rtmp.media(9, 3_000, SyntheticMedia.video(300, isKeyframe: false, at: .zero))
                client.rtmp.media(9, 3_010, SyntheticMedia.video(301, isKeyframe: true, at: .zero))
                let tags = try viewer.tags(through: "the next keyframe") { stamp($0) != nil }
                try client.expect(
                    tags.last.flatMap(stamp)?.number == 301, "the first frame was \(tags.last.flatMap(stamp) as Any)")
            },
        ]

        /// 5,000 chunk headers at 2,000 a second last until the second after next; what follows them waits so long and works then.
        private static func throttled(_ client: HostileClient, _ bytes: [UInt8], ping chunkSize: Int) throws {
            client.rtmp.media(9, 0, SyntheticMedia.avcHeader)
            let start = ContinuousClock.now
            client.rtmp.send(bytes)
            client.rtmp.send(RTMPBytes.message(type: 4, csid: 2, chunkSize: chunkSize, [0, 6, 1, 2, 3, 4]))
            _ = try client.rtmp.message("pong") {
                $0.type == RTMPMessageType.userControl && Array($0.payload.readableBytesView) == [0, 7, 1, 2, 3, 4]
            }
            let took = ContinuousClock.now - start
            try client.expect(took > .milliseconds(900), "5,000 headers took \(took)")
        }

        // MARK: HTTP

        @Test("B062 a request whose header comes a byte at a time is answered 408")
        func slowHeader() async throws {
            let stage = try Stage.shared()
            let port = stage.relay.httpPort
            try await HarmCheck.around(stage, memory: 8) {
                let reply = try await onThread { () -> HTTPReply? in
                    let wire = try WireClient(port: port)
                    var bytes: [UInt8] = []
                    for byte in Array("GET /live/reference.flv HTTP/1.1\r\nHost: x\r\nX-Slow: ".utf8)
                        + [UInt8](repeating: 0x61, count: 100)
                    {
                        wire.send([byte])
                        guard case .bytes(let more) = wire.receive(within: .milliseconds(40)) else { continue }
                        bytes += more
                        break
                    }
                    return HTTPReply(bytes + (wire.readToEnd(within: .seconds(3))?.bytes ?? []))
                }
                #expect(reply?.status == 408)
                #expect(reply?.problemCode == "RLY-3004")
            }
        }

        @Test("B069 a connection that stays idle after it was accepted is closed")
        func idleHTTP() async throws {
            let stage = try Stage.shared()
            let port = stage.relay.httpPort
            try await HarmCheck.around(stage, memory: 8) {
                let end = try await onThread { try WireClient(port: port).readToEnd(within: .seconds(4)) }
                #expect(end != nil)
            }
        }
    }
}

/// Looks again until something holds, on a thread.
func poll(_ what: String, within limit: Duration = .seconds(5), _ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + limit
    while try !condition() {
        guard ContinuousClock.now < deadline else { throw NotInTime(what, within: limit) }
    }
}
