import RelayClient
import RelayCore
import RelayRTMP
import RelayTestKit
import Testing

extension Integration {
    /// Who is let in: capacity, unknown streams, selections, and the bound on half-open connections.
    @Suite struct AdmissionTests {
        private static func get(_ port: Int, _ request: String) async throws -> HTTPReply? {
            try await onThread {
                let wire = try WireClient(port: port)
                wire.send(Array(request.utf8))
                return wire.readToEnd(within: .seconds(3)).flatMap { HTTPReply($0.bytes) }
            }
        }

        @Test(
            "At capacity HTTP is answered 503 with Retry-After and RTMP with Play.Failed; a place that is left is given away again"
        )
        func capacity() async throws {
            try await withRelay(["--limits-max-viewers", "2", "--node-threads", "2"]) { relay in
                let publisher = try await SyntheticPublisher.start("full", on: relay)
                let first = try await RecordedPlayer.start("full", on: relay, .http)
                let second = try await RecordedPlayer.start("full", on: relay, .rtmp)
                try await first.reaches(0)
                try await second.reaches(0)
                let reply = try await Self.get(relay.httpPort, "GET /live/full.flv HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(reply?.status == 503)
                #expect(reply?.headers["retry-after"].flatMap { Int($0) } != nil)
                #expect(reply?.problemCode == "RLY-5003")
                let status = try await onThread { () -> Status in
                    let wire = try RTMPWire(port: relay.rtmpPort)
                    try wire.handshake()
                    try wire.connect()
                    let id = try wire.createStream()
                    wire.send(RTMPBytes.command([.string("play"), .number(0), .null, .string("full")], streamID: id))
                    return try wire.status()
                }
                #expect(status.code == .playFailed && status.description.contains("RLY-5003"))
                await first.close()
                let third = try await RecordedPlayer.start("full", on: relay, .ws)
                try await third.reaches(0)
                await publisher.finish()
            }
        }

        @Test("An unknown stream is 404 over HTTP and StreamNotFound over RTMP, each with its code")
        func unknown() async throws {
            try await withRelay { relay in
                let reply = try await Self.get(relay.httpPort, "GET /live/nothing.flv HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(reply?.status == 404 && reply?.problemCode == "RLY-4001")
                let upgrade = try await Self.get(
                    relay.httpPort,
                    "GET /live/nothing.flv HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(HostileHTTPTests.goodKey)\r\n\r\n")
                #expect(upgrade?.status == 404 && upgrade?.problemCode == "RLY-4001")
                let code = try await onThread { try RTMPWire(port: relay.rtmpPort).play("nothing") }
                #expect(code == .playStreamNotFound)
                let head = try await Self.get(relay.httpPort, "HEAD /live/nothing.flv HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(head?.status == 404 && head?.body.isEmpty == true)
            }
        }

        @Test("HEAD answers the headers of a stream and joins nothing; answers carry CORS; a preflight is answered")
        func headAndCORS() async throws {
            try await withRelay(["--http-cors-origins", "https://good.example"]) { relay in
                let publisher = try await SyntheticPublisher.start("head", on: relay)
                let head = try await Self.get(
                    relay.httpPort, "HEAD /live/head.flv HTTP/1.1\r\nHost: x\r\nOrigin: https://good.example\r\n\r\n")
                #expect(head?.status == 200 && head?.body.isEmpty == true)
                #expect(head?.headers["content-type"] == "video/x-flv")
                #expect(head?.headers["access-control-allow-origin"] == "https://good.example")
                let other = try await Self.get(
                    relay.httpPort, "HEAD /live/head.flv HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.example\r\n\r\n")
                #expect(other?.headers["access-control-allow-origin"] == nil && other?.headers["vary"] == "Origin")
                let preflight = try await Self.get(
                    relay.httpPort,
                    "OPTIONS /live/head.flv HTTP/1.1\r\nHost: x\r\nOrigin: https://good.example\r\nAccess-Control-Request-Method: GET\r\n\r\n"
                )
                #expect(preflight?.status == 204 && preflight?.headers["access-control-allow-methods"] != nil)
                let joins = try await onThread { try relay.admin.metrics()["relay_viewer_joins_total"] }
                #expect(joins == 0)
                await publisher.finish()
            }
        }

        @Test("only=audio and only=video give only that, over every transport", arguments: RecordedPlayer.Way.allCases)
        func selections(_ way: RecordedPlayer.Way) async throws {
            try await withRelay { relay in
                let publisher = try await SyntheticPublisher.start("select", on: relay)
                let audio = try await RecordedPlayer.start("select", on: relay, way, query: "?only=audio")
                let video = try await RecordedPlayer.start("select", on: relay, way, query: "?only=video")
                try await audio.reaches(20, .audio)
                try await video.reaches(20, .video)
                #expect(audio.record.entries.allSatisfy { $0.kind != .video })
                #expect(video.record.entries.allSatisfy { $0.kind != .audio })
                #expect(audio.record.lost == 0 && video.record.lost == 0)
                #expect(audio.record.entries.contains { $0.kind == .audio && $0.isSequenceHeader })
                #expect(video.record.entries.contains { $0.kind == .video && $0.isSequenceHeader })
                await publisher.finish()
            }
        }

        @Test("B003 half-open connections of one address are bounded, and another address joins beside them")
        func pending() async throws {
            // The catalogue says 2,000 connections of one address; 200 are ten times the bound.
            try await withRelay(["--limits-pending-exempt", "10.0.0.0/8", "--node-threads", "2"]) { relay in
                let kept = try await onThread {
                    let wires = try (0..<200).map { _ in try WireClient(port: relay.rtmpPort, source: "127.0.0.7") }
                    for wire in wires { wire.send([3]) }
                    // Which of them are refused is up to the event loops that accept them.
                    var open = wires
                    try poll("180 of 200 are refused") {
                        open.removeAll { $0.receive(within: .zero) == .end }
                        return open.count <= 20
                    }
                    let kept = open.filter { $0.receive(within: .milliseconds(10)) == .nothing }.count
                    // From elsewhere everything works meanwhile.
                    let publisher = try RTMPWire(port: relay.rtmpPort, source: "127.0.0.8")
                    let start = ContinuousClock.now
                    guard try publisher.publish("pending") == .publishStart else {
                        throw NotInTime("a publish", within: .zero)
                    }
                    publisher.media(8, 0, SyntheticMedia.aacHeader)
                    let viewer = try RTMPWire(port: relay.rtmpPort, source: "127.0.0.9")
                    guard try viewer.play("pending") == .playStart else { throw NotInTime("a play", within: .zero) }
                    let took = ContinuousClock.now - start
                    #expect(took < .seconds(1))
                    for wire in wires { wire.close() }
                    // And from the same address again once they are gone.
                    try poll("the address is welcome again") {
                        (try? RTMPWire(port: relay.rtmpPort, source: "127.0.0.7").play("pending")) == .playStart
                    }
                    return kept
                }
                #expect(kept == 20)
                let counted = try await onThread {
                    try relay.admin.metrics()["relay_admission_refusals_total{code=\"RLY-5002\"}"]
                }
                #expect((counted ?? 0) >= 180)
            }
        }
    }
}
