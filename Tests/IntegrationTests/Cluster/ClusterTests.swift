import Foundation
import RelayAPI
import RelayClient
import RelayCore
import RelayRTMP
import RelayTestKit
import Testing

extension Integration {
    /// Whole clusters of processes: what viewers see when nodes, publishers and the registry come and go.
    @Suite(.enabled(if: RedisServer.isInstalled, "\(RedisServer.missing)"))
    struct ClusterTests {
        /// A publisher whose frames follow another's after it, numbers and timestamps alike.
        private func options(after publisher: SyntheticPublisher? = nil, keyInterval: UInt64 = 10)
            -> SyntheticPublisher.Options
        {
            var options = SyntheticPublisher.Options()
            options.keyInterval = keyInterval
            options.firstNumber = publisher?.nextNumber ?? 0
            return options
        }

        private func get(_ path: String, _ node: RelayProcess) throws -> HTTPReply {
            let wire = try WireClient(port: node.httpPort)
            wire.send(Array("GET \(path) HTTP/1.1\r\nHost: test\r\n\r\n".utf8))
            return try #require(wire.readHead(within: .seconds(8)))
        }

        @Test func `an edge pulls a stream once for all its viewers, over every transport`() async throws {
            try await withCluster(origins: 1, edges: 1) { cluster in
                let publisher = try await SyntheticPublisher.start("one", on: cluster.origins[0], options())
                let edge = cluster.edges[0]
                var players: [RecordedPlayer] = []
                for way in RecordedPlayer.Way.allCases + RecordedPlayer.Way.allCases {
                    players.append(try await RecordedPlayer.start("one", on: edge, way))
                }
                let target = publisher.nextNumber + 30
                for player in players { try await player.reaches(target) }
                for player in players {
                    #expect(player.record.lost == 0)
                    #expect(player.record.backwards == 0)
                }
                let why = try #require(try edge.admin.why("live/one"))
                #expect(why.parts.map(\.part) == ["owner", "pulling"])
                #expect(why.parts.first?.children == 1)
                #expect(why.parts.last?.viewers == players.count)
                await publisher.finish()
            }
        }

        @Test func `viewers are told when the publisher says goodbye`() async throws {
            try await withCluster(origins: 1, edges: 1) { cluster in
                let publisher = try await SyntheticPublisher.start("gone", on: cluster.origins[0], options())
                let players = [
                    try await RecordedPlayer.start("gone", on: cluster.edges[0], .http),
                    try await RecordedPlayer.start("gone", on: cluster.edges[0], .rtmp),
                ]
                for player in players { try await player.reaches(publisher.nextNumber + 5) }
                await publisher.finish()
                try await eventually("both viewers are told") {
                    players[0].record.isClosed && (players[1].record.hasEnded || players[1].record.isClosed)
                }
                try await eventually("the registry forgets the stream") {
                    try cluster.edges[0].admin.clusterStreams().isEmpty
                }
            }
        }

        @Test func `viewers whose publisher dropped out are reported as stranded until it returns`() async throws {
            try await withCluster(origins: 1, edges: 1, flags: ["--publish-grace", "60s"]) { cluster in
                let publisher = try await SyntheticPublisher.start("stranded", on: cluster.origins[0], options())
                let players = [
                    try await RecordedPlayer.start("stranded", on: cluster.edges[0], .http),
                    try await RecordedPlayer.start("stranded", on: cluster.edges[0], .rtmp),
                ]
                for player in players { try await player.reaches(publisher.nextNumber + 5) }
                let gauge = { try cluster.edges[0].admin.metrics()["relay_viewers_stranded"] }
                try await eventually("frames flow") { try gauge() == 0 }
                await publisher.abort()
                try await eventually("the edge counts them") { try gauge() == 2 }
                let again = try await SyntheticPublisher.start(
                    "stranded", on: cluster.origins[0], options(after: publisher))
                for player in players { try await player.reaches(again.nextNumber + 5) }
                try await eventually("nobody is counted any more") { try gauge() == 0 }
                await again.finish()
            }
        }

        @Test func `viewers stay when their origin is killed and the publisher goes to another`() async throws {
            try await withCluster(origins: 2, edges: 2) { cluster in
                let first = try await SyntheticPublisher.start("kill", on: cluster.origins[0], options())
                var players: [RecordedPlayer] = []
                for edge in cluster.edges {
                    for way in RecordedPlayer.Way.allCases { players.append(try await .start("kill", on: edge, way)) }
                }
                for player in players { try await player.reaches(first.nextNumber + 20) }
                cluster.origins[0].signal(SIGKILL)
                try await cluster.origins[0].ended(within: .seconds(5))
                await first.abort()
                var second: SyntheticPublisher?
                try await eventually("another origin takes the publisher", within: .seconds(12)) {
                    second = try? await SyntheticPublisher.start("kill", on: cluster.origins[1], options(after: first))
                    return second != nil
                }
                let publisher = try #require(second)
                for player in players { try await player.reaches(publisher.nextNumber + 20) }
                for player in players {
                    #expect(!player.record.isClosed)
                    #expect(player.record.backwards == 0)
                }
                let part = try #require(try cluster.edges[0].admin.why("live/kill")?.parts.first { $0.node == "e1" })
                #expect(part.parent == "o2")
                #expect(part.failovers >= 1)
                await publisher.finish()
            }
        }

        @Test func `a second publisher is refused while the first sends at another origin`() async throws {
            try await withCluster(origins: 2, edges: 0) { cluster in
                let publisher = try await SyntheticPublisher.start("busy", on: cluster.origins[0], options())
                try await eventually("the stream flows") {
                    (try cluster.origins[0].admin.stream("live/busy")?.ledger.framesIn ?? 0) > 5
                }
                await #expect(throws: ClientError.self) {
                    _ = try await SyntheticPublisher.start("busy", on: cluster.origins[1], options())
                }
                await publisher.finish()
            }
        }

        @Test(arguments: [true, false])
        func `a reserve takes over at its next keyframe`(isElsewhere: Bool) async throws {
            try await withCluster(origins: 2, edges: 1) { cluster in
                let first = try await SyntheticPublisher.start("pair", on: cluster.origins[0], options())
                let player = try await RecordedPlayer.start("pair", on: cluster.edges[0], .http)
                try await player.reaches(first.nextNumber + 10)
                var reserve = options()
                // Numbers that cannot be the first one's.
                reserve.firstNumber = 1_000_000
                let second = try await SyntheticPublisher.start(
                    "pair?role=backup", on: cluster.origins[isElsewhere ? 1 : 0], reserve)
                try await eventually("the reserve waits") {
                    let parts = try cluster.edges[0].admin.why("live/pair")?.parts ?? []
                    return isElsewhere ? parts.contains { $0.part == "standby" } : second.nextNumber > 1_000_010
                }
                if isElsewhere { cluster.origins[0].signal(SIGKILL) }
                await first.abort()
                try await player.reaches(second.nextNumber + 10)
                #expect(!player.record.isClosed)
                #expect(player.record.backwards == 0)
                let after = player.record.numbers(.video).filter { $0 >= 1_000_000 }
                #expect(after.first.map { ($0 - 1_000_000) % 10 } == 0, "the first frame of the reserve is a keyframe")
                #expect(zip(after, after.dropFirst()).allSatisfy { $0 + 1 == $1 }, "and nothing is lost after it")
                await second.finish()
            }
        }

        @Test func `a publisher that connects to an edge is forwarded to an origin`() async throws {
            try await withCluster(origins: 2, edges: 1) { cluster in
                let publisher = try await SyntheticPublisher.start("via", on: cluster.edges[0], options())
                let player = try await RecordedPlayer.start("via", on: cluster.edges[0], .rtmp)
                try await player.reaches(publisher.nextNumber + 20)
                let stream = try #require(try cluster.edges[0].admin.clusterStreams().first)
                #expect(stream.owner.hasPrefix("o"))
                // The encoder does not notice that its origin dies.
                let owner = cluster.origins[stream.owner == "o1" ? 0 : 1]
                owner.signal(SIGKILL)
                try await player.reaches(publisher.nextNumber + 40, within: .seconds(15))
                #expect(!player.record.isClosed)
                #expect(player.record.backwards == 0)
                await publisher.finish()
            }
        }

        @Test func `running streams and known streams do not need the registry`() async throws {
            try await withCluster(origins: 1, edges: 2) { cluster in
                let publisher = try await SyntheticPublisher.start("alone", on: cluster.origins[0], options())
                let player = try await RecordedPlayer.start("alone", on: cluster.edges[0], .http)
                try await player.reaches(publisher.nextNumber + 10)
                await cluster.redis.kill()
                try await eventually("the edge notices") {
                    try cluster.edges[0].admin.clusterNodes()?.registry.state == "away"
                }
                let late = try await RecordedPlayer.start("alone", on: cluster.edges[0], .rtmp)
                try await late.reaches(publisher.nextNumber + 10)
                // Unknown is not the same as not found.
                let reply = try get("/live/unheard.flv", cluster.edges[0])
                #expect(reply.status == 503)
                #expect(reply.headers["retry-after"] != nil)
                #expect(try cluster.edges[0].admin.request("GET", "/livez").status == 200)
                #expect(try cluster.edges[0].admin.request("GET", "/readyz").status == 200)
                // A publisher is taken in, and registered when the registry is back.
                let second = try await SyntheticPublisher.start("meanwhile", on: cluster.origins[0], options())
                try await cluster.redis.restart()
                try await eventually("both streams are in the registry", within: .seconds(5)) {
                    Set(try cluster.edges[1].admin.clusterStreams().map(\.stream)) == ["live/alone", "live/meanwhile"]
                }
                let other = try await RecordedPlayer.start("meanwhile", on: cluster.edges[1], .http)
                try await other.reaches(second.nextNumber + 5)
                try await player.reaches(publisher.nextNumber + 5)
                #expect(player.record.lost == 0)
                #expect(player.record.backwards == 0)
                await publisher.finish()
                await second.finish()
            }
        }

        @Test func `an emptied registry is filled again within a second`() async throws {
            try await withCluster(origins: 1, edges: 1) { cluster in
                let publisher = try await SyntheticPublisher.start("flush", on: cluster.origins[0], options())
                let player = try await RecordedPlayer.start("flush", on: cluster.edges[0], .http)
                try await player.reaches(publisher.nextNumber + 5)
                let before = try #require(try cluster.edges[0].admin.clusterStreams().first)
                try await cluster.redis.command("FLUSHALL")
                let emptied = ContinuousClock.now
                try await eventually("the stream is there again") {
                    try cluster.edges[0].admin.clusterStreams().first?.ownerLives == true
                }
                #expect(ContinuousClock.now - emptied < .seconds(1.5), "a beat, and what asking costs")
                let after = try #require(try cluster.edges[0].admin.clusterStreams().first)
                #expect(after.epoch == before.epoch)
                try await player.reaches(publisher.nextNumber + 5)
                #expect(player.record.lost == 0)
                await publisher.finish()
            }
        }

        @Test func `a drained edge serves its viewers to the deadline and takes no new ones`() async throws {
            try await withCluster(origins: 1, edges: 1) { cluster in
                let edge = cluster.edges[0]
                let publisher = try await SyntheticPublisher.start("drain", on: cluster.origins[0], options())
                let player = try await RecordedPlayer.start("drain", on: edge, .http)
                try await player.reaches(publisher.nextNumber + 5)
                #expect(try cluster.origins[0].admin.post("/v1/cluster/nodes/e1/drain?deadline=3") == 200)
                let ordered = ContinuousClock.now
                try await eventually("the edge is not ready", within: .seconds(1)) {
                    try edge.admin.request("GET", "/readyz").status == 503
                }
                try await player.reaches(publisher.nextNumber + 25)
                #expect(!player.record.isClosed)
                #expect(ContinuousClock.now - ordered < .seconds(3), "or the test proves nothing")
                try await eventually("the viewer is ended at the deadline") { player.record.isClosed }
                #expect(ContinuousClock.now - ordered > .seconds(2.9))
                #expect(try cluster.origins[0].admin.post("/v1/cluster/nodes/e1/undrain") == 200)
                try await eventually("the edge is ready again") {
                    try edge.admin.request("GET", "/readyz").status == 200
                }
                let again = try await RecordedPlayer.start("drain", on: edge, .rtmp)
                try await again.reaches(publisher.nextNumber + 5)
                await publisher.finish()
            }
        }

        @Test func `a drained origin sends its publisher away and viewers stay`() async throws {
            try await withCluster(origins: 2, edges: 1) { cluster in
                let first = try await SyntheticPublisher.start("away", on: cluster.origins[0], options())
                let player = try await RecordedPlayer.start("away", on: cluster.edges[0], .ws)
                try await player.reaches(first.nextNumber + 10)
                #expect(try cluster.edges[0].admin.post("/v1/cluster/nodes/o1/drain?deadline=30") == 200)
                _ = await first.publisher.closed()
                let second = try await SyntheticPublisher.start("away", on: cluster.origins[1], options(after: first))
                try await player.reaches(second.nextNumber + 20)
                #expect(!player.record.isClosed)
                #expect(player.record.backwards == 0)
                await second.finish()
            }
        }

        @Test func `a stream moves to the origin that an operator names`() async throws {
            try await withCluster(origins: 2, edges: 1) { cluster in
                let first = try await SyntheticPublisher.start("move", on: cluster.origins[0], options())
                let player = try await RecordedPlayer.start("move", on: cluster.edges[0], .http)
                try await player.reaches(first.nextNumber + 10)
                #expect(try cluster.edges[0].admin.post("/v1/cluster/streams/live/move/move?to=o2") == 200)
                _ = await first.publisher.closed()
                // It comes back to where it was and is led to where it shall be.
                let second = try await SyntheticPublisher.start("move", on: cluster.origins[0], options(after: first))
                try await player.reaches(second.nextNumber + 20)
                #expect(try cluster.edges[0].admin.clusterStreams().first?.owner == "o2")
                #expect(player.record.backwards == 0)
                await second.finish()
            }
        }

        @Test func `a node with another cluster key is refused, and both say so`() async throws {
            try await withCluster(origins: 1, edges: 0) { cluster in
                let publisher = try await SyntheticPublisher.start("key", on: cluster.origins[0], options())
                let stranger = try await cluster.start("edge", name: "e9", flags: ["--cluster-key", "another key"])
                let player = try? await RecordedPlayer.start("key", on: stranger, .http)
                try await eventually("both logs name the reason") {
                    [cluster.origins[0], stranger].allSatisfy { node in
                        node.logLines.contains { $0.contains("\(RelayCode.linkKeyMismatch)") }
                    }
                }
                #expect(player?.record.newest(.video) == nil)
                await stranger.stop()
                await publisher.finish()
            }
        }

        @Test func `connections to the link that prove nothing are bounded, and nodes of the cluster go on`()
            async throws
        {
            try await withCluster(origins: 1, edges: 1) { cluster in
                let publisher = try await SyntheticPublisher.start("crowd", on: cluster.origins[0], options())
                let player = try await RecordedPlayer.start("crowd", on: cluster.edges[0], .http)
                try await player.reaches(publisher.nextNumber + 5)
                var strangers: [WireClient] = []
                for _ in 0..<300 { strangers.append(try WireClient(port: cluster.origins[0].linkPort)) }
                try await eventually("some are turned away") {
                    try cluster.origins[0].admin.metrics().contains {
                        $0.key.contains("code=\"\(RelayCode.linkLimit)\"") && $0.value >= 40
                    }
                }
                try await player.reaches(publisher.nextNumber + 20)
                #expect(player.record.lost == 0)
                // Those that were let in are closed when their time for a hello is over, and there is room again.
                for stranger in strangers { #expect(stranger.readToEnd(within: .seconds(8)) != nil) }
                let late = try await cluster.start("edge", name: "e2")
                let second = try await RecordedPlayer.start("crowd", on: late, .rtmp)
                try await second.reaches(publisher.nextNumber + 5)
                await late.stop()
                await publisher.finish()
            }
        }

        @Test func `links over TLS know each other by the registry`() async throws {
            try await withCluster(origins: 1, edges: 1, flags: ["--link-tls", "on"]) { cluster in
                let publisher = try await SyntheticPublisher.start("tls", on: cluster.origins[0], options())
                let player = try await RecordedPlayer.start("tls", on: cluster.edges[0], .http)
                try await player.reaches(publisher.nextNumber + 20)
                #expect(player.record.lost == 0)
                let plain = try await cluster.start("edge", name: "e9", flags: ["--link-tls", "off"])
                let refused = try? await RecordedPlayer.start("tls", on: plain, .http)
                try await player.reaches(publisher.nextNumber + 20)
                #expect(refused?.record.newest(.video) == nil)
                await plain.stop()
                await publisher.finish()
            }
        }

        @Test func `an edge stands before a foreign RTMP server`() async throws {
            try await withRelay { foreign in
                let publisher = try await SyntheticPublisher.start("far", on: foreign, options())
                let template = "live=rtmp://127.0.0.1:\(foreign.rtmpPort)/live/{name}"
                try await withCluster(origins: 0, edges: 1, flags: ["--edge-pull-from", template]) { cluster in
                    let player = try await RecordedPlayer.start("far", on: cluster.edges[0], .http)
                    let other = try await RecordedPlayer.start("far", on: cluster.edges[0], .rtmp)
                    try await player.reaches(publisher.nextNumber + 20)
                    try await other.reaches(publisher.nextNumber + 5)
                    #expect(player.record.lost == 0)
                    #expect(try foreign.admin.stream("live/far")?.summary.viewers == 1)
                }
                await publisher.finish()
            }
        }

        @Test func `a node that restarts takes its own name over at once`() async throws {
            try await withCluster(origins: 1, edges: 1) { cluster in
                let old = cluster.origins[0]
                let first = try await SyntheticPublisher.start("again", on: old, options())
                let player = try await RecordedPlayer.start("again", on: cluster.edges[0], .http)
                try await player.reaches(first.nextNumber + 10)
                old.signal(SIGKILL)
                try await old.ended(within: .seconds(5))
                await first.abort()
                let new = try await cluster.start("origin", name: "o1", flags: ["--link-port", "\(old.linkPort)"])
                let second = try await SyntheticPublisher.start("again", on: new, options(after: first))
                try await player.reaches(second.nextNumber + 10)
                #expect(player.record.backwards == 0)
                #expect(!player.record.isClosed)
                await second.finish()
                await new.stop()
            }
        }
    }
}
