import RelayCore
import Testing

@Suite struct StreamNameTests {
    static let valid: [(path: String, app: String, name: String)] = [
        ("live/1", "live", "1"), ("/live/1", "live", "1"), ("live/1/", "live", "1"), ("//live/1//", "live", "1"),
        ("live/room/1", "live/room", "1"), ("a/b/c/d/e", "a/b/c/d", "e"), ("live/a.b", "live", "a.b"),
        ("live/...", "live", "..."), ("live/.hidden", "live", ".hidden"), ("live/..a", "live", "..a"),
        ("live/~user_1-2.x", "live", "~user_1-2.x"), ("A/Z", "A", "Z"),
    ]

    @Test(arguments: valid)
    func `a good path is split at its last slash`(path: String, app: String, name: String) throws {
        let stream = try StreamName(path: path)
        #expect(stream.app == app)
        #expect(stream.name == name)
        #expect(stream.description == "\(app)/\(name)")
        #expect(try StreamName(path: stream.description) == stream)
        #expect(try StreamName(app: app, name: name) == stream)
    }

    static let invalid: [(path: String, error: StreamNameError)] = [
        ("", .empty), ("/", .empty), ("///", .empty), ("live", .missingApp), ("/live/", .missingApp),
        ("live//1", .emptySegment), ("live/./1", .dotSegment), ("live/../1", .dotSegment), ("../live", .dotSegment),
        ("live/..", .dotSegment), ("./.", .dotSegment), ("live/a b", .forbiddenByte(0x20)),
        ("live/a\u{0}", .forbiddenByte(0)), ("live/a\n", .forbiddenByte(0x0A)), ("live/a\r\nb", .forbiddenByte(0x0D)),
        ("live/a?b", .forbiddenByte(0x3F)), ("live/a#b", .forbiddenByte(0x23)), ("live/a%2e", .forbiddenByte(0x25)),
        ("live\\a/b", .forbiddenByte(0x5C)), ("live/ä", .forbiddenByte(0xC3)), ("live/a\u{301}", .forbiddenByte(0xCC)),
        ("live/\u{202E}b", .forbiddenByte(0xE2)), ("live/{a}", .forbiddenByte(0x7B)),
        ("live/a:b", .forbiddenByte(0x3A)),
        ("live/a*", .forbiddenByte(0x2A)), ("live/a\"", .forbiddenByte(0x22)), ("live/\u{7F}", .forbiddenByte(0x7F)),
        ("live/@a", .forbiddenByte(0x40)), ("live/[a", .forbiddenByte(0x5B)), ("live/`", .forbiddenByte(0x60)),
        ("/\u{301}live/a", .forbiddenByte(0xCC)),
    ]

    @Test(arguments: invalid)
    func `a bad path is refused with the rule that it breaks`(path: String, error: StreamNameError) {
        #expect(throws: error) { try StreamName(path: path) }
        // The text is for logs: it must not carry what the peer wrote.
        #expect(error.description.utf8.allSatisfy { 0x20..<0x7F ~= $0 })
    }

    @Test func `255 bytes are accepted and one more is refused`() throws {
        let longest = "live/" + String(repeating: "a", count: StreamName.maximumLength - 5)
        #expect(try StreamName(path: longest).description == longest)
        #expect(try StreamName(path: "/" + longest + "/").description == longest)
        #expect(throws: StreamNameError.tooLong) { try StreamName(path: longest + "a") }
        #expect(throws: StreamNameError.tooLong) { try StreamName(path: String(repeating: "a/", count: 1 << 20)) }
    }

    @Test(arguments: ["live", "live/", "/live", "/live/", "//live//"], ["1", "/1", "1/", "//1//"])
    func `slashes around the application and the name do not matter`(app: String, name: String) throws {
        #expect(try StreamName(app: app, name: name) == StreamName(path: "live/1"))
    }

    @Test func `levels before the last of a name belong to the application`() throws {
        #expect(try StreamName(app: "live", name: "room/1") == StreamName(path: "live/room/1"))
    }

    @Test(arguments: ["", "/", "//"])
    func `an application without a name is no stream`(name: String) {
        #expect(throws: StreamNameError.empty) { try StreamName(app: "live/room", name: name) }
    }

    @Test(arguments: ["", "/"])
    func `a name without an application is no stream`(app: String) {
        #expect(throws: StreamNameError.missingApp) { try StreamName(app: app, name: "1") }
    }

    @Test(arguments: ["/live/1", "live/1/", "live/1//", ""])
    func `a strict path has no stray slashes`(path: String) {
        #expect(throws: StreamNameError.self) { try StreamName(path: path, strict: true) }
    }

    @Test func `names sort by application, then name`() throws {
        let sorted = try ["b/a", "a/c", "a/b", "a/b/a"].map { try StreamName(path: $0) }.sorted()
        #expect(sorted.map(\.description) == ["a/b", "a/c", "a/b/a", "b/a"])
    }

    @Test func `random text is either refused or comes out with allowed bytes only`() throws {
        var generator = SeededGenerator(seed: 11)
        let pieces = [
            "/", "/", "/", ".", "..", "a", "Z9", "-_~", "%", "é", "\u{0}", " ", "live", "b", "c/d", "\u{301}",
        ]
        var accepted = 0
        for _ in 0..<20_000 {
            let path = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &generator)]
            }.joined()
            guard let name = try? StreamName(path: path) else { continue }
            accepted += 1
            let segments = name.description.split(separator: "/", omittingEmptySubsequences: false)
            #expect(segments.count >= 2)
            #expect(segments.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." })
            #expect(
                name.description.utf8.allSatisfy { byte in
                    "/._~-".utf8.contains(byte) || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                        || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte
                        || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                })
        }
        #expect(accepted > 500)
    }
}
