import Foundation
import RelayTestKit
import Testing
import relayctl

@Suite("relayctl autoscale: what comes from elsewhere", .timeLimit(.minutes(1)))
struct AutoscaleHostileTests {
    private typealias Examples = AutoscaleExamples

    private static let shown = ["status", "explain", "history", "event list"]

    private func run(_ line: String, _ body: String, width: Int? = nil) async throws -> CommandRun {
        let server = try CannedServer(text: answer("200 OK", body))
        return await CommandRun.run("autoscale " + line, admin: server.port, width: width)
    }

    private func body(_ line: String, text: String, number: Int = 1, real: Double = 1) -> String {
        let needs = [Examples.need(text, real, text), Examples.need("reactive.x", -real, "")]
        let accuracy =
            #"{"sda":\#(real),"lastValue":\#(-real),"overloadedMinutes":\#(real),"overProvision":\#(real),"epochs":\#(number)}"#
        let decision = Examples.decision(
            at: Int64(number), mode: "observe", from: -number, to: number, reason: text, needs: needs,
            blocks: [Examples.block(text, text), Examples.block("rollout", "")],
            actions: [
                #"{"scale":{"from":\#(number),"to":\#(-number),"uid":"\#(text)"}}"#,
                #"{"drain":{"_0":["e1"],"deadline":\#(real)}}"#,
                #"{"mark":{"_0":[{"pod":"\#(text)","uid":"\#(text)","cost":-2147483648}]}}"#,
            ], samples: number, buffer: number, accuracy: accuracy)
        switch line {
        case "status":
            return Examples.status(
                leader: text, driver: text, isPaused: true, usesForecast: false, age: real, [decision, decision])
        case "event list":
            return Examples.events([
                Examples.event(text, start: Int64(number), end: Int64(-number), peak: real),
                Examples.event(text, start: Int64(-number), end: Int64(number), peak: -real),
            ])
        default: return Examples.list([decision, decision])
        }
    }

    @Test("Terminal escapes in every text come out as text", arguments: shown, ["", " -o json"])
    func escapes(line: String, format: String) async throws {
        let run = try await run(line + format, body(line, text: #"\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e\r\nX"#))
        #expect(run.code == 0, "\(run.err)")
        let printed = run.out + run.err
        #expect(printed.contains("]0;owned"), "\(printed)")
        #expect(printed.unicodeScalars.allSatisfy { $0 == "\n" || (0x20..<0x7F).contains($0.value) }, "\(printed)")
        if !format.isEmpty {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(run.out.utf8)) }
        }
    }

    @Test("A column's title may be a name of others, and is escaped, too")
    func titles() {
        var table = Table([.init("NODE"), .init("\u{1B}[2Jx")])
        table.add(["state", "running"])
        #expect(table.render(width: nil, hasColour: false) == "NODE   \\u{1b}[2Jx\nstate  running")
    }

    @Test("Numbers that nobody expects are shown or left out, never a crash", arguments: shown, [Int.max, -Int.max, 0])
    func numbers(line: String, number: Int) async throws {
        for real in [1e308, -1e308, 0, 1e-308] {
            let run = try await run(line, body(line, text: "x", number: number, real: real), width: 80)
            #expect(run.code == 0, "\(run.err)")
        }
    }

    @Test("Everything fits the terminal, whatever the names", arguments: shown, [8, 20, 80, 200])
    func width(line: String, width: Int) async throws {
        let name = String(repeating: "long-name.", count: 12)
        let run = try await run(line, body(line, text: name, number: .max, real: 1e300), width: width)
        #expect(run.code == 0, "\(run.err)")
        for row in run.out.split(separator: "\n") { #expect(row.count <= width, "\(row)") }
    }

    @Test("A narrow terminal keeps what matters")
    func narrow() async throws {
        let status = try await run("status", Examples.status([Examples.decision()]), width: 44).out
        for title in ["TIER", "NOW", "TARGET", "REASON"] { #expect(status.contains(title), "\(status)") }
        let explained = try await run("explain", Examples.list([Examples.decision()]), width: 48).out
        #expect(
            explained.contains("others    event.final needs 61.0: from 20:20,\n          160 k viewers\n"),
            "\(explained)")
        #expect(
            explained.contains("yesterday at this hour +14.1 %, band\n          +2.9 %\n"),
            "nothing of a reason is cut:\n\(explained)")
    }

    @Test(
        "A wrong command line ends with 2 and asks no server",
        arguments: [
            "status x", "explain --tier standalone", "explain --at", "explain --at yesterday", "explain --at 25:00",
            "explain --at 2026-02-29T00:00:00Z", "explain --at -8d", "history --limit 0", "history --limit 2001",
            "event add", "event add a --start +1h --end +1h", "event add a --start 20:00 --end 21:00 --peak 0",
            "event add a --start 20:00 --end 21:00 --peak -1", "event add a --start 20:00 --end 21:00 --peak nan",
            "event add a --start 20:00 --end 21:00 --peak 1e3", "event add a/b --start 20:00 --end 21:00 --peak 1",
            "event add .. --start 20:00 --end 21:00 --peak 1", "event add a~b --start 20:00 --end 21:00 --peak 1",
            "event add a --start 2026-03-01T20:00:00Z --end 2026-03-01T21:00:00Z --peak 1",
            "event add a --start 2099-03-01T20:00:00Z --end 2099-03-01T20:00:00Z --peak 1",
            "event add a --start 20:00 --end 21:00 --peak 1 --tier standalone",
            "event add a --start 20:00 --end 21:00 --peak 1 --ramp 8d", "event remove", "event remove a/b",
            "event remove a%2fb", "forecast", "forecast maybe", "pause x", "replay", "replay --trace /nowhere/x.csv",
            "replay --trace / --lead 3601", "replay --trace / --peak 0", "replay --trace / --utilisation 0",
            "replay --trace /", "replay --trace / --series",
        ])
    func usage(line: String) async throws {
        let server = try CannedServer(text: answer("200 OK", "{}"))
        let run = await CommandRun.run("autoscale " + line, admin: server.port)
        #expect(run.code == 2, "\(run.out) \(run.err)")
        #expect(server.requests.isEmpty)
    }

    @Test(
        "What the node refuses, and what it should not answer, ends as with other commands",
        arguments: ["status", "explain", "history", "event list", "pause", "resume", "forecast off"])
    func exitCodes(line: String) async throws {
        let problem = #"{"code":"RLY-4001","message":"M.","hint":"H.\u001b"}"#
        let refusing = try CannedServer(text: answer("404 Not Found", problem))
        let refused = await CommandRun.run("autoscale " + line, admin: refusing.port)
        #expect(refused.code == 1)
        #expect(refused.err == "relayctl: RLY-4001: M. H.\\u{1b}\n")
        #expect(try await run(line, "{}").code == 4)
        #expect(try await run(line, "[]").code == 4)
        #expect(try await run(line, body("explain", text: "x").replacing("observe", with: "else")).code == 4)
        let silent = try CannedServer(.silence)
        #expect(await CommandRun.run("autoscale \(line) --timeout 0.1", admin: silent.port).code == 5)
        var gone: CannedServer? = try CannedServer(.silence)
        let port = try #require(gone).port
        gone = nil
        #expect(await CommandRun.run("autoscale " + line, admin: port).code == 3)
    }

    @Test("An event that is refused, added or removed, ends with 1")
    func refusedEvents() async throws {
        let refusing = try CannedServer(
            text: answer("404 Not Found", #"{"code":"RLY-4001","message":"M.","hint":"H."}"#))
        for line in ["event remove a", "event add a --start 2099-01-01T00:00:00Z --end +1h --peak 5"] {
            let run = await CommandRun.run("autoscale " + line, admin: refusing.port)
            #expect(run.code == 1)
            #expect(run.err == "relayctl: RLY-4001: M. H.\n")
            #expect(run.out == "")
        }
    }
}
