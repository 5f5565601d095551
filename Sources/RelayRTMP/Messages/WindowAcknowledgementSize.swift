package import NIOCore

/// Message type 5: the sender expects an acknowledgement at least each so many bytes. RTMP 1.0 section 5.4.4.
package struct WindowAcknowledgementSize: Sendable, Hashable {
    /// The window, bytes.
    package var size: UInt32

    package init(size: UInt32) { self.size = size }

    /// Decodes a body; nil when it is empty.
    ///
    /// - Throws: ``RTMPError/truncatedControl(type:)``.
    package init?(_ payload: ByteBuffer) throws(RTMPError) {
        guard let value = try ControlBody.read(payload, type: RTMPMessageType.windowAcknowledgementSize) else {
            return nil
        }
        size = value
    }

    /// Writes the whole message, chunk header included.
    package func encode(into buffer: inout ByteBuffer) {
        ChunkEncoder.writeControl(type: RTMPMessageType.windowAcknowledgementSize, into: &buffer) {
            $0.writeInteger(size)
        }
    }
}
