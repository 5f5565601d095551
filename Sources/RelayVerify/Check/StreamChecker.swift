package import NIOCore
package import RelayCore

/// Checks what one viewer of a ``VerifiableSource`` receives, message by message, and counts what is not as it should be.
/// `relayctl verify` has one per viewer; unit tests, the simulation and the fault scenarios use the same.
///
/// A value without a clock: tell it ``connecting(at:)``, every message with ``note(kind:timestamp:body:receivedAt:)``, and
/// ``disconnected(at:reason:)`` when the viewer connects again after it; ``finish(now:)`` gives the report.
///
/// Two sessions are the same when source and number are; which number is higher says nothing, since a primary and a backup
/// publisher count for themselves. Sessions that were left are forgotten when the viewer connects again: another edge
/// may be behind.
package struct StreamChecker: Sendable {
    /// How strictly, and what is known beforehand.
    package struct Configuration: Sendable, Hashable {
        /// `VerifySourceID.stream` of what is played; nil = not known, then only frames without a mark are foreign.
        package var expectedStream: UInt32?
        /// Pauses longer than this are listed one by one.
        package var gapThreshold = Duration.milliseconds(100)
        /// The seal of every n-th frame is checked; 1 = all. Sealing is most of a frame's cost.
        package var sealStride: UInt64 = 1
        /// Which of them: viewers of one process take turns, so that together they check every frame.
        package var sealPhase: UInt64 = 0
        /// The most that presentation and decoding time may differ, ms.
        package var maximumCompositionTime: Int32 = 1000
        /// The most that audio and video may be apart beyond their distance at the source, ms (ITU-R BT.1359 puts what
        /// viewers detect at 45 ms).
        package var maximumSkew: UInt32 = 40
        /// Wall clock, ms since 1970, at the zero of the monotonic clock: makes wall times of instants in the report.
        package var wallMsAtZero: Int64 = 0

        package init() {}
    }

    /// Gaps, switches and disconnections that are listed one by one.
    package static let maximumListed = 1000
    /// Sessions that are remembered as left.
    private static let maximumLeft = 1024
    /// Frames that a later one may refer to; far above the 16 of H.264, for frames in between that refer elsewhere.
    private static let maximumRecent = 64

    private struct Session: Sendable, Hashable {
        var source: VerifySourceID
        var number: UInt32
    }

    private struct Broken: Sendable {
        var count: UInt64
        var at: MonotonicTime
        var text: String
    }

    private let configuration: Configuration
    private let startedAt: MonotonicTime
    private var report = VerifyReport()
    private var broken: [VerifyRule: Broken] = [:]
    private var video = TrackChecker()
    private var audio = TrackChecker()
    /// Durations from the source to here.
    package private(set) var delays = DelayHistogram()

    private var session: Session?
    private var left: Set<Session> = []
    /// Sessions that went before the present one, by count.
    private var sessionsBefore = 0
    private var openSwitch: (index: Int, lastAt: MonotonicTime?, awaitsVideo: Bool, awaitsAudio: Bool)?
    private var openDisconnection: (index: Int, at: MonotonicTime)?
    /// The recent video frames since the keyframe, and whether each could be decoded.
    private var recent: [(number: UInt64, isDecodable: Bool)] = []

    private var joinedAt: MonotonicTime?
    private var lastAt: MonotonicTime?
    private var lastMainAt: MonotonicTime?
    private var lostAtLastMain: UInt64 = 0
    /// Session of the last frame of the main track.
    private var mainSession: UInt32 = 0
    private var openGap: (index: Int, lostBefore: UInt64)?
    private var hasVideo = false
    private var longestGap = Duration.zero
    private var longestSilence = Duration.zero
    private var lossAt: MonotonicTime?

    /// - Parameter startedAt: when the first connection is begun.
    package init(configuration: Configuration = Configuration(), startedAt: MonotonicTime) {
        self.configuration = configuration
        self.startedAt = startedAt
    }

    /// Frames of both tracks so far.
    package var frames: UInt64 { video.report.frames &+ audio.report.frames }
    /// Missing frames of both tracks so far.
    package var lost: UInt64 { video.report.lost &+ audio.report.lost }
    /// Bytes so far.
    package var bytes: UInt64 { report.bytes }
    /// Violations so far, of the rules that allow nothing.
    package var violations: UInt64 { broken.values.reduce(0) { $0 &+ $1.count } }
    /// Connections that broke so far.
    package var disconnects: UInt64 { report.disconnects }
    /// When the last media message came; nil before the first.
    package var lastMediaAt: MonotonicTime? { lastAt }

    /// A connection begins, the first or another one.
    package mutating func connecting(at now: MonotonicTime) {
        guard report.disconnects > 0 || session != nil else { return }
        video.beginConnection()
        audio.beginConnection()
        recent = []
        left = []
        joinedAt = nil
    }

    /// The connection has broken, or could not be made, which is counted apart: nothing had come over it.
    package mutating func disconnected(at now: MonotonicTime, reason: String) {
        guard joinedAt != nil else {
            report.failedConnects &+= 1
            report.lastFailure = reason
            return
        }
        joinedAt = nil
        report.disconnects &+= 1
        guard report.disconnections.count < Self.maximumListed else { return }
        report.disconnections.append(.init(atWallMs: wall(now), reason: reason, backAfterMs: nil))
        if openDisconnection == nil { openDisconnection = (report.disconnections.count - 1, now) }
    }

    /// One message, as it came. Messages that are no frames (metadata, sequence headers) are needed too.
    ///
    /// - Parameters:
    ///   - timestamp: as on the wire, ms modulo 2^32.
    ///   - body: RTMP message payload, which is the FLV tag body.
    package mutating func note(kind: MediaKind, timestamp: UInt32, body: ByteBuffer, receivedAt now: MonotonicTime) {
        report.bytes &+= UInt64(clamping: body.readableBytes)
        guard kind != .data else { return }
        if let lastAt { longestSilence = max(longestSilence, now - lastAt) }
        lastAt = now
        if joinedAt == nil { joinedAt = now }
        let header: MediaHeader
        do throws(MediaHeaderError) {
            header = try MediaHeader.parse(kind: kind, body: body)
        } catch {
            if error != .empty { violate(.damage, now, "\(kind) message: \(error)") }
            return
        }
        if header.isSequenceHeader {
            let payload = body.getSlice(
                at: body.readerIndex &+ header.payloadOffset, length: body.readableBytes &- header.payloadOffset)
            self[kind].configuration = CRC32C.checksum(of: payload ?? ByteBuffer())
            return
        }
        guard header.isCoded else { return }
        let count = kind == .video ? video.report.frames : audio.report.frames
        let checksSeal =
            configuration.sealStride <= 1 || (count &+ configuration.sealPhase) % configuration.sealStride == 0
        switch VerifyMark.read(from: body, header: header, checksSeal: checksSeal) {
        case .none: violate(.foreign, now, "\(kind) frame without a mark, timestamp \(timestamp)")
        case .damaged: violate(.damage, now, "\(kind) frame with a broken seal, timestamp \(timestamp)")
        case .mark(let mark): note(mark, header: header, timestamp: timestamp, now: now)
        }
    }

    /// The same for a frame inside a node, for tests and the simulation.
    package mutating func note(_ frame: Frame, receivedAt now: MonotonicTime) {
        note(kind: frame.kind, timestamp: UInt32(truncatingIfNeeded: frame.dts), body: frame.body, receivedAt: now)
    }

    private subscript(_ kind: MediaKind) -> TrackChecker {
        get { kind == .video ? video : audio }
        set { if kind == .video { video = newValue } else { audio = newValue } }
        _modify { if kind == .video { yield &video } else { yield &audio } }
    }

    private mutating func note(_ mark: VerifyMark, header: MediaHeader, timestamp: UInt32, now: MonotonicTime) {
        let kind = header.kind
        if let expected = configuration.expectedStream, mark.source.stream != expected {
            return violate(.foreign, now, "\(kind) frame \(mark.number) of another stream, source \(mark.source)")
        }
        follow(Session(source: mark.source, number: mark.session), now)
        checkTime(mark, header: header, timestamp: timestamp, now)
        if self[kind].configuration != mark.configuration {
            let what = self[kind].configuration == nil ? "before its sequence header" : "with another's sequence header"
            violate(.sequenceHeaders, now, "\(kind) frame \(mark.number) of session \(mark.session) \(what)")
        }
        let isMain = kind == .video || !hasVideo
        if kind == .video, !hasVideo {
            hasVideo = true
            lastMainAt = nil
        }
        if isMain { closeLosses() }
        let isFirst = kind == .video ? openSwitch?.awaitsVideo == true : openSwitch?.awaitsAudio == true
        let lostBefore = lost
        let (finding, recovered) = self[kind].note(
            mark.number, switchIndex: isFirst ? openSwitch?.index : nil, isAfterSwitch: sessionsBefore > 0)
        if lost > lostBefore, lossAt == nil { lossAt = now }
        if let recovered, report.switches.indices.contains(recovered) {
            if kind == .video {
                report.switches[recovered].videoLost &-= 1
            } else {
                report.switches[recovered].audioLost &-= 1
            }
        }
        if isMain { noteArrival(now) }
        if isFirst { noteFirstOfSession(kind, finding, now) }
        switch finding {
        case .new, .replayed: break
        case .late: violate(.order, now, "\(kind) frame \(mark.number) of session \(mark.session) after a later one")
        case .duplicate:
            violate(.duplicates, now, "\(kind) frame \(mark.number) of session \(mark.session) again")
            // Another publisher's picture of that number is one that a decoder takes and goes on from.
            guard kind == .video, recent.last.map({ $0.number < mark.number }) ?? true else { return }
        }
        if kind == .video { checkReferences(mark, now) }
        if mark.isKeyframe || !hasVideo, report.firstFrameMs == nil {
            report.firstFrameMs = Self.milliseconds(now - startedAt)
        }
        if mark.isKeyframe || !hasVideo, let open = openDisconnection {
            report.disconnections[open.index].backAfterMs = Self.milliseconds(now - open.at)
            openDisconnection = nil
        }
        if let joinedAt, mark.sentAt >= joinedAt { delays.record(now - mark.sentAt) }
    }

    /// Keeps to the session of the frames, and notices another one.
    private mutating func follow(_ next: Session, _ now: MonotonicTime) {
        guard let current = session else { return session = next }
        guard next != current else { return }
        session = next
        sessionsBefore += 1
        if left.contains(next) {
            violate(.sessions, now, "session \(next.number) again after session \(current.number)")
        }
        if left.count < Self.maximumLeft { left.insert(current) }
        recent = []
        video.offset = nil
        audio.offset = nil
        let isOtherSource = next.source != current.source
        if isOtherSource {
            video.beginSource()
            audio.beginSource()
        }
        guard report.switches.count < Self.maximumListed else {
            openSwitch = nil
            report.switchesOmitted &+= 1
            return
        }
        report.switches.append(
            .init(
                atWallMs: wall(now), gapMs: nil, from: current.number, to: next.number, isOtherSource: isOtherSource,
                videoLost: 0, audioLost: 0))
        openSwitch = (report.switches.count - 1, lastMainAt, true, true)
    }

    private mutating func noteFirstOfSession(_ kind: MediaKind, _ finding: TrackChecker.Finding, _ now: MonotonicTime) {
        guard let open = openSwitch else { return }
        var missed: UInt64 = 0
        if case .new(let count) = finding { missed = count }
        if kind == .video || !hasVideo {
            report.switches[open.index].gapMs = open.lastAt.map { Self.milliseconds(now - $0) }
        }
        if kind == .video {
            report.switches[open.index].videoLost = missed
            openSwitch?.awaitsVideo = false
        } else {
            report.switches[open.index].audioLost = missed
            openSwitch?.awaitsAudio = false
        }
    }

    private mutating func checkTime(_ mark: VerifyMark, header: MediaHeader, timestamp: UInt32, _ now: MonotonicTime) {
        let kind = header.kind
        if let last = self[kind].timestamp, Int32(bitPattern: timestamp &- last) <= 0 {
            violate(.timestamps, now, "\(kind) frame \(mark.number): timestamp \(timestamp) after \(last)")
        }
        self[kind].timestamp = timestamp
        if header.compositionTime.magnitude > configuration.maximumCompositionTime.magnitude {
            violate(
                .compositionTime, now, "\(kind) frame \(mark.number): shown \(header.compositionTime) ms after decoding"
            )
        }
        let offset = timestamp &- UInt32(truncatingIfNeeded: mark.mediaTime / 1000)
        self[kind].offset = offset
        guard let other = kind == .video ? audio.offset : video.offset else { return }
        let skew = Int32(bitPattern: offset &- other).magnitude
        report.longestSkewMs = max(report.longestSkewMs, Double(skew))
        if skew >= configuration.maximumSkew {
            violate(.skew, now, "\(kind) frame \(mark.number) is \(skew) ms from where the source had it")
        }
    }

    private mutating func checkReferences(_ mark: VerifyMark, _ now: MonotonicTime) {
        if mark.isKeyframe { recent.removeAll(keepingCapacity: true) }
        var isDecodable = true
        var absent: UInt64?
        for reference in mark.references {
            if let found = recent.last(where: { $0.number == reference }) {
                isDecodable = isDecodable && found.isDecodable
            } else {
                absent = absent ?? reference
            }
        }
        if let absent {
            report.missingReferences &+= 1
            isDecodable = false
            violate(
                .references, now,
                "video frame \(mark.number) of session \(mark.session) without frame \(absent), which it refers to")
        }
        if !mark.isKeyframe, mark.references.isEmpty { isDecodable = false }
        if !isDecodable { report.undecodable &+= 1 }
        if recent.count >= Self.maximumRecent { recent.removeFirst(Self.maximumRecent / 2) }
        recent.append((mark.number, isDecodable))
    }

    // MARK: - Pauses

    /// What was lost in the last gap is known once the next frame of the main track is here: the other track tells its
    /// own losses in between.
    private mutating func closeLosses() {
        guard let open = openGap else { return }
        report.gaps[open.index].framesLost = lost &- min(lost, open.lostBefore)
        openGap = nil
    }

    private mutating func noteArrival(_ now: MonotonicTime) {
        if let lastMainAt {
            let gap = now - lastMainAt
            longestGap = max(longestGap, gap)
            if gap > configuration.gapThreshold { list(from: lastMainAt, gap, isOpen: false) }
        }
        lastMainAt = now
        lostAtLastMain = lost
        mainSession = session?.number ?? 0
    }

    private mutating func list(from start: MonotonicTime, _ gap: Duration, isOpen: Bool) {
        guard report.gaps.count < Self.maximumListed else {
            report.gapsOmitted &+= 1
            return
        }
        report.gaps.append(
            .init(
                atWallMs: wall(start), ms: Self.milliseconds(gap), framesLost: 0, sessionBefore: mainSession,
                sessionAfter: isOpen ? nil : session?.number))
        openGap = isOpen ? nil : (report.gaps.count - 1, lostAtLastMain)
    }

    // MARK: - Results

    private mutating func violate(_ rule: VerifyRule, _ now: MonotonicTime, _ text: @autoclosure () -> String) {
        if broken[rule] != nil {
            broken[rule]?.count &+= 1
        } else {
            broken[rule] = Broken(count: 1, at: now, text: text())
        }
    }

    /// What was seen up to `now`; a pause that lasts counts up to it. Call it once, at the end.
    package mutating func finish(now: MonotonicTime) -> VerifyReport {
        closeLosses()
        if let lastAt { longestSilence = max(longestSilence, now - lastAt) }
        if let lastMainAt {
            longestGap = max(longestGap, now - lastMainAt)
            if now - lastMainAt > configuration.gapThreshold { list(from: lastMainAt, now - lastMainAt, isOpen: true) }
        }
        report.startedAtWallMs = wall(startedAt)
        report.endedAtWallMs = wall(now)
        report.video = video.report
        report.audio = audio.report
        report.longestGapMs = Self.milliseconds(longestGap)
        report.longestSilenceMs = Self.milliseconds(longestSilence)
        report.delay = delays.spread
        report.firstLossAtWallMs = lost > 0 ? lossAt.map(wall) : nil
        report.violations = VerifyRule.allCases.compactMap { rule in
            broken[rule].map { .init(rule: rule, count: $0.count, firstAtWallMs: wall($0.at), first: $0.text) }
        }
        return report
    }

    private func wall(_ time: MonotonicTime) -> Int64 { configuration.wallMsAtZero &+ time.nanoseconds / 1_000_000 }

    private static func milliseconds(_ duration: Duration) -> Double { Double(duration.wholeNanoseconds) / 1_000_000 }
}
