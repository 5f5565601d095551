import Foundation
import NIOCore
import NIOHTTP1
import RelayCore
import Testing

@testable import RelayNode

@Suite struct HTTPAnswerTests {
    private func answer(cors: [String] = ["*"], origin: String? = nil) -> HTTPAnswer {
        HTTPAnswer(allocator: ByteBufferAllocator(), cors: CORSPolicy(origins: cors), origin: origin)
    }

    /// Status line, header lines in order, body.
    private func parts(_ buffer: ByteBuffer) throws -> (status: String, headers: [String], body: String) {
        let text = String(buffer: buffer)
        let end = try #require(text.range(of: "\r\n\r\n"))
        var lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        #expect(lines.allSatisfy { !$0.contains("\n") && !$0.contains("\r") })
        return (lines.removeFirst(), lines, String(text[end.upperBound...]))
    }

    @Test func `a stream's head closes with the stream and is not cached`() throws {
        let (status, headers, body) = try parts(answer().flv())
        #expect(status == "HTTP/1.1 200 OK")
        #expect(
            Set(headers).isSuperset(of: ["Content-Type: video/x-flv", "Cache-Control: no-store", "Connection: close"]))
        #expect(!headers.contains { $0.hasPrefix("Content-Length") || $0.hasPrefix("Transfer-Encoding") })
        #expect(body.isEmpty)
    }

    @Test func `every code can be refused with, and its body is JSON of its length`() throws {
        for code in RelayCode.catalogue {
            let (status, headers, body) = try parts(answer().refusal(HTTPRefusal(.badRequest, code)))
            #expect(status == "HTTP/1.1 400 Bad Request")
            #expect(headers.contains("Content-Length: \(body.utf8.count)"))
            #expect(headers.contains("Content-Type: application/problem+json"))
            let problem = try JSONDecoder().decode([String: String].self, from: Data(body.utf8))
            #expect(problem == ["code": code.description, "message": code.message, "hint": code.hint])
        }
    }

    @Test func `a refusal of HEAD has the length of the body and not the body`() throws {
        let whole = try parts(answer().refusal(HTTPRefusal(.notFound, .streamNotFound)))
        let head = try parts(answer().refusal(HTTPRefusal(.notFound, .streamNotFound), withBody: false))
        #expect(head.headers == whole.headers)
        #expect(head.body.isEmpty && !whole.body.isEmpty)
    }

    @Test func `a refusal for lack of room says when to come back`() throws {
        let busy = try parts(answer().refusal(HTTPRefusal(.serviceUnavailable, .tooManyViewers)))
        #expect(busy.headers.contains("Retry-After: 5"))
        let missing = try parts(answer().refusal(HTTPRefusal(.notFound, .streamNotFound)))
        #expect(!missing.headers.contains { $0.hasPrefix("Retry-After") })
    }

    @Test func `a refusal carries the headers that belong to it`() throws {
        let refusal = HTTPRefusal(.methodNotAllowed, .methodNotAllowed, headers: [("Allow", "GET, HEAD")])
        #expect(try parts(answer().refusal(refusal)).headers.contains("Allow: GET, HEAD"))
    }

    @Test func `any origin may read when all may, and the caches need not tell them apart`() throws {
        let (_, headers, _) = try parts(answer(origin: "https://a.example").flv())
        #expect(headers.contains("Access-Control-Allow-Origin: *"))
        #expect(!headers.contains("Vary: Origin"))
    }

    @Test func `only a listed origin may read, and no other is ever echoed`() throws {
        let cors = ["https://a.example", "https://b.example"]
        let (_, listed, _) = try parts(answer(cors: cors, origin: "https://b.example").flv())
        #expect(listed.contains("Access-Control-Allow-Origin: https://b.example") && listed.contains("Vary: Origin"))
        for origin in [nil, "https://evil.example", "https://a.example.evil", "null", "HTTPS://A.EXAMPLE"] {
            let (_, headers, _) = try parts(answer(cors: cors, origin: origin).flv())
            #expect(!headers.contains { $0.hasPrefix("Access-Control-Allow-Origin") })
            #expect(headers.contains("Vary: Origin"))
        }
    }

    @Test func `a preflight has no body and allows what is allowed`() throws {
        let (status, headers, body) = try parts(answer().preflight())
        #expect(status == "HTTP/1.1 204 No Content")
        #expect(headers.contains("Access-Control-Allow-Methods: GET, HEAD"))
        #expect(body.isEmpty)
    }

    @Test func `every answer forbids guessing of types and tells no version`() throws {
        for buffer in [
            answer().flv(), answer().preflight(), answer().refusal(HTTPRefusal(.badRequest, .badRequest)),
        ] {
            let (_, headers, _) = try parts(buffer)
            #expect(headers.contains("X-Content-Type-Options: nosniff"))
            #expect(headers.contains("Server: edge-relay"))
        }
    }

    @Test func `words from elsewhere stand in a problem as JSON`() throws {
        let json = ProblemBody.json(.scalingStoreRefused, message: "no\n\"room\"")
        #expect(json.contains(#""code":"RLY-7059","message":"no\"room\"","hint":"#), "\(json)")
        #expect(ProblemBody.json(.tierOff).contains(RelayCode.tierOff.message))
    }
}
