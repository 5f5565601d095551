import DequeModule
import NIOCore
package import RelayCore

/// What waits to be sent to one subscription, in the stream's order.
///
/// Frames are serialised only when the socket takes them, so until then they can still be left out: past
/// ``LinkQueueLimits/dropAfter`` disposable frames; past ``LinkQueueLimits/skipAfter`` or ``LinkQueueLimits/maxBytes`` all video
/// before the newest keyframe, or, when the newest is itself too late or there is none, all video until the next one. Sequence
/// headers stay (the newest of each track), and audio stays until it is older than `skipAfter`. Where something was left out
/// stands a skip with its ids, so that the other side counts exactly what it does not have.
///
/// Every frame ever offered is in exactly one of the counts of ``status(now:)``.
package struct LinkSendQueue: Sendable {
    /// What to send next.
    package enum Item: Sendable {
        case frame(Frame)
        /// The ids `from..<end` were left out here.
        case skip(from: UInt64, end: UInt64, reason: LinkSkipReason)
        case accept(LinkAccept)
        /// The last item.
        case end(LinkEnd, lastFrameID: UInt64)
    }

    /// What kind of thing is next: lower is sent first when subscriptions compete.
    package enum Urgency: UInt8, Sendable, Comparable {
        /// Accepts, ends, skips, sequence headers: small, and others wait for them.
        case control = 0
        /// Audio and data: small, and a gap in it is heard at once.
        case audio = 1
        case video = 2

        package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
    }

    struct Entry: Sendable {
        var item: Item
        var queuedAt: MonotonicTime
    }

    package let limits: LinkQueueLimits

    var entries = Deque<Entry>()
    /// Frames among the entries.
    var frames = 0
    /// Bytes of their bodies.
    package var bytes = 0
    /// Video frames before the newest keyframe, and how many from it on (or all, when there is none).
    var videoBeforeKey = 0
    var videoSinceKey = 0
    /// When the newest queued keyframe was queued; nil = none is queued.
    var keyQueuedAt: MonotonicTime?
    /// Accepts among the entries.
    var accepts = 0
    /// Video is left out until a keyframe comes.
    var awaitsKeyframe = false
    /// Disposable frames are left out.
    private var isDropping = false
    /// A video frame of track 0 was seen, so only its keyframes count.
    private var hasDefaultTrack = false
    /// The lowest id that may come next.
    private var nextID: UInt64 = 0
    private var incarnation: Incarnation?
    private var isEnded = false
    /// The oldest frame cannot be too old before this.
    var checkAt = MonotonicTime.zero

    private var offered: UInt64 = 0
    private var sent: UInt64 = 0
    private var dropped: UInt64 = 0
    var skipped: UInt64 = 0
    /// Frames whose id was not above all before; they were not taken.
    package private(set) var misordered: UInt64 = 0

    /// An empty queue.
    package init(limits: LinkQueueLimits) { self.limits = limits }

    package var isEmpty: Bool { entries.isEmpty }

    /// What kind of thing is next; nil = nothing.
    package var urgency: Urgency? {
        guard let head = entries.first else { return nil }
        guard case .frame(let frame) = head.item, !frame.flags.contains(.config) else { return .control }
        return frame.kind == .video ? .video : .audio
    }

    private var oldestFrame: Entry? {
        frames == 0 ? nil : entries.first { if case .frame = $0.item { true } else { false } }
    }

    /// Bytes of the body of the next frame; 0 when something else is next, which is small.
    var headBytes: Int {
        if case .frame(let frame)? = entries.first?.item { frame.body.readableBytes } else { 0 }
    }

    package func status(now: MonotonicTime) -> LinkQueueStatus {
        LinkQueueStatus(
            frames: frames, bytes: bytes,
            oldestAge: oldestFrame.map { max(.zero, now - $0.queuedAt) } ?? .zero,
            offered: offered, sent: sent, dropped: dropped, skipped: skipped)
    }
}

// MARK: - In

extension LinkSendQueue {
    /// Takes the stream's next frame.
    ///
    /// - Parameter isTooLong: The frame does not fit a message; it is left out.
    package mutating func append(_ frame: Frame, isTooLong: Bool = false, now: MonotonicTime) {
        guard !isEnded, frame.id >= nextID, frame.id < .max else {
            misordered &+= 1
            return
        }
        nextID = frame.id &+ 1
        offered &+= 1
        if isTooLong { return leaveOutNew(frame, reason: .overflow) }
        if frame.kind == .video, !frame.flags.contains(.config) {
            if frame.trackID == 0, !hasDefaultTrack {
                hasDefaultTrack = true
                recount()
            }
            if isKeyframe(frame) {
                awaitsKeyframe = false
            } else if awaitsKeyframe {
                return leaveOutNew(frame, reason: .keyframe)
            }
        }
        let entry = Entry(item: .frame(frame), queuedAt: now)
        count(entry)
        entries.append(entry)
        if frames == 1 { checkAt = now + limits.skipAfter }
        if bytes > limits.maxBytes {
            shrink(now: now)
        } else if now > checkAt {
            checkAge(now: now)
        }
    }

    /// The subscription was accepted, goes on in another incarnation, or with other headers. In another incarnation ids begin
    /// anew, and nothing from before is of use any more.
    package mutating func append(_ accept: LinkAccept, now: MonotonicTime) {
        guard !isEnded else { return }
        if incarnation != accept.incarnation {
            leaveOutAll()
            incarnation = accept.incarnation
            nextID = 0
            awaitsKeyframe = false
            isDropping = false
        }
        entries.append(Entry(item: .accept(accept), queuedAt: now))
        accepts &+= 1
        // Headers that were replaced time and again while nothing could be sent: the newest ones say everything.
        if accepts > 4 { rebuild(now: now, cut: .keyframe) }
    }

    /// Nothing follows what is queued but this.
    package mutating func end(_ reason: LinkEnd, lastFrameID: UInt64, now: MonotonicTime) {
        guard !isEnded else { return }
        isEnded = true
        entries.append(Entry(item: .end(reason, lastFrameID: lastFrameID), queuedAt: now))
    }

    /// The subscriber left.
    package mutating func leaveOutAll() {
        skipped &+= UInt64(clamping: frames)
        entries.removeAll()
        resetCounts()
    }

    private mutating func leaveOutNew(_ frame: Frame, reason: LinkSkipReason) {
        skipped &+= 1
        if let index = entries.indices.last, case .skip(let from, _, let earlier) = entries[index].item {
            entries[index].item = .skip(from: from, end: frame.id &+ 1, reason: max(earlier, reason))
        } else {
            // A skip is never late; the time matters to nobody.
            entries.append(
                Entry(item: .skip(from: frame.id, end: frame.id &+ 1, reason: reason), queuedAt: checkAt))
        }
    }

    func isKeyframe(_ frame: Frame) -> Bool {
        frame.kind == .video && frame.flags.contains(.key) && !frame.flags.contains(.config)
            && (frame.trackID == 0 || !hasDefaultTrack)
    }

    mutating func count(_ entry: Entry) {
        switch entry.item {
        case .frame(let frame):
            frames &+= 1
            bytes &+= frame.body.readableBytes
            guard frame.kind == .video, !frame.flags.contains(.config) else { return }
            if isKeyframe(frame) {
                videoBeforeKey &+= videoSinceKey
                videoSinceKey = 1
                keyQueuedAt = entry.queuedAt
            } else {
                videoSinceKey &+= 1
            }
        case .accept: accepts &+= 1
        case .skip, .end: break
        }
    }

    mutating func recount() {
        resetCounts()
        for entry in entries { count(entry) }
    }

    private mutating func resetCounts() {
        frames = 0
        bytes = 0
        videoBeforeKey = 0
        videoSinceKey = 0
        keyQueuedAt = nil
        accepts = 0
    }
}

// MARK: - Out

extension LinkSendQueue {
    /// The next thing to send; what is too late by now is left out first.
    package mutating func next(now: MonotonicTime) -> Item? {
        var gap: (from: UInt64, end: UInt64, reason: LinkSkipReason)?
        while let head = entries.first {
            switch head.item {
            case .skip(let from, let end, let reason):
                entries.removeFirst()
                gap = gap.map { ($0.from, end, max($0.reason, reason)) } ?? (from, end, reason)
                continue
            case .accept, .end:
                if let gap { return .skip(from: gap.from, end: gap.end, reason: gap.reason) }
                if case .accept = head.item { accepts &-= 1 }
                entries.removeFirst()
                return head.item
            case .frame(let frame):
                if !frame.flags.contains(.config) {
                    let age = now - head.queuedAt
                    isDropping = age > (isDropping ? limits.dropAfter / 2 : limits.dropAfter)
                    if age > limits.skipAfter {
                        // Always takes at least the head away.
                        rebuild(now: now, cut: .keyframe)
                        continue
                    }
                    if isDropping, frame.flags.contains(.disposable), !frame.flags.contains(.key) {
                        removeHead(frame)
                        dropped &+= 1
                        gap = (gap?.from ?? frame.id, frame.id &+ 1, max(gap?.reason ?? .disposable, .disposable))
                        continue
                    }
                }
                if let gap { return .skip(from: gap.from, end: gap.end, reason: gap.reason) }
                removeHead(frame)
                sent &+= 1
                return head.item
            }
        }
        return gap.map { .skip(from: $0.from, end: $0.end, reason: $0.reason) }
    }

    private mutating func removeHead(_ frame: Frame) {
        entries.removeFirst()
        frames &-= 1
        bytes &-= frame.body.readableBytes
        guard frame.kind == .video, !frame.flags.contains(.config) else { return }
        if videoBeforeKey > 0 {
            videoBeforeKey &-= 1
        } else {
            videoSinceKey &-= 1
            if isKeyframe(frame) { keyQueuedAt = nil }
        }
    }
}
