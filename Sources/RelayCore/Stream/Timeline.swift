/// Turns a publisher's 32-bit timestamps into the stream's own 64-bit timeline, in ms.
///
/// The ``Stamper`` of a stream owns one for the stream's whole life; publishers come and go in it. What comes out is
/// strictly increasing per track whatever goes in: wraps at 2^32 (RTMP), 2^31 (encoders that mask the sign bit for FLV)
/// and 2^24 (encoders without extended timestamps) are unfolded, a jump is carried over by moving the mapping and not the
/// output, and the offset between audio and video survives it, since all tracks share one mapping.
package struct Timeline: Sendable {
    /// Limits between "a late or early frame" and "another clock"; each is a judgement about real encoders.
    package struct Limits: Sendable, Hashable {
        /// How far behind its own track's newest frame a timestamp may be before it counts as a jump, ms.
        package var backwardsInTrack: Int64 = 1_000
        /// How far behind the stream's newest frame a timestamp may be (interleave of tracks), ms.
        package var backwards: Int64 = 10_000
        /// How far ahead of the stream's newest frame a timestamp may be beyond the time that really passed, ms.
        package var forwards: Int64 = 10_000
        /// How long frames of the clock before a jump are still understood, ms: tracks do not jump at the same message.
        package var overlap: Int64 = 5_000

        package init() {}
    }

    private struct Mapping: Sendable {
        var raw: UInt32
        var out: Int64
        var number: UInt64
    }

    private struct Track: Sendable {
        var kind: MediaKind
        var id: UInt8
        var lastOut: Int64
        var lastRaw: UInt32
        var mapping: UInt64
        var lastArrival: MonotonicTime
    }

    private let limits: Limits
    private var current: Mapping?
    private var previous: Mapping?
    private var switchedAt = MonotonicTime.zero
    private var tracks: [Track] = []
    private var lastArrival: MonotonicTime?

    /// The newest instant of any track, ms.
    package private(set) var clock: Int64 = 0
    /// Times the publisher's clock jumped within a session and the timeline was carried on.
    package private(set) var rebases: UInt64 = 0

    /// An empty timeline; the first timestamp is taken over as it is.
    package init(limits: Limits = Limits()) { self.limits = limits }

    /// A timeline that goes on from another one's `clock`, at which the other's newest frame had arrived at `now`.
    package init(resumingAt clock: Int64, now: MonotonicTime, limits: Limits = Limits()) {
        self.limits = limits
        self.clock = clock
        lastArrival = now
    }

    /// A new publisher sends from here on: whatever its first timestamp is, the timeline goes on from where it was, plus
    /// the time without a publisher. Called by the stamper.
    package mutating func beginSession() {
        current = nil
        previous = nil
    }

    /// Places a media frame that arrived `now` with the wire's `timestamp`.
    ///
    /// - Returns: The decoding time in ms: at least 0, and more than the last one of the same track.
    package mutating func place(
        kind: MediaKind, track id: UInt8, timestamp: UInt32, now: MonotonicTime
    ) -> Int64 {
        let index = trackIndex(kind: kind, id: id)
        let track = index.map { tracks[$0] }
        var out: Int64
        let mapping: UInt64
        if let found = lookUp(timestamp, track: track, now: now) {
            (out, mapping) = found
        } else {
            (out, mapping) = rebase(to: timestamp, now: now)
        }
        if let track {
            if track.lastRaw == timestamp, track.mapping == mapping {
                // A clock that stands still: time passes as frames arrive.
                out = max(out, track.lastOut &+ max(0, (now - track.lastArrival).wholeMilliseconds))
            }
            out = max(out, track.lastOut &+ 1)
        }
        out = max(out, 0)
        let updated = Track(kind: kind, id: id, lastOut: out, lastRaw: timestamp, mapping: mapping, lastArrival: now)
        if let index { tracks[index] = updated } else { tracks.append(updated) }
        clock = max(clock, out)
        lastArrival = now
        return out
    }

    /// The decoding time of a sequence header or data message, which takes the stream's present and moves nothing.
    package func placeBesideMedia() -> Int64 { clock }

    /// The tracks that ever had a frame are few; a linear search beats hashing.
    private func trackIndex(kind: MediaKind, id: UInt8) -> Int? {
        tracks.firstIndex { $0.kind == kind && $0.id == id }
    }

    private mutating func lookUp(
        _ timestamp: UInt32, track: Track?, now: MonotonicTime
    ) -> (out: Int64, mapping: UInt64)? {
        let silence = lastArrival.map { max(0, (now - $0).wholeMilliseconds) } ?? 0
        let older = lookUpBeforeJump(timestamp, track: track, now: now)
        guard let mapping = current, let distance = distance(timestamp, mapping, track: track, silence: silence) else {
            return older
        }
        let out = mapping.out &+ distance
        if let older, let track, track.mapping == older.mapping {
            // A track that has not jumped yet can look at home in the new clock when the jump was small: it is where it is
            // expected.
            let expected = track.lastOut &+ max(0, (now - track.lastArrival).wholeMilliseconds)
            if (older.out &- expected).magnitude < (out &- expected).magnitude { return older }
        }
        if distance > 0 { current = Mapping(raw: timestamp, out: out, number: mapping.number) }
        return (out, mapping.number)
    }

    private func lookUpBeforeJump(
        _ timestamp: UInt32, track: Track?, now: MonotonicTime
    ) -> (out: Int64, mapping: UInt64)? {
        guard let mapping = previous, now - switchedAt < .milliseconds(limits.overlap),
            let distance = distance(timestamp, mapping, track: track, silence: 0)
        else { return nil }
        return (mapping.out &+ distance, mapping.number)
    }

    private func distance(_ timestamp: UInt32, _ mapping: Mapping, track: Track?, silence: Int64) -> Int64? {
        let ahead = limits.forwards &+ silence
        guard let distance = unfold(timestamp, from: mapping.raw, ahead: ahead) else { return nil }
        if let track, track.mapping == mapping.number, distance < 0,
            let inTrack = unfold(timestamp, from: track.lastRaw, ahead: ahead), inTrack < -limits.backwardsInTrack
        {
            return nil
        }
        return distance
    }

    /// The signed distance in ms, modulo 2^32, else as a wrap at 2^31 or 2^24; nil when none of them is near.
    private func unfold(_ timestamp: UInt32, from reference: UInt32, ahead: Int64) -> Int64? {
        let near = -limits.backwards...ahead
        let full = Int64(Int32(bitPattern: timestamp &- reference))
        if near.contains(full) { return full }
        for bits in [31, 24] as [Int64] {
            let period = Int64(1) << bits
            guard Int64(timestamp) < period, Int64(reference) < period else { continue }
            let unwrapped = full &+ (full < 0 ? period : -period)
            if near.contains(unwrapped) { return unwrapped }
        }
        return nil
    }

    private mutating func rebase(to timestamp: UInt32, now: MonotonicTime) -> (out: Int64, mapping: UInt64) {
        let out: Int64
        if let lastArrival {
            out = clock &+ max(1, (now - lastArrival).wholeMilliseconds)
        } else {
            out = Int64(timestamp)
        }
        if let current {
            rebases &+= 1
            previous = current
            switchedAt = now
        }
        numberOfMappings &+= 1
        current = Mapping(raw: timestamp, out: out, number: numberOfMappings)
        return (out, numberOfMappings)
    }

    private var numberOfMappings: UInt64 = 0
}
