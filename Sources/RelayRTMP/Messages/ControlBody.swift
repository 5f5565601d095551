import NIOCore

/// The one 32-bit field that most protocol control messages consist of. RTMP 1.0 section 5.4.
enum ControlBody {
    /// Reads it; bytes behind it are ignored.
    ///
    /// - Returns: nil for an empty body, which senders of padding produce and which means nothing.
    /// - Throws: ``RTMPError/truncatedControl(type:)`` for 1 to 3 bytes.
    static func read(_ payload: ByteBuffer, type: UInt8) throws(RTMPError) -> UInt32? {
        guard payload.readableBytes > 0 else { return nil }
        guard let value = payload.getInteger(at: payload.readerIndex, as: UInt32.self) else {
            throw .truncatedControl(type: type)
        }
        return value
    }
}
