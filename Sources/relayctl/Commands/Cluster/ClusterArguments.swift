import ArgumentParser
import RelayCore

extension NodeID: ExpressibleByArgument {
    /// What is wrong with another text is told by ArgumentParser. Dots alone would be levels of a path.
    public init?(argument: String) {
        guard !["", ".", ".."].contains(argument) else { return nil }
        self.init(argument)
    }
}

/// A length of time as it is typed: `30s`, `10m`, `6h`, `1h30m`.
struct Span: ExpressibleByArgument, Equatable {
    /// The longest there may be: a week.
    static let maximumSeconds = 7 * 86_400

    let seconds: Int

    init(seconds: Int) { self.seconds = seconds }

    init?(argument: String) {
        let units: [Character: Int] = ["d": 86_400, "h": 3600, "m": 60, "s": 1]
        var total = 0
        var digits = ""
        var lastUnit = Int.max
        for character in argument {
            if ("0"..."9").contains(character), digits.utf8.count < 7 {
                digits.append(character)
            } else {
                // Each unit once, the greatest first.
                guard let unit = units[character], unit < lastUnit, let number = Int(digits) else { return nil }
                total += number * unit
                lastUnit = unit
                digits = ""
            }
        }
        guard digits.isEmpty, lastUnit < Int.max, total <= Self.maximumSeconds else { return nil }
        seconds = total
    }

    var defaultValueDescription: String {
        seconds % 3600 == 0 ? "\(seconds / 3600)h" : seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s"
    }
}
