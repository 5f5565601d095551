import Foundation
import RelayScaling

/// Tables per trace and their means.
struct ReplayTable {
    let traces: [DemandTrace]
    let reports: [ReplayReport]

    func show() {
        for (trace, report) in zip(traces, reports) {
            let note = Self.isNoise(trace) ? "  (noise: a control, see below)" : ""
            print("\n\(report.trace), \(trace.values.count) epochs\(note)")
            print(Self.heading)
            for row in report.rows { print(Self.line(row)) }
        }
        let quiet = zip(traces, reports).filter { !Self.isNoise($0.0) }.map(\.1)
        if let first = reports.first {
            print(
                "\nSDA-1 at L = \(Int(first.settings.lead)) s, H = \(Int(first.settings.hold)) s, P = \(Int(first.settings.replicasAtPeak)), u = \(first.settings.utilisation)"
            )
        }
        mean("mean of all traces", reports)
        if quiet.count < reports.count {
            mean(
                "mean without controls (traces that change by more than 6 % in the middle of all 5-minute steps: no band of 12 % can hold them)",
                quiet)
        }
    }

    private func mean(_ title: String, _ reports: [ReplayReport]) {
        guard let first = reports.first else { return }
        print("\n\(title)")
        print(Self.heading + "   worst SDA")
        for index in first.rows.indices {
            let rows = reports.compactMap { $0.rows.indices.contains(index) ? $0.rows[index] : nil }
            guard var mean = rows.first else { continue }
            if mean.policy.hasPrefix("best pad") { mean.policy = "best pad of each" }
            for path in Self.figures {
                mean[keyPath: path] = rows.reduce(0) { $0 + $1[keyPath: path] } / Double(rows.count)
            }
            let worst = rows.map(\.sda).min() ?? 0
            print(Self.line(mean) + String(format: "  %9.2f", worst))
        }
    }

    /// Whether half of all 5-minute steps are larger than the middle of SDA-1's band: nothing can be right there except by chance.
    static func isNoise(_ trace: DemandTrace) -> Bool {
        let steps = zip(trace.values.dropFirst(5), trace.values).compactMap { later, earlier in
            earlier > 0 && later > 0 ? abs(log(later / earlier)) : nil
        }.sorted()
        return !steps.isEmpty && steps[steps.count / 2] > 0.06
    }

    static var figures: [WritableKeyPath<ReplayRow, Double>] {
        [
            \.sda, \.hardSDA, \.sdaZeroToTen, \.sdaFive, \.skill, \.under, \.overProvision, \.cost,
            \.overloadedMinutesPerDay, \.utilisation, \.scaleInsPerDay,
        ]
    }

    static let heading =
        "  policy                SDA-1   hard  0/+10    ±5%  skill  under%  over%   cost%  overload min/d   use%  scale-ins/d"

    static func line(_ row: ReplayRow) -> String {
        let name = row.policy.padding(toLength: 20, withPad: " ", startingAt: 0)
        return "  \(name)"
            + String(
                format: " %6.2f %6.2f %6.2f %6.2f %6.2f  %6.2f %6.2f  %6.1f  %14.3f %6.1f  %11.1f", row.sda,
                row.hardSDA,
                row.sdaZeroToTen, row.sdaFive, row.skill, row.under, row.overProvision, row.cost,
                row.overloadedMinutesPerDay, row.utilisation, row.scaleInsPerDay)
    }
}

/// The highest use of capacity at which no more than 0.1 % of the time is overloaded.
enum UtilisationSweep {
    static func show(_ traces: [DemandTrace], settings: ReplaySettings) async throws {
        print("\nUse of capacity at 0.1 % overloaded time (1.44 min/d), planned utilisation swept")
        var best: [String: (use: Double, planned: Double)] = [:]
        for planned in stride(from: 0.70, through: 0.99, by: 0.01) {
            var settings = settings
            settings.utilisation = planned
            for report in try await ReplayCommand.play(traces, settings: settings, own: true) {
                guard let row = report.rows.first, row.overloadedMinutesPerDay <= 1.44 else { continue }
                if row.utilisation > best[report.trace]?.use ?? 0 { best[report.trace] = (row.utilisation, planned) }
            }
        }
        var quiet: [Double] = []
        for trace in traces {
            let found = best[trace.name] ?? (0, 0)
            print(
                "  \(trace.name.padding(toLength: 28, withPad: " ", startingAt: 0))"
                    + String(format: " %6.1f %% at u = %.2f", found.use, found.planned))
            if !ReplayTable.isNoise(trace) { quiet.append(found.use) }
        }
        print(String(format: "  mean without controls %.1f %%", quiet.reduce(0, +) / Double(max(1, quiet.count))))
    }
}
