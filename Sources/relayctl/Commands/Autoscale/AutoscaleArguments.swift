import ArgumentParser
import RelayCluster

/// The tiers that are scaled.
enum Tier: String, ExpressibleByArgument, CaseIterable {
    case edge
    case origin

    var role: NodeRole { self == .edge ? .edge : .origin }
}

/// Name of an announced event; part of a URL, and made of what names of nodes are made of.
struct EventName: ExpressibleByArgument, Equatable {
    /// Longest name, bytes: as long as a node's.
    static let maximumBytes = 64

    let text: String

    init?(argument: String) {
        guard (1...Self.maximumBytes).contains(argument.utf8.count), ![".", ".."].contains(argument),
            AdminClient.encoded(argument) == argument, !argument.utf8.contains(UInt8(ascii: "~"))
        else { return nil }
        text = argument
    }
}

/// A number of viewers or publishers as it is typed: `25000`, `25k`, `1.2M`.
package struct Amount: ExpressibleByArgument, Equatable {
    /// More than there are people.
    static let maximum = 1e10

    package let value: Double

    package init?(argument: String) {
        let scale =
            switch argument.last {
            case "k": 1e3
            case "M": 1e6
            default: 1.0
            }
        let digits = scale == 1 ? argument[...] : argument.dropLast()
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
            let number = Double(digits), number > 0, number * scale <= Self.maximum
        else { return nil }
        value = number * scale
    }
}
