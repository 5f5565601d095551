import NIOCore
import Testing

@testable import RelayNode

@Suite struct WebSocketFramingTests {
    /// RFC 6455 section 5.2: the smallest form that holds the length has to be used.
    static let vectors: [(length: Int, header: [UInt8])] = [
        (0, [0x82, 0]), (1, [0x82, 1]), (125, [0x82, 125]),
        (126, [0x82, 126, 0, 126]), (127, [0x82, 126, 0, 127]), (65_535, [0x82, 126, 0xFF, 0xFF]),
        (65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        (0x0102_0304_05, [0x82, 127, 0, 0, 0, 1, 2, 3, 4, 5]),
    ]

    @Test(arguments: vectors)
    func `a header has the smallest form for its length`(length: Int, header: [UInt8]) {
        var buffer = ByteBuffer()
        WebSocketFraming.writeHeader(opcode: WebSocketFraming.binary, payloadLength: length, into: &buffer)
        #expect(Array(buffer.readableBytesView) == header)
        #expect(WebSocketFraming.headerLength(payloadLength: length) == header.count)
        #expect(header.count <= WebSocketFraming.maximumHeaderLength)
    }

    @Test(
        arguments: [(WebSocketFraming.binary, 0x82), (WebSocketFraming.close, 0x88), (WebSocketFraming.pong, 0x8A)]
            as [(UInt8, UInt8)])
    func `frames are final and not masked`(opcode: UInt8, first: UInt8) {
        var buffer = ByteBuffer()
        WebSocketFraming.writeHeader(opcode: opcode, payloadLength: 5, into: &buffer)
        #expect(Array(buffer.readableBytesView) == [first, 5])
    }
}
