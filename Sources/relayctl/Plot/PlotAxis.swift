/// Where an axis has its marks, and what stands there.
package enum PlotAxis {
    /// Marks from 0 up to `maximum`, at steps of 1, 2 or 5 times a power of ten.
    ///
    /// - Parameter count: about so many.
    package static func values(upTo maximum: Double, count: Int) -> [Double] {
        guard maximum.isFinite, maximum > 0, count > 0 else { return [0] }
        let rough = max(maximum / Double(count), 1e-9)
        var power = 1e-9
        while power * 10 <= rough { power *= 10 }
        let step = power * ([1.0, 2, 5].first { power * $0 >= rough } ?? 10)
        var marks = [0.0]
        // Multiples, not sums: a tenth has no exact form.
        while Double(marks.count) * step <= maximum, marks.count <= 2 * count {
            marks.append(Double(marks.count) * step)
        }
        return marks
    }

    /// Instants between two times of a trace, s since its start, that are round by the clock.
    ///
    /// - Parameters:
    ///   - start: ms since 1970, UTC; nil = only the time since the start is known.
    ///   - count: at most so many.
    package static func instants(from first: Double, to last: Double, start: Int64?, count: Int) -> [(
        time: Double, label: String
    )] {
        let steps: [Double] = [
            60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000,
            7_776_000, 31_536_000, 315_360_000,
        ]
        guard last > first, count > 0, let step = steps.first(where: { (last - first) / $0 <= Double(count) }) else {
            return []
        }
        let offset = start.map { Double($0) / 1000 } ?? 0
        var time = ((first + offset) / step).rounded(.up) * step
        var marks: [(time: Double, label: String)] = []
        while time <= last + offset, marks.count <= count {
            marks.append((time - offset, start == nil ? elapsed(time, step: step) : clock(time, step: step)))
            time += step
        }
        return marks
    }

    /// `2 d 18 h`: time since the start, as exact as the step asks for.
    private static func elapsed(_ seconds: Double, step: Double) -> String {
        guard let whole = Int64(exactly: seconds.rounded()) else { return "" }
        let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60)
        if whole == 0 { return "0" }
        if step >= 86_400 { return "day \(days)" }
        let clock = step >= 3600 ? "\(hours) h" : "\(hours):\(minutes < 10 ? "0" : "")\(minutes) h"
        return days == 0 ? clock : "\(days) d \(clock)"
    }

    /// `Sun 10 Jan` at midnight, `18:00` otherwise.
    private static func clock(_ seconds: Double, step: Double) -> String {
        guard let milliseconds = Int64(exactly: (seconds * 1000).rounded()) else { return "" }
        let text = Units.instant(millisecondsSince1970: milliseconds)
        guard text.utf8.count == 19, step >= 86_400 || text.hasSuffix("00:00:00") else {
            return String(text.suffix(8).prefix(5))
        }
        return date(milliseconds)
    }

    /// `Sun 10 Jan`
    static func date(_ milliseconds: Int64) -> String {
        let text = Units.instant(millisecondsSince1970: milliseconds)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        // 1970-01-01 was a Thursday.
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let parts = text.prefix(10).split(separator: "-")
        guard parts.count == 3, let month = Int(parts[1]), (1...12).contains(month), let day = Int(parts[2]),
            let weekday = Int(exactly: milliseconds / 86_400_000 % 7), weekdays.indices.contains(weekday)
        else { return "" }
        return "\(weekdays[weekday]) \(day) \(months[month - 1])"
    }
}
