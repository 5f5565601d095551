import Foundation
import RelayTestKit
import Synchronization
import Testing

@Suite("relayctl over the admin API", .timeLimit(.minutes(1)))
struct AdminCommandTests {
    @Test(
        "Each command asks for what it shows",
        arguments: [
            ("status", "status", "GET /v1/status "),
            ("streams", "streams", "GET /v1/streams "),
            ("stream live/room/one", "stream", "GET /v1/streams/live/room/one "),
            ("stream live/radio", "stream-waiting", "GET /v1/streams/live/radio "),
            ("viewers", "viewers", "GET /v1/viewers?limit=100 "),
            ("viewers --stream live/a --limit 5", "viewers", "GET /v1/viewers?limit=5&stream=live/a "),
            ("kick publisher live/room/one", "problem", "DELETE /v1/streams/live/room/one/publisher "),
            ("kick viewer 99", "problem", "DELETE /v1/viewers/99 "),
        ])
    func requests(line: String, example: String, request: String) async throws {
        let server = try CannedServer(text: answer("200 OK", CommandRun.example(example)))
        let run = await CommandRun.run(line, admin: server.port)
        #expect(run.code == 0, "\(run.err)")
        #expect(run.err == "")
        #expect(server.requests.count == 1)
        #expect(server.requests.first?.hasPrefix(request) == true, "\(server.requests)")
    }

    @Test("A table shows what matters")
    func tables() async throws {
        func table(_ line: String, _ example: String) async throws -> String {
            let server = try CannedServer(text: answer("200 OK", CommandRun.example(example)))
            return await CommandRun.run(line, admin: server.port).out
        }
        let status = try await table("status", "status")
        for text in ["relay-1", "running", "1h02m", "0.0.0.0:1935", "504 of 19744", "3.25 Mb/s", "92 %", "120 ms"] {
            #expect(status.contains(text), "\(text) in:\n\(status)")
        }
        let streams = try await table("streams", "streams")
        #expect(
            streams == """
                STREAM         STATE    VIDEO  SIZE        FPS  AUDIO    BITRATE  VIEWERS     UP
                live/room/one  live     avc    1920x1080  30.0  aac    3.25 Mb/s      503  1m01s
                live/radio     waiting  -      -             -  opus       0 b/s        0  1d01h

                """)
        let stream = try await table("stream live/room/one", "stream")
        for text in ["192.0.2.7:50123", "FMLE/3.0", "2003 ms", "200 dropped, 100 skipped, 60 evicted, 40 unsent"] {
            #expect(stream.contains(text), "\(text) in:\n\(stream)")
        }
        #expect(try await table("stream live/radio", "stream-waiting").contains("(waiting for a keyframe)"))
        let viewers = try await table("viewers", "viewers")
        #expect(viewers.contains("99  live/room/one  http-flv  av      [2001:db8::1]:40000"))
        #expect(viewers.contains("2 of 503 viewers; --limit shows more."))
    }

    @Test("JSON is the answer's own", arguments: ["status", "streams", "viewers"])
    func json(name: String) async throws {
        let example = try CommandRun.example(name)
        let server = try CannedServer(text: answer("200 OK", example))
        #expect(await CommandRun.run("\(name) -o json", admin: server.port).out == example)
        #expect(await CommandRun.run("-o json \(name)", admin: server.port).out == example, "also before the command")
    }

    @Test(
        "--admin beats RELAYCTL_ADMIN, with or without a scheme or a last slash",
        arguments: ["http://127.0.0.1:", "127.0.0.1:"])
    func address(prefix: String) async throws {
        let server = try CannedServer(text: answer("200 OK", CommandRun.example("streams")))
        #expect(await CommandRun.run("streams --admin \(prefix)\(server.port)/", admin: 1).code == 0)
        #expect(await CommandRun.run("--admin \(prefix)\(server.port) streams", admin: 1).code == 0)
        #expect(server.requests.count == 2)
    }

    @Test(
        "Tables fit the terminal, and have no control bytes without colours", arguments: [1, 20, 40, 60, 80, 200],
        ["status", "streams", "viewers", "stream live/room/one"])
    func width(width: Int, line: String) async throws {
        let example = line.hasPrefix("stream ") ? "stream" : line
        let server = try CannedServer(text: answer("200 OK", CommandRun.example(example)))
        let run = await CommandRun.run(line, admin: server.port, width: width)
        #expect(run.code == 0)
        for row in run.out.split(separator: "\n") where !row.contains("--limit") {
            #expect(row.count <= width, "\(row)")
            #expect(!row.contains("\u{1B}"))
        }
    }

    @Test("Colours come only where the console allows them and --no-color does not forbid them")
    func colours() async throws {
        let server = try CannedServer(text: answer("200 OK", CommandRun.example("streams")))
        #expect(
            await CommandRun.run("streams", admin: server.port, hasColour: true).out.contains("\u{1B}[32mlive\u{1B}[0m")
        )
        #expect(
            !(await CommandRun.run("streams --no-color", admin: server.port, hasColour: true).out.contains("\u{1B}")))
        #expect(!(await CommandRun.run("streams -o json", admin: server.port, hasColour: true).out.contains("\u{1B}")))
    }

    @Test("--watch shows it again until it is interrupted")
    func watch() async throws {
        let server = try CannedServer(text: answer("200 OK", CommandRun.example("streams")))
        let task = Mutex<Task<CommandRun, Never>?>(nil)
        let run = Task {
            await CommandRun.run(
                "streams --watch=0.1", admin: server.port,
                whenPrinted: { count in if count == 3 { task.withLock { $0?.cancel() } } })
        }
        task.withLock { $0 = run }
        #expect(await run.value.code == 5)
        #expect(server.requests.count >= 3)
    }
}

@Suite("relayctl: exit codes and hostile servers", .timeLimit(.minutes(1)))
struct HostileServerTests {
    @Test(
        "The exit code tells what went wrong",
        arguments: [
            (
                "HTTP/1.1 404 Not Found\r\n\r\n{\"code\":\"RLY-4001\",\"message\":\"M.\",\"hint\":\"H.\"}", 1,
                "RLY-4001: M. H."
            ),
            ("HTTP/1.1 503 x\r\n\r\n{\"code\":\"RLY-6001\",\"message\":\"M.\",\"hint\":\"H.\"}", 1, "RLY-6001"),
            ("HTTP/1.1 404 Not Found\r\n\r\n<html>", 4, "without a reason"),
            ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", 4, "answered 302"),
            ("HTTP/1.1 200 OK\r\n\r\n{}", 4, "not what it should be"),
            ("HTTP/1.1 200 OK\r\n\r\nnull", 4, "not what it should be"),
            ("HTTP/1.1 200 OK\r\n\r\n", 4, "not what it should be"),
            ("HTTP/1.1 200 OK\r\n\r\n{\"streams\":[{}]}", 4, "not what it should be"),
            ("SSH-2.0-OpenSSH\r\n", 4, "broken"),
            ("", 4, "broken"),
        ])
    func exitCodes(bytes: String, code: Int32, text: String) async throws {
        let server = try CannedServer(text: bytes)
        let run = await CommandRun.run("streams", admin: server.port)
        #expect(run.code == code)
        #expect(run.err.contains(text), "\(run.err)")
        #expect(run.out == "")
    }

    @Test(
        "A wrong command line ends with 2 and asks no server",
        arguments: [
            "", "bogus", "streams --bogus", "streams -o xml", "stream", "stream nope", "stream ../etc", "stream a/b?c",
            "kick viewer x", "kick viewer -1", "viewers --limit 0", "status --watch=0", "status --timeout 0",
            "status --admin ftp://x", "status --admin http://[", "play", "play ftp://x/y/z", "play rtmp://x",
            "play http://",
            "play https://x/y.flv", "play rtmp://127.0.0.1:1/a/b --seconds 0", "publish",
            "publish /nonexistent rtmp://127.0.0.1:1/a/b",
            "publish /dev/null http://x/y", "publish /dev/null rtmp://127.0.0.1:1/a/b",
            "publish /etc/passwd rtmp://127.0.0.1:1/a/b",
        ])
    func usage(line: String) async throws {
        let server = try CannedServer(text: answer("200 OK", "{}"))
        let run = await CommandRun.run(line, admin: server.port)
        #expect(run.code == (line.isEmpty ? 0 : 2), "\(run.err)")
        #expect(server.requests.isEmpty)
    }

    @Test(
        "Nothing that listens ends with 3",
        arguments: [
            "streams", "play rtmp://127.0.0.1:PORT/a/b", "play http://127.0.0.1:PORT/a/b.flv",
            "play ws://127.0.0.1:PORT/a/b.flv",
        ])
    func unreachable(line: String) async throws {
        var server: CannedServer? = try CannedServer(.silence)
        let port = try #require(server).port
        server = nil
        let run = await CommandRun.run(line.replacing("PORT", with: "\(port)"), admin: port)
        #expect(run.code == 3)
        #expect(run.err.contains("annot"), "\(run.err)")
    }

    @Test(
        "A silent server ends with 5",
        arguments: [
            "streams --timeout 0.1", "play --timeout 0.1 rtmp://127.0.0.1:PORT/a/b",
            "play --timeout 0.1 http://127.0.0.1:PORT/a/b.flv",
        ])
    func silence(line: String) async throws {
        let server = try CannedServer(.silence)
        let run = await CommandRun.run(line.replacing("PORT", with: "\(server.port)"), admin: server.port)
        #expect(run.code == 5, "\(run.err)")
    }

    @Test("An answer of 100 MiB is given up")
    func flood() async throws {
        let server = try CannedServer(.flood("HTTP/1.1 200 OK\r\n\r\n", UInt8(ascii: " "), count: 100 << 20))
        let run = await CommandRun.run("streams", admin: server.port)
        #expect(run.code == 4)
        #expect(run.err.contains("longer than 8388608 bytes"))
    }

    @Test("JSON as deep as it is long ends with 4")
    func deep() async throws {
        let server = try CannedServer(text: answer("200 OK", String(repeating: "[", count: 1_000_000)))
        #expect(await CommandRun.run("streams", admin: server.port).code == 4)
    }

    @Test("Terminal escapes in names, players and refusals come out as text")
    func escapes() async throws {
        let evil = "\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u202e\\r\\nX"
        let streams = try CommandRun.example("streams").replacing("\"one\"", with: "\"\(evil)\"")
        let viewers = try CommandRun.example("viewers").replacing("ws-flv", with: evil)
        let problem = "{\"code\":\"\(evil)\",\"message\":\"\(evil)\",\"hint\":\"\(evil)\"}"
        for (line, body, status) in [
            ("streams", streams, "200 OK"), ("viewers", viewers, "200 OK"), ("streams", problem, "404 Not Found"),
            ("streams -o json", streams, "200 OK"), ("viewers -o json", viewers, "200 OK"),
        ] {
            let server = try CannedServer(text: answer(status, body))
            let run = await CommandRun.run(line, admin: server.port)
            let printed = run.out + run.err
            #expect(printed.contains("]0;owned"), "\(printed)")
            #expect(printed.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "…" || (0x20..<0x7F).contains($0.value) })
            if line.hasSuffix("json") {
                #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(run.out.utf8)) }
            }
        }
    }

    @Test("Numbers without sense are shown as such")
    func numbers() async throws {
        let status = try CommandRun.example("status").replacing("3725.5", with: "1e308").replacing(
            "0.42", with: "-1e300"
        )
        .replacing("503000000", with: "-5")
        let server = try CannedServer(text: answer("200 OK", status))
        let run = await CommandRun.run("status", admin: server.port)
        #expect(run.code == 0)
        #expect(run.out.contains("up           -\n"), "\(run.out)")
    }

    @Test("A reader that goes away ends the command quietly")
    func readerGone() async throws {
        let server = try CannedServer(text: answer("200 OK", CommandRun.example("streams")))
        let run = await CommandRun.run("streams", admin: server.port, isReaderGone: true)
        #expect(run.code == 0)
        #expect(run.err == "")
    }
}

@Suite("relayctl explain")
struct ExplainTests {
    @Test("A code is explained however it is written", arguments: ["RLY-4001", "rly-4001", "4001"])
    func explain(code: String) async {
        let run = await CommandRun.run("explain \(code)")
        #expect(run.code == 0)
        #expect(run.out.hasPrefix("RLY-4001: There is no such stream now.\n"))
    }

    @Test("Without a code all are listed; an unknown one is refused")
    func others() async {
        #expect(await CommandRun.run("explain").out.contains("RLY-6002"))
        #expect(await CommandRun.run("explain -o json 4001").out.contains("\"code\" : \"RLY-4001\""))
        #expect(await CommandRun.run("explain 9999").code == 1)
        #expect(await CommandRun.run("explain \u{1B}[31m").err.contains("\u{1B}") == false)
    }
}
