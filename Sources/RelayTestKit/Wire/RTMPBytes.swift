import NIOCore
package import RelayRTMP

/// RTMP bytes as tests write them: nothing is checked, so that everything can be said.
package enum RTMPBytes {
    /// C0 and C1 of the simple handshake, RTMP 1.0 section 5.2.
    package static var c0c1: [UInt8] { [3] + c1() }

    /// C1: time, version, and bytes with a pattern.
    package static func c1(version: [UInt8] = [0, 0, 0, 0]) -> [UInt8] {
        [0, 0, 0, 0] + version + (0..<1528).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
    }

    /// A message with a type 0 header, in chunks.
    package static func message(
        type: UInt8, timestamp: UInt32 = 0, streamID: UInt32 = 0, csid: UInt8 = 3, chunkSize: Int = 128,
        _ payload: [UInt8]
    ) -> [UInt8] {
        let isExtended = timestamp >= 0xFF_FFFF
        let extended = isExtended ? big(timestamp) : []
        var bytes = [csid] + (isExtended ? [0xFF, 0xFF, 0xFF] : Array(big(timestamp).dropFirst()))
        bytes += big(UInt32(payload.count)).dropFirst() + [type] + big(streamID).reversed() + extended
        bytes += payload.prefix(chunkSize)
        var rest = payload.dropFirst(chunkSize)
        while !rest.isEmpty {
            bytes += [0xC0 | csid] + extended + rest.prefix(chunkSize)
            rest = rest.dropFirst(chunkSize)
        }
        return bytes
    }

    /// A type 0 header that announces a length, without payload.
    package static func header(
        type: UInt8, length: Int, timestamp: UInt32 = 0, streamID: UInt32 = 1, csid: UInt8 = 6
    ) -> [UInt8] {
        [csid] + big(timestamp).dropFirst() + big(UInt32(length)).dropFirst() + [type] + big(streamID).reversed()
    }

    /// A command (type 20) of AMF0 values.
    package static func command(_ values: [AMF0Value], streamID: UInt32 = 0, chunkSize: Int = 128) -> [UInt8] {
        message(type: 20, streamID: streamID, chunkSize: chunkSize, amf(values))
    }

    /// AMF0 bytes of values.
    package static func amf(_ values: [AMF0Value]) -> [UInt8] { Array(AMF0.encode(values).readableBytesView) }

    /// `connect` with what servers need.
    package static func connect(app: String = "live", tcUrl: String? = "rtmp://127.0.0.1/live", transaction: Double = 1)
        -> [UInt8]
    {
        var object: AMF0Object = ["app": .string(app), "flashVer": .string("FMLE/3.0 (test)")]
        if let tcUrl { object["tcUrl"] = .string(tcUrl) }
        return command([.string("connect"), .number(transaction), .object(object)])
    }

    /// A user control message, RTMP 1.0 section 7.1.7.
    package static func userControl(_ event: UInt16, _ body: [UInt8]) -> [UInt8] {
        message(type: 4, csid: 2, [UInt8(event >> 8), UInt8(event & 0xFF)] + body)
    }

    /// Set Chunk Size.
    package static func setChunkSize(_ size: UInt32) -> [UInt8] { message(type: 1, csid: 2, big(size)) }

    /// Four bytes, most significant first.
    package static func big(_ value: UInt32) -> [UInt8] {
        [
            UInt8(truncatingIfNeeded: value >> 24), UInt8(truncatingIfNeeded: value >> 16),
            UInt8(truncatingIfNeeded: value >> 8),
            UInt8(truncatingIfNeeded: value),
        ]
    }

    /// Eight bytes of a double, as AMF0 has them after the marker 0.
    package static func number(_ value: Double) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (56 - 8 * $0)) }
    }

    /// The bytes of a hexadecimal text; anything that is no digit is skipped.
    package static func hex(_ text: String) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
