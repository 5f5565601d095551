import RelayFetch
import RelayTestKit
import Testing

@Suite("HTTP calls", .timeLimit(.minutes(1)))
struct FetchTests {
    private let fetch: Fetch

    init() throws { fetch = try Fetch() }

    private func failure(_ request: FetchRequest) async -> FetchError? {
        do throws(FetchError) {
            _ = try await fetch.send(request)
            return nil
        } catch { return error }
    }

    @Test("An answer arrives with status, header fields and body")
    func answer() async throws {
        let server = try CannedServer(
            text: "HTTP/1.1 404 Not Found\r\nContent-Type:  text/x \r\nX-Empty:\r\nContent-Length: 5\r\n\r\nhello")
        let response = try await fetch.send(FetchRequest(url: "http://127.0.0.1:\(server.port)/a?b=c"))
        #expect(response.status == 404)
        #expect(response.header("content-type") == "text/x")
        #expect(response.header("X-Empty") == "")
        #expect(response.header("X-None") == nil)
        #expect(response.body == Array("hello".utf8))
        #expect(server.requests.first?.hasPrefix("GET /a?b=c HTTP/1.1\r\n") == true)
    }

    @Test("Method, header fields and body go out as given")
    func request() async throws {
        let server = try CannedServer(text: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let request = FetchRequest(
            method: "DELETE", url: "http://127.0.0.1:\(server.port)/x", headers: [("X-A", "1"), ("X-B", "")],
            body: Array("body".utf8))
        #expect(try await fetch.send(request).status == 200)
        let sent = try #require(server.requests.first)
        #expect(sent.hasPrefix("DELETE /x HTTP/1.1\r\n"))
        #expect(sent.contains("\r\nX-A: 1\r\n"))
        #expect(sent.contains("\r\nX-B:\r\n"))
        #expect(sent.contains("\r\nContent-Length: 4\r\n"))
        #expect(!sent.contains("Expect"))
        #expect(sent.hasSuffix("body"))
    }

    @Test("HEAD ends with the header")
    func head() async throws {
        let server = try CannedServer(text: "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        let response = try await fetch.send(FetchRequest(method: "HEAD", url: "http://127.0.0.1:\(server.port)/"))
        #expect(response.status == 200)
        #expect(response.body.isEmpty)
    }

    @Test("A redirect is not followed")
    func redirect() async throws {
        let elsewhere = try CannedServer(text: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let server = try CannedServer(
            text: "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:\(elsewhere.port)/\r\nContent-Length: 0\r\n\r\n")
        let response = try await fetch.send(FetchRequest(url: "http://127.0.0.1:\(server.port)/"))
        #expect(response.status == 302)
        #expect(elsewhere.requests.isEmpty)
    }

    @Test("A silent server ends at the deadline")
    func silence() async throws {
        let server = try CannedServer(.silence)
        let request = FetchRequest(url: "http://127.0.0.1:\(server.port)/", deadline: .now + .milliseconds(50))
        #expect(await failure(request)?.kind == .timedOut)
        let past = FetchRequest(url: "http://127.0.0.1:\(server.port)/", deadline: .now - .seconds(1))
        #expect(await failure(past)?.kind == .timedOut)
    }

    @Test(
        "An answer longer than allowed is given up, announced or not", arguments: ["Content-Length: 104857600\r\n", ""])
    func tooLarge(length: String) async throws {
        let server = try CannedServer(.flood("HTTP/1.1 200 OK\r\n\(length)\r\n", UInt8(ascii: "x"), count: 100 << 20))
        let request = FetchRequest(url: "http://127.0.0.1:\(server.port)/", maximumBytes: 100_000)
        #expect(await failure(request)?.kind == .tooLarge)
    }

    @Test("An answer of exactly the allowed length is taken")
    func largest() async throws {
        let server = try CannedServer(.flood("HTTP/1.1 200 OK\r\n\r\n", UInt8(ascii: "x"), count: 65_536))
        let response = try await fetch.send(FetchRequest(url: "http://127.0.0.1:\(server.port)/", maximumBytes: 65_536))
        #expect(response.body.count == 65_536)
    }

    @Test("A refused connection is told apart from an answer")
    func refused() async throws {
        var server: CannedServer? = try CannedServer(.silence)
        let port = try #require(server).port
        server = nil
        let error = await failure(FetchRequest(url: "http://127.0.0.1:\(port)/"))
        #expect(error?.kind == .cannotConnect)
        #expect(error?.isUnreachable == true)
    }

    @Test(
        "Answers that are not HTTP, or stop in the middle, are broken",
        arguments: [
            "SSH-2.0-x\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
        ])
    func broken(answer: String) async throws {
        let server = try CannedServer(text: answer)
        #expect(await failure(FetchRequest(url: "http://127.0.0.1:\(server.port)/"))?.kind == .broken)
    }

    @Test("A header without end is broken, not stored")
    func endlessHeader() async throws {
        let server = try CannedServer(.flood("HTTP/1.1 200 OK\r\nX: ", UInt8(ascii: "x"), count: 100 << 20))
        #expect(await failure(FetchRequest(url: "http://127.0.0.1:\(server.port)/"))?.kind == .broken)
    }

    @Test("TLS with a server that speaks none fails as TLS")
    func tls() async throws {
        let server = try CannedServer(.greeting("HTTP/1.1 400 Bad Request\r\n\r\n"))
        #expect(await failure(FetchRequest(url: "https://127.0.0.1:\(server.port)/"))?.kind == .tls)
    }

    @Test(
        "Only http and https are spoken, and nothing can be smuggled into the request",
        arguments: [
            FetchRequest(url: "file:///etc/passwd"), FetchRequest(url: "ftp://127.0.0.1/"), FetchRequest(url: ""),
            FetchRequest(url: "http://127.0.0.1/a b"), FetchRequest(url: "http://127.0.0.1/\r\nX: y"),
            FetchRequest(method: "GET /x HTTP/1.1\r\nX: y", url: "http://127.0.0.1/"),
            FetchRequest(method: "", url: "http://127.0.0.1/"),
            FetchRequest(url: "http://127.0.0.1/", headers: [("A", "b\r\nC: d")]),
            FetchRequest(url: "http://127.0.0.1/", headers: [("A: b", "c")]),
            FetchRequest(url: "http://127.0.0.1:99999/"),
            FetchRequest(url: "http://127.0.0.1/", maximumBytes: -1),
        ])
    func badRequest(request: FetchRequest) async {
        var request = request
        // The argument was made when the run began.
        request.deadline = .now + .seconds(30)
        #expect(await failure(request)?.kind == .badRequest)
    }

    @Test("Cancelling the task ends the call at once")
    func cancel() async throws {
        let server = try CannedServer(.silence)
        let task = Task {
            await failure(FetchRequest(url: "http://127.0.0.1:\(server.port)/", deadline: .now + .seconds(600)))
        }
        while server.requests.isEmpty { await Task.yield() }
        task.cancel()
        #expect(await task.value?.kind == .cancelled)
        let early = Task { await failure(FetchRequest(url: "http://127.0.0.1:\(server.port)/")) }
        early.cancel()
        #expect(await early.value?.kind == .cancelled)
    }

    @Test("Many calls share one Fetch, and a cancelled one leaves the others alone")
    func many() async throws {
        let server = try CannedServer(text: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        await withTaskGroup(of: FetchError?.self) { group in
            for index in 0..<60 {
                let request = FetchRequest(
                    url: "http://127.0.0.1:\(server.port)/\(index)", deadline: .now + .seconds(30))
                group.addTask { await failure(request) }
            }
            for await error in group { #expect(error == nil) }
        }
        #expect(Set(server.requests.compactMap { $0.split(separator: " ").dropFirst().first }).count == 60)
    }

    @Test("A Fetch that goes away leaves no call behind")
    func goesAway() async throws {
        for _ in 0..<50 { _ = try Fetch() }
        let server = try CannedServer(text: "HTTP/1.1 204 No Content\r\n\r\n")
        #expect(try await Fetch().send(FetchRequest(url: "http://127.0.0.1:\(server.port)/")).status == 204)
    }
}
