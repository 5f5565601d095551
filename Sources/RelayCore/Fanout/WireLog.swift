import DequeModule
package import NIOCore

/// The shared ring of one stream in one wire form on one event loop: every frame serialised once, in batches that are one
/// contiguous buffer each. Subscribers are cursors into it (``SubscriberQueue``), never copies of it.
///
/// A *position* numbers the log's frames from 0, consecutively; it differs from the frame id when a selection leaves frames
/// out. The log keeps what a joining subscriber needs (from the newest keyframe on) and what a slow one may still be given
/// (the retention), within a bound in bytes and frames.
package struct WireLog: Sendable {
    /// Bounds of the ring.
    package struct Limits: Sendable, Hashable {
        /// How long frames older than the newest keyframe are kept for slow subscribers; the skip bound of the queue.
        package var retention: Duration
        /// Most bytes kept, whatever the retention and the GOP.
        package var bytes: Int
        /// Most frames kept.
        package var frames: Int

        package init(retention: Duration = .seconds(3), bytes: Int = 16 << 20, frames: Int = 4_096) {
            self.retention = retention
            self.bytes = bytes
            self.frames = frames
        }
    }

    /// One frame in the log.
    package struct Entry: Sendable {
        /// Bytes of frames appended before this one, over the log's whole life.
        package var bytesBefore: UInt64
        /// The frame's decoding time, ms.
        package var dts: Int64
        /// Where the frame lies in its batch's buffer: reader index and length.
        package var offset: Int32
        package var length: Int32
        package var flags: FrameFlags
        package var kind: MediaKind
        package var trackID: UInt8
    }

    /// One flush: the frames gathered since the one before, contiguous.
    package struct Batch: Sendable {
        /// The serialised frames; `prefix` bytes of framing (a WebSocket header) precede the first.
        package var buffer: ByteBuffer
        /// Position of the first frame.
        package var first: UInt64
        /// Position after the last frame.
        package var end: UInt64
        /// When the batch was made.
        package var arrival: MonotonicTime
    }

    private let limits: Limits
    private var entries: Deque<Entry> = []
    private var batches: Deque<Batch> = []

    /// Position of the oldest frame held.
    package private(set) var start: UInt64 = 0
    /// Position that the next frame will get.
    package private(set) var head: UInt64 = 0
    /// Decoding time of the newest audio or video frame ever appended, ms.
    package private(set) var lastDts: Int64 = 0
    /// Bytes of frames ever appended.
    package private(set) var totalBytes: UInt64 = 0
    /// Position of the newest keyframe of the default video track held.
    package private(set) var newestKey: UInt64?
    /// Position of the first frame of the publisher that sends now; what is before it was another's.
    private var sessionStart: UInt64 = 0
    /// Where a subscriber that has missed something can go on: the newest keyframe, or where the publisher begins.
    var restart: UInt64 { newestKey ?? sessionStart }
    /// Whether the stream has a default video track in this form, so that a subscriber without a keyframe has to wait for one.
    package private(set) var hasVideo: Bool
    /// Bytes of frames held now.
    package var heldBytes: Int { Int(clamping: totalBytes &- (entries.first?.bytesBefore ?? totalBytes)) }
    /// Frames held now.
    package var heldFrames: Int { entries.count }

    /// An empty log.
    ///
    /// - Parameter hasVideo: Whether the stream is known to have video in this form already.
    package init(limits: Limits = Limits(), hasVideo: Bool = false) {
        self.limits = limits
        self.hasVideo = hasVideo
    }

    /// Appends one flush's frames.
    ///
    /// - Parameters:
    ///   - buffer: The frames in wire form, contiguous, after `prefix` bytes of framing of the whole batch.
    ///   - frames: The frames, in order, with the length in bytes of each one's wire form; not empty.
    ///   - now: The present.
    /// - Returns: The batch, for the subscribers that keep up.
    @discardableResult
    package mutating func append(
        _ buffer: ByteBuffer, prefix: Int, frames: some Sequence<(frame: Frame, length: Int)>, now: MonotonicTime
    ) -> Batch {
        let first = head
        var offset = Int32(clamping: buffer.readerIndex &+ prefix)
        for (frame, length) in frames {
            if frame.kind == .video, frame.trackID == 0 {
                hasVideo = true
                if frame.flags.contains(.key) { newestKey = head }
            }
            entries.append(
                Entry(
                    bytesBefore: totalBytes, dts: frame.dts, offset: offset, length: Int32(clamping: length),
                    flags: frame.flags,
                    kind: frame.kind, trackID: frame.trackID))
            offset &+= Int32(clamping: length)
            // Metadata is carried at 0 in every form.
            if frame.kind != .data { lastDts = frame.dts }
            totalBytes &+= UInt64(clamping: length)
            head &+= 1
        }
        let batch = Batch(buffer: buffer, first: first, end: head, arrival: now)
        batches.append(batch)
        trim(now: now)
        return batch
    }

    /// Lets go of the batches that no bound asks for any more. Called by `append`; the sweep calls it for idle streams.
    package mutating func trim(now: MonotonicTime) {
        while let oldest = batches.first, batches.count > 1 {
            let isOver = heldBytes > limits.bytes || entries.count > limits.frames
            let isOld = now - oldest.arrival > limits.retention
            let precedesKey = newestKey.map { oldest.end <= $0 } ?? true
            guard isOver || (isOld && precedesKey) else { break }
            batches.removeFirst()
            let count = Int(clamping: oldest.end &- oldest.first)
            entries.removeFirst(min(count, entries.count))
            start = oldest.end
            if let key = newestKey, key < start { newestKey = nil }
        }
    }

    /// The publisher changed: no keyframe held belongs to what follows, so nobody may join at one.
    ///
    /// What follows begins with a keyframe, if it has video at all, so nobody has to wait for one either.
    package mutating func forgetKeyframe() {
        newestKey = nil
        sessionStart = head
        hasVideo = false
    }

    /// The frame at a position, or nil when it is no longer or not yet held.
    package func entry(at position: UInt64) -> Entry? {
        guard position >= start, position < head else { return nil }
        let index = Int(clamping: position &- start)
        return index < entries.count ? entries[index] : nil
    }

    /// The batch that holds a position, or nil when it is no longer or not yet held.
    package func batch(holding position: UInt64) -> Batch? {
        guard position >= start, position < head else { return nil }
        var low = batches.startIndex
        var high = batches.endIndex
        while low < high {
            let middle = (low &+ high) / 2
            if batches[middle].end <= position { low = middle &+ 1 } else { high = middle }
        }
        return low < batches.endIndex ? batches[low] : nil
    }

    /// The bytes of the frames `range`, which must lie in one batch; nil when they are not all held in one.
    package func bytes(of range: Range<UInt64>) -> ByteBuffer? {
        guard !range.isEmpty, let batch = batch(holding: range.lowerBound), range.upperBound <= batch.end,
            let first = entry(at: range.lowerBound), let last = entry(at: range.upperBound &- 1)
        else { return nil }
        let from = Int(first.offset)  // bounded: Int is wider
        let length = Int(last.offset) &+ Int(last.length) &- from  // bounded: Int is wider
        return batch.buffer.getSlice(at: from, length: length)
    }

    /// Bytes of frames from a position to the head.
    package func backlog(from position: UInt64) -> Int {
        guard position < head else { return 0 }
        return Int(clamping: totalBytes &- (entry(at: max(position, start))?.bytesBefore ?? totalBytes))
    }
}
