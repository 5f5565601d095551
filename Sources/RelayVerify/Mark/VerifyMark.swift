import NIOCore
package import RelayCore

/// What every frame of a verifiable stream says about itself, so that whoever receives it can tell what is missing, late,
/// twice, damaged or of another stream. The source writes it, the checker reads it; nothing in between looks.
package struct VerifyMark: Hashable, Sendable {
    /// Video: decodable alone.
    package var isKeyframe = false
    /// Video: no other frame refers to this one.
    package var isDisposable = false
    /// Which run of which stream the frame was made in.
    package var source: VerifySourceID
    /// Which connection of which publisher; never used twice within a source.
    package var session: UInt32
    /// The frame's number in its track; consecutive in the order of sending.
    package var number: UInt64
    /// The frame's own time by its number, µs: what an ideal relay's timestamps follow.
    package var mediaTime: UInt64
    /// When the source made the frame, on the machine's monotonic clock.
    package var sentAt: MonotonicTime
    /// The same instant on the wall, ms since 1970.
    package var wallMs: Int64
    /// Checksum of the codec configuration that the frame needs: avcC or AudioSpecificConfig.
    package var configuration: UInt32
    /// Numbers of the frames of the same session that this one refers to; at most ``maximumReferences``.
    package var references: [UInt64] = []

    /// H.264 allows 16 reference frames (ISO/IEC 14496-10 A.3.1).
    package static let maximumReferences = 16

    package init(
        source: VerifySourceID, session: UInt32, number: UInt64, mediaTime: UInt64, sentAt: MonotonicTime,
        wallMs: Int64,
        configuration: UInt32
    ) {
        self.source = source
        self.session = session
        self.number = number
        self.mediaTime = mediaTime
        self.sentAt = sentAt
        self.wallMs = wallMs
        self.configuration = configuration
    }
}

/// Eight bytes that tell sources apart: the stream's name and one run of a source.
package struct VerifySourceID: Hashable, Sendable, CustomStringConvertible {
    /// Checksum of `app/name`, so that a checker that knows what it plays recognises frames of another stream.
    package var stream: UInt32
    /// Random per run; the same for all publishers of an aligned source, which are one source with several cables.
    package var run: UInt32

    package init(stream: UInt32, run: UInt32) {
        self.stream = stream
        self.run = run
    }

    /// The id of a run of the stream `app/name`.
    package init(streamName: String, run: UInt32) {
        self.init(stream: CRC32C.checksum(of: ByteBuffer(string: streamName)), run: run)
    }

    package var description: String { "\(String(stream, radix: 16)).\(String(run, radix: 16))" }
}
