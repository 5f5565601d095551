package import NIOCore

/// Message type 6: the receiver should limit what it has in flight. RTMP 1.0 section 5.4.5.
package struct SetPeerBandwidth: Sendable, Hashable {
    /// Limit type "dynamic".
    package static let dynamic: UInt8 = 2

    /// The window, bytes.
    package var size: UInt32
    /// 0 hard, 1 soft, 2 dynamic; anything else means nothing.
    package var limitType: UInt8

    package init(size: UInt32, limitType: UInt8 = SetPeerBandwidth.dynamic) {
        self.size = size
        self.limitType = limitType
    }

    /// Decodes a body; nil when it is empty. A missing limit type is read as dynamic.
    ///
    /// - Throws: ``RTMPError/truncatedControl(type:)``.
    package init?(_ payload: ByteBuffer) throws(RTMPError) {
        guard let value = try ControlBody.read(payload, type: RTMPMessageType.setPeerBandwidth) else { return nil }
        size = value
        limitType = payload.getInteger(at: payload.readerIndex &+ 4, as: UInt8.self) ?? Self.dynamic
    }

    /// Writes the whole message, chunk header included.
    package func encode(into buffer: inout ByteBuffer) {
        ChunkEncoder.writeControl(type: RTMPMessageType.setPeerBandwidth, into: &buffer) {
            $0.writeInteger(size)
            $0.writeInteger(limitType)
        }
    }
}
