import Foundation
import RelayTestKit
import Testing
import relayctl

/// Runs a command line against a server of one answer.
private func run(_ line: String, _ body: String, width: Int? = nil, hasColour: Bool = false) async throws -> CommandRun
{
    let server = try CannedServer(text: answer("200 OK", body))
    return await CommandRun.run(line, admin: server.port, width: width, hasColour: hasColour)
}

@Suite("relayctl: commands of the cluster", .timeLimit(.minutes(1)))
struct ClusterCommandTests {
    @Test(
        "Each command asks for what it shows",
        arguments: [
            ("nodes", ClusterExamples.nodes([]), "GET /v1/cluster/nodes "),
            ("streams --all", ClusterExamples.streams([]), "GET /v1/cluster/streams?limit=1000 "),
            ("streams --all --limit 5", ClusterExamples.streams([]), "GET /v1/cluster/streams?limit=5 "),
            (
                "locate live/room/one",
                ClusterExamples.location(ClusterExamples.stream(), parents: []), "GET /v1/cluster/locate/live/room/one "
            ),
            ("why live/a", ClusterExamples.wideWhy, "GET /v1/cluster/why/live/a "),
            ("events", ClusterExamples.events([]), "GET /v1/cluster/events?limit=50 "),
            ("events --limit 3", ClusterExamples.events([]), "GET /v1/cluster/events?limit=3 "),
            ("drain e1", ClusterExamples.accepted, "POST /v1/cluster/nodes/e1/drain?deadline=21600 "),
            ("drain e1 --deadline 90s", ClusterExamples.accepted, "POST /v1/cluster/nodes/e1/drain?deadline=90 "),
            ("drain e1 --deadline 1h30m", ClusterExamples.accepted, "POST /v1/cluster/nodes/e1/drain?deadline=5400 "),
            ("undrain e-1.x_y", ClusterExamples.accepted, "POST /v1/cluster/nodes/e-1.x_y/undrain "),
            ("move live/room/one o2", ClusterExamples.accepted, "POST /v1/cluster/streams/live/room/one/move?to=o2 "),
        ])
    func requests(line: String, body: String, request: String) async throws {
        let server = try CannedServer(text: answer("200 OK", body))
        let run = await CommandRun.run(line, admin: server.port)
        #expect(run.code == 0, "\(run.err)")
        #expect(run.err == "")
        #expect(server.requests.count == 1)
        #expect(server.requests.first?.hasPrefix(request) == true, "\(server.requests)")
    }

    @Test("The nodes stand in a table with their sum, and what drains is told")
    func nodes() async throws {
        let list = ClusterExamples.nodes([
            ClusterExamples.node("e1", viewers: 503),
            ClusterExamples.node("e2", state: "draining", viewers: 1, leaseMs: 2100),
            ClusterExamples.node("o1", role: "origin", publishers: 2, leaseMs: 0, hasReport: false),
        ])
        #expect(
            try await run("nodes", list, width: 200).out.contains(
                """
                NODE  ROLE    STATE     REGION     VIEWERS  PUBS  PULLS        OUT   CPU  LOOP  LEASE
                e1    edge    serving   eu-west/a      503     0      2  1.25 Gb/s  41 %  92 %   8.0s
                e2    edge    draining  eu-west/a        1     0      2  1.25 Gb/s  41 %  92 %   2.1s
                o1    origin  serving   eu-west/a        -     -      -          -     -     -   over

                3 nodes, 504 viewers, 2.50 Gb/s out
                e2 drains, 1 viewer left; relayctl undrain e2 takes it back.
                """))
        let narrow = try await run("nodes", list, width: 80).out
        #expect(narrow.contains("LEASE") && narrow.contains("over"), "the lease is worth more than the region")
        #expect(!narrow.contains("REGION"))
        let coloured = try await run("nodes", list, hasColour: true).out
        #expect(coloured.contains("\u{1B}[33mdraining\u{1B}[0m"))
        #expect(coloured.contains("\u{1B}[31mover\u{1B}[0m"))
        #expect(try await run("nodes", ClusterExamples.nodes([])).out.hasPrefix("No nodes in the registry redis://"))
    }

    @Test(
        "A registry that is away is told above everything",
        arguments: [
            ("nodes", ClusterExamples.nodes([ClusterExamples.node("e1")], registry: ClusterExamples.away)),
            ("nodes", ClusterExamples.nodes([], registry: ClusterExamples.away)),
            ("streams --all", ClusterExamples.streams([ClusterExamples.stream()], registry: ClusterExamples.away)),
            (
                "locate live/a",
                ClusterExamples.location(ClusterExamples.stream(), parents: [], registry: ClusterExamples.away)
            ),
            ("why live/a", ClusterExamples.why(ClusterExamples.stream(), parts: [], registry: ClusterExamples.away)),
        ])
    func away(line: String, body: String) async throws {
        let away = "The registry (redis://registry:6379) is away for 12.0s: connection refused."
        #expect(try await run(line, body).out.hasPrefix(away))
        #expect(!(try await run(line, body.replacing("\"away\"", with: "\"connected\"")).out.contains(away)))
    }

    @Test("The streams of the cluster show who owns them, and orphans are marked")
    func streams() async throws {
        let list = ClusterExamples.streams([
            ClusterExamples.stream(), ClusterExamples.stream("live/room/b", state: "waiting", ownerLives: false),
        ])
        #expect(
            try await run("streams --all", list).out == """
                STREAM       STATE    OWNER  EPOCH  VIDEO  AUDIO  LINK
                live/a       live     o1         7  avc    aac    10.0.0.1:1985
                live/room/b  waiting  ! o1       7  avc    aac    10.0.0.1:1985
                1 stream has an owner whose lease is over (!): viewers are held; relayctl why app/name tells more.

                """)
        #expect(try await run("streams --all --limit 2", list).out.hasSuffix("2 streams; --limit shows more.\n"))
        #expect(try await run("streams --all", ClusterExamples.streams([])).out == "No streams in the cluster.\n")
    }

    @Test("A location shows the parents in their order, and open breakers")
    func locate() async throws {
        let body = ClusterExamples.location(
            ClusterExamples.stream(), parents: [("e7", 1, "half-open"), ("o1", 0, "closed")], age: 4)
        let out = try await run("locate live/a", body).out
        #expect(out.contains("owner        o1, epoch 7\n"))
        #expect(out.contains("known        4.0s ago\n"))
        #expect(
            out.hasSuffix(
                """
                #  PARENT  HOPS  BREAKER    LINK
                1  e7         1  half-open  10.0.0.1:1985
                2  o1         0  closed     10.0.0.1:1985

                """))
        let open = ClusterExamples.location(ClusterExamples.stream(), parents: [("o1", 0, "open")])
        #expect(try await run("locate live/a", open).out.contains("Every breaker is open"))
        let none = try await run("locate live/a", ClusterExamples.location(nil, parents: []))
        #expect(none.out == "Nobody owns live/a; known as of now.\n")
        #expect(none.code == 1)
    }

    @Test("JSON is the answer's own", arguments: ["nodes", "why live/a", "locate live/a", "streams --all", "events"])
    func json(line: String) async throws {
        let body =
            switch line {
            case "nodes": ClusterExamples.nodes([ClusterExamples.node("e1")])
            case "why live/a": ClusterExamples.wideWhy
            case "events": ClusterExamples.events([ClusterExamples.event("1-0")])
            case "streams --all": ClusterExamples.streams([ClusterExamples.stream()])
            default: ClusterExamples.location(ClusterExamples.stream(), parents: [("o1", 0, "open")])
            }
        let shown = try await run("\(line) -o json", body)
        func value(_ text: String) throws -> NSObject {
            try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSObject)
        }
        #expect(try value(shown.out) == value(body))
    }

    @Test("An order is told with where to look next; one that is not accepted ends with 1")
    func orders() async throws {
        let run1 = try await run("move live/a o2", ClusterExamples.accepted)
        #expect(run1.out == "It will be done.\nrelayctl why live/a shows when it is there.\n")
        #expect(try await run("drain e1", ClusterExamples.accepted).out.contains("relayctl undrain e1 takes it back"))
        for line in ["move live/a o2", "drain e1", "drain e1 --wait", "undrain e1"] {
            let refused = try await run(line, #"{"accepted":false,"text":"Not\u001b now."}"#)
            #expect(refused.code == 1)
            #expect(refused.err == "relayctl: Not\\u{1b} now.\n")
            #expect(refused.out == "")
        }
    }

    @Test("Events have their time in UTC; --watch shows them again")
    func events() async throws {
        let body = ClusterExamples.events([
            ClusterExamples.event("1-0"), ClusterExamples.event("2-0", kind: "failover", text: "e1 went to o2."),
        ])
        #expect(
            try await run("events", body).out == """
                TIME (UTC)           NODE  KIND      STREAM  TEXT
                2026-03-01 09:05:59  o1    claimed   live/a  o1 owns live/a with epoch 7.
                2026-03-01 09:05:59  o1    failover  live/a  e1 went to o2.

                """)
        #expect(try await run("events", ClusterExamples.events([])).out == "No events.\n")
    }

    @Test(
        "Everything fits the terminal, whatever the names", arguments: [20, 80, 200],
        ["nodes", "streams --all", "locate live/a", "why live/a", "events"])
    func width(width: Int, line: String) async throws {
        let name = String(repeating: "long-name.", count: 12)
        let body =
            switch line {
            case "nodes":
                ClusterExamples.nodes(
                    [
                        ClusterExamples.node(name, role: "standalone", state: "draining", region: name, viewers: .max),
                        ClusterExamples.node("e2", viewers: .max),
                    ], registry: ClusterExamples.away)
            case "streams --all":
                ClusterExamples.streams([ClusterExamples.stream(name, owner: name, ownerLives: false)])
            case "locate live/a":
                ClusterExamples.location(
                    ClusterExamples.stream(owner: name), parents: [(name, .max, "open")])
            case "why live/a":
                ClusterExamples.why(
                    ClusterExamples.stream(owner: name, preferred: "x"),
                    parts: [
                        ClusterExamples.owner.replacing("o1", with: name),
                        ClusterExamples.pulling(
                            name + "2", from: name, viewers: .max, slow: .max, queue: .max, rtt: 1e300),
                        ClusterExamples.pulling(
                            "e3", from: name + "2", viewers: .max, more: ClusterExamples.failover(1)),
                    ], silent: [name, "e4"])
            default: ClusterExamples.events([ClusterExamples.event("1-0", kind: name, text: name + name)])
            }
        let run = try await run(line, body, width: width)
        #expect(run.code == 0, "\(run.err)")
        for row in run.out.split(separator: "\n") { #expect(row.count <= width, "\(row)") }
    }

    @Test("A wide terminal is used: nothing is left out")
    func wide() async throws {
        let why = try await run("why live/a", ClusterExamples.wideWhy, width: 200).out
        for title in ["PARENT", "PHASE", "HOPS", "RTT", "QUEUE", "LOST", "VIEWERS", "SLOW"] {
            #expect(why.contains(title), "\(title) in:\n\(why)")
        }
        let narrow = try await run("why live/a", ClusterExamples.wideWhy, width: 60).out
        for title in ["RTT", "LOST", "VIEWERS", "SLOW"] { #expect(narrow.contains(title), "\(title) in:\n\(narrow)") }
    }

    @Test(
        "A wrong command line ends with 2 and asks no server",
        arguments: [
            "nodes x", "streams --limit 5", "streams --all --limit 0", "locate", "locate nope", "why", "why a/b?c",
            "why ../etc", "drain", "drain a/b", "drain ..", "drain .", "drain a%2fb", "drain e1 --deadline 6",
            "drain e1 --deadline h", "drain e1 --deadline 6x", "drain e1 --deadline 30m1h", "drain e1 --deadline 1h1h",
            "drain e1 --deadline 8d", "drain e1 --deadline 99999999999999999999h", "drain e1 --deadline -1s",
            "undrain", "undrain e1 --wait", "move live/a", "move nope o1", "move live/a o/1", "events --limit 0",
            "events --limit 10001", "top x", "top --watch=0",
        ])
    func usage(line: String) async throws {
        let server = try CannedServer(text: answer("200 OK", "{}"))
        let run = await CommandRun.run(line, admin: server.port)
        #expect(run.code == 2, "\(run.out) \(run.err)")
        #expect(server.requests.isEmpty)
    }

    @Test(
        "What the node refuses, and what it should not answer, ends as with other commands",
        arguments: [
            "nodes", "streams --all", "locate a/b", "why a/b", "events", "events --follow", "top",
            "drain e1", "drain e1 --wait", "undrain e1", "move a/b o1",
        ])
    func exitCodes(line: String) async throws {
        let problem = #"{"code":"RLY-4001","message":"M.","hint":"H.\u001b"}"#
        let refusing = try CannedServer(text: answer("404 Not Found", problem))
        let refused = await CommandRun.run(line, admin: refusing.port)
        #expect(refused.code == 1)
        #expect(refused.err == "relayctl: RLY-4001: M. H.\\u{1b}\n")
        #expect(try await run(line, "{}").code == 4)
        #expect(try await run(line, "[]").code == 4)
        let silent = try CannedServer(.silence)
        #expect(await CommandRun.run("\(line) --timeout 0.1", admin: silent.port).code == 5)
        var gone: CannedServer? = try CannedServer(.silence)
        let port = try #require(gone).port
        gone = nil
        #expect(await CommandRun.run(line, admin: port).code == 3)
    }

    @Test(
        "Terminal escapes in every text come out as text",
        arguments: ["nodes", "streams --all", "locate live/a", "why live/a", "events", "move live/a o2", "drain e1"],
        ["", " -o json"])
    func escapes(line: String, format: String) async throws {
        let evil = #"\u001b]0;owned\u0007\u001b[2J\u009b31m\u202e\r\nX"#
        let registry = ClusterExamples.away.replacing("connection refused", with: evil)
            .replacing("redis://", with: evil)
        let stream = ClusterExamples.stream(evil, state: evil, owner: evil, preferred: evil).replacing(
            "avc", with: evil
        )
        .replacing("00c0ffee", with: evil).replacing("10.0.0.1", with: evil)
        let body =
            switch line {
            case "nodes":
                ClusterExamples.nodes(
                    [ClusterExamples.node(evil, role: evil, state: evil, region: evil)], registry: registry)
            case "streams --all": ClusterExamples.streams([stream], registry: registry)
            case "locate live/a": ClusterExamples.location(stream, parents: [(evil, 1, evil)], registry: registry)
            case "why live/a":
                ClusterExamples.why(
                    stream,
                    parts: [
                        ClusterExamples.owner.replacing("OBS", with: evil),
                        ClusterExamples.pulling(
                            evil, from: evil, rate: 0, slow: 1, queue: 999, rtt: 999,
                            more: ClusterExamples.failover(1).replacing("o2", with: evil)),
                    ], silent: [evil], registry: registry)
            case "events": ClusterExamples.events([ClusterExamples.event(evil, kind: evil, text: evil)])
            default: #"{"accepted":true,"text":"\#(evil)"}"#
            }
        let run = try await run(line + format, body)
        #expect(run.code == 0, "\(run.err)")
        let printed = run.out + run.err
        #expect(printed.contains("]0;owned"), "\(printed)")
        #expect(printed.unicodeScalars.allSatisfy { $0 == "\n" || (0x20..<0x7F).contains($0.value) }, "\(printed)")
        if !format.isEmpty {
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(run.out.utf8)) }
        }
    }
}
