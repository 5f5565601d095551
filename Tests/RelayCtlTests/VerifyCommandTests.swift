import Foundation
import NIOCore
import RelayCore
import RelayFLV
import RelayRTMP
import RelayTestKit
import RelayVerify
import Testing
import relayctl

@Suite("relayctl verify")
struct VerifyCommandTests {
    /// An HTTP answer with a verifiable stream of two seconds as FLV, less the frames that `drops` says.
    private static func answer(name: String = "live/one", drops: (VerifyMark, MediaKind) -> Bool = { _, _ in false })
        -> [UInt8]
    {
        var configuration = VerifiableSource.Configuration(streamName: name, run: 1)
        configuration.bitrate = 200_000
        var source = VerifiableSource(configuration: configuration)
        var buffer = ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\n")
        FLVHeader(hasAudio: true, hasVideo: true).encode(into: &buffer)
        var messages = source.beginSession(1, now: .zero, wallMs: 0)
        for _ in 0..<154 { messages.append(source.next(now: source.nextDue, wallMs: 0)) }
        for message in messages {
            if let mark = message.mark, drops(mark, message.kind) { continue }
            FLVTagEncoder.write(
                kind: message.kind, timestamp: message.timestamp, body: message.body, into: &buffer)
        }
        return Array(buffer.readableBytesView)
    }

    private static func decode(_ run: CommandRun) throws -> VerifyResult {
        try JSONDecoder().decode(VerifyResult.self, from: Data(run.out.utf8))
    }

    /// A command that is interrupted, as with Ctrl-C, once something has happened.
    private static func run(_ line: String, until: @escaping @Sendable () -> Bool) async throws -> CommandRun {
        let task = Task { await CommandRun.run(line) }
        try await eventually("the servers were asked", within: .seconds(60)) { until() }
        task.cancel()
        return await task.value
    }

    @Test("A stream that comes as it was sent ends with 0, for every viewer of every URL")
    func clean() async throws {
        let servers = [try CannedServer(.bytes(Self.answer())), try CannedServer(.bytes(Self.answer()))]
        defer { withExtendedLifetime(servers) {} }
        let urls = servers.map { "http://127.0.0.1:\($0.port)/live/one.flv" }
        let run = await CommandRun.run("verify \(urls[0]) \(urls[1]) --viewers 3 -o json")
        #expect(run.code == 0, "\(run.err)")
        let result = try Self.decode(run)
        #expect(result.isClean && result.violations == [])
        #expect(result.viewers.map(\.url) == [urls[0], urls[1], urls[0]])
        #expect(result.viewers.allSatisfy { $0.hasEnded && $0.transport == "http-flv" })
        #expect(result.sums.frames == 3 * 154 && result.sums.cleanViewers == 3 && result.sums.lost == 0)
        #expect(result.startedAtWallMs > 1_700_000_000_000 && result.endedAtWallMs >= result.startedAtWallMs)
    }

    @Test("A lost frame ends with 1 and is told, unless it is allowed")
    func lost() async throws {
        let server = try CannedServer(.bytes(Self.answer { mark, kind in kind == .video && mark.number == 10 }))
        defer { withExtendedLifetime(server) {} }
        let url = "http://127.0.0.1:\(server.port)/live/one.flv"
        let run = await CommandRun.run("verify \(url)")
        #expect(run.code == 1)
        #expect(run.out.contains("I2 references: once at viewer 1"), "\(run.out)")
        #expect(run.out.contains("lost: once at viewer 1"))
        #expect(run.err == "relayctl: 1 of 1 viewers saw what they should not: references, lost.\n")
        let tolerant = await CommandRun.run("verify \(url) --max-lost 1 --ignore references -o json")
        #expect(tolerant.code == 0, "\(tolerant.err)")
        let result = try Self.decode(tolerant)
        #expect(result.sums.lost == 1 && result.sums.missingReferences == 1 && result.sums.undecodable == 49)
        #expect(result.allowed == VerifyAllowance(lost: 1, ignored: [.references]))
    }

    @Test("A stream of another name under the URL is foreign")
    func foreign() async throws {
        let server = try CannedServer(.bytes(Self.answer(name: "live/two")))
        defer { withExtendedLifetime(server) {} }
        let run = await CommandRun.run("verify http://127.0.0.1:\(server.port)/live/one.flv")
        #expect(run.code == 1)
        #expect(run.out.contains("I3 foreign: 154 times at viewer 1"), "\(run.out)")
    }

    @Test("With --reconnect an ended connection is counted and another made; what comes again is no duplicate")
    func reconnect() async throws {
        let server = try CannedServer(.bytes(Self.answer()))
        defer { withExtendedLifetime(server) {} }
        let url = "http://127.0.0.1:\(server.port)/live/one.flv"
        let run = try await Self.run("verify \(url) --reconnect -o json") { server.requests.count > 2 }
        #expect(run.code == 1, "\(run.err)")
        let result = try Self.decode(run)
        #expect(result.violations.map(\.rule) == [.disconnects])
        #expect(result.sums.disconnects >= 2 && result.sums.duplicates == 0 && result.sums.lost == 0)
        let report = try #require(result.viewers.first?.report)
        #expect(report.video.replayed > 0 && report.disconnections.first?.reason == "the stream ended")
        // The first run may have asked any number of times before it heard that it was to end.
        let before = server.requests.count
        let allowed = try await Self.run("verify \(url) --reconnect --max-disconnects 100000 -o json") {
            server.requests.count > before + 2
        }
        #expect(allowed.code == 0, "\(allowed.err)")
    }

    @Test("With --failover the next URL is tried, and comes back into turn")
    func failover() async throws {
        let bad = try CannedServer(text: "HTTP/1.1 404 x\r\n\r\n")
        defer { withExtendedLifetime(bad) {} }
        let good = try CannedServer(.bytes(Self.answer()))
        defer { withExtendedLifetime(good) {} }
        let urls = [bad, good].map { "http://127.0.0.1:\($0.port)/live/one.flv" }.joined(separator: " ")
        let run = try await Self.run("verify \(urls) --failover --max-disconnects 100000 -o json") {
            bad.requests.count > 1
        }
        #expect(run.code == 0, "\(run.err)")
        let result = try Self.decode(run)
        #expect(result.sums.failedConnects >= 1 && result.sums.disconnects >= 1)
        #expect(result.viewers.first?.report.video.frames == 60)
    }

    @Test(
        "Exit codes tell what is wrong",
        arguments: [
            ("rtmp://127.0.0.1:1/live/one", 3), ("http://127.0.0.1:1/live/one.flv --viewers 3", 3), ("file:///x", 2),
            ("https://127.0.0.1/live/one.flv", 2), ("", 2), ("rtmp://127.0.0.1:1/live/one --viewers 0", 2),
            ("rtmp://127.0.0.1:1/live/one --seconds 0", 2), ("rtmp://127.0.0.1:1/live/one --ignore x", 2),
        ])
    func exitCodes(arguments: String, code: Int32) async {
        let run = await CommandRun.run("verify \(arguments)")
        #expect(run.code == code, "\(run.err)")
        #expect(!run.err.isEmpty)
    }

    @Test("A refusal ends with 1, and its words are told")
    func refused() async throws {
        let server = try CannedServer(text: "HTTP/1.1 503 x\r\n\r\nnot\u{1B}[31m now")
        defer { withExtendedLifetime(server) {} }
        let run = await CommandRun.run("verify http://127.0.0.1:\(server.port)/live/one.flv")
        #expect(run.code == 1)
        #expect(run.out.contains("no frame of a verifiable source came: refused: HTTP 503 not"), "\(run.out)")
        #expect(!run.out.contains("\u{1B}"))
    }

    @Test("Of many viewers the worst are shown, and the sums of all")
    func table() {
        let viewers = (1...50).map { number in
            var report = VerifyReport()
            report.video.frames = 100
            report.video.lost = number == 37 ? 4 : 0
            return VerifyResult.Viewer(
                viewer: number, url: "rtmp://h/a/b", transport: "rtmp", hasEnded: false, lastReason: "", report: report)
        }
        let result = VerifyResult(
            viewers: viewers, delays: DelayHistogram(), allowed: VerifyAllowance(), startedAtWallMs: 0, endedAtWallMs: 1
        )
        let lines = result.table(width: 140, hasColour: false).split(separator: "\n")
        #expect(lines[1].hasPrefix("    37  rtmp://h/a/b"))
        #expect(lines.count == 1 + 20 + 1 + 1 + 1 && lines.allSatisfy { $0.utf8.count <= 160 })
        #expect(lines[21].hasPrefix("   all  50 viewers"))
        #expect(lines[22] == "The worst 20 of 50 viewers are shown.")
        #expect(result.sums.frames == 5000 && result.sums.cleanViewers == 49)
    }
}

@Suite("relayctl publish --verifiable")
struct PublishPatternTests {
    @Test("Nobody there ends with 3, after the URLs were tried in turn")
    func unreachable() async throws {
        let run = await CommandRun.run(
            "publish --verifiable rtmp://127.0.0.1:1/live/one rtmp://127.0.0.1:2/live/one --retry 10ms -o json",
            whenPrinted: { count in if count == 3 { withUnsafeCurrentTask { $0?.cancel() } } })
        #expect(run.code == 3)
        let events = try run.out.split(separator: "\n").map {
            try JSONDecoder().decode(PatternEvent.self, from: Data($0.utf8))
        }
        #expect(events.count == 4 && events.last?.event == .finished && events.last?.frames == 0)
        for (index, event) in events.dropLast().enumerated() {
            #expect(event.event == .failed && event.session == 1)
            #expect(event.url == "rtmp://127.0.0.1:\(index % 2 + 1)/live/one")
        }
    }

    @Test(
        "Wrong use is told",
        arguments: [
            "publish --verifiable http://127.0.0.1/live/one", "publish --verifiable rtmp://127.0.0.1/live",
            "publish --verifiable", "publish --verifiable rtmp://h/a/b --fps 0",
            "publish --verifiable rtmp://h/a/b --retry x",
            "publish --verifiable rtmp://h/a/b --disposable 0.6", "publish --verifiable rtmp://h/a/b --loop",
            "publish file.flv", "publish file.flv rtmp://h/a/b rtmp://i/a/b",
        ])
    func usage(line: String) async {
        let run = await CommandRun.run(line)
        #expect(run.code == 2, "\(run.err)")
    }

    @Test(
        "Where a server sends a client keeps the stream's name and query",
        arguments: [
            ("rtmp://other:1936/live", "rtmp://other:1936/live/one?token=1"),
            ("rtmp://other/live/", "rtmp://other/live/one?token=1"), ("//other/live", "rtmp://other/live/one?token=1"),
            ("/else", "rtmp://here:1940/else/one?token=1"), ("rtmp://other/live/one", "rtmp://other/live/one?token=1"),
            ("rtmp://other/a/b/c?x=1", "rtmp://other/a/b/c/one?token=1"), ("", nil), ("http://other/live", nil),
            ("rtmps://other/live", nil), ("rtmp://other", nil), ("nonsense", nil),
        ] as [(String, String?)])
    func reconnectURL(text: String, expected: String?) throws {
        let current = try #require(RTMPURL("rtmp://here:1940/live/one?token=1"))
        #expect(RTMPURL(reconnectURL: text, from: current)?.description == expected)
    }
}
