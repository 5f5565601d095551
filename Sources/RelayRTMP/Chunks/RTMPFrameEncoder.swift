package import NIOCore
package import RelayCore

/// Writes a frame as the chunks of one RTMP message; the fan-out calls it once per frame and event loop.
///
/// The bytes depend only on the frame, the chunk size and the message stream id, so one buffer serves every viewer that
/// was announced the same chunk size and plays on the same message stream.
package enum RTMPFrameEncoder {
    /// The message stream that nearly every player plays on: the first that `createStream` gives out.
    package static let usualStreamID: UInt32 = 1

    /// Appends the frame; its timestamp is the low 32 bits of its dts.
    ///
    /// - Returns: false, with nothing written, when the body does not fit a message (16 MiB).
    @discardableResult
    package static func write(
        _ frame: Frame, chunkSize: Int, streamID: UInt32 = usualStreamID, into buffer: inout ByteBuffer
    ) -> Bool {
        ChunkEncoder.write(
            type: frame.kind.rawValue, timestamp: UInt32(truncatingIfNeeded: frame.dts), streamID: streamID,
            csid: chunkStream(of: frame.kind), payload: frame.body, chunkSize: chunkSize, into: &buffer)
    }

    /// Bytes that ``write(_:chunkSize:streamID:into:)`` will append, so that a batch can be reserved at once.
    package static func wireLength(of frame: Frame, chunkSize: Int) -> Int {
        ChunkEncoder.wireLength(
            payload: frame.body.readableBytes, chunkSize: Swift.max(1, chunkSize),
            isExtended: UInt32(truncatingIfNeeded: frame.dts) >= ChunkEncoder.extendedTimestamp,
            csid: chunkStream(of: frame.kind))
    }

    private static func chunkStream(of kind: MediaKind) -> UInt32 {
        switch kind {
        case .audio: ChunkStreamID.audio
        case .video: ChunkStreamID.video
        case .data: ChunkStreamID.data
        }
    }
}
