import Foundation
import RelayCluster
import RelayScaling
import RelayTestKit
import Testing

extension Integration {
    /// `relay autoscaler` with a real registry and real nodes; what needs a control plane is tested against one elsewhere.
    @Suite(.timeLimit(.minutes(5))) struct AutoscalerTests {
        /// A tick a second, and the shortest window that may be configured.
        private func flags(_ more: [String] = []) -> [String] {
            [
                "--autoscaler-driver", "export", "--autoscaler-interval", "1s", "--autoscaler-edge-mode", "on",
                "--autoscaler-edge-viewers", "10", "--autoscaler-edge-maximum", "50",
                "--autoscaler-edge-stable-window", "10s",
            ] + more
        }

        private func desired(_ autoscaler: RelayProcess) throws -> DesiredReplicas? {
            try autoscaler.admin.get("/v1/desired?target=edge", as: DesiredReplicas.self)
        }

        @Test func `the wanted count follows an announced event, and is unknown while the registry is away`()
            async throws
        {
            try await withCluster(origins: 1, edges: 2) { cluster in
                let autoscaler = try await cluster.start("autoscaler", name: "a1", flags: flags())
                try await eventually("there is a count", within: .seconds(30)) { try desired(autoscaler)?.desired == 2 }
                let now = Int64(Date().timeIntervalSince1970 * 1_000)
                let event = AnnouncedEvent(
                    name: "final", tier: .edge, startMilliseconds: now, endMilliseconds: now + 600_000, peak: 100,
                    rampSeconds: 60)
                // Any node takes it: it goes to the registry.
                let body = String(decoding: try JSONEncoder().encode(event), as: UTF8.self)
                #expect(try cluster.edges[0].admin.send("PUT", "/v1/autoscale/events/final", body: body) == 204)
                // 100 viewers and a tenth, at three quarters of 10 a node.
                try await eventually("the event counts", within: .seconds(30)) {
                    try (desired(autoscaler)?.desired ?? 0) >= 15
                }
                let status = try #require(
                    try cluster.origins[0].admin.get("/v1/autoscale/status", as: AutoscaleStatus.self))
                #expect(status.leader == "a1")
                #expect(status.driver == "export")
                #expect(status.tiers.first { $0.tier == .edge }?.reason.hasPrefix("event") == true)
                #expect(try cluster.edges[1].admin.send("DELETE", "/v1/autoscale/events/final") == 204)
                #expect(try cluster.edges[1].admin.send("DELETE", "/v1/autoscale/events/final") == 404)

                await cluster.redis.kill()
                try await eventually("nothing is said without the registry", within: .seconds(30)) {
                    try autoscaler.admin.request("GET", "/v1/desired?target=edge").status == 503
                }
                try await cluster.redis.restart()
                try await eventually("it is known again", within: .seconds(40)) { try desired(autoscaler) != nil }
                await autoscaler.stop()
            }
        }

        @Test func `one of two autoscalers acts; the other takes over when it is killed`() async throws {
            try await withCluster(origins: 1, edges: 1) { cluster in
                let first = try await cluster.start("autoscaler", name: "a1", flags: flags())
                try await eventually("it leads", within: .seconds(20)) { try leads(first) }
                let second = try await cluster.start("autoscaler", name: "a2", flags: flags())
                try await eventually("the second sees the first", within: .seconds(20)) {
                    second.logLines.contains { $0.contains("leader of the autoscalers") && $0.contains("a1") }
                }
                #expect(try leads(first) && !leads(second))
                let before = try first.admin.metrics()["relay_autoscaler_epoch"] ?? 0
                first.signal(SIGKILL)
                try await eventually("the second leads", within: .seconds(25)) { try leads(second) }
                #expect(try second.admin.metrics()["relay_autoscaler_epoch"] ?? 0 > before)
                await second.stop()
                // One that goes politely leaves no lease behind.
                let third = try await cluster.start("autoscaler", name: "a3", flags: flags())
                try await eventually("no lease is waited for", within: .seconds(5)) { try leads(third) }
                await third.stop()
            }
        }

        private func leads(_ autoscaler: RelayProcess) throws -> Bool {
            try autoscaler.admin.metrics()["relay_autoscaler_leader"] == 1
        }

        @Test func `two that are asked for the wanted count say the same, and both say nothing without the registry`()
            async throws
        {
            try await withCluster(origins: 1, edges: 2) { cluster in
                let first = try await cluster.start("autoscaler", name: "a1", flags: flags())
                try await eventually("it leads") { try leads(first) }
                let second = try await cluster.start("autoscaler", name: "a2", flags: flags())
                try await eventually("both know a count") { try desired(first) != nil && desired(second) != nil }
                let now = Int64(Date().timeIntervalSince1970 * 1_000)
                let event = AnnouncedEvent(
                    name: "final", tier: .edge, startMilliseconds: now, endMilliseconds: now + 600_000, peak: 100,
                    rampSeconds: 60)
                let body = String(decoding: try JSONEncoder().encode(event), as: UTF8.self)
                #expect(try second.admin.send("PUT", "/v1/autoscale/events/final", body: body) == 204)
                try await eventually("the leader's count grows") { try (desired(first)?.desired ?? 0) >= 15 }
                try await eventually("and so does the other's") {
                    try (desired(second)?.desired ?? 0) >= 15
                        && desired(second)?.desired == desired(first)?.desired
                        && second.admin.metrics()[#"relay_desired_replicas{target="edge"}"#]
                            == first.admin.metrics()[#"relay_desired_replicas{target="edge"}"#]
                }
                for autoscaler in [first, second] {
                    #expect(try code("GET", "/v1/desired?target=origin", autoscaler) == "404 RLY-7061")
                    #expect(try code("GET", "/v1/desired?target=nothing", autoscaler) == "400 RLY-7060")
                    for method in ["GET", "POST", "PUT", "DELETE"] {
                        #expect(try code(method, "/v1/streams", autoscaler) == "404 RLY-7062", "\(method)")
                    }
                }
                #expect(try code("GET", "/v1/cluster/streams?limit=0", cluster.edges[0]) == "400 RLY-1003")

                await cluster.redis.kill()
                for autoscaler in [first, second] {
                    try await eventually("nothing is said without the registry") {
                        try code("GET", "/v1/desired?target=edge", autoscaler) == "503 RLY-7052"
                    }
                    #expect(try code("GET", "/v1/autoscale/status", autoscaler) == "503 RLY-7058")
                    #expect(try code("POST", "/v1/autoscale/pause", autoscaler) == "503 RLY-7058")
                }
                await second.stop()
                await first.stop()
            }
        }

        /// Status and code of a refusal.
        private func code(_ method: String, _ path: String, _ process: RelayProcess) throws -> String {
            struct Problem: Decodable { var code: String }
            let answer = try process.admin.request(method, path)
            let problem = try? JSONDecoder().decode(Problem.self, from: Data(answer.body))
            return "\(answer.status) \(problem?.code ?? "without a code")"
        }

        @Test func `operators pause it, and switch the forecast off, at any node`() async throws {
            try await withCluster(origins: 1, edges: 1) { cluster in
                let autoscaler = try await cluster.start("autoscaler", name: "a1", flags: flags())
                let edge = cluster.edges[0].admin
                #expect(try edge.send("POST", "/v1/autoscale/pause") == 200)
                #expect(try edge.send("POST", "/v1/autoscale/forecast?on=false") == 200)
                #expect(try edge.send("POST", "/v1/autoscale/forecast?on=perhaps") == 400)
                try await eventually("the decision says so", within: .seconds(30)) {
                    let status = try autoscaler.admin.get("/v1/autoscale/status", as: AutoscaleStatus.self)
                    return status?.controls.isPaused == true && status?.controls.usesForecast == false
                        && status?.tiers.contains { $0.reason == "paused" } == true
                }
                #expect(try edge.send("POST", "/v1/autoscale/resume") == 200)
                try await eventually("and goes on", within: .seconds(30)) {
                    try autoscaler.admin.get("/v1/autoscale/status", as: AutoscaleStatus.self)?.tiers
                        .contains { $0.reason != "paused" } == true
                }
                await autoscaler.stop()
            }
        }

        @Test(arguments: [
            (["--autoscaler-edge-mode", "off"], "both are off"),
            (["--autoscaler-edge-viewers", "0"], "say what a node carries"),
            (["--autoscaler-origin-mode", "on"], "say what an origin carries"),
            (["--autoscaler-edge-minimum", "9", "--autoscaler-edge-maximum", "3"], "must not be larger"),
            (["--autoscaler-driver", "kubernetes"], "autoscaler.kubernetes.url"),
        ])
        func `a configuration that cannot work is refused with what to change`(_ wrong: [String], _ text: String)
            async throws
        {
            let registry = ["--cluster-registry", "redis://127.0.0.1:1"]
            do {
                let process = try await RelayProcess.start(registry + wrong, role: "autoscaler")
                await process.stop()
                Issue.record("it started")
            } catch let failure as RelayProcess.StartFailure {
                #expect(failure.description.contains(text), "\(failure)")
            }
        }

        @Test func `without a registry it does not start`() async throws {
            await #expect(throws: RelayProcess.StartFailure.self) {
                try await RelayProcess.start(role: "autoscaler").stop()
            }
        }
    }
}
