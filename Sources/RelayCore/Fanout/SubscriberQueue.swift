/// One subscriber's place in a ``WireLog``, and what it gets next.
///
/// A subscriber that keeps up takes whole batches. One that does not falls back by frame importance: past the first bound
/// disposable frames are left out, past the second it goes on at the newest keyframe with the sequence headers before it
/// (audio goes on when there is no newer keyframe), and past the last it is to be disconnected. Every frame the log got since
/// the subscriber joined is in exactly one of the counts of ``ledger(log:)``.
package struct SubscriberQueue: Sendable {
    /// Bounds of a subscriber's lag; configuration keys `viewer.*`.
    package struct Limits: Sendable, Hashable {
        /// Lag after which disposable frames are left out.
        package var dropAfter: Duration
        /// Lag after which the subscriber goes on at the newest keyframe.
        package var skipAfter: Duration
        /// Backlog in bytes with the same effect.
        package var maxBacklog: Int
        /// Window in which a lagging subscriber must take at least a tenth of what the stream offers.
        package var disconnectAfter: Duration

        package init(
            dropAfter: Duration = .seconds(1), skipAfter: Duration = .seconds(3), maxBacklog: Int = 8 << 20,
            disconnectAfter: Duration = .seconds(20)
        ) {
            self.dropAfter = dropAfter
            self.skipAfter = skipAfter
            self.maxBacklog = maxBacklog
            self.disconnectAfter = disconnectAfter
        }
    }

    /// What the interpreter writes next.
    package enum Step: Sendable, Equatable {
        /// The sequence headers and metadata in force.
        case headers
        /// The frames at these positions, all in one batch.
        case frames(Range<UInt64>)
        /// Nothing until the log grows.
        case idle
    }

    /// Position of the next frame to give.
    package private(set) var cursor: UInt64
    private var joinedAt: UInt64
    private var needsHeaders = true
    private var awaitsKeyframe: Bool
    private var isDropping = false
    private var syncedAt: MonotonicTime

    /// Frames handed to the socket.
    package private(set) var sent: UInt64 = 0
    /// Bytes of frames handed to the socket.
    package private(set) var sentBytes: UInt64 = 0
    /// Disposable frames left out.
    package private(set) var dropped: UInt64 = 0
    /// Frames left out by a skip to a keyframe, or before the first one.
    package private(set) var skipped: UInt64 = 0
    /// Frames the log no longer held.
    package private(set) var evicted: UInt64 = 0

    private var windowStart: MonotonicTime
    private var windowSent: UInt64 = 0
    private var windowOffered: UInt64

    /// A subscriber that joins now: at the newest keyframe if the log holds one, else at the head.
    package init(joining log: borrowing WireLog, now: MonotonicTime) {
        cursor = log.newestKey ?? log.head
        joinedAt = cursor
        awaitsKeyframe = log.hasVideo && log.newestKey == nil
        syncedAt = now
        windowStart = now
        windowOffered = log.totalBytes &- UInt64(clamping: log.backlog(from: cursor))
    }

    /// The hot path: takes a batch just appended if the subscriber has everything before it.
    ///
    /// - Parameter length: Bytes of the batch.
    /// - Returns: False when the subscriber is behind and ``next(log:limits:now:)`` decides.
    @inlinable
    package mutating func take(_ batch: borrowing WireLog.Batch, length: Int) -> Bool {
        guard isInStep, cursor == batch.first else { return false }
        advance(to: batch.end, bytes: length)
        return true
    }

    @usableFromInline
    var isInStep: Bool { !needsHeaders && !awaitsKeyframe && !isDropping }

    @usableFromInline
    mutating func advance(to end: UInt64, bytes: Int) {
        sent &+= end &- cursor
        sentBytes &+= UInt64(truncatingIfNeeded: bytes)
        cursor = end
    }

    /// True when everything the log has was taken.
    package func isCaughtUp(with log: borrowing WireLog) -> Bool { cursor >= log.head }

    /// What to write next; called until `.idle` or until the socket takes no more.
    package mutating func next(log: borrowing WireLog, limits: Limits, now: MonotonicTime) -> Step {
        if needsHeaders {
            needsHeaders = false
            return .headers
        }
        catchEviction(log, now: now)
        boundLag(log, limits: limits, now: now)
        if needsHeaders {
            needsHeaders = false
            return .headers
        }
        return takeRun(log)
    }

    /// The oldest frame not yet taken is this old, ms; counted from the join or the last skip at the earliest.
    package func lag(log: borrowing WireLog, now: MonotonicTime) -> Duration {
        guard let batch = log.batch(holding: max(cursor, log.start)) else { return .zero }
        return max(.zero, now - max(batch.arrival, syncedAt))
    }

    private mutating func catchEviction(_ log: borrowing WireLog, now: MonotonicTime) {
        guard cursor < log.start else { return }
        evicted &+= log.start &- cursor
        cursor = log.start
        goOnAtKeyframe(log, now: now)
    }

    private mutating func boundLag(_ log: borrowing WireLog, limits: Limits, now: MonotonicTime) {
        guard cursor < log.head else {
            isDropping = false
            return
        }
        let lag = lag(log: log, now: now)
        if lag > limits.skipAfter || log.backlog(from: cursor) > limits.maxBacklog {
            if log.restart > cursor {
                goOnAtKeyframe(log, now: now)
                return
            }
            if lag > limits.skipAfter { awaitsKeyframe = log.hasVideo }
            if lag > limits.skipAfter + limits.skipAfter {
                // Not even the audio gets through.
                skipped &+= log.head &- cursor
                cursor = log.head
                needsHeaders = true
                syncedAt = now
                return
            }
        }
        isDropping = isDropping ? lag > limits.dropAfter / 2 : lag > limits.dropAfter
    }

    private mutating func goOnAtKeyframe(_ log: borrowing WireLog, now: MonotonicTime) {
        needsHeaders = true
        isDropping = false
        syncedAt = now
        let restart = log.restart
        if restart >= cursor {
            skipped &+= restart &- cursor
            cursor = restart
            awaitsKeyframe = false
        } else {
            awaitsKeyframe = log.hasVideo
        }
    }

    private mutating func takeRun(_ log: borrowing WireLog) -> Step {
        while cursor < log.head, let entry = log.entry(at: cursor), leavesOut(entry) { cursor &+= 1 }
        guard cursor < log.head, let batch = log.batch(holding: cursor) else { return .idle }
        let first = cursor
        var bytes = 0
        while cursor < batch.end, let entry = log.entry(at: cursor), !wouldLeaveOut(entry) {
            if entry.kind == .video, entry.trackID == 0, entry.flags.contains(.key) { awaitsKeyframe = false }
            bytes &+= Int(entry.length)  // bounded: Int is wider
            cursor &+= 1
        }
        sent &+= cursor &- first
        sentBytes &+= UInt64(clamping: bytes)
        return .frames(first..<cursor)
    }

    private func wouldLeaveOut(_ entry: WireLog.Entry) -> Bool {
        if awaitsKeyframe, entry.kind == .video, entry.flags.isDisjoint(with: [.key, .config]) { return true }
        return isDropping && entry.flags.contains(.disposable)
    }

    private mutating func leavesOut(_ entry: WireLog.Entry) -> Bool {
        guard wouldLeaveOut(entry) else { return false }
        if isDropping, entry.flags.contains(.disposable) { dropped &+= 1 } else { skipped &+= 1 }
        return true
    }

    /// Whether the subscriber took less than a tenth of what the stream offered in the last whole window while it lagged.
    /// Called about once a second.
    package mutating func shouldDisconnect(log: borrowing WireLog, limits: Limits, now: MonotonicTime) -> Bool {
        guard now - windowStart >= limits.disconnectAfter else { return false }
        let offered = log.totalBytes &- windowOffered
        let taken = sentBytes &- windowSent
        windowStart = now
        windowOffered = log.totalBytes
        windowSent = sentBytes
        return !isCaughtUp(with: log) && taken < offered / 10
    }

    /// Where every frame offered to this subscriber went.
    package func ledger(log: borrowing WireLog) -> LossLedger {
        LossLedger(
            offered: log.head &- joinedAt, sent: sent, dropped: dropped, skipped: skipped, evicted: evicted,
            unsent: log.head &- cursor)
    }
}
