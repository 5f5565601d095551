package import NIOCore

/// Message type 3: how many bytes were received so far, modulo 2^32. RTMP 1.0 section 5.4.3.
package struct Acknowledgement: Sendable, Hashable {
    /// The cumulative count.
    package var sequence: UInt32

    package init(sequence: UInt32) { self.sequence = sequence }

    /// Decodes a body; nil when it is empty.
    ///
    /// - Throws: ``RTMPError/truncatedControl(type:)``.
    package init?(_ payload: ByteBuffer) throws(RTMPError) {
        guard let value = try ControlBody.read(payload, type: RTMPMessageType.acknowledgement) else { return nil }
        sequence = value
    }

    /// Writes the whole message, chunk header included.
    package func encode(into buffer: inout ByteBuffer) {
        ChunkEncoder.writeControl(type: RTMPMessageType.acknowledgement, into: &buffer) { $0.writeInteger(sequence) }
    }
}
