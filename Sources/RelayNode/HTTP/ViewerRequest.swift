import FoundationEssentials
import NIOHTTP1
import RelayCore
import RelayCrypto

/// What a request on the viewers' port asks for, or why it is refused. A function of the request head alone.
enum ViewerRequest {
    /// FLV over HTTP; `isHead` = headers only.
    case flv(StreamName, MediaSelection, isHead: Bool)
    /// FLV over WebSocket.
    case webSocket(StreamName, MediaSelection, WebSocketOffer)
    /// A browser asks what it may send.
    case preflight
    case refuse(HTTPRefusal)

    /// The stream's file extension.
    static let suffix = ".flv"

    init(_ head: HTTPRequestHead) {
        do throws(HTTPRefusal) {
            self = try Self.read(head)
        } catch {
            self = .refuse(error)
        }
    }

    private static func read(_ head: HTTPRequestHead) throws(HTTPRefusal) -> ViewerRequest {
        try checkFraming(head)
        switch head.method {
        case .GET, .HEAD: break
        case .OPTIONS where head.headers.contains(name: "Access-Control-Request-Method"): return .preflight
        case .RAW: throw HTTPRefusal(.notImplemented, .methodNotAllowed)
        default: throw HTTPRefusal(.methodNotAllowed, .methodNotAllowed, headers: [("Allow", "GET, HEAD")])
        }
        let target = try RequestTarget(head.uri)
        guard target.path.utf8.count > suffix.utf8.count, target.path.hasSuffix(suffix) else {
            // A name that could never be one is a bad request, whatever its extension.
            if (try? StreamName(path: target.path)) == nil, target.path != "/", target.path.dropFirst().contains("/") {
                throw HTTPRefusal(.badRequest, .badStreamName)
            }
            throw HTTPRefusal(.notFound, .noSuchPath)
        }
        let name: StreamName
        do {
            name = try StreamName(path: String(target.path.dropFirst().dropLast(suffix.count)), strict: true)
        } catch {
            throw HTTPRefusal(.badRequest, .badStreamName)
        }
        let selection: MediaSelection
        if let only = target.query(named: "only") {
            guard let chosen = MediaSelection(query: only) else { throw HTTPRefusal(.badRequest, .badQuery) }
            selection = chosen
        } else {
            selection = .all
        }
        if let offer = try WebSocketOffer(head) { return .webSocket(name, selection, offer) }
        return .flv(name, selection, isHead: head.method == .HEAD)
    }

    /// RFC 9112 3.2 and 6.1-6.3: a request whose target host or whose length could be read in two ways is refused.
    private static func checkFraming(_ head: HTTPRequestHead) throws(HTTPRefusal) {
        guard head.version == .http1_1 || head.version == .http1_0 else {
            throw HTTPRefusal(.httpVersionNotSupported, .badRequest)
        }
        let hosts = head.headers["Host"]
        guard hosts.count == 1, let host = hosts.first, !host.isEmpty,
            host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "@") })
        else { throw HTTPRefusal(.badRequest, .badRequest) }
        let lengths = head.headers["Content-Length"]
        let isChunked = head.headers.contains(name: "Transfer-Encoding")
        guard lengths.count <= 1, !(isChunked && !lengths.isEmpty) else { throw HTTPRefusal(.badRequest, .badRequest) }
        if let length = lengths.first {
            guard let value = Int(length), length.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
                throw HTTPRefusal(.badRequest, .badRequest)
            }
            if value > 0 { throw HTTPRefusal(.payloadTooLarge, .bodyNotAllowed) }
        }
        if isChunked { throw HTTPRefusal(.payloadTooLarge, .bodyNotAllowed) }
    }
}

/// A valid request for a WebSocket (RFC 6455 section 4.2).
struct WebSocketOffer {
    /// Value of `Sec-WebSocket-Accept`.
    let accept: String
    /// The first subprotocol offered, echoed; some players insist.
    let subprotocol: String?

    /// Appended to the client's key before hashing (RFC 6455 section 1.3).
    private static let magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// nil when the request does not ask for a WebSocket.
    init?(_ head: HTTPRequestHead) throws(HTTPRefusal) {
        let upgrade = head.headers[canonicalForm: "Upgrade"].map { $0.lowercased() }
        let hasKey = head.headers.contains(name: "Sec-WebSocket-Key")
        guard upgrade.contains("websocket") || hasKey else { return nil }
        let connection = head.headers[canonicalForm: "Connection"].map { $0.lowercased() }
        guard head.method == .GET, head.version == .http1_1, upgrade.contains("websocket"),
            connection.contains("upgrade")
        else { throw HTTPRefusal(.badRequest, .badUpgrade) }
        guard head.headers["Sec-WebSocket-Version"] == ["13"] else {
            throw HTTPRefusal(.upgradeRequired, .upgradeRequired, headers: [("Sec-WebSocket-Version", "13")])
        }
        let keys = head.headers["Sec-WebSocket-Key"]
        guard keys.count == 1, let key = keys.first, Data(base64Encoded: key)?.count == 16 else {
            throw HTTPRefusal(.badRequest, .badUpgrade)
        }
        accept = Data(SHA1.hash(Array((key + Self.magic).utf8))).base64EncodedString()
        subprotocol = head.headers[canonicalForm: "Sec-WebSocket-Protocol"].first.map(String.init)
    }
}

/// A refusal over HTTP: status, code, and headers that belong to it.
struct HTTPRefusal: Error {
    var status: HTTPResponseStatus
    var code: RelayCode
    var headers: [(String, String)] = []

    init(_ status: HTTPResponseStatus, _ code: RelayCode, headers: [(String, String)] = []) {
        self.status = status
        self.code = code
        self.headers = headers
    }
}
