import NIOHTTP1
import RelayCore
import Testing

@testable import RelayNode

@Suite struct ViewerRequestTests {
    private static func head(
        _ uri: String, method: HTTPMethod = .GET, version: HTTPVersion = .http1_1, _ headers: [(String, String)] = [],
        host: [String] = ["example.com"]
    ) -> HTTPRequestHead {
        HTTPRequestHead(
            version: version, method: method, uri: uri, headers: HTTPHeaders(host.map { ("Host", $0) } + headers))
    }

    /// The request as one line: what is asked for, or the status and the code of the refusal.
    private static func answer(_ head: HTTPRequestHead) -> String {
        switch ViewerRequest(head) {
        case .flv(let name, let selection, let isHead): "\(isHead ? "head" : "flv") \(name) \(selection.rawValue)"
        case .webSocket(let name, let selection, let offer):
            "ws \(name) \(selection.rawValue) \(offer.accept) \(offer.subprotocol ?? "-")"
        case .preflight: "preflight"
        case .refuse(let refusal): "\(refusal.status.code) \(refusal.code)"
        }
    }

    // MARK: Targets

    static let targets: [(uri: String, answer: String)] = [
        ("/live/1.flv", "flv live/1 av"),
        ("/live/room/1.flv", "flv live/room/1 av"),
        ("/live/1.flv?only=audio", "flv live/1 audio"),
        ("/live/1.flv?only=video&x=1", "flv live/1 video"),
        ("/live/1.flv?x=1&only=audio", "flv live/1 audio"),
        ("/live/1.flv?only=", "flv live/1 av"),
        ("/live/1.flv?only", "flv live/1 av"),
        ("/live/1.flv?only=%61udio", "flv live/1 audio"),
        ("/live/1.flv?", "flv live/1 av"),
        ("/live/1.flv?a/b?c", "flv live/1 av"),
        ("/live/1.flv#fragment", "flv live/1 av"),
        ("/live/%31.flv", "flv live/1 av"),
        ("/live%2F1.flv", "flv live/1 av"),
        ("/live/1.flv.flv", "flv live/1.flv av"),
        ("/live/1.flv?only=both", "400 RLY-1003"),
        ("/live/1.flv?only=audio%00", "400 RLY-1003"),
        ("/live/1.flv?only=AUDIO", "400 RLY-1003"),
        // The absolute form: its host is not ours to judge.
        ("http://evil/live/1.flv", "flv live/1 av"),
        ("https://evil:443/live/1.flv?only=audio", "flv live/1 audio"),
        ("HTTP://evil/live/1.flv", "flv live/1 av"),
        ("http://evil", "404 RLY-1002"),
        ("http:///live/1.flv", "flv live/1 av"),
        // What is no path at all.
        ("*", "400 RLY-3001"), ("", "400 RLY-3001"), ("live/1.flv", "400 RLY-3001"),
        ("ftp://host/live/1.flv", "400 RLY-3001"), ("\\live\\1.flv", "400 RLY-3001"),
        ("example.com:443", "400 RLY-3001"),
        // Names that cannot be.
        ("/live/../../etc/passwd", "400 RLY-1001"), ("/live/../1.flv", "400 RLY-1001"),
        ("/live/%2e%2e/1.flv", "400 RLY-1001"), ("/live/%2e%2e%2f1.flv", "400 RLY-1001"),
        ("/live/..%5c1.flv", "400 RLY-1001"), ("/live/%252e%252e/1.flv", "400 RLY-1001"),
        ("/live/1%00.flv", "400 RLY-1001"), ("//live/1.flv", "400 RLY-1001"), ("/live//1.flv", "400 RLY-1001"),
        ("/live/./1.flv", "400 RLY-1001"), ("/live/%c0%ae%c0%ae/1.flv", "400 RLY-1001"),
        ("/live/%ff.flv", "400 RLY-1001"), ("/live/%e2%80%ae1.flv", "400 RLY-1001"),
        ("/live/1%0d%0ax.flv", "400 RLY-1001"),
        ("/live/%.flv", "400 RLY-1001"), ("/live/%2.flv", "400 RLY-1001"), ("/live/%zz.flv", "400 RLY-1001"),
        ("/live/%+1.flv", "400 RLY-1001"), ("/live/é.flv", "400 RLY-1001"), ("/live/a b.flv", "400 RLY-1001"),
        ("/live/.flv", "400 RLY-1001"), ("/live/1/.flv", "400 RLY-1001"), ("/1.flv", "400 RLY-1001"),
        ("/.flv", "400 RLY-1001"),
        ("/live/" + String(repeating: "a", count: 251) + ".flv", "400 RLY-1001"),
        // Nothing there.
        ("/", "404 RLY-1002"), ("/live/1", "404 RLY-1002"), ("/live/1.FLV", "404 RLY-1002"),
        ("/live/1.m3u8", "404 RLY-1002"), ("/favicon.ico", "404 RLY-1002"), ("/live/1.mp4?x", "404 RLY-1002"),
        ("/live/1.flv/", "404 RLY-1002"), ("/live/1.flv%3Fonly=audio", "400 RLY-1001"),
    ]

    @Test(arguments: targets)
    func `a target names a stream or says why not`(uri: String, answer: String) {
        #expect(Self.answer(Self.head(uri)) == answer)
    }

    @Test func `the longest name is accepted`() {
        let name = String(repeating: "a", count: StreamName.maximumLength - 5)
        #expect(Self.answer(Self.head("/live/\(name).flv")) == "flv live/\(name) av")
    }

    // MARK: Methods, versions, hosts

    @Test func `methods that no player needs are refused`() {
        let uri = "/live/1.flv"
        #expect(Self.answer(Self.head(uri, method: .HEAD)) == "head live/1 av")
        for method in [HTTPMethod.POST, .PUT, .DELETE, .CONNECT, .TRACE, .OPTIONS, .PATCH] {
            #expect(Self.answer(Self.head(uri, method: method)) == "405 RLY-3002")
        }
        #expect(Self.answer(Self.head(uri, method: .RAW(value: "BREW"))) == "501 RLY-3002")
        #expect(Self.answer(Self.head("*", method: .CONNECT)) == "405 RLY-3002")
        let preflight = Self.head(uri, method: .OPTIONS, [("Access-Control-Request-Method", "GET")])
        #expect(Self.answer(preflight) == "preflight")
    }

    @Test func `405 says what is allowed`() {
        guard case .refuse(let refusal) = ViewerRequest(Self.head("/live/1.flv", method: .POST)) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.headers.map { "\($0.0): \($0.1)" } == ["Allow: GET, HEAD"])
    }

    @Test(arguments: [
        (0, 9, "505 RLY-3001"), (1, 0, "flv live/1 av"), (1, 1, "flv live/1 av"), (2, 0, "505 RLY-3001"),
        (1, 2, "505 RLY-3001"),
    ])
    func `only HTTP/1 is spoken here`(major: Int, minor: Int, answer: String) {
        #expect(Self.answer(Self.head("/live/1.flv", version: HTTPVersion(major: major, minor: minor))) == answer)
    }

    @Test(arguments: [
        [], ["a", "b"], ["a", "a"], [""], ["a b"], ["a\r\nX: y"], ["user@host"], ["host/x"], ["hôst"], ["\u{7F}"],
    ])
    func `a request without exactly one plain host is refused`(hosts: [String]) {
        #expect(Self.answer(Self.head("/live/1.flv", host: hosts)) == "400 RLY-3001")
    }

    @Test(arguments: ["example.com", "example.com:8080", "127.0.0.1", "[::1]:8080", "a_b"])
    func `a plain host is accepted`(host: String) {
        #expect(Self.answer(Self.head("/live/1.flv", host: [host])) == "flv live/1 av")
    }

    // MARK: Bodies

    @Test(arguments: [
        ([("Content-Length", "0")], "flv live/1 av"),
        ([("Content-Length", "00")], "flv live/1 av"),
        ([("Content-Length", "5")], "413 RLY-3005"),
        ([("Content-Length", "-1")], "400 RLY-3001"),
        ([("Content-Length", "-0")], "400 RLY-3001"),
        ([("Content-Length", "+5")], "400 RLY-3001"),
        ([("Content-Length", "0x10")], "400 RLY-3001"),
        ([("Content-Length", " 5")], "400 RLY-3001"),
        ([("Content-Length", "")], "400 RLY-3001"),
        ([("Content-Length", "5,5")], "400 RLY-3001"),
        ([("Content-Length", "٥")], "400 RLY-3001"),
        ([("Content-Length", "99999999999999999999")], "400 RLY-3001"),
        ([("Content-Length", "0"), ("Content-Length", "0")], "400 RLY-3001"),
        ([("Content-Length", "1"), ("Content-Length", "2")], "400 RLY-3001"),
        ([("Content-Length", "0"), ("Transfer-Encoding", "chunked")], "400 RLY-3001"),
        ([("Transfer-Encoding", "chunked")], "413 RLY-3005"),
        ([("Transfer-Encoding", "chunked, identity")], "413 RLY-3005"),
        ([("Transfer-Encoding", "")], "413 RLY-3005"),
    ])
    func `a body, or a length that can be read in two ways, is refused`(headers: [(String, String)], answer: String) {
        #expect(Self.answer(Self.head("/live/1.flv", headers)) == answer)
    }

    // MARK: WebSocket

    /// The example of RFC 6455 section 1.3.
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    private static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    private static func upgrade(
        connection: [String] = ["Upgrade"], upgrade: [String] = ["websocket"], version: [String] = ["13"],
        keys: [String] = [key], more: [(String, String)] = []
    ) -> [(String, String)] {
        connection.map { ("Connection", $0) } + upgrade.map { ("Upgrade", $0) }
            + version.map { ("Sec-WebSocket-Version", $0) } + keys.map { ("Sec-WebSocket-Key", $0) } + more
    }

    static let handshakes: [(name: String, headers: [(String, String)], answer: String)] = [
        ("the example of the RFC", upgrade(), "ws live/1 av \(accept) -"),
        (
            "lists and case", upgrade(connection: ["keep-alive, UPGRADE"], upgrade: ["h2c, WebSocket"]),
            "ws live/1 av \(accept) -"
        ),
        ("two Connection fields", upgrade(connection: ["keep-alive", "Upgrade"]), "ws live/1 av \(accept) -"),
        (
            "the first subprotocol", upgrade(more: [("Sec-WebSocket-Protocol", "flv, binary")]),
            "ws live/1 av \(accept) flv"
        ),
        ("version 8", upgrade(version: ["8"]), "426 RLY-3006"),
        ("no version", upgrade(version: []), "426 RLY-3006"),
        ("two versions", upgrade(version: ["13", "8"]), "426 RLY-3006"),
        ("a key of 5 bytes", upgrade(keys: ["aGVsbG8="]), "400 RLY-3007"),
        ("a key of 17 bytes", upgrade(keys: ["MDEyMzQ1Njc4OWFiY2RlZmc="]), "400 RLY-3007"),
        ("a key that is no base64", upgrade(keys: ["!!!!!!!!!!!!!!!!!!!!!!=="]), "400 RLY-3007"),
        ("no key", upgrade(keys: []), "400 RLY-3007"),
        ("two keys", upgrade(keys: [key, key]), "400 RLY-3007"),
        ("no Connection", upgrade(connection: []), "400 RLY-3007"),
        ("another Connection", upgrade(connection: ["close"]), "400 RLY-3007"),
        ("a key without Upgrade", upgrade(upgrade: []), "400 RLY-3007"),
        ("another protocol", [("Connection", "Upgrade"), ("Upgrade", "h2c")], "flv live/1 av"),
    ]

    @Test(arguments: handshakes)
    func `a WebSocket handshake is accepted or refused`(name: String, headers: [(String, String)], answer: String) {
        #expect(Self.answer(Self.head("/live/1.flv", headers)) == answer)
    }

    @Test func `a WebSocket needs GET, HTTP/1.1 and a stream`() {
        #expect(Self.answer(Self.head("/live/1.flv", method: .HEAD, Self.upgrade())) == "400 RLY-3007")
        #expect(Self.answer(Self.head("/live/1.flv", version: .http1_0, Self.upgrade())) == "400 RLY-3007")
        #expect(Self.answer(Self.head("/", Self.upgrade())) == "404 RLY-1002")
        #expect(Self.answer(Self.head("/live/1.flv?only=video", Self.upgrade())) == "ws live/1 video \(Self.accept) -")
    }

    @Test func `426 names the version that is spoken`() {
        guard case .refuse(let refusal) = ViewerRequest(Self.head("/live/1.flv", Self.upgrade(version: ["8"]))) else {
            Issue.record("not refused")
            return
        }
        #expect(refusal.headers.map { "\($0.0): \($0.1)" } == ["Sec-WebSocket-Version: 13"])
    }
}
