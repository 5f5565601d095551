import Foundation
import RelayCluster
import RelayScaling
import RelayTestKit
import Testing
import relayctl

/// Runs a command line against a server of one answer.
private func run(_ line: String, _ body: String, width: Int? = nil, hasColour: Bool = false) async throws -> CommandRun
{
    let server = try CannedServer(text: answer("200 OK", body))
    return await CommandRun.run("autoscale " + line, admin: server.port, width: width, hasColour: hasColour)
}

@Suite("relayctl autoscale", .timeLimit(.minutes(1)))
struct AutoscaleCommandTests {
    private typealias Examples = AutoscaleExamples

    @Test(
        "Each command asks for what it shows",
        arguments: [
            ("status", Examples.status([]), "GET /v1/autoscale/status "),
            ("explain", Examples.list([Examples.decision()]), "GET /v1/autoscale/decisions?tier=edge&limit=1 "),
            (
                "explain --tier origin --at 2026-03-01T19:58:05Z", Examples.list([Examples.decision(tier: "origin")]),
                "GET /v1/autoscale/decisions?tier=origin&at=1772395085000&limit=1 "
            ),
            ("history", Examples.list([]), "GET /v1/autoscale/decisions?tier=edge&limit=50 "),
            (
                "history --tier origin --limit 7", Examples.list([]),
                "GET /v1/autoscale/decisions?tier=origin&limit=7 "
            ),
            ("history --changes --limit 7", Examples.list([]), "GET /v1/autoscale/decisions?tier=edge&limit=2000 "),
            ("event list", Examples.events([]), "GET /v1/autoscale/events "),
            ("event remove cup.final-1", "", "DELETE /v1/autoscale/events/cup.final-1 "),
            ("pause", Examples.controls(true, true), "POST /v1/autoscale/pause "),
            ("resume", Examples.controls(false, true), "POST /v1/autoscale/resume "),
            ("forecast on", Examples.controls(false, true), "POST /v1/autoscale/forecast?on=true "),
            ("forecast off", Examples.controls(false, false), "POST /v1/autoscale/forecast?on=false "),
        ])
    func requests(line: String, body: String, request: String) async throws {
        let server = try CannedServer(text: answer("200 OK", body))
        let run = await CommandRun.run("autoscale " + line, admin: server.port)
        #expect(run.code == 0, "\(run.err)")
        #expect(run.err == "")
        #expect(server.requests.count == 1)
        #expect(server.requests.first?.hasPrefix(request) == true, "\(server.requests)")
    }

    @Test("The status tells the leader, each tier with its own age, and nothing more when all is well")
    func status() async throws {
        let body = Examples.status([
            Examples.decision(),
            Examples.decision(
                tier: "origin", at: Examples.instant - 5_000, from: 3, to: 3, reason: "reactive.publishers",
                needs: [Examples.need("reactive.publishers", 2.4, "9 publishers")], buffer: 0, accuracy: nil),
        ])
        #expect(
            try await run("status", body).out == """
                LEADER    relay-autoscaler-0
                epoch     7
                driver    kubernetes
                scaling   not paused
                forecast  on
                decided   3.2s ago

                TIER    MODE  NOW  TARGET  NEED  BUFFER  REASON                AGE  SDA 24H
                edge    on     42      46  45.1       1  forecast.egress      3.2s   97.1 %
                origin  on      3       3   2.4       0  reactive.publishers  8.2s        -

                """)
    }

    @Test(
        "The status warns, worst first",
        arguments: [
            (Examples.status(leader: nil, [Examples.decision()]), "Nobody leads: "),
            (Examples.status([]), "Nothing was decided yet."),
            (
                Examples.status(age: 95, [Examples.decision()]),
                "Nothing was decided for 1m35s; what follows is as old as that."
            ),
            (Examples.status(isPaused: true, [Examples.decision()]), "Paused: nothing is added or taken away;"),
            (Examples.status(usesForecast: false, [Examples.decision()]), "The forecast is off: "),
            (
                Examples.status(isPaused: true, [Examples.decision(reason: "rbac_denied")]),
                "edge: the platform refuses (rbac_denied)"
            ),
            (
                Examples.status([Examples.decision(blocks: [Examples.block("rollout", "2 of 42 pods are new.")])]),
                "edge: rollout: 2 of 42 pods are new."
            ),
            (
                Examples.status([Examples.decision(mode: "observe")]),
                "edge: would go to 46; mode observe changes nothing."
            ),
        ])
    func warnings(body: String, warning: String) async throws {
        let out = try await run("status", body).out
        let first = out.components(separatedBy: "\n\n").last?.split(separator: "\n").first ?? ""
        #expect(first.hasPrefix(warning), "\(out)")
    }

    @Test("A decision is explained: what binds first, then what else, what stands against it, how it went")
    func explain() async throws {
        let decision = Examples.decision(
            blocks: [Examples.block("event_window", "scale-in waits for the event final")],
            actions: Examples.actions)
        #expect(
            try await run("explain", Examples.list([Examples.decision(to: 9), decision])).out == """
                edge      42 -> 46 replicas (+4)
                at        2026-03-01 19:58:05 UTC, epoch 7
                mode      on
                because   forecast.egress: egress expected while the decision binds
                          needs 45.1 nodes: 1.243 x now (36.3): yesterday at this hour +14.1 %, band +2.9 %

                OTHER NEEDS      NODES  WHY
                event.final       61.0  from 20:20, 160 k viewers
                reactive.egress   36.3  87.1 Gb/s now

                plan      lead 118 s (p90 of 23 measurements) + hold 300 s; 75 % of a node is planned with
                lead      p90 17 s where a machine was there, 131 s where a new one was waited for
                buffer    1 node kept for the loss of a zone or of spot nodes
                blocked   event_window: scale-in waits for the event final
                orders    set replicas 42 -> 46
                          drain e1, e2 within 10m00s
                          take back from draining: e3
                          set the deletion cost of edge-x (-1000), edge-y (none)
                last day  SDA 97.1 % (last value 74.0 %), overloaded 0.0 min, over-provision 2.8 %; judged over 1d00h

                """)
    }

    @Test("A decision that something else than a need made says what that means")
    func guarded() async throws {
        let decision = Examples.decision(
            mode: "observe", to: 42, reason: "cliff_guard", samples: 0, buffer: 0, accuracy: nil)
        let out = try await run("explain", Examples.list([decision])).out
        #expect(out.hasPrefix("edge      stays at 42 replicas\n"))
        #expect(out.contains("mode      observe: it decides and explains, and changes nothing\n"))
        #expect(out.contains("because   cliff_guard: demand fell too fast to be believed;"))
        #expect(out.contains("lead 118 s (assumed, not measured yet)"))
        #expect(out.contains("last day  not judged yet"))
        #expect(out.contains("blocked   by nothing\n"))
        #expect(out.contains("event.final       61.0"))
    }

    @Test("Nothing decided then is told, with 1")
    func nothing() async throws {
        let run = try await run("explain --tier origin --at 2026-03-01T19:58:05Z", Examples.list([]))
        #expect(run.code == 1)
        #expect(
            run.err
                == "relayctl: Nothing was decided for the origin tier at 2026-03-01 19:58:05 UTC; history reaches back a day.\n"
        )
    }

    private var past: [String] {
        [
            Examples.decision(from: 40, to: 42, reason: "reactive.viewers"),
            Examples.decision(at: Examples.instant + 5_000, from: 42, to: 42, reason: "reactive.viewers"),
            Examples.decision(
                at: Examples.instant + 10_000, from: 42, to: 40, reason: "reactive.egress",
                blocks: [Examples.block("budget", "4 of 4 this minute")]),
        ]
    }

    @Test("The history is a table, oldest first")
    func history() async throws {
        #expect(
            try await run("history", Examples.list(past)).out == """
                TIME (UTC)           MODE  NOW  TARGET  CHANGE  REASON            NEED  WHY
                2026-03-01 19:58:05  on     40      42      +2  reactive.viewers  61.0  from 20:20, 160 k viewers
                2026-03-01 19:58:10  on     42      42       0  reactive.viewers  61.0  from 20:20, 160 k viewers
                2026-03-01 19:58:15  on     42      40      -2  reactive.egress   36.3  budget: 4 of 4 this minute

                """)
        #expect(try await run("history", Examples.list([])).out == "Nothing was decided for the edge tier yet.\n")
    }

    @Test("At 80 columns the history says why, in words that can be read")
    func narrowHistory() async throws {
        let rows = try await run("history", Examples.list(past), width: 80).out.split(separator: "\n")
        #expect(rows.first?.contains("WHY") == true && rows.first?.contains("MODE") == false)
        #expect(rows.count == 4 && rows.allSatisfy { $0.count <= 80 })
        #expect(rows.dropFirst().first?.hasSuffix("from 20:20, 160 k viewers") == true, "\(rows)")
        let narrow = try await run("history", Examples.list(past), width: 50).out.split(separator: "\n")
        #expect(narrow.allSatisfy { $0.count <= 50 } && narrow.first?.contains("WHY") == false)
    }

    @Test("Of an event whose ramp has begun, nothing is promised that is past")
    func late() async throws {
        let server = try CannedServer(text: "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        let run = await CommandRun.run(
            "autoscale event add final --start +5m --end +2h --peak 5 --ramp 15m", admin: server.port)
        #expect(run.code == 0, "\(run.err)")
        #expect(run.out.contains("Its ramp has begun: capacity is asked for at once;"))
        #expect(!run.out.contains("before"))
    }

    @Test("A ramp that is too long is refused by its name and its limit")
    func longRamp() async throws {
        let server = try CannedServer(text: answer("200 OK", "{}"))
        let run = await CommandRun.run(
            "autoscale event add final --start +2d --end +3d --peak 5 --ramp 25h", admin: server.port)
        #expect(run.code == 2 && run.err.contains("--ramp takes at most 24h."))
        #expect(server.requests.isEmpty)
    }

    @Test("With --changes, repetitions are left out, and the limit counts what is left")
    func changes() async throws {
        let out = try await run("history --changes", Examples.list(past)).out
        #expect(out.split(separator: "\n").count == 3)
        #expect(!out.contains("19:58:10"))
        let newest = try await run("history --changes --limit 1", Examples.list(past)).out
        #expect(newest.split(separator: "\n").count == 2)
        #expect(newest.contains("19:58:15"))
    }

    @Test("An event is sent as JSON, in ms and viewers, and told with its times")
    func add() async throws {
        let server = try CannedServer(text: "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        let run = await CommandRun.run(
            "autoscale event add final --start 2099-03-01T19:58:05+01:00 --end +2h --peak 160k --ramp 15m",
            admin: server.port)
        #expect(run.code == 0, "\(run.err)")
        #expect(
            run.out == """
                final: 160 k viewers from 2099-03-01 18:58:05 to 2099-03-01 20:58:05 UTC. Capacity is there 15m00s before; \
                relayctl autoscale event remove final calls it off.

                """)
        let request = try #require(server.requests.first)
        #expect(request.hasPrefix("PUT /v1/autoscale/events/final "))
        #expect(request.contains("Content-Type: application/json\r\n"))
        let body = try #require(request.components(separatedBy: "\r\n\r\n").last)
        let event = try JSONDecoder().decode(AnnouncedEvent.self, from: Data(body.utf8))
        let start: Int64 = 4_076_074_685_000
        #expect(
            event
                == AnnouncedEvent(
                    name: "final", tier: .edge, startMilliseconds: start, endMilliseconds: start + 7_200_000,
                    peak: 160_000,
                    rampSeconds: 900))
    }

    @Test("Announced events stand in a table, the next first")
    func events() async throws {
        let later: Int64 = 4_076_074_685_000
        let out = try await run(
            "event list",
            Examples.events([
                Examples.event("cup", start: later, end: later + 60_000),
                Examples.event("big", tier: "origin", end: later, peak: 950), Examples.event("old"),
            ])
        ).out.split(separator: "\n").map(String.init)
        #expect(out.count == 4)
        #expect(out[0] == "EVENT  TIER    START (UTC)          END (UTC)             PEAK    RAMP  STATE")
        #expect(out[1] == "big    origin  2026-03-01 19:58:05  2099-03-01 18:58:05    950  10m00s  now")
        #expect(out[2] == "old    edge    2026-03-01 19:58:05  2026-03-01 21:58:05  160 k  10m00s  over")
        #expect(out[3].hasPrefix("cup    edge    2099-03-01 18:58:05  2099-03-01 18:59:05  160 k  10m00s  in "))
        #expect(try await run("event list", Examples.events([])).out == "No events are announced.\n")
    }

    @Test("What an operator set is told back")
    func controls() async throws {
        #expect(
            try await run("pause", Examples.controls(true, false)).out
                == "Scaling is paused: replica counts stay as they are until relayctl autoscale resume. "
                + "The forecast is off; it is only scored.\n")
        #expect(
            try await run("resume", Examples.controls(false, true)).out
                == "Scaling is not paused. The forecast is on.\n")
        let off = try await run("forecast off -o json", Examples.controls(false, false))
        #expect(off.out == "{\n  \"isPaused\" : false,\n  \"usesForecast\" : false\n}\n")
    }

    @Test("JSON is the answer's own", arguments: ["status", "explain", "history", "event list"])
    func json(line: String) async throws {
        let decision = Examples.decision(
            blocks: [Examples.block("rollout", "x")], actions: Examples.actions)
        let body =
            switch line {
            case "status": Examples.status([decision])
            case "event list": Examples.events([Examples.event("a")])
            default: Examples.list([decision])
            }
        func value(_ text: String) throws -> NSObject {
            try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSObject)
        }
        let shown = try value(try await run("\(line) -o json", body).out)
        #expect(try shown == value(line == "explain" ? decision : body))
    }

    @Test("With --watch it is shown again")
    func watch() async throws {
        let server = try CannedServer(text: answer("200 OK", Examples.status([Examples.decision()])))
        let task = Task {
            await CommandRun.run("autoscale status --watch=0.1", admin: server.port)
        }
        try await eventually("three requests", within: .seconds(30)) { server.requests.count >= 3 }
        task.cancel()
        let run = await task.value
        #expect(run.code == 5)
        #expect(run.out.components(separatedBy: "LEADER").count >= 3)
    }
}
