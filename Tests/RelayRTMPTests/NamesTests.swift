import RelayCore
import RelayRTMP
import Testing

@Suite("URLs and names")
struct NamesTests {
    @Test(
        "RTMP URLs are taken apart and put together",
        arguments: [
            ("rtmp://h/live/a", "h", 1935, "live", "a", "", "rtmp://h/live"),
            ("rtmp://h:1936/live/room/1?x=1&y=2", "h", 1936, "live/room", "1", "x=1&y=2", "rtmp://h:1936/live/room"),
            ("rtmp://[::1]/live/a", "::1", 1935, "live", "a", "", "rtmp://[::1]/live"),
            ("rtmp://[::1]:19/live/a", "::1", 19, "live", "a", "", "rtmp://[::1]:19/live"),
            ("RTMP://H/live/a/", "H", 1935, "live", "a", "", "rtmp://H/live"),
            ("rtmp://user:pw@h/live/a", "h", 1935, "live", "a", "", "rtmp://h/live"),
            ("rtmps://h/live/a", "h", 443, "live", "a", "", "rtmps://h/live"),
            ("rtmp://h//live//a", "h", 1935, "live", "a", "", "rtmp://h/live"),
            ("rtmp://h/live", "h", 1935, "live", "", "", "rtmp://h/live"),
        ])
    func url(text: String, host: String, port: Int, app: String, name: String, query: String, tcUrl: String) throws {
        let url = try #require(RTMPURL(text))
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.app == app)
        #expect(url.name == name)
        #expect(url.query == query)
        #expect(url.tcUrl == tcUrl)
        #expect(RTMPURL(url.description) == url)
    }

    @Test(
        "what is no RTMP URL is nil",
        arguments: [
            "", "rtmp://", "rtmp:///live/a", "http://h/live/a", "rtmp://h", "rtmp://h/", "rtmp://h:0/a/b",
            "rtmp://h:65536/a/b", "rtmp://h:x/a/b", "rtmp://[::1/a/b", "rtmp://[::1]x/a/b", "rtmp://h:/a/b",
        ])
    func badURL(text: String) {
        #expect(RTMPURL(text) == nil)
    }

    @Test(
        "app and name of every encoder's shape give one stream name",
        arguments: [
            ("live", "key", "live/key"), ("live/", "/key", "live/key"), ("/live", "key/", "live/key"),
            ("live/room", "1", "live/room/1"),
            ("live", "room/1", "live/room/1"), ("live/key", "", "live/key"), ("live", "a%2Db", "live/a-b"),
            ("li%76e", "a", "live/a"),
        ])
    func shapes(app: String, name: String, expected: String) throws {
        let application = try StreamAddress.application(app)
        #expect(try StreamAddress.stream(app: application, path: name).description == expected)
    }

    @Test(
        "applications outside the allow-list are refused",
        arguments: [
            "", "/", "live\u{0}x", "../../etc", "live%2f..%2f", "a//b", "a b", "live%00", "%", "é", ".", "a/..",
            String(repeating: "a", count: 300),
        ])
    func badApplications(app: String) {
        #expect(throws: StreamNameError.self) { try StreamAddress.application(app) }
    }

    @Test(
        "names outside the allow-list are refused",
        arguments: [
            "", "/", "..", "%2e%2e%2f", "a\r\nSET evil 1\r\n", "a\u{0}", "*", "[a]", "a:b", "{x}", "\u{1F600}",
            "\u{1B}]0;", "\u{FFFD}",
            "$(touch${IFS}pwn)", "%zz", "a%", "a%2", "%252e", String(repeating: "x", count: 256),
        ])
    func badNames(name: String) {
        #expect(throws: StreamNameError.self) { try StreamAddress.stream(app: "live", path: name) }
    }

    @Test("queries are joined once each, the most specific first")
    func queries() {
        #expect(StreamAddress.merge(["a=1", "", "b=2", "a=1"]) == "a=1&b=2")
        #expect(StreamAddress.split("n?a=1?b") == ("n", "a=1?b"))
        #expect(StreamAddress.split("n") == ("n", ""))
    }
}

@Suite("Enhanced RTMP capabilities")
struct EnhancedCapabilitiesTests {
    @Test("an announcement is read as it was written")
    func roundTrip() {
        let capabilities = EnhancedCapabilities(
            fourCcList: ["hvc1", "av01"], videoInfo: ["hvc1": [.decode, .encode], "*": .forward],
            audioInfo: ["Opus": .decode],
            extensions: [.reconnect, .modEx])
        var object = AMF0Object()
        capabilities.write(into: &object)
        #expect(EnhancedCapabilities(object) == capabilities)
        #expect(EnhancedCapabilities(AMF0Object()).isLegacy)
    }

    @Test("a codec may be sent when it, or any, was announced to be decoded or forwarded")
    func accepts() {
        #expect(!EnhancedCapabilities().acceptsVideo("hvc1"))
        #expect(EnhancedCapabilities(fourCcList: ["hvc1"]).acceptsVideo("hvc1"))
        #expect(!EnhancedCapabilities(fourCcList: ["hvc1"]).acceptsVideo("av01"))
        #expect(EnhancedCapabilities(fourCcList: ["*"]).acceptsAudio("Opus"))
        #expect(!EnhancedCapabilities(videoInfo: ["hvc1": .encode]).acceptsVideo("hvc1"))
        #expect(EnhancedCapabilities(videoInfo: ["*": .forward]).acceptsVideo("av01"))
        #expect(!EnhancedCapabilities(videoInfo: ["*": .forward]).acceptsAudio("Opus"))
    }

    @Test(
        "malformed announcements count as nothing",
        arguments: [AMF0Value.number(.nan), .string("x"), .null, .strictArray([.number(1), .null])])
    func malformed(value: AMF0Value) {
        let object: AMF0Object = [
            "fourCcList": value, "videoFourCcInfoMap": value, "audioFourCcInfoMap": .object(["a": value]),
            "capsEx": value,
        ]
        #expect(EnhancedCapabilities(object).isLegacy)
    }
}
