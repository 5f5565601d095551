import RelayCore

/// Follows the frame numbers of one track: what is new, missing, late, double or only repeated at a join.
struct TrackChecker: Sendable {
    /// What a number is.
    enum Finding: Sendable, Hashable {
        /// Not seen before; so many before it are missing.
        case new(missed: UInt64)
        /// Was missing, and comes after a later one.
        case late
        /// Seen on an earlier connection.
        case replayed
        case duplicate
    }

    /// Numbers that have not come, and what their loss was counted as.
    private struct Missing: Sendable {
        var range: ClosedRange<UInt64>
        var switchIndex: Int?
        var isAfterSwitch: Bool
    }

    /// Runs of missing numbers that are remembered; a frame of an older run that comes after all counts as a duplicate.
    private static let maximumRuns = 256

    /// Counts for the report.
    private(set) var report = VerifyReport.Track()
    /// Checksum of the last sequence header on this connection.
    var configuration: UInt32?
    /// The last timestamp on this connection.
    var timestamp: UInt32?
    /// Timestamp minus media time, ms modulo 2^32, of the last frame of this session on this connection.
    var offset: UInt32?
    private var highest: UInt64?
    private var connectionLast: UInt64?
    /// The highest number when this connection began; what is not above it may be a repetition.
    private var joinedAt: UInt64?
    private var missing: [Missing] = []

    /// Another connection: what was already seen may come again, and everything it needs has to.
    mutating func beginConnection() {
        configuration = nil
        timestamp = nil
        offset = nil
        connectionLast = nil
        joinedAt = highest
    }

    /// Another source: numbers start over.
    mutating func beginSource() {
        highest = nil
        connectionLast = nil
        joinedAt = nil
        missing = []
    }

    /// Counts a frame.
    ///
    /// - Parameters:
    ///   - switchIndex: the switch that the frame is the first of in this track.
    ///   - isAfterSwitch: whether a session went before this one.
    /// - Returns: what it is, and for a late or replayed one that had been missing, the switch it was counted to.
    mutating func note(_ number: UInt64, switchIndex: Int?, isAfterSwitch: Bool) -> (Finding, recoveredAt: Int?) {
        defer { connectionLast = max(connectionLast ?? 0, number) }
        let isInOrder = connectionLast.map { number > $0 } ?? true
        guard let highest else {
            self.highest = number
            report.firstNumber = report.firstNumber ?? number
            report.lastNumber = number
            report.frames &+= 1
            return (.new(missed: 0), nil)
        }
        if number > highest {
            let missed = number &- highest &- 1
            self.highest = number
            report.lastNumber = number
            report.frames &+= 1
            if missed > 0 {
                lose(
                    Missing(
                        range: (highest &+ 1)...(number &- 1), switchIndex: switchIndex, isAfterSwitch: isAfterSwitch),
                    missed)
            }
            return (.new(missed: missed), nil)
        }
        if let recovered = recover(number) {
            report.frames &+= 1
            if isInOrder { return (.new(missed: 0), recovered.switchIndex) }
            report.outOfOrder &+= 1
            return (.late, recovered.switchIndex)
        }
        if isInOrder, let joinedAt, number <= joinedAt {
            report.replayed &+= 1
            return (.replayed, nil)
        }
        report.duplicates &+= 1
        return (.duplicate, nil)
    }

    private mutating func lose(_ run: Missing, _ count: UInt64) {
        report.lost &+= count
        if run.switchIndex != nil {
            report.lostAtSwitches &+= count
        } else if run.isAfterSwitch {
            report.lostAfterSwitches &+= count
        }
        if missing.count >= Self.maximumRuns { missing.removeFirst() }
        missing.append(run)
    }

    private mutating func recover(_ number: UInt64) -> Missing? {
        guard let index = missing.firstIndex(where: { $0.range.contains(number) }) else { return nil }
        let run = missing.remove(at: index)
        var below = run
        var above = run
        if number < run.range.upperBound {
            above.range = (number &+ 1)...run.range.upperBound
            missing.insert(above, at: index)
        }
        if number > run.range.lowerBound {
            below.range = run.range.lowerBound...(number &- 1)
            missing.insert(below, at: index)
        }
        report.lost &-= 1
        if run.switchIndex != nil {
            report.lostAtSwitches &-= 1
        } else if run.isAfterSwitch {
            report.lostAfterSwitches &-= 1
        }
        return run
    }
}
