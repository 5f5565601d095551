/// Numbers for people, without Foundation.
enum FigureText {
    /// With `places` decimals, rounded half away from zero.
    static func number(_ value: Double, places: Int = 1) -> String {
        guard value.isFinite else { return value.isNaN ? "?" : value > 0 ? "inf" : "-inf" }
        var scale = 1.0
        for _ in 0..<max(0, places) { scale *= 10 }
        guard let scaled = Int(exactly: (abs(value) * scale).rounded()), scaled < 1_000_000_000_000_000 else {
            return "huge"
        }
        let divisor = Int(exactly: scale) ?? 1
        let sign = value < 0 && scaled > 0 ? "-" : ""
        let whole = scaled / divisor
        guard places > 0 else { return "\(sign)\(whole)" }
        let rest = String(scaled % divisor)
        return "\(sign)\(whole)." + String(repeating: "0", count: max(0, places - rest.count)) + rest
    }

    /// A factor as a signed percentage: 1.141 becomes `+14.1%`.
    static func growth(_ factor: Double) -> String {
        let percent = (factor - 1) * 100
        return (percent >= 0 ? "+" : "") + number(percent) + "%"
    }

    /// bit/s and counts in thousands, millions, billions.
    static func amount(_ value: Double) -> String {
        let size = abs(value)
        if size >= 1e12 { return number(value / 1e12, places: 2) + "T" }
        if size >= 1e9 { return number(value / 1e9, places: 2) + "G" }
        if size >= 1e6 { return number(value / 1e6, places: 2) + "M" }
        if size >= 1e4 { return number(value / 1e3) + "k" }
        return number(value, places: size == size.rounded() ? 0 : 1)
    }
}
