import Foundation
import NIOCore
import RelayCore
import RelayFLV
import RelayTestKit
import Testing

@Suite("relayctl play and publish against odd servers", .timeLimit(.minutes(1)))
struct PlayCommandTests {
    /// An FLV stream of 25 AVC frames and no sequence header.
    private static let flv: ByteBuffer = {
        var buffer = ByteBuffer()
        FLVHeader(hasAudio: false, hasVideo: true).encode(into: &buffer)
        for index in 0..<25 as Range<UInt32> {
            let body = ByteBuffer(bytes: [index == 0 ? 0x17 : 0x27, 1, 0, 0, 0, 0, 0, 0, 1, 0x65])
            FLVTagEncoder.write(kind: .video, timestamp: index * 40, body: body, into: &buffer)
        }
        return buffer
    }()

    @Test("An HTTP-FLV answer is measured and recorded, byte for byte")
    func http() async throws {
        let server = try CannedServer(
            .bytes(
                Array("HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n\r\n".utf8) + Array(Self.flv.readableBytesView)))
        let file = FileManager.default.temporaryDirectory.appending(path: "relayctl-\(UUID()).flv")
        defer { try? FileManager.default.removeItem(at: file) }
        let run = await CommandRun.run(
            "play http://127.0.0.1:\(server.port)/live/one.flv?only=video --output \(file.path) --json")
        #expect(run.code == 0, "\(run.err)")
        #expect(
            server.requests.first?.hasPrefix(
                "GET /live/one.flv?only=video HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\n") == true)
        #expect(run.out.contains("\"framesPerSecond\" : 25,"), "\(run.out)")
        #expect(run.out.contains("\"frames\" : 25,"))
        let recorded = try Data(contentsOf: file)
        // The recorder announces audio too: it cannot know what will come.
        #expect(recorded.dropFirst(13) == Data(Self.flv.readableBytesView).dropFirst(13))
    }

    @Test(
        "An answer that is no stream ends with 4, or 1 when it is a refusal",
        arguments: [
            ("http", "HTTP/1.1 200 OK\r\n\r\n<html>", 4), ("http", "SSH-2.0-x\r\n", 4), ("http", "", 4),
            (
                "http",
                "HTTP/1.1 200 OK\r\n\r\nFLV\u{1}\u{5}\u{0}\u{0}\u{0}\u{9}\u{0}\u{0}\u{0}\u{0}\u{8}~~~\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}",
                4
            ),
            ("http", "HTTP/1.1 404 x\r\n\r\n{\"code\":\"RLY-4001\",\"message\":\"M.\",\"hint\":\"H.\"}", 1),
            ("http", "HTTP/1.1 302 x\r\nLocation: http://127.0.0.1/\r\n\r\n", 1),
            ("http", "HTTP/1.1 200 OK\r\n\r\n", 5),
            ("ws", "HTTP/1.1 200 OK\r\n\r\nFLV", 1), ("ws", "HTTP/1.1 503 x\r\n\r\n", 1), ("ws", "", 4),
            (
                "ws",
                "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: bm8=\r\n\r\n", 4
            ),
        ])
    func refused(scheme: String, bytes: String, code: Int32) async throws {
        let server = try CannedServer(text: bytes)
        let run = await CommandRun.run("play \(scheme)://127.0.0.1:\(server.port)/live/one.flv")
        #expect(run.code == code, "\(run.err)")
        #expect(run.out == "")
        #expect(!run.err.isEmpty)
    }

    @Test(
        "A server that does not speak RTMP ends with 4",
        arguments: ["HTTP/1.1 400 Bad Request\r\n\r\n", "\u{16}\u{3}\u{1}", "\u{3}"])
    func notRTMP(greeting: String) async throws {
        let server = try CannedServer(.greeting(greeting))
        #expect(await CommandRun.run("play rtmp://127.0.0.1:\(server.port)/live/one").code == 4)
        let file = FileManager.default.temporaryDirectory.appending(path: "relayctl-\(UUID()).flv")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(Self.flv.readableBytesView).write(to: file)
        #expect(await CommandRun.run("publish \(file.path) rtmp://127.0.0.1:\(server.port)/live/one").code == 4)
    }
}
