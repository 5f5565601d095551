package import NIOCore

/// Message type 1: the sender's chunk size from its next chunk on. RTMP 1.0 section 5.4.1.
package struct SetChunkSize: Sendable, Hashable {
    /// Bytes of payload per chunk. Bit 31 must be zero; the reader of the message decides what it accepts.
    package var size: UInt32

    package init(size: UInt32) { self.size = size }

    /// Decodes a body; nil when it is empty.
    ///
    /// - Throws: ``RTMPError/truncatedControl(type:)``.
    package init?(_ payload: ByteBuffer) throws(RTMPError) {
        guard let value = try ControlBody.read(payload, type: RTMPMessageType.setChunkSize) else { return nil }
        size = value
    }

    /// Writes the whole message, chunk header included.
    package func encode(into buffer: inout ByteBuffer) {
        ChunkEncoder.writeControl(type: RTMPMessageType.setChunkSize, into: &buffer) { $0.writeInteger(size) }
    }
}
