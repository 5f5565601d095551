import Foundation
import Logging
import RelayCluster
import RelayKubernetes
import RelayScaling
import Testing

@testable import RelayNode

@Suite("Kubernetes driver against a faulty API server", .timeLimit(.minutes(1)))
struct KubernetesDriverTests {
    private let server: FakeAPIServer
    private let client: KubernetesClient
    private let driver: KubernetesDriver

    init() throws {
        server = try FakeAPIServer()
        client = try Self.client(server)
        driver = KubernetesDriver(client: client, workloads: [.edge: "relay-edge"], logger: Self.logger)
    }

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func client(_ server: FakeAPIServer, tokenFile: String? = nil) throws -> KubernetesClient {
        var settings = KubernetesSettings()
        settings.url = "http://127.0.0.1:\(server.port)"
        settings.namespace = "live"
        settings.tokenFile = tokenFile
        settings.serviceAccountFolder = "/nowhere"
        settings.workloads = [.edge: "relay-edge"]
        settings.identity = "autoscaler-0"
        settings.release = "1.0"
        return try KubernetesClient(settings: settings, environment: [:], logger: logger)
    }

    /// Runs the driver's watch for the time of a test.
    private func running(_ body: () async throws -> Void) async rethrows {
        let run = Task { await driver.run() }
        defer { run.cancel() }
        try await body()
        run.cancel()
        await run.value
    }

    private func problem(_ body: () async throws(PlatformProblem) -> Void) async -> PlatformProblem? {
        do throws(PlatformProblem) {
            try await body()
            return nil
        } catch { return error }
    }

    private func isAway(_ problem: PlatformProblem?) -> Bool {
        if case .away? = problem { return true }
        return false
    }

    /// Waits until the driver sees something.
    private func sees(_ what: String, _ condition: (WorkloadStatus) -> Bool) async throws -> WorkloadStatus {
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            if let status = try? await driver.observe(.edge), condition(status) { return status }
            try #require(ContinuousClock.now < deadline, "never seen: \(what)")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    @Test("A workload is observed with its pods; nothing is claimed before they were listed")
    func observe() async throws {
        #expect(isAway(await problem { () throws(PlatformProblem) in _ = try await driver.observe(.edge) }))
        try await running {
            let status = try await sees("the pods") { _ in true }
            #expect(status.uid == "deployment-uid")
            #expect(status.replicas == 3)
            #expect(status.isSettled)
            #expect(status.pods.map(\.name) == ["relay-edge-5f-0", "relay-edge-5f-1", "relay-edge-5f-2"])
            #expect(status.readyPods == 3)
            #expect(status.pods.first?.readySince == 1_767_225_605)
            #expect(status.pods.first?.machine == "n")
        }
    }

    @Test("Changes arrive by the watch; pods of other workloads under the same selector do not count")
    func watch() async throws {
        try await running {
            _ = try await sees("the pods") { _ in true }
            while server.with({ $0.watches.isEmpty }) { try await Task.sleep(for: .milliseconds(5)) }
            server.tell(
                #"{"type":"ADDED","object":\#(FakeAPIServer.pod("relay-edge-5f-9", version: 101, cost: "-7"))}"#)
            server.tell(
                #"{"type":"ADDED","object":\#(FakeAPIServer.pod("canary", version: 102, owner: "relay-edge-canary-77"))}"#
            )
            server.tell(#"{"type":"DELETED","object":\#(FakeAPIServer.pod("relay-edge-5f-0", version: 103))}"#)
            let status = try await sees("the changes") { $0.pods.first?.name == "relay-edge-5f-1" }
            #expect(status.pods.map(\.name) == ["relay-edge-5f-1", "relay-edge-5f-2", "relay-edge-5f-9"])
            #expect(status.pods.last?.deletionCost == -7)
            #expect(server.with { $0.listed } == 1)
            // After a cut the watch is taken up where it was.
            server.cutWatches()
            while server.with({
                $0.requests.last { $0.line.contains("watch=1") }?.line.contains("resourceVersion=103") != true
            }) {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(server.with { $0.listed } == 1)
        }
    }

    @Test(
        "A forgotten version and a line that is no event lead to a new list",
        arguments: [
            #"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}"#, "garbage", "[]",
            #"{"type":"ADDED","object":7}"#,
        ])
    func relist(line: String) async throws {
        try await running {
            _ = try await sees("the first list") { $0.pods.count == 3 }
            while server.with({ $0.watches.isEmpty }) { try await Task.sleep(for: .milliseconds(5)) }
            server.with { state in
                state.pods["relay-edge-5f-3"] = 101
                state.version = 101
            }
            server.tell(line)
            _ = try await sees("the second list") { $0.pods.count == 4 }
        }
    }

    @Test("Replicas are set when they still are what was decided on, and a lost race changes nothing")
    func scale() async throws {
        #expect(
            await problem { () throws(PlatformProblem) in
                try await driver.scale(.edge, from: 3, to: 5, uid: "deployment-uid")
            } == nil)
        #expect(server.with { $0.replicas } == 5)
        for (from, uid) in [(3, "deployment-uid"), (5, "another-uid")] {
            let lost = await problem { () throws(PlatformProblem) in
                try await driver.scale(.edge, from: from, to: 9, uid: uid)
            }
            #expect(isAway(lost))
        }
        #expect(server.with { $0.replicas } == 5)
        #expect(server.count("PATCH") == 3, "nothing is sent twice")
        let invalid = await problem { () throws(PlatformProblem) in
            try await driver.scale(.edge, from: 5, to: -1, uid: "deployment-uid")
        }
        #expect(isAway(invalid))
    }

    @Test("From zero the version is the guard")
    func fromZero() async throws {
        server.with { $0.replicas = 0 }
        #expect(
            await problem { () throws(PlatformProblem) in
                try await driver.scale(.edge, from: 0, to: 4, uid: "deployment-uid")
            } == nil)
        #expect(server.with { $0.replicas } == 4)
        #expect(
            isAway(
                await problem { () throws(PlatformProblem) in
                    try await driver.scale(.edge, from: 0, to: 9, uid: "deployment-uid")
                }))
        #expect(server.with { $0.replicas } == 4)
    }

    @Test("A storm of conflicts is passed on one by one, and the next look works at once")
    func conflicts() async throws {
        server.fail("PATCH", times: 20, .status(409))
        for _ in 0..<20 {
            #expect(
                isAway(
                    await problem { () throws(PlatformProblem) in
                        try await driver.scale(.edge, from: 3, to: 5, uid: "deployment-uid")
                    }))
        }
        #expect(server.count("PATCH") == 20)
        #expect(
            await problem { () throws(PlatformProblem) in
                try await driver.scale(.edge, from: 3, to: 5, uid: "deployment-uid")
            } == nil)
    }

    @Test("A busy server is left alone for as long as it asks", arguments: [429, 503])
    func busy(status: Int) async throws {
        server.fail("PATCH", times: 1, .status(status, headers: ["Retry-After: 60"]))
        for _ in 0..<5 {
            #expect(
                isAway(
                    await problem { () throws(PlatformProblem) in
                        try await driver.scale(.edge, from: 3, to: 5, uid: "deployment-uid")
                    }))
        }
        #expect(server.count("PATCH") == 1)
        #expect(client.counters[.busy] == 1)
    }

    @Test(
        "Whatever else a server may say is no answer, and is not asked for again at once",
        arguments: [
            .status(500), .status(200, body: "{"), .status(200, body: "[]"), .status(200, body: ""), .close, .flood,
            .text("SSH-2.0-x\r\n"), .status(200, body: #"{"metadata":{},"spec":{"replicas":1e99}}"#),
            .status(301, headers: ["Location: http://127.0.0.1:1/"]),
        ] as [FakeAPIServer.Fault])
    func faults(fault: FakeAPIServer.Fault) async throws {
        server.fail("GET /apis/apps", times: 1, fault)
        #expect(isAway(await problem { () throws(PlatformProblem) in _ = try await driver.observe(.edge) }))
    }

    @Test("A denied verb is named")
    func denied() async throws {
        server.fail(
            "PATCH", .status(403, body: #"{"kind":"Status","reason":"Forbidden","message":"User cannot patch"}"#))
        let problem = await problem { () throws(PlatformProblem) in
            try await driver.scale(.edge, from: 3, to: 5, uid: "deployment-uid")
        }
        #expect(problem == .denied("patch deployments/scale in namespace live: User cannot patch"))
        #expect(problem?.code == "rbac_denied")
    }

    @Test("A workload that is not there, or not configured, is missing")
    func missing() async throws {
        server.fail("GET /apis/apps", .status(404))
        #expect(
            await problem { () throws(PlatformProblem) in _ = try await driver.observe(.edge) }?.code
                == "target_missing")
        #expect(
            await problem { () throws(PlatformProblem) in _ = try await driver.observe(.origin) }?.code
                == "target_missing")
    }

    @Test("A token that is not taken is read again, once, and is part of no problem")
    func token() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "relay-token-\(UUID())")
        defer { try? FileManager.default.removeItem(at: file) }
        try "old-secret\n".write(to: file, atomically: true, encoding: .utf8)
        let client = try Self.client(server, tokenFile: file.path)
        let driver = KubernetesDriver(client: client, workloads: [.edge: "relay-edge"], logger: Self.logger)
        server.with { $0.token = "old-secret" }
        #expect(
            await problem { () throws(PlatformProblem) in
                try await driver.scale(.edge, from: 3, to: 4, uid: "deployment-uid")
            } == nil)
        server.with { $0.token = "new-secret" }
        try "new-secret\n".write(to: file, atomically: true, encoding: .utf8)
        #expect(
            await problem { () throws(PlatformProblem) in
                try await driver.scale(.edge, from: 4, to: 5, uid: "deployment-uid")
            } == nil)
        #expect(client.counters[.unauthorised] == 1)
        server.with { $0.token = "another" }
        let before = server.count("PATCH")
        let refused = await problem { () throws(PlatformProblem) in
            try await driver.scale(.edge, from: 5, to: 6, uid: "deployment-uid")
        }
        #expect(isAway(refused))
        #expect("\(String(describing: refused))".contains("secret") == false)
        #expect(server.count("PATCH") == before + 2)
        #expect(server.with { $0.requests.allSatisfy { $0.head.contains("User-Agent: relay-autoscaler/1.0") } })
    }

    @Test("Pods that went away meanwhile need no cost; another problem is told")
    func mark() async throws {
        let costs = (0..<20).map {
            ScalingAction.PodCost(pod: "relay-edge-5f-\($0)", uid: "u", cost: -1000 - Int32($0))
        }
        #expect(await problem { () throws(PlatformProblem) in try await driver.mark(.edge, costs) } == nil)
        #expect(server.count("PATCH /api/v1/namespaces/live/pods/relay-edge-5f-") == 20)
        server.fail("pods/relay-edge-5f-1?", .status(403))
        #expect(
            await problem { () throws(PlatformProblem) in try await driver.mark(.edge, costs) }?.code == "rbac_denied")
        let hostile = ScalingAction.PodCost(pod: "../../secrets", uid: "u", cost: 1)
        #expect(await problem { () throws(PlatformProblem) in try await driver.mark(.edge, [hostile]) } != nil)
        #expect(server.count("secrets") == 0)
    }

    @Test("A check changes nothing and asks for every verb")
    func check() async throws {
        #expect(await problem { () throws(PlatformProblem) in try await driver.check(.edge) } == nil)
        #expect(server.with { $0.replicas } == 3)
        #expect(
            server.with {
                $0.requests.filter { $0.line.hasPrefix("PATCH") }.allSatisfy { $0.line.contains("dryRun=All") }
            })
        for part in [
            "GET /apis/apps/v1/namespaces/live/deployments/relay-edge ", "/scale ", "PATCH /apis/apps", "PATCH /api/v1",
            "watch=1", "limit=1 ",
        ] {
            #expect(server.count(part) > 0, "\(part)")
        }
    }

    @Test(
        "A check fails at the first verb that is missing",
        arguments: [
            "GET /apis/apps/v1/namespaces/live/deployments/relay-edge/scale", "deployments/relay-edge HTTP", "limit=1 ",
            "watch=1", "PATCH /api/v1", "PATCH /apis",
        ])
    func checkDenied(request: String) async throws {
        server.fail(request, .status(403))
        #expect(await problem { () throws(PlatformProblem) in try await driver.check(.edge) }?.code == "rbac_denied")
    }

    private static let other =
        #"{"metadata":{},"items":[{"metadata":{"name":"hpa"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"relay-edge"}}}]}"#

    @Test("Another master is refused, on clusters old and new", arguments: ["v2/", "v2beta2/", "v1/", "keda.sh"])
    func twoMasters(api: String) async throws {
        let hpa = ["autoscaling/v2/", "autoscaling/v2beta2/", "autoscaling/v1/"]
        for path in hpa where !path.hasSuffix(api) { server.fail(path, .status(404)) }
        server.fail(api == "keda.sh" ? "keda.sh" : "autoscaling/\(api)", .status(200, body: Self.other))
        let problem = await problem { () throws(PlatformProblem) in try await driver.check(.edge) }
        #expect(problem?.code == "conflict_two_masters")
    }

    @Test("When others may not be listed, that is a warning only")
    func mastersDenied() async throws {
        server.fail("autoscaling/v2/", .status(403))
        server.fail("keda.sh", .status(403))
        #expect(await problem { () throws(PlatformProblem) in try await driver.check(.edge) } == nil)
    }

    @Test("Events are written on change only, not without end, and not after a refusal")
    func events() async throws {
        for _ in 0..<3 { await driver.record(.edge, reason: "hold", text: "3 nodes", isWarning: false) }
        #expect(server.count("POST") == 1)
        for index in 0..<50 {
            await driver.record(.edge, reason: "forecast.viewers", text: "\(index)", isWarning: true)
        }
        #expect(server.count("POST") == 10)
        let event = try #require(server.with { $0.requests.last { $0.line.hasPrefix("POST") }?.body })
        #expect(event.contains(#""reason":"forecast.viewers""#))
        #expect(event.contains(#""reportingInstance":"autoscaler-0""#))
        let refused = KubernetesDriver(client: client, workloads: [.edge: "relay-edge"], logger: Self.logger)
        server.fail("POST", times: 5, .status(403))
        for index in 0..<5 { await refused.record(.edge, reason: "x", text: "\(index)", isWarning: false) }
        #expect(server.count("POST") == 11)
    }

    @Test("A server that says nothing costs the deadline once")
    func silence() async throws {
        server.fail("GET /apis/apps", .silence)
        let request = KubernetesRequest.workload(
            WorkloadName(
                kind: .deployment, namespace: client.namespace, name: try #require(KubernetesName("relay-edge"))))
        await #expect(throws: KubernetesProblem.self) { try await client.send(request, timeout: .milliseconds(100)) }
        #expect(client.counters[.unreachable] == 1)
    }
}
