import RelayCore

/// What a viewer of one edge must never see; judges frames independently of ``Splice``.
struct ViewerChecker {
    private(set) var highestEpoch: UInt64 = 0
    private var incarnation: Incarnation?
    private var left: [Incarnation] = []
    /// Of the newest frame that was sent.
    private var passing: Incarnation?
    private var lastAudio = Int64.min
    private var lastVideo = Int64.min
    private var lastReference: UInt64?
    private var firstID: UInt64?
    private var newestID: UInt64 = 0
    private var seen: UInt64 = 0
    /// What is lost, counted from first and last id of each incarnation.
    private(set) var lost: UInt64 = 0
    private(set) var frames = 0
    private(set) var newest = MonotonicTime.zero
    /// The longest time without a frame while there was one before.
    private(set) var longestGap = Duration.zero

    /// A new pull, with new viewers: times and loss start over, epochs do not.
    mutating func restart() {
        let epoch = highestEpoch
        self = ViewerChecker()
        highestEpoch = epoch
    }

    private mutating func closeCount() {
        if let firstID { lost += newestID - firstID + 1 - seen }
        firstID = nil
        seen = 0
    }

    /// The exact loss up to now.
    func lossNow() -> UInt64 {
        guard let firstID else { return lost }
        return lost + newestID - firstID + 1 - seen
    }

    /// A frame that arrived in the incarnation in force, whatever the splice made of it.
    mutating func arrived(_ frame: Frame, of incarnation: Incarnation) {
        if incarnation != self.incarnation {
            closeCount()
            if let old = self.incarnation { left.append(old) }
            self.incarnation = incarnation
            lastReference = nil
        }
        if firstID == nil { firstID = frame.id } else if frame.id <= newestID { return }
        newestID = frame.id
        seen += 1
    }

    /// Frames up to this one were left out, and it was said.
    mutating func skipped(upTo id: UInt64, of incarnation: Incarnation) {
        guard incarnation == self.incarnation, firstID != nil else { return }
        newestID = max(newestID, id)
    }

    /// A frame that viewers are sent.
    mutating func passed(_ frame: Frame, offset: Int64, of incarnation: Incarnation, now: MonotonicTime) -> String? {
        if incarnation.epoch < highestEpoch { return "epoch \(incarnation.epoch) after \(highestEpoch)" }
        if left.contains(incarnation) { return "incarnation \(incarnation) came back" }
        highestEpoch = incarnation.epoch
        let dts = frame.dts + offset
        if let before = passing, before != incarnation, frames > 0 {
            // Players are given the time that passed, give or take what they bridge.
            let jump = dts - max(lastAudio, lastVideo)
            let elapsed = (now - newest).wholeMilliseconds
            if jump < 0 || jump < elapsed - 100 || jump > elapsed + 1_100 {
                return "times jump by \(jump) ms after \(elapsed) ms"
            }
        }
        passing = incarnation
        switch frame.kind {
        case .audio:
            if dts <= lastAudio { return "audio dts \(dts) after \(lastAudio)" }
            lastAudio = dts
        case .video:
            if dts <= lastVideo { return "video dts \(dts) after \(lastVideo)" }
            lastVideo = dts
            if !frame.flags.contains(.key) {
                // The frame's composition offset carries the distance to the frame it refers to.
                let reference = frame.id - UInt64(frame.cts)
                if lastReference != reference {
                    return
                        "frame \(frame.id) refers to \(reference), the last one sent is \(lastReference.map { "\($0)" } ?? "none")"
                }
            }
            if !frame.flags.contains(.disposable) { lastReference = frame.id }
        case .data: break
        }
        if frames > 0 { longestGap = max(longestGap, now - newest) }
        frames += 1
        newest = now
        return nil
    }
}
