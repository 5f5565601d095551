import ArgumentParser

/// An instant as it is typed: RFC 3339, a time of day (UTC), a time from now such as `-15m` or `+2h`, or `now`.
package struct Moment: ExpressibleByArgument, Equatable {
    /// The last instant there may be: the end of the year 9999, ms since 1970.
    static let maximum: Int64 = 253_402_300_799_999

    private enum Form: Equatable {
        case instant(milliseconds: Int64)
        case timeOfDay(seconds: Int64)
        case offset(seconds: Int64)
    }

    /// Which day a time of day belongs to.
    package enum Direction {
        /// Today, or yesterday when it is still to come today.
        case past
        /// Today, or tomorrow when it is over today.
        case future
    }

    private let form: Form

    package init?(argument: String) {
        let bytes = Array(argument.utf8)
        if argument == "now" {
            form = .offset(seconds: 0)
        } else if let first = argument.first, first == "-" || first == "+" {
            guard let span = Span(argument: String(argument.dropFirst())) else { return nil }
            form = .offset(seconds: first == "-" ? -Int64(span.seconds) : Int64(span.seconds))
        } else if let seconds = Self.timeOfDay(bytes[...]) {
            form = .timeOfDay(seconds: seconds)
        } else if let milliseconds = Self.instant(bytes) {
            form = .instant(milliseconds: milliseconds)
        } else {
            return nil
        }
    }

    /// ms since 1970.
    ///
    /// - Parameters:
    ///   - now: what `-15m` counts from, and whose day a time of day belongs to.
    ///   - origin: what `+2h` counts from when that is not now.
    package func milliseconds(now: Int64, origin: Int64? = nil, _ direction: Direction) -> Int64 {
        switch form {
        case .instant(let milliseconds): return milliseconds
        case .offset(let seconds):
            return min(max(0, (seconds > 0 ? origin ?? now : now) + seconds * 1000), Self.maximum)
        case .timeOfDay(let seconds):
            let day: Int64 = 86_400_000
            let start = origin ?? now
            let today = start - start % day + seconds * 1000
            switch direction {
            case .past: return max(0, today > start ? today - day : today)
            case .future: return today <= start ? today + day : today
            }
        }
    }

    /// `HH:MM` or `HH:MM:SS`.
    private static func timeOfDay(_ bytes: ArraySlice<UInt8>) -> Int64? {
        let parts = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), let hour = number(parts[0], digits: 2), hour < 24,
            let minute = number(parts[1], digits: 2), minute < 60
        else { return nil }
        guard parts.count == 3 else { return hour * 3600 + minute * 60 }
        guard let second = number(parts[2], digits: 2), second < 60 else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    /// RFC 3339 §5.6 `date-time`; seconds may be left out, a blank may stand for the `T`, and without a zone it is UTC.
    private static func instant(_ bytes: [UInt8]) -> Int64? {
        guard bytes.count >= 16, bytes.count <= 40, [UInt8(ascii: "T"), UInt8(ascii: "t"), 0x20].contains(bytes[10])
        else { return nil }
        let date = bytes[..<10].split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard date.count == 3, let year = number(date[0], digits: 4), let month = number(date[1], digits: 2),
            let day = number(date[2], digits: 2), year >= 1970, (1...12).contains(month),
            (1...daysOf(month: month, year: year)).contains(day)
        else { return nil }
        var rest = bytes[11...]
        guard let zone = takeZone(&rest) else { return nil }
        var fraction: Int64 = 0
        if let dot = rest.firstIndex(of: UInt8(ascii: ".")) {
            let digits = rest[(dot + 1)...]
            guard rest[..<dot].count == 8, (1...9).contains(digits.count),
                let value = number(digits, digits: digits.count)
            else { return nil }
            fraction = value * 1000 / (0..<digits.count).reduce(Int64(1)) { product, _ in product * 10 }
            rest = rest[..<dot]
        }
        guard let time = timeOfDay(rest) else { return nil }
        let milliseconds = (Self.days(year, month, day) * 86_400 + time - zone) * 1000 + fraction
        return (0...maximum).contains(milliseconds) ? milliseconds : nil
    }

    /// Takes `Z` or `+01:00` off the end: seconds east of UTC; nil when it is wrong.
    private static func takeZone(_ rest: inout ArraySlice<UInt8>) -> Int64? {
        if rest.last == UInt8(ascii: "Z") || rest.last == UInt8(ascii: "z") {
            rest = rest.dropLast()
            return 0
        }
        let zone = rest.suffix(6)
        guard zone.count == 6, let sign = zone.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") else {
            return 0
        }
        guard let seconds = timeOfDay(zone.dropFirst()) else { return nil }
        rest = rest.dropLast(6)
        return sign == UInt8(ascii: "-") ? -seconds : seconds
    }

    /// Exactly so many digits, nine at most.
    private static func number(_ bytes: ArraySlice<UInt8>, digits: Int) -> Int64? {
        guard bytes.count == digits, bytes.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    private static func daysOf(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days since 1970-01-01, after H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days_from_civil); the other
    /// way round is in ``Units/instant(millisecondsSince1970:)``.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let yearOfEra = year % 400
        return year / 400 * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
