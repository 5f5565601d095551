import RelayTestKit

/// A WebSocket viewer that reads frames by hand.
final class WebSocketWire {
    let wire: WireClient
    /// Pongs seen so far.
    private(set) var pongs = 0

    /// Opens the WebSocket.
    init(port: Int, path: String) throws {
        wire = try WireClient(port: port)
        wire.send(
            Array(
                ("GET \(path) HTTP/1.1\r\nHost: relay\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(Integration.HostileHTTPTests.goodKey)\r\n\r\n")
                    .utf8))
        let head = wire.readHead()
        // The example of RFC 6455 section 1.3.
        guard head?.status == 101, head?.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" else {
            throw NotInTime("a WebSocket; the answer was \(head?.status ?? 0)", within: .seconds(5))
        }
    }

    /// The next frame; nil at the end.
    func next(within limit: Duration) -> (opcode: UInt8, payload: [UInt8])? {
        guard let head = wire.read(2, within: limit) else { return nil }
        var length = Int(head[1] & 0x7F)
        if length >= 126 {
            guard let more = wire.read(length == 126 ? 2 : 8, within: limit) else { return nil }
            length = more.reduce(0) { $0 << 8 | Int($1) }
        }
        guard let payload = length == 0 ? [] : wire.read(length, within: limit) else { return nil }
        if head[0] & 0xF == 0xA { pongs += 1 }
        return (head[0] & 0xF, payload)
    }

    /// The status code of the close frame that ends the connection; nil when it ended without one or not in time.
    func closeCode(within limit: Duration) -> UInt16? {
        let deadline = ContinuousClock.now + limit
        while let frame = next(within: deadline - .now) {
            guard frame.opcode == 8 else { continue }
            guard frame.payload.count >= 2, wire.readToEnd(within: deadline - .now) != nil else { return nil }
            return UInt16(frame.payload[0]) << 8 | UInt16(frame.payload[1])
        }
        return nil
    }
}
