import Foundation
import NIOCore
package import RelayCore
import RelayFLV

/// An HTTP answer as it came.
package struct HTTPReply: Sendable {
    package let status: Int
    /// Names in lower case.
    package let headers: [String: String]
    package let body: [UInt8]

    /// Reads a head and what follows it; nil when it is no HTTP answer.
    package init?(_ bytes: [UInt8]) {
        let end = Array("\r\n\r\n".utf8)
        guard bytes.count >= end.count,
            let split = (0...(bytes.count - end.count)).first(where: { Array(bytes[$0..<($0 + end.count)]) == end })
        else { return nil }
        let lines = String(decoding: bytes[..<split], as: UTF8.self).components(separatedBy: "\r\n")
        let first = lines[0].split(separator: " ")
        guard first.count >= 2, first[0].hasPrefix("HTTP/1."), let status = Int(first[1]) else { return nil }
        self.status = status
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                in: .whitespaces)
        }
        self.headers = headers
        body = Array(bytes[(split + end.count)...])
    }

    /// The stable code in the body of a refusal; nil when there is none.
    package var problemCode: String? {
        struct Body: Decodable { var code: String, message: String, hint: String }
        guard headers["content-type"] == "application/problem+json" else { return nil }
        return (try? JSONDecoder().decode(Body.self, from: Data(body)))?.code
    }
}

extension WireClient {
    /// Reads the head of an answer, and leaves what follows it.
    ///
    /// - Returns: nil when there was no whole head in time.
    package func readHead(within limit: Duration = .seconds(5)) -> HTTPReply? {
        let deadline = ContinuousClock.now + limit
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual(Array("\r\n\r\n".utf8)) {
            guard bytes.count < 65_536, let byte = read(1, within: deadline - .now) else { return nil }
            bytes += byte
        }
        return HTTPReply(bytes)
    }
}

/// A viewer of HTTP-FLV that reads when it is told to.
package final class FLVWire {
    package struct Tag: Sendable {
        package var kind: MediaKind
        package var timestamp: UInt32
        package var body: [UInt8]

        /// Whether it is an AVC or AAC sequence header.
        package var isSequenceHeader: Bool {
            kind != .data && body.count > 1 && body[1] == 0
                && (kind == .video ? body[0] & 0xF == 7 : body[0] >> 4 == 10)
        }
        /// Whether it is a legacy video keyframe with a picture.
        package var isKeyframe: Bool { kind == .video && body.first.map { $0 >> 4 == 1 } == true && !isSequenceHeader }
    }

    package let wire: WireClient
    /// The head of the answer.
    package let reply: HTTPReply
    private var reader = FLVReader(
        limits: {
            var limits = FLVReader.Limits()
            limits.video = 16 << 20
            return limits
        }())
    /// Set by the header.
    package private(set) var hasAudio = false
    package private(set) var hasVideo = false

    /// Asks for a stream.
    ///
    /// - Throws: ``NotInTime`` without an answer.
    package init(port: Int, path: String, headers: String = "", receiveBuffer: Int32? = nil) throws {
        wire = try WireClient(port: port, receiveBuffer: receiveBuffer)
        wire.send(Array("GET \(path) HTTP/1.1\r\nHost: relay\r\n\(headers)\r\n".utf8))
        guard let reply = wire.readHead() else { throw NotInTime("an answer to GET \(path)", within: .seconds(5)) }
        self.reply = reply
    }

    /// The next tag; nil when the end or the limit came first.
    package func next(within limit: Duration = .seconds(5)) throws -> Tag? {
        let deadline = ContinuousClock.now + limit
        while true {
            if let item = try reader.next() {
                switch item {
                case .header(let header): (hasAudio, hasVideo) = (header.hasAudio, header.hasVideo)
                case .tag(let kind, let timestamp, let body):
                    return Tag(kind: kind, timestamp: timestamp, body: Array(body.readableBytesView))
                }
                continue
            }
            guard case .bytes(let bytes) = wire.receive(within: deadline - .now) else { return nil }
            reader.append(ByteBuffer(bytes: bytes))
        }
    }

    /// Tags until one fits, all of them.
    ///
    /// - Throws: ``NotInTime`` when none came.
    package func tags(
        through what: String, within limit: Duration = .seconds(5), _ fits: (Tag) -> Bool
    ) throws -> [Tag] {
        let deadline = ContinuousClock.now + limit
        var tags: [Tag] = []
        while let tag = try next(within: deadline - .now) {
            tags.append(tag)
            if fits(tag) { return tags }
        }
        throw NotInTime("a tag: \(what); there were \(tags.count)", within: limit)
    }
}
