/// Reading a trace: `t_s,demand` rows, seconds and any unit, times rising.
///
/// Replay works on epochs of 60 s. Whatever the file's step, demand between two rows is a straight line, so a row every
/// 300 s becomes five epochs: demand is a quantity that flows, and holding each value would make every fifth epoch a jump
/// that nobody saw. Rows closer than 60 s are read off at the epochs.
extension DemandTrace {
    /// Seconds between the epochs of a parsed trace.
    package static let epoch = 60.0
    /// The longest file that is read: a year of seconds is below it.
    package static let maximumBytes = 512 << 20
    /// The longest row; two numbers in full precision need 50.
    package static let maximumRowBytes = 256
    /// The longest trace in epochs: six years.
    package static let maximumEpochs = 3_200_000

    /// Reads a file's text. Empty rows and rows that begin with `#` are skipped; the first other row may be a heading. Called by
    /// `scalingbench` and `relayctl autoscale replay`.
    ///
    /// - Throws: ``DemandTraceError`` with the row (from 1) at the first mistake.
    package static func parse(csv text: String, name: String) throws(DemandTraceError) -> DemandTrace {
        guard text.utf8.count <= maximumBytes else { throw .tooLong }
        var reader = Epochs()
        var line = 0
        for row in text.utf8.split(separator: 10, omittingEmptySubsequences: false) {
            line += 1
            guard row.count <= maximumRowBytes else { throw .rowTooLong(line: line) }
            let trimmed = trim(row)
            guard let first = trimmed.first, first != 35 else { continue }
            guard let (time, demand) = numbers(trimmed) else {
                // A heading has no digits at its start: anything else that is not two numbers is a mistake.
                if reader.last == nil, !reader.sawHeading, isLetter(first) { reader.sawHeading = true; continue }
                throw .notTwoNumbers(line: line)
            }
            guard time.isFinite, demand.isFinite, demand >= 0, demand <= 1e30, abs(time) <= 1e12 else {
                throw .impossibleValue(line: line)
            }
            try reader.add(time, demand, line: line)
        }
        guard reader.values.count >= 2 else { throw .tooShort }
        return DemandTrace(name: name, step: epoch, values: reader.values)
    }

    /// Demand `seconds` after the start, on the straight line between two values; the ends are held.
    package func demand(at seconds: Double) -> Double {
        guard let first = values.first, let last = values.last, step > 0 else { return 0 }
        let position = seconds / step
        guard position > 0 else { return first }
        guard let index = Int(exactly: position.rounded(.down)), index < values.count - 1 else { return last }
        let share = position - position.rounded(.down)
        return values[index] * (1 - share) + values[index + 1] * share
    }

    private static func trim(_ row: Substring.UTF8View) -> Substring.UTF8View {
        var row = row
        while let last = row.last, last == 13 || last == 32 || last == 9 { row = row.dropLast() }
        while let first = row.first, first == 32 || first == 9 { row = row.dropFirst() }
        return row
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte & 0xDF) || byte == 34 }

    private static func numbers(_ row: Substring.UTF8View) -> (Double, Double)? {
        let fields = row.split(separator: 44, maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 2, let first = fields.first, let second = fields.last,
            let time = Double(Substring(trim(first))), let demand = Double(Substring(trim(second)))
        else { return nil }
        return (time, demand)
    }

    /// Reads rows off at the epochs.
    private struct Epochs {
        var values: [Double] = []
        var sawHeading = false
        var last: (time: Double, demand: Double)?
        private var start = 0.0

        mutating func add(_ time: Double, _ demand: Double, line: Int) throws(DemandTraceError) {
            guard let last else {
                start = time
                last = (time, demand)
                values.append(demand)
                return
            }
            guard time > last.time else { throw .notRising(line: line) }
            guard (time - start) / epoch < Double(maximumEpochs) else { throw .tooLong }
            while true {
                let next = start + Double(values.count) * epoch
                guard next <= time else { break }
                let share = (next - last.time) / (time - last.time)
                values.append(last.demand * (1 - share) + demand * share)
            }
            self.last = (time, demand)
        }
    }
}

/// Why a trace could not be read.
package enum DemandTraceError: Error, Hashable, Sendable, CustomStringConvertible {
    case notTwoNumbers(line: Int)
    /// Not finite, or negative, or beyond what any tier sees.
    case impossibleValue(line: Int)
    /// A time that is not later than the one before.
    case notRising(line: Int)
    case rowTooLong(line: Int)
    case tooLong
    /// Fewer than two epochs.
    case tooShort

    package var description: String {
        switch self {
        case .notTwoNumbers(let line): "line \(line): expected `seconds,demand`"
        case .impossibleValue(let line): "line \(line): times and demand must be finite, demand must not be negative"
        case .notRising(let line): "line \(line): time does not rise"
        case .rowTooLong(let line): "line \(line): longer than \(DemandTrace.maximumRowBytes) bytes"
        case .tooLong:
            "the trace is longer than \(DemandTrace.maximumEpochs) minutes or \(DemandTrace.maximumBytes) bytes"
        case .tooShort: "the trace has fewer than two minutes"
        }
    }
}
