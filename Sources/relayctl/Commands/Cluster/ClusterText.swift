import RelayAPI

/// What several views of the cluster say and paint alike.
enum ClusterText {
    /// A node lease lasts 10 s and is renewed each 2 s; with less than this left, three renewals in a row are missing.
    static let worryingLeaseMs: Int64 = 4000

    /// The line above what is shown while the registry cannot be asked; nil while it can.
    static func away(_ registry: RegistryStatus) -> String? {
        guard registry.state == "away" else { return nil }
        let reason = registry.reason.map { ": \($0)" } ?? ""
        return "The registry (\(registry.url)) is away for \(Units.duration(seconds: registry.seconds))\(reason). "
            + "What follows is as old as that."
    }

    /// ``away(_:)`` as it is printed, with its line end; empty while the registry is there.
    static func header(_ registry: RegistryStatus, width: Int?, hasColour: Bool) -> String {
        away(registry).map {
            Prose.paragraph($0, width: width, colour: .warning, hasColour: hasColour) + "\n"
        } ?? ""
    }

    static func nodeState(_ state: String) -> Table.Colour { state == "serving" ? .good : .warning }

    static func streamState(_ state: String) -> Table.Colour { state == "live" ? .good : .warning }

    static func lease(_ milliseconds: Int64) -> (text: String, colour: Table.Colour) {
        guard milliseconds > 0 else { return ("over", .bad) }
        let isWorrying = milliseconds < worryingLeaseMs
        return (Units.duration(seconds: Double(milliseconds) / 1000), isWorrying ? .warning : .plain)
    }

    static func busy(_ share: Double) -> Table.Colour { share >= 0.9 ? .bad : share >= 0.7 ? .warning : .plain }
}
