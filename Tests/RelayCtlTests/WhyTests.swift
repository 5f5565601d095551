import RelayTestKit
import Testing
import relayctl

@Suite("relayctl why", .timeLimit(.minutes(1)))
struct WhyTests {
    private func why(_ body: String, width: Int? = nil) async throws -> CommandRun {
        let server = try CannedServer(text: answer("200 OK", body))
        return await CommandRun.run("why live/a", admin: server.port, width: width)
    }

    /// The last paragraph: the diagnosis.
    private func diagnosis(_ body: String) async throws -> [String] {
        let out = try await why(body).out
        let lines = out.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        return lines.split(separator: "").last?.map(String.init) ?? []
    }

    @Test("The story goes from the registry to the last edge, and ends with what is wrong")
    func story() async throws {
        #expect(
            try await why(ClusterExamples.wideWhy).out == """
                STREAM     live/a
                state      live
                owner      o1, lease 8.0s
                epoch      7, incarnation 00c0ffee
                link       10.0.0.1:1985
                preferred  o2
                codecs     avc, aac
                publisher  192.0.2.7:50123, OBS 31
                rate       3.00 Mb/s, 30.0 fps
                standby    o2: 192.0.2.8:40000, Wirecast
                viewers    157
                registry   connected for 1h02m

                NODE      PART     PARENT  PHASE      HOPS    RTT  QUEUE  LOST  VIEWERS  SLOW
                o1        owner    -       -             -      -      0     0        0     0
                +- e1     pulling  o1      streaming     1  13 ms      0     0      100     0
                |  +- e3  pulling  e1      streaming     2  13 ms      0     7        7     0
                +- e2     pulling  o1      streaming     1  13 ms      0     0       50     3
                o2        standby  -       -             -      -      0     0        0     0
                e9        silent

                e3: 12.0s ago o1 -> o2, gap 240 ms, 7 frames lost, the newest of 3

                o2 is to own it; it moves there when its encoder connects again.
                3 viewers are more than 1 s behind on e2; relayctl viewers --stream live/a asked there shows them.
                No answer from e9: how it is there cannot be told.
                e3 changed its source 12.0s ago.

                """)
    }

    @Test(
        "The diagnosis names what is wrong, and only that",
        arguments: [
            (ClusterExamples.why(ClusterExamples.stream(), parts: [ClusterExamples.owner]), "Healthy."),
            (
                ClusterExamples.why(
                    ClusterExamples.stream(),
                    parts: [ClusterExamples.owner, ClusterExamples.standby, ClusterExamples.pulling("e1", from: "o1")]),
                "Healthy."
            ),
            (
                ClusterExamples.why(ClusterExamples.stream(ownerLives: false), lease: nil, parts: []),
                "The origin's lease is over: o1 did not renew it. Viewers are held; it goes on when the encoder connects to another origin."
            ),
            (
                ClusterExamples.why(
                    ClusterExamples.stream(), lease: 0, parts: [ClusterExamples.pulling("e1", from: "o1", viewers: 1)]),
                "The origin's lease is over: o1 did not renew it. 1 viewer is held; it goes on when the encoder connects to another origin."
            ),
            (
                ClusterExamples.why(
                    ClusterExamples.stream(ownerLives: false), parts: [ClusterExamples.standby]),
                "The origin's lease is over: o1 did not renew it. Viewers are held; o2 has a standby publisher and should take it over."
            ),
            (
                ClusterExamples.why(
                    ClusterExamples.stream(state: "waiting"),
                    parts: [ClusterExamples.owner, ClusterExamples.pulling("e1", from: "o1", viewers: 40, rate: 0)]),
                "The publisher is gone and o1 waits for it to come back; 40 viewers are held, nobody else sends it."
            ),
            (
                ClusterExamples.why(nil, lease: nil, parts: [ClusterExamples.pulling("e1", from: "o1", viewers: 5)]),
                "Nobody publishes it: no origin owns it any more; 5 viewers are held until one claims it again."
            ),
            (
                ClusterExamples.why(ClusterExamples.stream(), parts: [ClusterExamples.part("o1", "owner", rate: 0)]),
                "The publisher is connected to o1 and sends nothing. Check the encoder."
            ),
            (
                ClusterExamples.why(ClusterExamples.stream(), parts: []),
                "The registry names o1 as the owner, and o1 does not have the stream."
            ),
            (
                ClusterExamples.why(ClusterExamples.stream(), parts: [], silent: ["o1"]),
                "No answer from o1: how it is there cannot be told."
            ),
            (
                ClusterExamples.why(ClusterExamples.stream(), lease: 2000, parts: [ClusterExamples.owner]),
                "o1 is late to renew its lease, 2.0s left: is it overloaded, or cut off from the registry?"
            ),
            (
                ClusterExamples.why(
                    ClusterExamples.stream(epoch: 8),
                    parts: [
                        ClusterExamples.part("o1", "owner", epoch: 8),
                        ClusterExamples.pulling("e1", from: "o3", epoch: 7),
                    ]), "e1 still has epoch 7, and the newest is 8: it has not switched over yet."
            ),
            (
                ClusterExamples.why(
                    ClusterExamples.stream(),
                    parts: [ClusterExamples.owner, ClusterExamples.part("o3", "owner", epoch: 6)]),
                "More than one node takes itself for the owner: o1 (epoch 7) and o3 (epoch 6). The lower epoch has lost it and should stop."
            ),
            (
                ClusterExamples.why(
                    ClusterExamples.stream(),
                    parts: [ClusterExamples.owner, ClusterExamples.pulling("e1", from: "o1", rate: 0)]),
                "e1 receives nothing from o1 (streaming)."
            ),
            (
                ClusterExamples.why(
                    ClusterExamples.stream(),
                    parts: [ClusterExamples.owner, ClusterExamples.pulling("e1", from: "o1", rtt: 300)]),
                "It is 300 ms from e1 to o1 and back: is a nearer parent there?"
            ),
            (
                ClusterExamples.why(
                    ClusterExamples.stream(),
                    parts: [ClusterExamples.owner, ClusterExamples.pulling("e1", from: "o1", queue: 151)]),
                "151 frames (4.00 kB) wait at e1 for its slowest child: the network between them is too slow."
            ),
            (
                ClusterExamples.why(
                    ClusterExamples.stream(), parts: [ClusterExamples.owner], registry: ClusterExamples.away),
                "The registry is away: who watches goes on watching, and a failover is not seen before it is back."
            ),
            (
                ClusterExamples.why(
                    ClusterExamples.stream(),
                    parts: [
                        ClusterExamples.owner,
                        ClusterExamples.pulling("e1", from: "o1", more: ClusterExamples.failover(61)),
                    ]), "Healthy."
            ),
        ])
    func diagnosis(body: String, line: String) async throws { #expect(try await diagnosis(body) == [line]) }

    @Test("A stream of which nobody knows ends with 1, and is told all the same")
    func nobody() async throws {
        let run = try await why(ClusterExamples.why(nil, lease: nil, parts: []))
        #expect(run.code == 1)
        #expect(run.out.contains("Nobody publishes it: no origin owns live/a. Does the encoder run"))
        #expect(run.err == "")
        let away = ClusterExamples.why(nil, lease: nil, parts: [], registry: ClusterExamples.away)
        #expect(try await diagnosis(away).first?.hasPrefix("The registry is away and this node does not know") == true)
    }

    @Test("Parents in a circle, of nobody, or of themselves are drawn once and without end")
    func circles() async throws {
        let parts = [
            ClusterExamples.pulling("a", from: "b"), ClusterExamples.pulling("b", from: "c"),
            ClusterExamples.pulling("c", from: "a"), ClusterExamples.pulling("d", from: "d"),
            ClusterExamples.pulling("e", from: "nobody"), ClusterExamples.pulling("e", from: "d"),
        ]
        let out = try await why(ClusterExamples.why(ClusterExamples.stream(), parts: parts)).out
        let rows = out.split(separator: "\n").filter { $0.contains("pulling") }
        #expect(rows.map { $0.prefix(7) } == ["d      ", "+- e   ", "e      ", "a      ", "+- c   ", "   +- b"])
    }

    @Test("A chain of thousands of parents is drawn flat beyond a depth")
    func chain() async throws {
        let parts = (0..<5000).map { ClusterExamples.pulling("n\($0)", from: "n\($0 - 1)") }
        let run = try await why(ClusterExamples.why(ClusterExamples.stream(), parts: parts))
        #expect(run.code == 0)
        #expect(run.out.contains("n4999"))
        #expect(run.out.utf8.count < 5000 * 200)
    }
}
