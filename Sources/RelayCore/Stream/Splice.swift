/// Joins the incarnations of a stream, and the parents it is pulled from, into one sequence for viewers: no frame twice, no
/// frame of an older epoch, no frame whose references are missing, decoding times that only grow, and an exact count of what
/// was lost.
///
/// The hub of a pulled stream owns one; origins have none, since they stamp.
package struct Splice: Sendable {
    /// What a frame leads to.
    package enum Verdict: Sendable, Hashable {
        /// It goes on to viewers, its decoding time moved by so many ms.
        case pass(offset: Int64)
        /// It was had already, is of an older epoch, or leans on frames that never came.
        case drop
    }

    /// Exact counts since the stream began on this node.
    package struct Counters: Sendable, Hashable {
        /// Ids that were never seen between two that were, of one incarnation.
        package var lost: UInt64 = 0
        /// Frames that came again.
        package var duplicates: UInt64 = 0
        /// Frames of an epoch that was left.
        package var stale: UInt64 = 0
        /// Frames left out because their keyframe, or one before them, was lost.
        package var undecodable: UInt64 = 0
        /// Changes of incarnation.
        package var switches: UInt64 = 0

        package init() {}
    }

    private struct Track: Sendable {
        var kind: MediaKind
        var id: UInt8
        /// Its newest decoding time given; nil before the first.
        var lastOut: Int64?
        /// For video: what comes before a keyframe cannot be decoded.
        var awaitsKeyframe = true
    }

    /// The incarnation in force; nil before the first.
    package private(set) var incarnation: Incarnation?
    /// The newest frame id of the incarnation in force; nil before its first frame.
    package private(set) var lastID: UInt64?
    package private(set) var counters = Counters()
    /// Added to decoding times of the incarnation in force, ms.
    package private(set) var offset: Int64 = 0

    private var tracks: [Track] = []
    /// The newest decoding time of a frame that passed, ms, moved as it was; nil before the first.
    package private(set) var clock: Int64?
    private var lastArrival = MonotonicTime.zero
    private var needsOffset = false

    /// A splice without a source.
    package init() {}

    /// Goes on behind a stream that was stamped on this node and went to another owner.
    package init(continuing incarnation: Incarnation, clock: Int64, lastArrival: MonotonicTime) {
        self.incarnation = incarnation
        self.clock = clock
        self.lastArrival = lastArrival
    }

    /// The node is to take frames of this incarnation from here on.
    ///
    /// - Returns: False when it is older than the one in force; its frames are then dropped.
    package mutating func begin(_ incarnation: Incarnation) -> Bool {
        guard let current = self.incarnation else {
            self.incarnation = incarnation
            return true
        }
        if incarnation == current { return true }
        guard incarnation.epoch >= current.epoch else { return false }
        self.incarnation = incarnation
        // A life that got a newer epoch (one that began while the registry was away) goes on as it was.
        if incarnation.id == current.id { return true }
        lastID = nil
        counters.switches &+= 1
        needsOffset = clock != nil
        awaitKeyframes()
        return true
    }

    /// Judges the next frame.
    package mutating func judge(_ frame: Frame, of incarnation: Incarnation, now: MonotonicTime) -> Verdict {
        guard incarnation == self.incarnation else {
            counters.stale &+= 1
            return .drop
        }
        if let lastID {
            guard frame.id > lastID else {
                counters.duplicates &+= 1
                return .drop
            }
            let missing = frame.id &- lastID &- 1
            if missing > 0 {
                counters.lost &+= missing
                awaitKeyframes()
            }
        }
        lastID = frame.id
        let isMedia = frame.kind != .data && !frame.flags.contains(.config)
        guard isMedia else { return .pass(offset: offset) }
        let track = trackIndex(of: frame)
        if frame.kind == .video {
            if frame.flags.contains(.key) {
                tracks[track].awaitsKeyframe = false
            } else if tracks[track].awaitsKeyframe {
                counters.undecodable &+= 1
                return .drop
            }
        }
        place(frame, on: track, now: now)
        return .pass(offset: offset)
    }

    /// Gaps that the parent knows of (disposable frames left out on a slow link): counted, without a wait for a keyframe. Ids
    /// before them that never came are a gap like any other.
    package mutating func skip(from first: UInt64, count: UInt64, of incarnation: Incarnation) {
        guard incarnation == self.incarnation, let lastID, lastID < .max, count > 0 else { return }
        let (end, overflow) = first.addingReportingOverflow(count &- 1)
        guard !overflow, end > lastID else { return }
        if first > lastID &+ 1 { awaitKeyframes() }
        counters.lost &+= end &- lastID
        self.lastID = end
    }

    private mutating func awaitKeyframes() {
        for index in tracks.indices { tracks[index].awaitsKeyframe = true }
    }

    private mutating func trackIndex(of frame: Frame) -> Int {
        if let index = tracks.firstIndex(where: { $0.kind == frame.kind && $0.id == frame.trackID }) { return index }
        tracks.append(Track(kind: frame.kind, id: frame.trackID))
        return tracks.count &- 1
    }

    /// Moves the incarnation's times so that they go on where the last ones ended, and never lets a track stand still.
    private mutating func place(_ frame: Frame, on track: Int, now: MonotonicTime) {
        if needsOffset {
            needsOffset = false
            // Origins keep one timeline by the wall clock; what they differ by, or a stream that began anew, is evened out here.
            let elapsed = max(1, (now - lastArrival).wholeMilliseconds)
            let expected = (clock ?? 0) &+ elapsed
            let difference = expected &- (frame.dts &+ offset)
            if difference > 0 || difference < -Self.tolerance { offset = offset &+ difference }
        }
        if let last = tracks[track].lastOut, frame.dts &+ offset <= last { offset = last &+ 1 &- frame.dts }
        tracks[track].lastOut = frame.dts &+ offset
        clock = max(clock ?? .min, frame.dts &+ offset)
        lastArrival = now
    }

    /// Time that an incarnation may jump ahead without being pulled back, ms: the wall clock's view of a gap and ours differ by
    /// transit and clock errors, and a player bridges this much.
    static let tolerance: Int64 = 1_000
}
