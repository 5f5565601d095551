/// What one viewer of a verifiable stream saw, counted exactly. `relayctl verify -o json` prints it; all names are stable.
package struct VerifyReport: Sendable, Hashable, Codable {
    /// From the start of the first connection to the end, ms since 1970.
    package var startedAtWallMs: Int64 = 0
    package var endedAtWallMs: Int64 = 0
    /// From the start of the first connection to the first keyframe, or to the first audio frame of a stream without
    /// video, ms; nil when none came.
    package var firstFrameMs: Double?
    package var video = Track()
    package var audio = Track()
    /// Bytes of all messages.
    package var bytes: UInt64 = 0
    /// Video frames that refer to a frame that had not come.
    package var missingReferences: UInt64 = 0
    /// Video frames that could not be decoded: those, and the ones that refer to them up to the next keyframe.
    package var undecodable: UInt64 = 0
    /// Longest time without a video frame, or without an audio frame in a stream without video, ms; up to the end.
    package var longestGapMs = 0.0
    /// Longest time without any media message, ms; up to the end.
    package var longestSilenceMs = 0.0
    /// The most that audio and video were apart beyond their distance at the source, ms.
    package var longestSkewMs = 0.0
    /// From the source to the arrival, of frames made after the viewer had joined, ms.
    package var delay: Spread?
    /// Times without a (video) frame of more than the threshold, usually 100 ms, in order.
    package var gaps: [Gap] = []
    /// Gaps that were not listed because there were too many.
    package var gapsOmitted: UInt64 = 0
    /// Times when another session of a publisher, or another source, went on, in order.
    package var switches: [Switch] = []
    /// Switches that were not listed because there were too many.
    package var switchesOmitted: UInt64 = 0
    /// Connections that could not be made or brought nothing, and what the last of them said; no rule judges them.
    package var failedConnects: UInt64 = 0
    package var lastFailure: String?
    /// Connections that broke; the first ones are in ``disconnections``.
    package var disconnects: UInt64 = 0
    package var disconnections: [Disconnection] = []
    /// What was broken of the rules that allow nothing; ``violations(allowing:)`` has the others too.
    package var violations: [VerifyViolation] = []

    package init() {}

    /// One track.
    package struct Track: Sendable, Hashable, Codable {
        /// Frames that came, without duplicates and replays.
        package var frames: UInt64 = 0
        /// Numbers that are missing between the first frame and the last.
        package var lost: UInt64 = 0
        /// Of those: between the last frame of a session and the first of the next.
        package var lostAtSwitches: UInt64 = 0
        /// Of those: within a session that another had gone before.
        package var lostAfterSwitches: UInt64 = 0
        /// Frames that came again on the same connection.
        package var duplicates: UInt64 = 0
        /// Frames that came after a later one.
        package var outOfOrder: UInt64 = 0
        /// Frames that came again because the viewer had connected again.
        package var replayed: UInt64 = 0
        /// Number of the first and of the last frame.
        package var firstNumber: UInt64?
        package var lastNumber: UInt64?

        package init() {}
    }

    /// Percentiles, ms.
    package struct Spread: Sendable, Hashable, Codable {
        package var p50: Double
        package var p99: Double
        package var max: Double

        package init(p50: Double, p99: Double, max: Double) {
            self.p50 = p50
            self.p99 = p99
            self.max = max
        }
    }

    /// A time without frames.
    package struct Gap: Sendable, Hashable, Codable {
        /// When the last frame before it came, ms since 1970.
        package var atWallMs: Int64
        package var ms: Double
        /// Frames of both tracks that are missing there.
        package var framesLost: UInt64
        package var sessionBefore: UInt32
        /// nil when it lasted to the end.
        package var sessionAfter: UInt32?
    }

    /// Another session or source.
    package struct Switch: Sendable, Hashable, Codable {
        /// When the first frame of the new session came, ms since 1970.
        package var atWallMs: Int64
        /// From the last (video) frame of the old session to the first of the new, ms; nil when none came.
        package var gapMs: Double?
        package var from: UInt32
        package var to: UInt32
        /// Another run or stream: numbers start over, so what was lost cannot be known.
        package var isOtherSource: Bool
        package var videoLost: UInt64
        package var audioLost: UInt64
    }

    /// A connection that broke.
    package struct Disconnection: Sendable, Hashable, Codable {
        /// ms since 1970.
        package var atWallMs: Int64
        package var reason: String
        /// Until the next connection brought a frame, ms; nil when none did.
        package var backAfterMs: Double?
    }

    /// Frames of both tracks.
    package var frames: UInt64 { video.frames &+ audio.frames }
    /// Missing frames of both tracks.
    package var lost: UInt64 { video.lost &+ audio.lost }

    /// Everything that was broken, in the order of ``VerifyRule``.
    package func violations(allowing allowance: VerifyAllowance = VerifyAllowance()) -> [VerifyViolation] {
        var found = violations
        let loss = gaps.first { $0.framesLost > 0 }
        if lost > allowance.lost {
            found.append(
                .init(
                    rule: .lost, count: lost, firstAtWallMs: firstLossAtWallMs ?? loss?.atWallMs ?? endedAtWallMs,
                    first: "\(video.lost) video and \(audio.lost) audio frames are missing, \(allowance.lost) allowed"))
        }
        if frames == 0 {
            let reason = lastFailure.map { ": \($0)" } ?? ""
            found.append(
                .init(
                    rule: .liveness, count: 1, firstAtWallMs: startedAtWallMs,
                    first: "no frame of a verifiable source came\(reason)"))
        } else if let limit = allowance.gapMs, longestGapMs > limit {
            let tooLong = gaps.filter { $0.ms > limit }
            found.append(
                .init(
                    rule: .liveness, count: UInt64(clamping: max(1, tooLong.count)),
                    firstAtWallMs: tooLong.first?.atWallMs ?? startedAtWallMs,
                    first: Self.text(tooLong.first?.ms ?? longestGapMs) + " ms without a frame, " + Self.text(limit)
                        + " ms allowed"))
        }
        if disconnects > allowance.disconnects {
            found.append(
                .init(
                    rule: .disconnects, count: disconnects,
                    firstAtWallMs: disconnections.first?.atWallMs ?? startedAtWallMs,
                    first: disconnections.first?.reason ?? ""))
        }
        let order = VerifyRule.allCases
        return found.filter { !allowance.ignored.contains($0.rule) }.sorted {
            (order.firstIndex(of: $0.rule) ?? 0) < (order.firstIndex(of: $1.rule) ?? 0)
        }
    }

    /// Whether nothing was broken but what is allowed.
    package func isClean(allowing allowance: VerifyAllowance = VerifyAllowance()) -> Bool {
        violations(allowing: allowance).isEmpty
    }

    /// When the first frame was found missing, ms since 1970; nil when none is.
    package var firstLossAtWallMs: Int64?

    static func text(_ milliseconds: Double) -> String {
        Int64(exactly: milliseconds.rounded()).map { "\($0)" } ?? "-"
    }
}
