package import NIOCore

/// Message type 2: the message begun on a chunk stream will not be finished. RTMP 1.0 section 5.4.2.
package struct Abort: Sendable, Hashable {
    /// The chunk stream whose message is dropped.
    package var csid: UInt32

    package init(csid: UInt32) { self.csid = csid }

    /// Decodes a body; nil when it is empty.
    ///
    /// - Throws: ``RTMPError/truncatedControl(type:)``.
    package init?(_ payload: ByteBuffer) throws(RTMPError) {
        guard let value = try ControlBody.read(payload, type: RTMPMessageType.abort) else { return nil }
        csid = value
    }

    /// Writes the whole message, chunk header included.
    package func encode(into buffer: inout ByteBuffer) {
        ChunkEncoder.writeControl(type: RTMPMessageType.abort, into: &buffer) { $0.writeInteger(csid) }
    }
}
