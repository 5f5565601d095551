import RelayTestKit
import Synchronization
import Testing
import relayctl

@Suite("relayctl drain --self", .timeLimit(.minutes(1)))
struct OwnDrainTests {
    /// A node that tells its name, accepts the drain, and then shows one drain status after the other, the last one for ever.
    /// An empty text is an answer of 503.
    private func server(_ states: [String], name: String = "e1") throws -> CannedServer {
        let status = try CommandRun.example("status")
        let next = Mutex(0)
        return try CannedServer(
            .reply { request in
                if request.hasPrefix("POST ") { return answer("200 OK", ClusterExamples.accepted) }
                if request.hasPrefix("GET /v1/status ") {
                    return answer("200 OK", status.replacing(/"node" : "[^"]*"/, with: #""node" : "\#(name)""#))
                }
                let index = next.withLock { index in
                    index += 1
                    return index - 1
                }
                let state = states[min(index, states.count - 1)]
                return state.isEmpty
                    ? answer("503 x", #"{"code":"RLY-7001","message":"M.","hint":"H."}"#) : answer("200 OK", state)
            })
    }

    private func state(_ isDraining: Bool = true, publishers: Int = 0, children: Int = 0, viewers: Int = 0) -> String {
        """
        {"isDraining":\(isDraining),\(isDraining ? "\"secondsLeft\":90.5," : "")"publishers":\(publishers),\
        "children":\(children),"viewers":\(viewers)}
        """
    }

    @Test("It drains the node that answers")
    func order() async throws {
        let server = try server([])
        let run = await CommandRun.run("drain --self --deadline 10m", admin: server.port)
        #expect(run.code == 0, "\(run.err)")
        #expect(run.out.hasPrefix("It will be done.\n"))
        #expect(server.requests.count == 2)
        #expect(server.requests.first?.hasPrefix("GET /v1/status ") == true)
        #expect(server.requests.last?.hasPrefix("POST /v1/cluster/nodes/e1/drain?deadline=600 ") == true)
    }

    @Test("Waiting asks the node alone, through trouble, until nothing is left")
    func wait() async throws {
        let server = try server([
            state(false), state(publishers: 1, children: 2, viewers: 3), "", state(viewers: 1), state(children: 1),
            state(),
        ])
        let run = await CommandRun.run("drain --self --wait --watch=0.1", admin: server.port)
        #expect(run.code == 0, "\(run.err)")
        #expect(
            run.out == """
                It will be done.
                e1 has not begun to drain.
                e1 drains, left: 1 publisher, 2 pulls by other nodes, 3 viewers, 1m30s until they are ended.
                RLY-7001: M. H.
                e1 drains, left: 0 publishers, 0 pulls by other nodes, 1 viewer, 1m30s until they are ended.
                e1 drains, left: 0 publishers, 1 pull by other nodes, 0 viewers, 1m30s until they are ended.
                e1 is empty. It may be stopped now.

                """)
        #expect(server.requests.dropFirst(2).allSatisfy { $0.hasPrefix("GET /v1/drain ") })
    }

    @Test("A node that ends itself once it has drained is done; one that never answered is not")
    func gone() async throws {
        let server = Mutex<CannedServer?>(try server([state(viewers: 2)]))
        let port = try #require(server.withLock { $0?.port })
        // The second thing printed is the first look at the drain.
        let run = await CommandRun.run("drain --self --wait --watch=0.1", admin: port) { count in
            if count == 2 { server.withLock { $0 = nil } }
        }
        #expect(run.code == 0, "\(run.err)")
        #expect(run.out.hasSuffix("e1 is gone.\n"), "\(run.out)")
        #expect(await CommandRun.run("drain --self --wait", admin: port).code == 3)
    }

    @Test("A drain that somebody took back ends with 1")
    func undrained() async throws {
        let server = try server([state(viewers: 2), state(false)])
        let run = await CommandRun.run("drain --self --wait --watch=0.1", admin: server.port)
        #expect(run.code == 1)
        #expect(run.err == "relayctl: e1 does not drain any more.\n")
    }

    @Test("In JSON each look is a line")
    func json() async throws {
        let server = try server([state(viewers: 2), state()])
        let run = await CommandRun.run("drain --self --wait --watch=0.1 -o json", admin: server.port)
        let lines = run.out.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(
            lines.last == #"{"children":0,"isDraining":true,"publishers":0,"secondsLeft":90.5,"viewers":0}"#, "\(lines)"
        )
    }

    @Test("A node with a name that would be a path is not ordered about", arguments: ["../x", "a/b", "", "a?b"])
    func name(name: String) async throws {
        let server = try server([], name: name)
        let run = await CommandRun.run("drain --self", admin: server.port)
        #expect(run.code == 4)
        #expect(server.requests.count == 1)
    }

    @Test("One node, by name or by itself", arguments: ["drain", "drain e1 --self", "drain --self=e1"])
    func usage(line: String) async throws {
        let server = try server([])
        #expect(await CommandRun.run(line, admin: server.port).code == 2)
        #expect(server.requests.isEmpty)
    }
}
