import FoundationEssentials
import RelayAPI
import RelayCore
import RelayFetch

/// The admin API of a node, one method per endpoint.
struct AdminClient: Sendable {
    /// Longest answer that is read, bytes: some 20,000 viewers.
    static let maximumAnswerBytes = 8 << 20

    private let fetch: Fetch
    private let base: String
    private let timeout: Duration

    /// - Parameter base: `http://host:port`, or `host:port`.
    /// - Throws: ``Failure/usage(_:)`` when that is no address.
    init(base: String, timeout: Duration) throws(Failure) {
        let address = base.contains("://") ? base : "http://" + base
        guard address.hasPrefix("http://") || address.hasPrefix("https://"),
            address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw .usage("--admin has to be an address such as http://127.0.0.1:9090") }
        self.base = address.last == "/" ? String(address.dropLast()) : address
        self.timeout = timeout
        do throws(FetchError) { fetch = try Fetch() } catch { throw .unreachable(error.message) }
    }

    func status() async throws(Failure) -> NodeStatus { try await get("/v1/status") }

    func streams() async throws(Failure) -> StreamList { try await get("/v1/streams") }

    func stream(_ name: StreamName) async throws(Failure) -> StreamDetail { try await get("/v1/streams/\(name)") }

    func viewers(of stream: StreamName?, limit: Int) async throws(Failure) -> ViewerList {
        try await get("/v1/viewers?limit=\(limit)" + (stream.map { "&stream=\($0)" } ?? ""))
    }

    func kickPublisher(of name: StreamName) async throws(Failure) {
        _ = try await send("DELETE", "/v1/streams/\(name)/publisher")
    }

    func kickViewer(_ id: UInt64) async throws(Failure) { _ = try await send("DELETE", "/v1/viewers/\(id)") }

    func get<Answer: Decodable>(_ path: String) async throws(Failure) -> Answer { try await ask("GET", path) }

    func post<Answer: Decodable>(_ path: String) async throws(Failure) -> Answer { try await ask("POST", path) }

    private func ask<Answer: Decodable>(_ method: String, _ path: String) async throws(Failure) -> Answer {
        let body = try await send(method, path)
        do { return try JSONDecoder().decode(Answer.self, from: Data(body)) } catch {
            throw .badAnswer(
                "The answer of \(shownBase) is not what it should be. Do relayctl and the node have the same version?")
        }
    }

    /// The body of a 2xx answer.
    ///
    /// - Parameter body: JSON; nil = none.
    func send(_ method: String, _ path: String, body: [UInt8]? = nil) async throws(Failure) -> [UInt8] {
        var headers = [(name: "Accept", value: "application/json"), (name: "User-Agent", value: "relayctl")]
        // Without a body, said so: some proxies ask for it (RFC 9110 §8.6).
        if body != nil { headers.append((name: "Content-Type", value: "application/json")) }
        if method == "POST", body == nil { headers.append((name: "Content-Length", value: "0")) }
        let request = FetchRequest(
            method: method, url: base + path, headers: headers, body: body,
            deadline: .now + timeout, maximumBytes: Self.maximumAnswerBytes)
        let response: FetchResponse
        do throws(FetchError) { response = try await fetch.send(request) } catch { throw failure(of: error) }
        if (200..<300).contains(response.status) { return response.body }
        guard let problem = try? JSONDecoder().decode(Problem.self, from: Data(response.body)) else {
            throw .badAnswer(
                "\(shownBase) answered \(response.status) without a reason. Is it the admin API of a relay?")
        }
        let text = "\(problem.code): \(problem.message) \(problem.hint)"
        throw .refused(Escape.forTerminal(String(text.prefix(2000))))
    }

    /// The node's address, safe to show.
    var shownBase: String { Escape.forTerminal(base) }

    private func failure(of error: FetchError) -> Failure {
        switch error.kind {
        case .cancelled: .interrupted("Interrupted.")
        case .timedOut:
            .interrupted("\(shownBase) did not answer within \(Units.duration(seconds: timeout / .seconds(1))).")
        case .badRequest: .usage("--admin has to be an address such as http://127.0.0.1:9090")
        case .cannotResolve, .cannotConnect, .tls:
            .unreachable("Cannot reach \(shownBase): \(error.message) Is the node running, and is --admin right?")
        default: .badAnswer("\(shownBase): \(error.message)")
        }
    }
}
