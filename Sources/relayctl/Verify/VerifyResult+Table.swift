import RelayVerify

extension VerifyResult {
    /// Viewers that are shown one by one.
    package static let shownViewers = 20

    /// The result as lines to read; escaped.
    package func table(width: Int?, hasColour: Bool) -> String {
        var table = Table([
            .init("VIEWER", alignsRight: true), .init("URL", shrinks: true), .init("FRAMES", alignsRight: true),
            .init("LOST", alignsRight: true), .init("AGAIN", alignsRight: true), .init("BROKEN", alignsRight: true),
            .init("GAP", alignsRight: true), .init("SWITCHES", alignsRight: true), .init("CUT", alignsRight: true),
            .init("FIRST", alignsRight: true), .init("DELAY P99", alignsRight: true), .init("RESULT", shrinks: true),
        ])
        let shown = viewers.count > Self.shownViewers ? worst : viewers
        for viewer in shown { add(viewer, to: &table) }
        let sumResult = isClean ? "clean" : "\(sums.viewers - sums.cleanViewers) of \(sums.viewers) not clean"
        if viewers.count != 1 {
            table.add(
                [
                    "all", "\(sums.viewers) viewers", "\(sums.frames)", "\(sums.lost)", "\(sums.duplicates)",
                    "\(sums.undecodable)", Units.milliseconds(sums.longestGapMs), "\(sums.switches)",
                    "\(sums.disconnects)", sums.longestFirstFrameMs.map(Units.milliseconds) ?? "never",
                    sums.delay.map { Units.milliseconds($0.p99) } ?? "-", sumResult,
                ], colours: [11: isClean ? .good : .bad])
        }
        var lines = [table.render(width: width, hasColour: hasColour)]
        if shown.count < viewers.count {
            lines.append("The worst \(shown.count) of \(viewers.count) viewers are shown.")
        }
        for violation in violations {
            let name = violation.invariant.map { "\($0) \(violation.rule.rawValue)" } ?? violation.rule.rawValue
            let times = violation.count == 1 ? "once" : "\(violation.count) times"
            let place =
                violation.viewers == 1 ? "at viewer \(violation.firstViewer)" : "at \(violation.viewers) viewers"
            let first = Units.fixed(Double(violation.firstAtWallMs - startedAtWallMs) / 1000, 1)
            lines.append(
                Escape.forTerminal(
                    "\(name): \(times) \(place), first \(first) s after the start at viewer \(violation.firstViewer): \(violation.first)"
                ))
        }
        return lines.joined(separator: "\n")
    }

    private var worst: [Viewer] {
        func rank(_ viewer: Viewer) -> (Int, UInt64, Double) {
            let report = viewer.report
            return (
                viewer.isClean ? 0 : 1, report.lost &+ report.undecodable &+ report.disconnects, report.longestGapMs
            )
        }
        return Array(viewers.sorted { rank($0) > rank($1) }.prefix(Self.shownViewers))
    }

    private func add(_ viewer: Viewer, to table: inout Table) {
        let report = viewer.report
        let broken = report.violations(allowing: allowed)
        let result =
            broken.isEmpty
            ? viewer.hasEnded ? "clean, ended" : "clean" : broken.map { $0.rule.rawValue }.joined(separator: " ")
        table.add(
            [
                "\(viewer.viewer)", viewer.url, "\(report.frames)", "\(report.lost)",
                "\(report.video.duplicates &+ report.audio.duplicates)", "\(report.undecodable)",
                Units.milliseconds(report.longestGapMs),
                "\(UInt64(clamping: report.switches.count) &+ report.switchesOmitted)", "\(report.disconnects)",
                report.firstFrameMs.map(Units.milliseconds) ?? "never",
                report.delay.map { Units.milliseconds($0.p99) } ?? "-", result,
            ], colours: [11: broken.isEmpty ? .good : .bad])
    }
}
