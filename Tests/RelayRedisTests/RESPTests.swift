import NIOCore
import RelayRedis
import Testing

/// What a server may say, and what it must not.
private enum Vectors {
    static let good: [(name: String, value: RESPValue, bytes: String)] = [
        ("status", .status("OK"), "+OK\r\n"),
        ("empty status", .status(""), "+\r\n"),
        ("error", .error("ERR no such thing"), "-ERR no such thing\r\n"),
        ("integer", .integer(-42), ":-42\r\n"),
        ("largest integer", .integer(.max), ":9223372036854775807\r\n"),
        ("bulk", .bytes(Array("a\r\nb".utf8)), "$4\r\na\r\nb\r\n"),
        ("empty bulk", .bytes([]), "$0\r\n\r\n"),
        ("null bulk", .null, "$-1\r\n"),
        ("null array", .null, "*-1\r\n"),
        ("empty array", .array([]), "*0\r\n"),
        ("array", .array([.integer(1), .null, .bytes(Array("x".utf8))]), "*3\r\n:1\r\n$-1\r\n$1\r\nx\r\n"),
        (
            "array that ends in arrays", .array([.array([.array([.integer(1)]), .array([])]), .status("z")]),
            "*2\r\n*2\r\n*1\r\n:1\r\n*0\r\n+z\r\n"
        ),
        (
            "deepest", .array([.array([.array([.array([.array([.array([.array([.array([.integer(8)])])])])])])])]),
            String(repeating: "*1\r\n", count: 8) + ":8\r\n"
        ),
    ]

    static let bad: [(name: String, error: RESPError, bytes: String)] = [
        ("bulk without end", .bulkTooLong, "$9999999999\r\n"),
        ("bulk just too long", .bulkTooLong, "$1048577\r\n"),
        ("negative bulk", .badNumber, "$-2\r\n"),
        ("array without end", .tooManyElements, "*2147483647\r\n"),
        ("array beyond 64 bits", .badNumber, "*99999999999999999999\r\n"),
        ("negative array", .badNumber, "*-2\r\n"),
        ("nested without end", .tooDeep, String(repeating: "*1\r\n", count: 100_000)),
        ("one too deep", .tooDeep, String(repeating: "*1\r\n", count: 9)),
        ("empty one too deep", .tooDeep, String(repeating: "*1\r\n", count: 8) + "*0\r\n"),
        ("many in many", .tooManyElements, "*60000\r\n*60000\r\n"),
        ("RESP3 map", .unknownType(UInt8(ascii: "%")), "%1\r\n+a\r\n+b\r\n"),
        ("RESP3 null", .unknownType(UInt8(ascii: "_")), "_\r\n"),
        ("garbage", .unknownType(UInt8(ascii: "H")), "HTTP/1.1 400 Bad Request\r\n"),
        ("TLS alert", .unknownType(0x15), "\u{15}\u{03}\u{03}"),
        ("empty line", .unknownType(UInt8(ascii: "\r")), "\r\n"),
        ("length that is no number", .badNumber, "$x\r\n"),
        ("length with a sign", .badNumber, "$+1\r\nx\r\n"),
        ("no length", .badNumber, "$\r\n"),
        ("number without end", .badNumber, ":" + String(repeating: "1", count: 100)),
        ("line without end", .lineTooLong, "+" + String(repeating: "x", count: 70_000)),
        ("line feed alone", .badEnding, "+OK\n"),
        ("bulk that is longer than it says", .badEnding, "$1\r\nxyz"),
    ]
}

@Suite("RESP") struct RESPTests {
    private func read(_ bytes: String, pieces size: Int) throws(RESPError) -> [RESPValue] {
        let reader = RESPReader()
        var values: [RESPValue] = []
        var rest = Array(bytes.utf8)[...]
        while !rest.isEmpty {
            reader.append(ByteBuffer(bytes: rest.prefix(size)))
            rest = rest.dropFirst(size)
            while let value = try reader.next() { values.append(value) }
        }
        return values
    }

    @Test("Replies are read whole, glued and byte by byte", arguments: [1, 2, 3, 7, 1 << 20])
    func good(size: Int) throws {
        for vector in Vectors.good {
            #expect(try read(vector.bytes, pieces: size) == [vector.value], "\(vector.name)")
        }
        let all = Vectors.good.map(\.bytes).joined()
        #expect(try read(all, pieces: size) == Vectors.good.map(\.value))
    }

    @Test("A reply that is not whole is waited for")
    func half() throws {
        for vector in Vectors.good {
            let reader = RESPReader()
            reader.append(ByteBuffer(bytes: Array(vector.bytes.utf8).dropLast()))
            #expect(try reader.next() == nil, "\(vector.name)")
        }
    }

    @Test("What is no acceptable reply is refused before memory is spent on it", arguments: [1, 1 << 20])
    func bad(size: Int) {
        for vector in Vectors.bad {
            #expect(throws: vector.error, "\(vector.name)") { try read(vector.bytes, pieces: size) }
            #expect(throws: vector.error, "\(vector.name) after a good one") {
                try read(":1\r\n" + vector.bytes, pieces: size)
            }
        }
    }

    @Test("A value of exactly 1 MiB is read, and replies of many such values end at the limit")
    func large() throws {
        let value = String(repeating: "v", count: 1 << 20)
        let bulk = "$\(1 << 20)\r\n\(value)\r\n"
        #expect(try read(bulk, pieces: 65_536) == [.bytes(Array(value.utf8))])
        #expect(throws: RESPError.replyTooLong) {
            try read("*9\r\n" + String(repeating: bulk, count: 9), pieces: 1 << 20)
        }
    }

    @Test("Random bytes never get further than an error")
    func random() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("+-:$*0123456789\r\nab".utf8)
        for _ in 0..<5_000 {
            let bytes = (0..<40).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] }
            let reader = RESPReader()
            reader.append(ByteBuffer(bytes: bytes))
            do throws(RESPError) {
                while try reader.next() != nil {}
            } catch {
                // Everything that the scanner lets pass, hiredis must take.
                if case .unreadable(let text) = error {
                    Issue.record("\(text): \(String(decoding: bytes, as: UTF8.self))")
                }
            }
        }
    }

    @Test("Commands are formatted with the length of each argument")
    func commands() throws {
        func format(_ arguments: [String]) -> String? {
            var buffer = ByteBuffer()
            guard let command = RESPCommand(arguments) else { return nil }
            command.write(into: &buffer)
            return String(buffer: buffer)
        }
        #expect(format(["PING"]) == "*1\r\n$4\r\nPING\r\n")
        #expect(format(["SET", "k", ""]) == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n")
        #expect(format([""]) == "*1\r\n$0\r\n\r\n")
        #expect(format(["é\r\n", "a b"]) == "*2\r\n$4\r\né\r\n\r\n$3\r\na b\r\n")
        #expect(format([]) == nil)
    }
}
