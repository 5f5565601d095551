import Foundation
import RelayAPI
import RelayClient
import RelayTestKit
import Testing

extension Integration {
    /// The end of the process.
    @Suite struct ShutdownTests {
        /// A connection that says nothing, accepted by the server and not only by the kernel.
        private func silentConnection(_ relay: RelayProcess) async throws -> WireClient {
            let count = { try await onThread { try relay.admin.status()?.connections ?? 0 } }
            let before = try await count()
            let wire = try WireClient(port: relay.rtmpPort)
            try await eventually("the connection is accepted") { try await count() > before }
            return wire
        }

        @Test("SIGTERM tells players and publishers, and ends with 0 within the deadline")
        func drains() async throws {
            try await withRelay(["--shutdown-deadline", "5s"]) { relay in
                let publisher = try await SyntheticPublisher.start("drain", on: relay)
                var viewers: [RecordedPlayer] = []
                for way in RecordedPlayer.Way.allCases {
                    let viewer = try await RecordedPlayer.start("drain", on: relay, way)
                    try await viewer.reaches(0)
                    viewers.append(viewer)
                }
                relay.signal(SIGTERM)
                let exit = try await relay.ended(within: .seconds(8))
                #expect(exit == .status(0))
                for viewer in viewers {
                    try await eventually("\(viewer.way) viewer is closed") { viewer.record.isClosed }
                    #expect(viewer.record.hasEnded, "\(viewer.way) viewer was not told")
                }
                guard case .refused(_, let text)? = await publisher.publisher.closed() else {
                    Issue.record("the publisher was not told")
                    return
                }
                #expect(text.contains("RLY-6001"))
            }
        }

        @Test("SIGTERM does not wait longer than the deadline for a client that stays")
        func cuts() async throws {
            try await withRelay(["--shutdown-deadline", "1s"]) { relay in
                let publisher = try await SyntheticPublisher.start("cut", on: relay)
                // Reads nothing, so that it never takes the goodbye.
                var options = StreamPlayer.Options()
                options.receiveBuffer = 4_096
                let viewer = try await RecordedPlayer.start("cut", on: relay, .rtmp, options: options)
                try await viewer.reaches(0)
                await viewer.player.pause()
                let silent = try await silentConnection(relay)
                relay.signal(SIGTERM)
                let exit = try await relay.ended(within: .seconds(5))
                #expect(exit == .status(0))
                silent.close()
                await publisher.fallSilent()
            }
        }

        @Test("A second SIGTERM ends at once")
        func forced() async throws {
            try await withRelay(["--shutdown-deadline", "60s"]) { relay in
                let silent = try await silentConnection(relay)
                relay.signal(SIGTERM)
                try await eventually("the drain begins") { relay.logLines.contains { $0.contains("\"draining\"") } }
                #expect(relay.exit == nil, "the drain did not wait for the open connection")
                let readiness = try await onThread { try relay.admin.request("GET", "/readyz").status }
                #expect(readiness == 503)
                // Signals close together are one, so the second is said until it is heard.
                try await eventually("the second signal ends it") {
                    relay.signal(SIGTERM)
                    return relay.exit != nil
                }
                let exit = try await relay.ended(within: .seconds(3))
                #expect(exit == .status(128 + SIGTERM))
                silent.close()
            }
        }

        @Test("A draining node refuses new connections")
        func refuses() async throws {
            try await withRelay(["--shutdown-deadline", "60s"]) { relay in
                let silent = try await silentConnection(relay)
                relay.signal(SIGTERM)
                try await eventually("the drain begins") { relay.logLines.contains { $0.contains("\"draining\"") } }
                try await eventually("nothing listens for players") {
                    (try? WireClient(port: relay.httpPort)) == nil
                }
                silent.close()
                try await relay.ended(within: .seconds(5))
            }
        }
    }
}
