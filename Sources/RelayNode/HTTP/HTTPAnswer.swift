import NIOCore
import NIOHTTP1
import RelayCore

/// Writes the few response heads that the viewers' port knows, as bytes: after the head the connection is a stream of
/// FLV or WebSocket frames, so no HTTP encoder stays in its pipeline.
struct HTTPAnswer {
    /// Value of the `Server` header: the name without a version, which helps nobody but scanners.
    static let server = "edge-relay"
    /// `Retry-After` of a refusal for lack of room, seconds.
    static let retryAfter = 5

    private let allocator: ByteBufferAllocator
    private let cors: CORSPolicy
    private let origin: String?

    init(allocator: ByteBufferAllocator, cors: CORSPolicy, origin: String?) {
        self.allocator = allocator
        self.cors = cors
        self.origin = origin
    }

    /// The head of an FLV stream.
    func flv() -> ByteBuffer {
        head(.ok, [("Content-Type", "video/x-flv"), ("Cache-Control", "no-store"), ("Connection", "close")])
    }

    /// The head that turns the connection into a WebSocket.
    func switchToWebSocket(_ offer: WebSocketOffer) -> ByteBuffer {
        var headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", offer.accept)]
        if let subprotocol = offer.subprotocol { headers.append(("Sec-WebSocket-Protocol", subprotocol)) }
        return head(.switchingProtocols, headers)
    }

    /// The answer to a browser's preflight.
    func preflight() -> ByteBuffer {
        head(
            .noContent,
            [
                ("Access-Control-Allow-Methods", "GET, HEAD"), ("Access-Control-Allow-Headers", "*"),
                ("Access-Control-Max-Age", "600"), ("Connection", "close"),
            ])
    }

    /// A refusal with its problem body.
    func refusal(_ refusal: HTTPRefusal, withBody: Bool = true) -> ByteBuffer {
        let body = ProblemBody.json(refusal.code)
        var headers = refusal.headers
        if refusal.status == .serviceUnavailable { headers.append(("Retry-After", String(Self.retryAfter))) }
        headers += [
            ("Content-Type", "application/problem+json"), ("Content-Length", String(body.utf8.count)),
            ("Cache-Control", "no-store"), ("Connection", "close"),
        ]
        var buffer = head(refusal.status, headers)
        if withBody { buffer.writeString(body) }
        return buffer
    }

    private func head(_ status: HTTPResponseStatus, _ headers: [(String, String)]) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: 512)
        buffer.writeString("HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\nServer: \(Self.server)\r\n")
        for (name, value) in headers + cors.headers(for: origin) { buffer.writeString("\(name): \(value)\r\n") }
        buffer.writeString("X-Content-Type-Options: nosniff\r\n\r\n")
        return buffer
    }
}

/// Which pages may read our answers.
struct CORSPolicy: Sendable {
    let origins: [String]

    func headers(for origin: String?) -> [(String, String)] {
        if origins.contains("*") { return [("Access-Control-Allow-Origin", "*")] }
        guard let origin, origins.contains(origin) else { return [("Vary", "Origin")] }
        return [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
    }
}

/// The JSON body of a refusal: `code`, `message`, `hint`.
enum ProblemBody {
    /// The texts of codes are our own constants, so escaping quotes and backslashes is enough.
    ///
    /// - Parameter message: Instead of the code's own words; it may have been written elsewhere.
    static func json(_ code: RelayCode, message: String? = nil) -> String {
        func quoted(_ text: String) -> String {
            "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        let message = message.map { String($0.unicodeScalars.filter { $0.value >= 0x20 }) } ?? code.message
        return
            "{\"code\":\(quoted(code.description)),\"message\":\(quoted(message)),\"hint\":\(quoted(code.hint))}\n"
    }
}
