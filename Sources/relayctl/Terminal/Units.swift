/// How quantities are shown. Nothing here trusts a number: a server may send any.
package enum Units {
    /// `1.25`: a number with so many decimals; `-` when it is not one that can be shown.
    package static func fixed(_ value: Double, _ decimals: Int) -> String {
        let scale = (0..<decimals).reduce(Int64(1)) { product, _ in product * 10 }
        guard let scaled = Int64(exactly: (value * Double(scale)).rounded()) else { return "-" }
        let magnitude = scaled.magnitude
        let whole = "\(scaled < 0 ? "-" : "")\(magnitude / UInt64(scale))"
        guard decimals > 0 else { return whole }
        let fraction = String(magnitude % UInt64(scale))
        return whole + "." + String(repeating: "0", count: decimals - fraction.utf8.count) + fraction
    }

    /// `1.25 Mb/s`
    package static func bitrate(_ bitsPerSecond: Double) -> String { scaled(bitsPerSecond, unit: "b/s") }

    /// `1.25 GB`, in powers of 1000.
    package static func bytes(_ count: UInt64) -> String { scaled(Double(count), unit: "B") }

    /// `1.25 GB`, in powers of 1000.
    package static func bytes(_ count: Int) -> String { scaled(Double(count), unit: "B") }

    private static func scaled(_ value: Double, unit: String) -> String {
        guard value.isFinite else { return "-" }
        var value = value
        var prefix = ""
        for next in ["k", "M", "G", "T", "P"] where value.magnitude >= 999.5 {
            value /= 1000
            prefix = next
        }
        let decimals = prefix.isEmpty || value.magnitude >= 100 ? 0 : value.magnitude >= 10 ? 1 : 2
        let number = fixed(value, decimals)
        return number == "-" ? number : "\(number) \(prefix)\(unit)"
    }

    /// `7.1s`, `5m02s`, `3h07m`, `12d03h`
    package static func duration(seconds: Double) -> String {
        guard seconds >= 0, let whole = Int64(exactly: seconds.rounded(.down)) else { return "-" }
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        switch whole {
        case ..<60: return fixed(seconds, 1) + "s"
        case ..<3600: return "\(whole / 60)m\(two(whole % 60))s"
        case ..<86_400: return "\(whole / 3600)h\(two(whole % 3600 / 60))m"
        default: return "\(whole / 86_400)d\(two(whole % 86_400 / 3600))h"
        }
    }

    /// `850 ms`, `12.5 s`
    package static func milliseconds(_ value: Double) -> String {
        value.magnitude < 10_000 ? fixed(value, value.magnitude < 10 ? 1 : 0) + " ms" : fixed(value / 1000, 1) + " s"
    }

    /// `61 %`
    package static func percent(_ share: Double) -> String { fixed(share * 100, 0) + " %" }

    /// The sum; stops at the greatest number there is.
    package static func total(_ numbers: [Int]) -> Int {
        numbers.reduce(0) { sum, number in
            let (next, overflows) = sum.addingReportingOverflow(number)
            return overflows ? (number < 0 ? Int.min : Int.max) : next
        }
    }

    /// `2026-03-01 09:05:59`, UTC; `-` before 1970 and after 9999.
    ///
    /// The days of the Gregorian calendar after H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"
    /// (civil_from_days): years begin in March, so that the leap day is the last of its year.
    package static func instant(millisecondsSince1970: Int64) -> String {
        guard (0..<253_402_300_800_000).contains(millisecondsSince1970) else { return "-" }
        let seconds = millisecondsSince1970 / 1000
        let day = seconds / 86_400 + 719_468
        let era = day / 146_097
        let dayOfEra = day % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(year)-\(two(month))-\(two(dayOfYear - (153 * marchMonth + 2) / 5 + 1))"
        return "\(date) \(two(seconds / 3600 % 24)):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
    }
}
