import NIOCore
import RelayCore
import RelayRTMP
import RelayTestKit
import Testing

extension Integration {
    /// Bad AMF and commands out of order, B038-B051.
    @Suite(.stage("--node-threads", "2")) struct HostileAMFTests {
        @Test("leaves everyone else alone", arguments: values + names + order)
        func entry(_ entry: HostileEntry) async throws { try await entry.run() }

        /// A command message with these bytes.
        private static func raw(_ bytes: [UInt8]) -> [UInt8] { RTMPBytes.message(type: 20, bytes) }

        /// `connect` whose command object is these bytes.
        private static func connect(_ object: String, times: Int = 1) -> [UInt8] {
            let piece = RTMPBytes.hex(object)
            return raw(RTMPBytes.amf([.string("connect"), .number(1)]) + (0..<times).flatMap { _ in piece })
        }

        private static let app = "0003 617070 02 0004 6c697665"

        static let values: [HostileEntry] =
            [
                HostileEntry(
                    "B038", "10,000 nested objects", .handshaken, .closes(.badAMF), connect("03 0001 61", times: 10_000)
                ),
                HostileEntry(
                    "B039", "10,000 nested arrays", .handshaken, .closes(.badAMF), connect("0a 00000001", times: 10_000)
                ),
                HostileEntry(
                    "B039", "objects and arrays of all kinds inside each other", .handshaken, .closes(.badAMF),
                    connect("03 0001 61 08 00000001 0001 62 0a 00000001", times: 1_000)),
                HostileEntry("B040", "an ECMA array of 2^32-1 entries that has one", .handshaken, .judged) { client in
                    client.rtmp.send(connect("08 ffffffff" + app + "0000 09"))
                    _ = try client.rtmp.command("answer to connect") { $0.name == "_result" && $0.transactionID == 1 }
                },
                HostileEntry(
                    "B040", "a strict array of 2^32-1 entries", .handshaken, .closes(.badAMF), connect("0a ffffffff")),
                HostileEntry(
                    "B042", "a string longer than the message", .handshaken, .closes(.badAMF), connect("02 ffff 616161")
                ),
                HostileEntry("B042", "a long string of 4 GiB", .handshaken, .closes(.badAMF), connect("0c ffffffff")),
                HostileEntry(
                    "B042", "a key longer than the rest", .handshaken, .closes(.badAMF), connect("03 00ff 6161")),
                HostileEntry("B043", "no object end where the message ends", .handshaken, .judged) { client in
                    client.rtmp.send(connect("03" + app))
                    _ = try client.rtmp.command("answer to connect") { $0.name == "_result" && $0.transactionID == 1 }
                },
                HostileEntry(
                    "B043", "an object end with a name", .handshaken, .closes(.badAMF),
                    connect("03" + app + "0001 61 09")),
                HostileEntry(
                    "B043", "no object end in the middle of a value", .handshaken, .closes(.badAMF),
                    connect("03 0003 617070 02 00")),
            ]
            + ["07 0000", "12", "ff", "0e", "09"].map { marker in
                HostileEntry("B044", "marker \(marker)", .handshaken, .closes(.badAMF), connect(marker))
            } + [
                HostileEntry(
                    "B044", "marker 0d (unsupported) is a value", .connected, .works,
                    raw(
                        RTMPBytes.amf([.string("_checkbw"), .number(2)]) + [0x0D])),
                HostileEntry("B044", "AMF3 marker in front of AMF0", .handshaken, .judged) { client in
                    client.rtmp.send(connect("11 03" + app + "0000 09"))
                    _ = try client.rtmp.command("answer to connect") { $0.name == "_result" }
                },
            ]
            + [[0], []].map { (lead: [UInt8]) in
                HostileEntry("B044", "type 17 with \(lead.count) leading bytes", .connected, .judged) { client in
                    client.rtmp.send(
                        RTMPBytes.message(type: 17, lead + RTMPBytes.amf([.string("createStream"), .number(5), .null])))
                    _ = try client.rtmp.command("answer") { $0.name == "_result" && $0.transactionID == 5 }
                }
            }
            + oddNumbers.flatMap { name, number in
                [
                    HostileEntry("B045", "\(name) as transaction id", .connected, .works) { client in
                        client.rtmp.send(RTMPBytes.command([.string("createStream"), .number(number), .null]))
                        guard number != 0 else { return }
                        _ = try client.rtmp.command("answer with the same id") {
                            $0.name == "_result" && $0.transactionID.bitPattern == number.bitPattern
                        }
                    },
                    HostileEntry("B045", "\(name) in deleteStream, play and pause", .connected, .works) { client in
                        client.rtmp.send(
                            RTMPBytes.command([.string("deleteStream"), .number(0), .null, .number(number)]))
                        client.rtmp.send(
                            RTMPBytes.command(
                                [.string("receiveAudio"), .number(0), .null, .number(number)], streamID: 1))
                        client.rtmp.send(
                            RTMPBytes.command(
                                [.string("pause"), .number(0), .null, .number(number), .number(number)], streamID: 1))
                    },
                    HostileEntry("B045", "\(name) as start and duration of a play", .handshaken, .judged) { client in
                        try client.rtmp.connect()
                        let id = try client.rtmp.createStream()
                        client.rtmp.send(
                            RTMPBytes.command(
                                [
                                    .string("play"), .number(0), .null, .string("reference"), .number(number),
                                    .number(number),
                                ],
                                streamID: id))
                        let code = try client.rtmp.status { $0.code != .playReset }.code
                        try client.expect(code == .playStart, "play was answered \(code.rawValue)")
                    },
                    HostileEntry("B045", "\(name) in onMetaData", .publishing, .judged) { client in
                        try metadata(client, number)
                    },
                ]
            }

        private static let oddNumbers: [(String, Double)] = [
            ("NaN", .nan), ("infinity", .infinity), ("-infinity", -.infinity), ("-0", -0.0), ("1e300", 1e300),
            ("5e-324", .leastNonzeroMagnitude),
        ]

        private static func metadata(_ client: HostileClient, _ number: Double) throws {
            let names = ["width", "height", "framerate", "videodatarate", "audiodatarate", "duration"]
            let fields = names.map { AMF0Object.Property(key: $0, value: .number(number)) }
            client.rtmp.media(
                18, 0, RTMPBytes.amf([.string("@setDataFrame"), .string("onMetaData"), .ecmaArray(AMF0Object(fields))]))
            client.publishMedia()
            let tags = try client.viewer().tags(through: "frame 4") { stamp($0)?.number == 4 }
            let data = try #require(tags.first { $0.kind == .data }, "no metadata came through")
            let values = try AMF0.decode(ByteBuffer(bytes: data.body))
            try client.expect(
                values.first == .string("onMetaData"), "metadata begins with \(String(describing: values.first))")
            let width = values.dropFirst().first?.objectValue?["width"]
            try client.expect(
                number.isFinite ? width == .number(number) : width == nil, "width is \(String(describing: width))")
            let detail = try client.relay.admin.stream("live/\(client.stream)")
            try client.expect(detail != nil, "the API does not show the stream")
        }

        // MARK: Names

        static let names: [HostileEntry] =
            [
                HostileEntry("B046", "connect without tcUrl", .handshaken, .judged) { client in
                    client.rtmp.send(RTMPBytes.connect(tcUrl: nil))
                    _ = try client.rtmp.command("answer to connect") { $0.name == "_result" }
                },
                HostileEntry("B046", "a tcUrl that is no URL", .handshaken, .judged) { client in
                    client.rtmp.send(RTMPBytes.connect(tcUrl: "rtmp://[::1"))
                    _ = try client.rtmp.command("answer to connect") { $0.name == "_result" }
                },
                HostileEntry("B046", "a tcUrl of 60 kB", .handshaken, .judged) { client in
                    client.rtmp.send(RTMPBytes.connect(tcUrl: "rtmp://h/live/" + String(repeating: "a", count: 60_000)))
                    _ = try client.rtmp.command("answer to connect") { ["_result", "_error"].contains($0.name) }
                },
                HostileEntry(
                    "B046", "connect without anything", .handshaken, .closes(.badStreamName),
                    raw(
                        RTMPBytes.amf([.string("connect"), .number(1)]))),
            ]
            + ["", "/", "live\0x", "../../etc", "live%2f..%2f", "live/../x", "a b"].map { app in
                HostileEntry("B046", "app \(app.debugDescription)", .handshaken, .closes(.badStreamName)) { client in
                    client.rtmp.send(RTMPBytes.connect(app: app, tcUrl: nil))
                    let answer = try client.rtmp.command("answer to connect") { $0.transactionID == 1 }
                    try client.expect(answer.name == "_error", "connect was answered \(answer.name)")
                    let status = Status(answer.arguments.first)
                    try client.expect(
                        status?.code == .connectRejected, "the code is \(String(describing: status?.code.rawValue))")
                    try client.expect(status?.description.contains("RLY-1001") == true, "no stable code in the answer")
                }
            }
            + hostileNames.map { name, bytes in
                HostileEntry("B049", "stream name \(name)", .connected, .closes(.badStreamName)) { client in
                    let id = try client.rtmp.createStream()
                    let text = [0x02] + RTMPBytes.big(UInt32(bytes.count)).suffix(2) + bytes
                    client.rtmp.send(
                        RTMPBytes.message(
                            type: 20, streamID: id,
                            RTMPBytes.amf([.string("publish"), .number(0), .null]) + text
                                + RTMPBytes.amf([.string("live")])))
                    let status = try client.rtmp.status()
                    try client.expect(status.code == .publishBadName, "publish was answered \(status.code.rawValue)")
                }
            } + [
                HostileEntry("B050", "publish type record", .connected, .judged) {
                    try publishes($0, name: "kind-record", type: "record")
                },
                HostileEntry("B050", "publish type append", .connected, .judged) {
                    try publishes($0, name: "kind-append", type: "append")
                },
                HostileEntry("B050", "publish type nobody knows", .connected, .judged) {
                    try publishes($0, name: "kind-odd", type: "\u{1B}]0;x")
                },
                HostileEntry("B050", "a shell in the query", .connected, .judged) {
                    try publishes($0, name: "x?$(touch${IFS}/tmp/pwn)&token=`id`", type: "live")
                },
            ]

        private static let hostileNames: [(String, [UInt8])] = [
            ("empty", []), ("of 256 bytes", [UInt8](repeating: 0x61, count: 256)), ("that is no UTF-8", [0xFF, 0xFE]),
            ("with NUL", [0x61, 0, 0x62]), ("with CR LF", Array("a\r\nSET evil 1\r\n".utf8)), ("*", Array("*".utf8)),
            ("with brackets", Array("x[a]".utf8)), ("with colon", Array("a:b".utf8)),
            ("with braces", Array("{x}".utf8)),
            ("emoji", Array("🎥".utf8)), ("..", Array("..".utf8)), ("escaped ..", Array("%2e%2e%2f".utf8)),
            ("escape sequence", [0x1B] + Array("]0;evil\u{7}".utf8)), ("with space", Array("a b".utf8)),
        ]

        private static func publishes(_ client: HostileClient, name: String, type: String) throws {
            let id = try client.rtmp.createStream()
            client.rtmp.send(
                RTMPBytes.command([.string("publish"), .number(0), .null, .string(name), .string(type)], streamID: id))
            let code = try client.rtmp.status().code
            try client.expect(code == .publishStart, "publish was answered \(code.rawValue)")
            // Said goodbye, so that the stream is gone for the next entry.
            client.rtmp.send(RTMPBytes.command([.string("deleteStream"), .number(0), .null, .number(Double(id))]))
            _ = try client.rtmp.status { $0.code == .unpublishSuccess }
        }

        @Test("B049 hostile names reach neither metrics nor log lines, and B120 no stream name is a label")
        func namesStayOut() async throws {
            let relay = try Stage.shared().relay
            let text = try await onThread {
                String(decoding: try relay.admin.request("GET", "/metrics").body, as: UTF8.self)
            }
            #expect(!text.contains("evil") && !text.contains("reference") && !text.contains("hostile-"))
            for line in relay.logLines {
                #expect(!line.contains("SET evil") && line.utf8.allSatisfy { $0 >= 0x20 }, "\(line)")
            }
        }

        // MARK: Order and number of commands

        static let order: [HostileEntry] = [
            HostileEntry(
                "B047", "publish before connect", .handshaken, .closes(.commandOrder),
                RTMPBytes.command(
                    [.string("publish"), .number(0), .null, .string("x"), .string("live")], streamID: 1)),
            HostileEntry(
                "B047", "play before connect", .handshaken, .closes(.commandOrder),
                RTMPBytes.command(
                    [.string("play"), .number(0), .null, .string("x")], streamID: 1)),
            HostileEntry(
                "B047", "createStream before connect", .handshaken, .closes(.commandOrder),
                RTMPBytes.command(
                    [.string("createStream"), .number(2), .null])),
            HostileEntry("B047", "a second connect", .connected, .closes(.commandOrder), RTMPBytes.connect()),
            HostileEntry("B047", "a second publish on a message stream", .publishing, .closes(.commandOrder)) {
                client in
                client.rtmp.send(
                    RTMPBytes.command(
                        [.string("publish"), .number(0), .null, .string("other"), .string("live")], streamID: 1))
            },
            HostileEntry("B047", "play on the message stream that publishes", .publishing, .closes(.commandOrder)) {
                client in
                client.rtmp.send(
                    RTMPBytes.command([.string("play"), .number(0), .null, .string("reference")], streamID: 1))
            },
            HostileEntry(
                "B047", "deleteStream of an id nobody has", .connected, .works,
                RTMPBytes.command(
                    [.string("deleteStream"), .number(0), .null, .number(4_711)])),
            HostileEntry(
                "B047", "closeStream of an id nobody has", .connected, .works,
                RTMPBytes.command(
                    [.string("closeStream"), .number(0), .null], streamID: 9)),
            // The catalogue says a million; the limits are crossed long before.
            HostileEntry("B048", "createStream without end", .connected, .judged) { client in
                var answers: [String] = []
                for _ in 0..<40 { answers.append(try client.rtmp.call("createStream").name) }
                try client.expect(
                    answers == [String](repeating: "_result", count: 32) + [String](repeating: "_error", count: 8),
                    "the answers were \(answers)")
                try client.expect(try client.rtmp.answersPing(), "a ping was not answered")
            },
            HostileEntry("B048", "unknown commands without end", .connected, .closes(.commandRate)) { client in
                let bytes = (0..<1_000).flatMap { _ in RTMPBytes.command([.string("whatever"), .number(0), .null]) }
                client.rtmp.send(bytes)
            },
            HostileEntry("B048", "releaseStream and FCPublish without end", .connected, .closes(.commandRate)) {
                client in
                let bytes = (0..<500).flatMap { _ in
                    RTMPBytes.command([.string("releaseStream"), .number(3), .null, .string("x")])
                        + RTMPBytes.command([.string("FCPublish"), .number(4), .null, .string("x")])
                }
                client.rtmp.send(bytes)
            },
        ]

        // MARK: Truncation

        /// The commands of a session in the manner of an encoder, as AMF bodies.
        private static let sessions: [(name: String, bodies: [[UInt8]])] = [
            (
                "OBS",
                [
                    RTMPBytes.amf([
                        .string("connect"), .number(1),
                        .object([
                            "app": .string("live"), "type": .string("nonprivate"),
                            "flashVer": .string("FMLE/3.0 (compatible; FMSc/1.0)"),
                            "swfUrl": .string("rtmp://127.0.0.1/live"), "tcUrl": .string("rtmp://127.0.0.1/live"),
                            "fourCcList": .strictArray([.string("av01"), .string("hvc1")]),
                        ]),
                    ])
                ]
            ),
            (
                "FFmpeg",
                [
                    RTMPBytes.amf([
                        .string("connect"), .number(1),
                        .object([
                            "app": .string("live"), "type": .string("nonprivate"),
                            "flashVer": .string("FMLE/3.0 (compatible; Lavf59.27.100)"),
                            "tcUrl": .string("rtmp://127.0.0.1:1935/live"),
                        ]),
                    ])
                ]
            ),
            (
                "Flash with AMF3",
                [
                    RTMPBytes.amf([
                        .string("connect"), .number(1),
                        .ecmaArray([
                            "app": .string("live"), "flashVer": .string("WIN 11,2,202,235"), "fpad": .boolean(false),
                            "capabilities": .number(239), "audioCodecs": .number(3575), "videoCodecs": .number(252),
                            "videoFunction": .number(1), "pageUrl": .undefined, "objectEncoding": .number(3),
                        ]),
                    ])
                ]
            ),
        ]

        /// Our own writing of what these encoders say; every cut of it, as a whole message that is too short.
        @Test("B051 a command cut at any byte is answered or closed, never fatal", arguments: sessions.map(\.name))
        func truncation(_ name: String) async throws {
            let stage = try Stage.shared()
            let port = stage.relay.rtmpPort
            let bodies = Self.sessions.first { $0.name == name }?.bodies ?? []
            try await HarmCheck.around(stage, memory: 8) {
                let undecided = try await onThread {
                    var undecided: [Int] = []
                    for body in bodies {
                        for cut in 1...body.count {
                            let client = try RTMPWire(port: port)
                            try client.handshake()
                            client.send(RTMPBytes.message(type: 20, Array(body.prefix(cut))))
                            // Either it closes, or it is a whole command and the connection works.
                            if client.wire.receive(within: .seconds(2)) == .nothing, try !client.answersPing() {
                                undecided.append(cut)
                            }
                        }
                    }
                    return undecided
                }
                #expect(undecided.isEmpty)
            }
        }
    }
}
