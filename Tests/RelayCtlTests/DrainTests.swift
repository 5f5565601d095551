import RelayTestKit
import Synchronization
import Testing
import relayctl

@Suite("relayctl drain --wait", .timeLimit(.minutes(1)))
struct DrainTests {
    /// A node that accepts the drain and then shows one list after the other, the last one for ever. An empty text is an
    /// answer of 503.
    private func server(_ lists: [String]) throws -> CannedServer {
        let next = Mutex(0)
        return try CannedServer(
            .reply { request in
                guard request.hasPrefix("GET ") else { return answer("200 OK", ClusterExamples.accepted) }
                let index = next.withLock { index in
                    index += 1
                    return index - 1
                }
                let list = lists[min(index, lists.count - 1)]
                return list.isEmpty
                    ? answer("503 x", #"{"code":"RLY-7001","message":"M.","hint":"H."}"#) : answer("200 OK", list)
            })
    }

    private func drain(
        _ lists: [String], _ flags: String = "", width: Int? = nil
    ) async throws -> (run: CommandRun, requests: Int) {
        let server = try server(lists)
        let run = await CommandRun.run("drain e1 --wait --watch=0.1 \(flags)", admin: server.port, width: width)
        return (run, server.requests.count)
    }

    private func list(_ state: String, sequence: Int, viewers: Int = 0, publishers: Int = 0, children: Int = 0)
        -> String
    {
        ClusterExamples.nodes([
            ClusterExamples.node("a"),
            ClusterExamples.node(
                "e1", state: state, viewers: viewers, publishers: publishers, children: children, sequence: sequence),
        ])
    }

    @Test("It waits for a report from after the drain that has nothing left")
    func empty() async throws {
        let (run, requests) = try await drain([
            list("serving", sequence: 1), list("draining", sequence: 1), list("draining", sequence: 2, viewers: 3),
            list("draining", sequence: 3, publishers: 1), list("draining", sequence: 4, children: 1),
            list("draining", sequence: 5),
        ])
        #expect(run.code == 0, "\(run.err)")
        #expect(requests == 7)
        #expect(run.out.hasPrefix("It will be done.\ne1 is still serving.\n"))
        #expect(run.out.contains("left: 0 publishers, 0 pulls by other nodes, 3 viewers.\n"))
        #expect(run.out.hasSuffix("e1 is empty. It may be stopped now; relayctl undrain e1 takes it back.\n"))
    }

    @Test("A node that leaves is drained; one that was never there is refused")
    func gone() async throws {
        let nobody = ClusterExamples.nodes([ClusterExamples.node("a")])
        let left = try await drain([list("draining", sequence: 1, viewers: 9), nobody]).run
        #expect(left.code == 0)
        #expect(left.out.hasSuffix("e1 is gone from the cluster.\n"))
        let never = try await drain([nobody]).run
        #expect(never.code == 1)
        #expect(never.err.contains("no node e1"))
    }

    @Test("A drain that somebody took back ends with 1")
    func undrained() async throws {
        let run = try await drain([list("draining", sequence: 1), list("ser\\u001bving", sequence: 2)]).run
        #expect(run.code == 1)
        #expect(run.err == "relayctl: e1 does not drain any more: it is ser\\u{1b}ving.\n")
    }

    @Test("What a registry that is away shows proves nothing, and a node that does not answer is asked again")
    func away() async throws {
        let old = ClusterExamples.nodes([], registry: ClusterExamples.away)
        let (run, requests) = try await drain([
            list("draining", sequence: 1), old, "", list("draining", sequence: 2),
        ])
        #expect(run.code == 0, "\(run.err)")
        #expect(requests == 5)
        #expect(run.out.contains("is away for 12.0s"))
        #expect(run.out.contains("RLY-7001"))
    }

    @Test("On a terminal the progress is one line; in JSON it is a line each")
    func forms() async throws {
        let lists = [
            list("draining", sequence: 1, viewers: 5), list("draining", sequence: 2, viewers: 4),
            list("draining", sequence: 3),
        ]
        let shown = try await drain(lists, width: 40).run.out
        #expect(shown.split(separator: "\n").count == 2)
        #expect(shown.contains("\r\u{1B}[2Ke1 drains"))
        let json = try await drain(lists, "-o json").run.out.split(separator: "\n")
        #expect(json.count == 4)
        #expect(json[0] == #"{"accepted":true,"text":"It will be done."}"#)
        #expect(json[1...].allSatisfy { $0.hasPrefix("{\"leaseMs\":") })
    }

    @Test("An interrupt ends the waiting, not the drain")
    func interrupt() async throws {
        let server = try server([list("draining", sequence: 1, viewers: 5)])
        let task = Mutex<Task<CommandRun, Never>?>(nil)
        let run = Task {
            await CommandRun.run(
                "drain e1 --wait --watch=0.1", admin: server.port,
                whenPrinted: { count in if count == 2 { task.withLock { $0?.cancel() } } })
        }
        task.withLock { $0 = run }
        let result = await run.value
        #expect(result.code == 5)
        #expect(result.err == "relayctl: Interrupted; the node goes on draining.\n")
    }
}

@Suite("relayctl events --follow", .timeLimit(.minutes(1)))
struct FollowTests {
    /// Runs until so many times something was printed.
    private func follow(_ server: CannedServer, _ flags: String = "", prints: Int) async -> CommandRun {
        let task = Mutex<Task<CommandRun, Never>?>(nil)
        let run = Task {
            await CommandRun.run(
                "events --follow --watch=0.1 \(flags)", admin: server.port,
                whenPrinted: { count in if count == prints { task.withLock { $0?.cancel() } } })
        }
        task.withLock { $0 = run }
        return await run.value
    }

    /// A log that grows: one event at first, then a failure, then a second event to those who know the first.
    private func server() throws -> CannedServer {
        let asked = Mutex(0)
        return try CannedServer(
            .reply { request in
                let count = asked.withLock { count in
                    count += 1
                    return count
                }
                let first = ClusterExamples.event("1/0 x")
                if count == 2 { return answer("503 x", #"{"code":"RLY-7001","message":"M.","hint":"H."}"#) }
                guard request.contains("after=") else { return answer("200 OK", ClusterExamples.events([first])) }
                // The second list repeats what is known, as a node may that does not know the id.
                return answer(
                    "200 OK", ClusterExamples.events([first, ClusterExamples.event("2-0", kind: "failover")]))
            })
    }

    @Test("Each event comes once, trouble is told and survived, and ids are escaped in the URL")
    func table() async throws {
        let server = try server()
        let run = await follow(server, prints: 2)
        #expect(run.code == 5)
        #expect(
            run.out == """
                TIME (UTC)           NODE  KIND     STREAM  TEXT
                2026-03-01 09:05:59  o1    claimed  live/a  o1 owns live/a with epoch 7.
                2026-03-01 09:05:59  o1    failover  live/a  o1 owns live/a with epoch 7.

                """)
        #expect(run.err == "relayctl: RLY-7001: M. H. Asking again.\n")
        #expect(server.requests.first?.hasPrefix("GET /v1/cluster/events?limit=50 ") == true)
        #expect(
            server.requests.dropFirst().first?.hasPrefix("GET /v1/cluster/events?after=1%2F0%20x&limit=1000 ") == true)
    }

    @Test("In JSON each line is one event")
    func json() async throws {
        let run = await follow(try server(), "-o json", prints: 2)
        let lines = run.out.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0.hasPrefix("{\"id\":\"") && $0.hasSuffix("}") }, "\(lines)")
    }

    @Test("An id that is too long to be sent back ends with 4")
    func longID() async throws {
        let id = String(repeating: "1", count: 300)
        let server = try CannedServer(text: answer("200 OK", ClusterExamples.events([ClusterExamples.event(id)])))
        let run = await CommandRun.run("events --follow --watch=0.1", admin: server.port)
        #expect(run.code == 4)
        #expect(run.err.contains("too long"))
    }
}
