import Foundation
import RelayFetch
import RelayTestKit
import Testing

@Suite("Answers that are read while they arrive", .timeLimit(.minutes(1)))
struct FetchStreamTests {
    private let fetch: Fetch

    init() throws { fetch = try Fetch() }

    private func request(_ server: CannedServer, within limit: Duration = .seconds(30)) -> FetchRequest {
        FetchRequest(url: "http://127.0.0.1:\(server.port)/", deadline: .now + limit)
    }

    private func kind(_ body: () async throws -> Void) async -> FetchError.Kind? {
        do {
            try await body()
            return nil
        } catch { return (error as? FetchError)?.kind }
    }

    private func lines(_ text: String, maximumBytes: Int = 1_000) async throws -> [String] {
        let server = try CannedServer(text: text)
        var lines = FetchLines(
            try await fetch.stream(request(server), idleTimeout: .seconds(10)), maximumBytes: maximumBytes)
        var result: [String] = []
        while let line = try await lines.next() { result.append(String(decoding: line, as: UTF8.self)) }
        return result
    }

    @Test("The head is there before the body is")
    func head() async throws {
        let server = try CannedServer(
            .drip("HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n", [], thenHold: true))
        let stream = try await fetch.stream(request(server), idleTimeout: .seconds(30))
        #expect(stream.status == 200)
        #expect(stream.header("x-a") == "1")
        stream.cancel()
        #expect(await kind { _ = try await stream.next() } == .cancelled)
        #expect(await kind { _ = try await stream.next() } == .cancelled)
    }

    @Test("Pieces arrive while the peer goes on, and the end is an end")
    func pieces() async throws {
        let server = try CannedServer(
            .drip(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ["3\r\nabc\r\n", "2\r\nde\r\n", "0\r\n\r\n"],
                thenHold: false))
        let stream = try await fetch.stream(request(server), idleTimeout: .seconds(30))
        var whole: [UInt8] = []
        while let piece = try await stream.next() { whole += piece }
        #expect(whole == Array("abcde".utf8))
        #expect(try await stream.next() == nil)
    }

    @Test("Lines come without their ends, empty ones not at all, and a last one without an end counts")
    func cutting() async throws {
        let head = "HTTP/1.1 200 OK\r\n\r\n"
        #expect(try await lines(head + "a\nbc\r\n\n\nd") == ["a", "bc", "d"])
        #expect(try await lines(head) == [])
        #expect(try await lines(head + "\n\n") == [])
        #expect(try await lines(head + "1234\n5678\n", maximumBytes: 4) == ["1234", "5678"])
    }

    @Test("Lines are the same byte by byte")
    func byteByByte() async throws {
        let body = "one\ntwo\r\n\nthree\n"
        let server = try CannedServer(
            .drip(
                "HTTP/1.1 200 OK\r\n\r\n", body.map { String($0) }.flatMap { $0.unicodeScalars.map { String($0) } },
                thenHold: false))
        var lines = FetchLines(try await fetch.stream(request(server), idleTimeout: .seconds(10)), maximumBytes: 100)
        var result: [String] = []
        while let line = try await lines.next() { result.append(String(decoding: line, as: UTF8.self)) }
        #expect(result == ["one", "two", "three"])
    }

    @Test("A line over the cap ends the call, with an end or without")
    func longLine() async throws {
        #expect(await kind { _ = try await lines("HTTP/1.1 200 OK\r\n\r\n12345\n", maximumBytes: 4) } == .tooLarge)
        let server = try CannedServer(.flood("HTTP/1.1 200 OK\r\n\r\n", UInt8(ascii: "x"), count: 100 << 20))
        var endless = FetchLines(
            try await fetch.stream(request(server), idleTimeout: .seconds(10)), maximumBytes: 100_000)
        #expect(await kind { _ = try await endless.next() } == .tooLarge)
    }

    @Test("Silence ends a stream, before the head and after it; an answer that goes on does not")
    func silence() async throws {
        let mute = try CannedServer(.silence)
        #expect(await kind { _ = try await fetch.stream(request(mute), idleTimeout: .milliseconds(100)) } == .timedOut)
        let held = try CannedServer(
            .drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ["3\r\nabc\r\n"], thenHold: true))
        let stream = try await fetch.stream(request(held), idleTimeout: .milliseconds(100))
        #expect(try await stream.next() == Array("abc".utf8))
        #expect(await kind { _ = try await stream.next() } == .timedOut)
    }

    @Test("The deadline ends a stream that is not silent")
    func deadline() async throws {
        let server = try CannedServer(.flood("HTTP/1.1 200 OK\r\n\r\n", UInt8(ascii: "x"), count: .max))
        let stream = try await fetch.stream(request(server, within: .milliseconds(200)), idleTimeout: .seconds(30))
        #expect(await kind { while try await stream.next() != nil {} } == .timedOut)
    }

    @Test("A reader that does not read makes the peer wait, is not blamed for silence, and loses nothing")
    func backPressure() async throws {
        let count = 24 << 20
        let server = try CannedServer(.flood("HTTP/1.1 200 OK\r\n\r\n", UInt8(ascii: "x"), count: count))
        let stream = try await fetch.stream(request(server), idleTimeout: .milliseconds(300), bufferBytes: 64 << 10)
        try await Task.sleep(for: .milliseconds(700))
        #expect(server.written < count / 2, "the peer was not made to wait")
        var received = 0
        var largest = 0
        while let piece = try await stream.next() {
            received += piece.count
            largest = max(largest, piece.count)
        }
        #expect(received == count)
        #expect(largest <= 64 << 10)
    }

    @Test("Letting go of a stream ends the call")
    func letGo() async throws {
        let server = try CannedServer(.drip("HTTP/1.1 200 OK\r\n\r\n", ["x"], thenHold: true))
        for _ in 0..<20 {
            let stream = try await fetch.stream(request(server), idleTimeout: .seconds(30))
            #expect(try await stream.next() == [UInt8(ascii: "x")])
        }
        // The server serves one connection after the other: it saw the end of all that were before.
        #expect(server.requests.count == 20)
    }

    @Test("Cancelling the reader's task ends the call; others on the same Fetch go on")
    func cancel() async throws {
        let held = try CannedServer(.drip("HTTP/1.1 200 OK\r\n\r\n", ["x"], thenHold: true))
        let stream = try await fetch.stream(request(held), idleTimeout: .seconds(30))
        _ = try await stream.next()
        let reader = Task { await kind { _ = try await stream.next() } }
        let server = try CannedServer(text: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        #expect(try await fetch.send(request(server)).body == Array("ok".utf8))
        reader.cancel()
        #expect(await reader.value == .cancelled)
        let mute = try CannedServer(.silence)
        let opening = Task { await kind { _ = try await fetch.stream(request(mute), idleTimeout: .seconds(30)) } }
        while mute.requests.isEmpty { await Task.yield() }
        opening.cancel()
        #expect(await opening.value == .cancelled)
    }

    @Test("A body that breaks off is broken, not over")
    func broken() async throws {
        let server = try CannedServer(text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        let stream = try await fetch.stream(request(server), idleTimeout: .seconds(10))
        #expect(await kind { while try await stream.next() != nil {} } == .broken)
    }

    @Test("A short answer of another status can be read whole, up to a bound")
    func rest() async throws {
        let server = try CannedServer(text: "HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone")
        let stream = try await fetch.stream(request(server), idleTimeout: .seconds(10))
        #expect(stream.status == 410)
        #expect(try await stream.rest(maximumBytes: 4) == Array("gone".utf8))
        let again = try await fetch.stream(request(server), idleTimeout: .seconds(10))
        #expect(await kind { _ = try await again.rest(maximumBytes: 3) } == .tooLarge)
    }

    @Test("A stream of a Fetch that went away is cancelled")
    func goesAway() async throws {
        let server = try CannedServer(.drip("HTTP/1.1 200 OK\r\n\r\n", [], thenHold: true))
        var fetch: Fetch? = try Fetch()
        let stream = try #require(try await fetch?.stream(request(server), idleTimeout: .seconds(30)))
        fetch = nil
        #expect(await kind { _ = try await stream.next() } == .cancelled)
    }

    @Test("A request's description shows neither its header fields nor its body")
    func secrets() {
        let request = FetchRequest(
            url: "https://h/x", headers: [("Authorization", "Bearer secret")], body: Array("secret".utf8))
        #expect("\(request)" == "GET https://h/x")
        #expect(String(reflecting: request) == "GET https://h/x" || !String(reflecting: request).contains("secret"))
        var dumped = ""
        dump(request, to: &dumped)
        #expect(!dumped.contains("secret"))
    }
}
