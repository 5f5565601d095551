import NIOCore

/// The frames of a stream as they were stamped, for other nodes: the GOP in progress and the one before it, so that a child
/// that changes its parent goes on behind the frame it has.
///
/// Bounded as the GOP cache is; a stream without video keeps the frames of its newest seconds.
package struct StreamHistory: Sendable {
    /// Media time kept of a stream without keyframes, ms.
    package static let withoutKeyframes: Int64 = 2_000

    private let limits: GOPCache.Limits
    private var previous: [Frame] = []
    private var current: [Frame] = []
    private var previousBytes = 0
    private var currentBytes = 0
    private var hasKeyframe = false

    /// An empty history.
    package init(limits: GOPCache.Limits = GOPCache.Limits()) { self.limits = limits }

    /// Takes in the stream's next frame.
    package mutating func append(_ frame: Frame) {
        let isKey = frame.flags.contains(.key) && frame.kind == .video && frame.trackID == 0
        if isKey || isFull || (!hasKeyframe && span(current) > Self.withoutKeyframes) {
            previous = isFull && !isKey ? [] : current
            previousBytes = isFull && !isKey ? 0 : currentBytes
            current = []
            currentBytes = 0
            if isKey { hasKeyframe = true }
        }
        current.append(frame)
        currentBytes &+= frame.body.readableBytes
        if previousBytes &+ currentBytes > limits.bytes {
            previous = []
            previousBytes = 0
        }
    }

    private var isFull: Bool {
        current.count >= limits.frames || currentBytes > limits.bytes || span(current) > limits.milliseconds
    }

    private func span(_ frames: [Frame]) -> Int64 {
        guard let first = frames.first, let last = frames.last else { return 0 }
        return last.dts &- first.dts
    }

    /// Forgets everything: what follows has nothing to do with it.
    package mutating func clear() {
        previous = []
        current = []
        previousBytes = 0
        currentBytes = 0
        hasKeyframe = false
    }

    /// The frames behind `id`, if all of them are held (none when `id` is the newest); nil when some are not.
    package func frames(after id: UInt64) -> [Frame]? {
        guard let newest = current.last?.id ?? previous.last?.id else { return nil }
        if id >= newest { return id == newest ? [] : nil }
        if let first = current.first, id &+ 1 >= first.id { return current.filter { $0.id > id } }
        guard let first = previous.first, id &+ 1 >= first.id else { return nil }
        return previous.filter { $0.id > id } + current
    }

    /// The GOP in progress, from its keyframe on; empty when the stream has no video, or its keyframe is not held.
    package var newestGOP: [Frame] {
        guard let first = current.first, first.flags.contains(.key), first.kind == .video else { return [] }
        return current
    }

    /// From the oldest keyframe held that is within so many ms of the newest frame.
    package func window(milliseconds: Int64) -> [Frame] {
        guard let newest = current.last?.dts, let first = previous.first, first.flags.contains(.key),
            newest &- first.dts <= milliseconds
        else { return newestGOP }
        return previous + newestGOP
    }
}
