import DequeModule
import NIOCore
import RelayCore

extension LinkSendQueue {
    /// How much has to go. Each step takes what the one before it takes, too.
    enum Cut: Comparable {
        /// The video before the newest keyframe, all of it when that is late itself or there is none, and late audio.
        case keyframe
        /// All video; the next keyframe begins anew.
        case video
        /// Everything but the newest sequence headers.
        case media
        /// All frames.
        case frames
    }

    /// Called when the oldest frame may be older than `skipAfter` while nothing could be sent.
    mutating func checkAge(now: MonotonicTime) {
        let oldest = entries.first { entry in
            if case .frame(let frame) = entry.item { !frame.flags.contains(.config) } else { false }
        }
        if let oldest, now - oldest.queuedAt > limits.skipAfter { rebuild(now: now, cut: .keyframe) }
        // Audio leaves one by one as it grows too old; looked at a few times a second that is cheap, and what is sent
        // is looked at once more anyway.
        checkAt = now + limits.skipAfter / 4
    }

    /// Called when the queue holds too many bytes.
    mutating func shrink(now: MonotonicTime) {
        for cut in [Cut.keyframe, .video, .media, .frames] where bytes > limits.maxBytes {
            rebuild(now: now, cut: cut)
        }
    }

    /// Walks the queue once, from its end, and keeps what the cut leaves.
    mutating func rebuild(now: MonotonicTime, cut: Cut) {
        var walk = Walk(cut: dropsAllVideo(now: now) ? max(cut, .video) : cut)
        let oldestKept = now - limits.skipAfter
        for entry in entries.reversed() {
            switch entry.item {
            case .end: walk.keep(entry)
            case .skip(let from, let end, let reason): walk.leaveOut(from: from, end: end, reason: reason)
            case .accept:
                guard !walk.isBehindAccept else { continue }
                walk.keep(entry)
                // What came before the newest headers is of no use to someone who lags.
                walk.isBehindAccept = true
            case .frame(let frame):
                if keeps(frame, isLate: entry.queuedAt < oldestKept, &walk) {
                    walk.keep(entry)
                } else {
                    skipped &+= 1
                    walk.leaveOut(
                        from: frame.id, end: frame.id &+ 1, reason: walk.cut >= .media ? .overflow : .keyframe)
                }
            }
        }
        walk.finish()
        if walk.cut >= .video { awaitsKeyframe = awaitsKeyframe || videoBeforeKey &+ videoSinceKey > 0 }
        entries = Deque(walk.kept.reversed())
        recount()
    }

    /// Whether even the newest keyframe is too late, or there is video and none.
    private func dropsAllVideo(now: MonotonicTime) -> Bool {
        guard let keyQueuedAt else { return videoSinceKey > 0 }
        return now - keyQueuedAt > limits.skipAfter
    }

    private func keeps(_ frame: Frame, isLate: Bool, _ walk: inout Walk) -> Bool {
        if walk.isBehindAccept || walk.cut == .frames { return false }
        let track = Walk.Track(kind: frame.kind, id: frame.trackID)
        if frame.flags.contains(.config) {
            // Superseded, unless something between the two needs the older one.
            guard !walk.configured.contains(track) else { return false }
            walk.configured.append(track)
            return true
        }
        if walk.cut >= .media { return false }
        if frame.kind == .video {
            if walk.cut >= .video || walk.isBehindKeyframe || isLate { return false }
            walk.isBehindKeyframe = isKeyframe(frame)
        } else if isLate {
            return false
        }
        walk.configured.removeAll { $0 == track }
        return true
    }

    /// A walk from the newest entry to the oldest.
    private struct Walk {
        struct Track: Equatable {
            var kind: MediaKind
            var id: UInt8
        }

        let cut: Cut
        var kept: [Entry] = []
        var isBehindAccept = false
        var isBehindKeyframe = false
        /// Tracks whose newest sequence header is kept already and that have no frame between here and there.
        var configured: [Track] = []
        private var gap: (from: UInt64, end: UInt64, reason: LinkSkipReason)?

        init(cut: Cut) { self.cut = cut }

        mutating func keep(_ entry: Entry) {
            finish()
            kept.append(entry)
        }

        mutating func leaveOut(from: UInt64, end: UInt64, reason: LinkSkipReason) {
            gap = (from, gap?.end ?? end, max(gap?.reason ?? reason, reason))
        }

        mutating func finish() {
            guard let gap else { return }
            kept.append(
                Entry(item: .skip(from: gap.from, end: gap.end, reason: gap.reason), queuedAt: .zero))
            self.gap = nil
        }
    }
}
