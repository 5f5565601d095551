package import RelayVerify

/// What all viewers of `relayctl verify` saw; `-o json` prints it. Names are stable; fields may be added.
///
///     { "startedAtWallMs", "endedAtWallMs",   ms since 1970
///       "isClean",                            nothing broken but what is allowed; the exit code says the same
///       "allowed": { "lost", "gapMs", "disconnects", "ignored" },
///       "sums": { … },                        over all viewers
///       "violations": [ { "rule", "invariant", "count", "viewers", "firstViewer", "firstAtWallMs", "first" } ],
///       "viewers": [ { "viewer", "url", "transport", "isClean", "hasEnded", "lastReason", "report": VerifyReport } ] }
///
/// A report lists under `gaps` every time of more than 100 ms without a video frame (`atWallMs`, `ms`, `framesLost`,
/// `sessionBefore`, `sessionAfter`), under `switches` every other publisher session and under `disconnections` every
/// connection that broke, so that they can be laid beside the times of faults.
package struct VerifyResult: Codable, Sendable, Equatable {
    package var startedAtWallMs: Int64
    package var endedAtWallMs: Int64
    package var isClean: Bool
    package var allowed: VerifyAllowance
    package var sums: Sums
    package var violations: [Violation]
    package var viewers: [Viewer]

    /// One viewer.
    package struct Viewer: Codable, Sendable, Equatable {
        /// From 1.
        package var viewer: Int
        /// What it played last.
        package var url: String
        /// `rtmp`, `http-flv` or `ws-flv`.
        package var transport: String
        package var isClean = true
        /// The server said that the stream is over.
        package var hasEnded: Bool
        /// Why the last connection ended; empty while it stands.
        package var lastReason: String
        package var report: VerifyReport

        package init(
            viewer: Int, url: String, transport: String, hasEnded: Bool, lastReason: String, report: VerifyReport
        ) {
            self.viewer = viewer
            self.url = url
            self.transport = transport
            self.hasEnded = hasEnded
            self.lastReason = lastReason
            self.report = report
        }
    }

    /// One rule that at least one viewer saw broken.
    package struct Violation: Codable, Sendable, Equatable {
        package var rule: VerifyRule
        /// `I1`…`I6`, where it is one of those.
        package var invariant: String?
        /// How often, at all viewers.
        package var count: UInt64
        /// How many viewers.
        package var viewers: Int
        /// Which one saw it first, when, and what.
        package var firstViewer: Int
        package var firstAtWallMs: Int64
        package var first: String
    }

    /// Over all viewers.
    package struct Sums: Codable, Sendable, Equatable {
        package var viewers = 0
        package var cleanViewers = 0
        /// Viewers that got at least one frame.
        package var joinedViewers = 0
        package var frames: UInt64 = 0
        package var lost: UInt64 = 0
        package var lostAtSwitches: UInt64 = 0
        package var duplicates: UInt64 = 0
        package var outOfOrder: UInt64 = 0
        package var missingReferences: UInt64 = 0
        package var undecodable: UInt64 = 0
        package var switches: UInt64 = 0
        package var disconnects: UInt64 = 0
        package var failedConnects: UInt64 = 0
        package var bytes: UInt64 = 0
        /// The worst of all viewers, ms.
        package var longestGapMs = 0.0
        package var longestSilenceMs = 0.0
        package var longestFirstFrameMs: Double?
        /// Of all frames of all viewers, ms.
        package var delay: VerifyReport.Spread?
    }

    /// - Parameter delays: of all viewers together.
    package init(
        viewers: [Viewer], delays: DelayHistogram, allowed: VerifyAllowance, startedAtWallMs: Int64,
        endedAtWallMs: Int64
    ) {
        self.startedAtWallMs = startedAtWallMs
        self.endedAtWallMs = endedAtWallMs
        self.allowed = allowed
        self.viewers = viewers
        sums = Sums()
        var found: [VerifyRule: Violation] = [:]
        for index in viewers.indices {
            let report = viewers[index].report
            let broken = report.violations(allowing: allowed)
            self.viewers[index].isClean = broken.isEmpty
            sums.add(report, isClean: broken.isEmpty)
            for violation in broken {
                var sum =
                    found[violation.rule]
                    ?? Violation(
                        rule: violation.rule, invariant: violation.invariant, count: 0, viewers: 0, firstViewer: 0,
                        firstAtWallMs: .max, first: "")
                sum.count &+= violation.count
                sum.viewers += 1
                if violation.firstAtWallMs < sum.firstAtWallMs {
                    sum.firstViewer = viewers[index].viewer
                    sum.firstAtWallMs = violation.firstAtWallMs
                    sum.first = violation.first
                }
                found[violation.rule] = sum
            }
        }
        sums.delay = delays.spread
        violations = VerifyRule.allCases.compactMap { found[$0] }
        isClean = violations.isEmpty
    }
}

extension VerifyResult.Sums {
    fileprivate mutating func add(_ report: VerifyReport, isClean: Bool) {
        viewers += 1
        cleanViewers += isClean ? 1 : 0
        joinedViewers += report.frames > 0 ? 1 : 0
        frames &+= report.frames
        lost &+= report.lost
        lostAtSwitches &+= report.video.lostAtSwitches &+ report.audio.lostAtSwitches
        duplicates &+= report.video.duplicates &+ report.audio.duplicates
        outOfOrder &+= report.video.outOfOrder &+ report.audio.outOfOrder
        missingReferences &+= report.missingReferences
        undecodable &+= report.undecodable
        switches &+= UInt64(clamping: report.switches.count) &+ report.switchesOmitted
        disconnects &+= report.disconnects
        failedConnects &+= report.failedConnects
        bytes &+= report.bytes
        longestGapMs = max(longestGapMs, report.longestGapMs)
        longestSilenceMs = max(longestSilenceMs, report.longestSilenceMs)
        if let first = report.firstFrameMs { longestFirstFrameMs = max(longestFirstFrameMs ?? 0, first) }
    }
}
