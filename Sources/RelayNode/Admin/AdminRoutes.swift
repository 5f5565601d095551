import Foundation
import Hummingbird
import RelayAPI
import RelayCore

/// The admin API: probes, metrics, and what `relayctl` reads and does. Listens on loopback unless configured otherwise.
enum AdminRoutes {
    /// Viewers in one answer unless asked for otherwise, and at most.
    static let defaultLimit = 100
    static let maximumLimit = 10_000

    static func router(_ inspector: NodeInspector) -> Router<BasicRequestContext> {
        let router = Router()
        addProbes(to: router, inspector)
        router.get("v1/status") { _, _ in json(try await inspector.status()) }
        router.get("v1/streams") { _, _ in json(try await inspector.streams()) }
        router.get("v1/streams/**") { _, context in
            guard let name = name(context.parameters.getCatchAll()) else { return problem(.badStreamName, .badRequest) }
            guard let detail = try await inspector.stream(name) else { return problem(.streamNotFound, .notFound) }
            return json(detail)
        }
        router.delete("v1/streams/**") { _, context in
            var path = context.parameters.getCatchAll()
            guard path.popLast() == "publisher", let name = name(path) else { return problem(.noSuchPath, .notFound) }
            guard try await inspector.kickPublisher(of: name) else { return problem(.streamNotFound, .notFound) }
            return Response(status: .noContent)
        }
        router.get("v1/viewers") { request, _ in
            var wanted: StreamName?
            if let stream = request.uri.queryParameters["stream"] {
                guard let name = try? StreamName(path: String(stream)) else {
                    return problem(.badStreamName, .badRequest)
                }
                wanted = name
            }
            var limit = defaultLimit
            if let asked = request.uri.queryParameters["limit"] {
                guard let number = Int(asked), (1...maximumLimit).contains(number) else {
                    return problem(
                        .badQuery, .badRequest, message: "The limit is to be 1 to \(maximumLimit).")
                }
                limit = number
            }
            return json(try await inspector.viewers(of: wanted, limit: limit))
        }
        router.delete("v1/viewers/:id") { _, context in
            guard let id = context.parameters.get("id").flatMap(UInt64.init) else {
                return problem(.badQuery, .badRequest)
            }
            guard try await inspector.kickViewer(id: id) else { return problem(.viewerNotFound, .notFound) }
            return Response(status: .noContent)
        }
        addCluster(to: router, inspector)
        router.get("**") { _, _ in problem(.noSuchPath, .notFound) }
        return router
    }

    /// What the listener for probes answers, too.
    static func addProbes(to router: Router<BasicRequestContext>, _ inspector: NodeInspector) {
        addProbes(
            to: router, readiness: { (inspector.isReady, inspector.lifecycle.state.rawValue) },
            metrics: { try await inspector.metrics() })
    }

    static func addProbes(
        to router: Router<BasicRequestContext>, readiness: @escaping @Sendable () -> (isReady: Bool, state: String),
        metrics: @escaping @Sendable () async throws -> String
    ) {
        router.get("livez") { _, _ in text("ok\n") }
        router.get("readyz") { _, _ in
            let (isReady, state) = readiness()
            return isReady ? text("ok\n") : text("\(state)\n", status: .serviceUnavailable)
        }
        router.get("metrics") { _, _ in text(try await metrics(), type: MetricsText.contentType) }
    }

    static func name(_ segments: [Substring]) -> StreamName? {
        guard !segments.isEmpty, segments.allSatisfy({ !$0.isEmpty }) else { return nil }
        let path = segments.joined(separator: "/").removingPercentEncoding
        return path.flatMap { try? StreamName(path: $0, strict: true) }
    }

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return Response(status: .internalServerError) }
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data + Data("\n".utf8))))
    }

    /// - Parameter message: Instead of the code's own words, where there are better ones.
    static func problem(_ code: RelayCode, _ status: HTTPResponse.Status, message: String? = nil) -> Response {
        Response(
            status: status, headers: [.contentType: "application/problem+json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: ProblemBody.json(code, message: message))))
    }

    private static func text(
        _ text: String, type: String = "text/plain; charset=utf-8", status: HTTPResponse.Status = .ok
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
