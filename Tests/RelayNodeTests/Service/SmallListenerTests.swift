import Logging
import RelayTestKit
import ServiceLifecycle
import Testing

@testable import RelayNode

/// The listeners for operators and probes against those who only keep connections open.
struct SmallListenerTests {
    @Test func `a connection that does not finish its request is closed`() async throws {
        var probe = RelayConfiguration.Probe()
        (probe.host, probe.port) = ("127.0.0.1", 0)
        var limits = RelayConfiguration.Limits()
        limits.httpRequestTimeout = .milliseconds(200)
        let lifecycle = NodeLifecycle()
        let listener = ProbeListener.service(
            probe, limits: limits, logger: Logger(label: "test"), didBind: { lifecycle.didBind("probe", to: $0) },
            add: { AdminRoutes.addProbes(to: $0, readiness: { (true, "running") }, metrics: { "" }) })
        let service = try #require(listener)
        let task = Task { try await service.run() }
        defer { task.cancel() }
        try await eventually("it listens") { lifecycle.listeners["probe"] != nil }
        let port = try #require(lifecycle.listeners["probe"]?.split(separator: ":").last.flatMap { Int($0) })
        for half in ["", "GET /livez HTTP/1.1\r\nHost: a\r\n", "PUT /v1/x HTTP/1.1\r\nContent-Length: 9\r\n\r\na"] {
            let isClosed = try await onThread {
                let wire = try WireClient(port: port)
                wire.send(Array(half.utf8))
                return wire.readToEnd(within: .seconds(5)) != nil
            }
            #expect(isClosed, "\(half)")
        }
    }
}
