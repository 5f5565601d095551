import NIOCore

/// What a new subscriber is given at once: the frames since the newest keyframe, bounded in bytes, frames and seconds.
///
/// A GOP that outgrows a bound is given up whole, since a piece without its keyframe cannot be decoded; the next keyframe
/// starts anew. A stream without video has nothing to catch up with, so its cache stays empty.
package struct GOPCache: Sendable {
    /// Bounds of the cache; configuration keys `gop.*`.
    package struct Limits: Sendable, Hashable {
        /// Most bytes of frame bodies held.
        package var bytes: Int
        /// Most frames held.
        package var frames: Int
        /// Longest decoding-time span held, ms.
        package var milliseconds: Int64

        package init(bytes: Int = 16 << 20, frames: Int = 4_096, milliseconds: Int64 = 30_000) {
            self.bytes = bytes
            self.frames = frames
            self.milliseconds = milliseconds
        }
    }

    /// Why the cache has nothing to give.
    package enum State: Sendable, Hashable {
        /// No keyframe has come yet (or the stream has no video).
        case waitingForKeyframe
        /// Holds a GOP from its keyframe on.
        case holding
        /// The GOP outgrew a bound and was given up; holds again from the next keyframe.
        case gaveUp
    }

    private let limits: Limits
    /// The frames since the newest keyframe of the default track, that keyframe first.
    package private(set) var frames: [Frame] = []
    /// Sum of the bodies' bytes.
    package private(set) var bytes = 0
    /// Whether there is a GOP and, if not, why.
    package private(set) var state: State = .waitingForKeyframe

    /// An empty cache.
    package init(limits: Limits = Limits()) { self.limits = limits }

    /// The decoding-time span held, ms.
    package var milliseconds: Int64 {
        guard let first = frames.first, let last = frames.last else { return 0 }
        return last.dts &- first.dts
    }

    /// Takes in the stream's next frame. Sequence headers and metadata inside the GOP stay in it, in order.
    package mutating func append(_ frame: Frame) {
        if frame.flags.contains(.key), frame.kind == .video, frame.trackID == 0 {
            frames.removeAll(keepingCapacity: true)
            bytes = 0
            state = .holding
        }
        guard state == .holding else { return }
        frames.append(frame)
        bytes &+= frame.body.readableBytes
        if frames.count > limits.frames || bytes > limits.bytes || milliseconds > limits.milliseconds {
            clear(.gaveUp)
        }
    }

    /// Forgets the GOP: the publisher changed, and nothing after refers to it.
    package mutating func clear() { clear(.waitingForKeyframe) }

    private mutating func clear(_ state: State) {
        frames = []
        bytes = 0
        self.state = state
    }
}
