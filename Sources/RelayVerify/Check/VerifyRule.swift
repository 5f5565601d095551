/// What a viewer of a verifiable stream may expect. The raw values are part of what `relayctl verify -o json` prints.
package enum VerifyRule: String, Sendable, Hashable, Codable, CaseIterable {
    /// I1: the timestamps of each track grow with every frame of a connection.
    case timestamps
    /// I1: frames come in the order they were sent.
    case order
    /// I1: presentation and decoding time are near each other.
    case compositionTime
    /// I1: audio and video keep the distance they had at the source.
    case skew
    /// I2: a video frame comes after all frames that it refers to, behind a keyframe.
    case references
    /// I3: frames are as they were sent.
    case damage
    /// I3: every frame comes once.
    case duplicates
    /// I3: no frames that the source did not send.
    case foreign
    /// I4: a publisher's session that was left does not come back.
    case sessions
    /// I5: the sequence header that a frame needs has come before it.
    case sequenceHeaders
    /// I6: media comes, and without a pause that is longer than allowed.
    case liveness
    /// Every frame between the first and the last has come, but so many as are allowed to be lost.
    case lost
    /// The connection stays, or breaks no more often than allowed.
    case disconnects

    /// What the design calls it; nil for what it leaves to each test.
    package var invariant: String? {
        switch self {
        case .timestamps, .order, .compositionTime, .skew: "I1"
        case .references: "I2"
        case .damage, .duplicates, .foreign: "I3"
        case .sessions: "I4"
        case .sequenceHeaders: "I5"
        case .liveness: "I6"
        case .lost, .disconnects: nil
        }
    }
}

/// A rule that was broken.
package struct VerifyViolation: Sendable, Hashable, Codable {
    package var rule: VerifyRule
    /// `I1`…`I6`; nil for rules without a number.
    package var invariant: String?
    /// How often.
    package var count: UInt64
    /// When it was first, ms since 1970.
    package var firstAtWallMs: Int64
    /// What was seen then.
    package var first: String

    package init(rule: VerifyRule, count: UInt64, firstAtWallMs: Int64, first: String) {
        self.rule = rule
        self.invariant = rule.invariant
        self.count = count
        self.firstAtWallMs = firstAtWallMs
        self.first = first
    }
}

/// What a test allows to happen; the default is nothing, but pauses of any length.
package struct VerifyAllowance: Sendable, Hashable, Codable {
    /// Frames of both tracks that may be missing.
    package var lost: UInt64 = 0
    /// The longest time without a frame, ms; nil = any.
    package var gapMs: Double?
    /// Connections that may break.
    package var disconnects: UInt64 = 0
    /// Rules that are not judged.
    package var ignored: Set<VerifyRule> = []

    package init(lost: UInt64 = 0, gapMs: Double? = nil, disconnects: UInt64 = 0, ignored: Set<VerifyRule> = []) {
        self.lost = lost
        self.gapMs = gapMs
        self.disconnects = disconnects
        self.ignored = ignored
    }
}
