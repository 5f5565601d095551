import RelayScaling

/// The three panels.
extension ReplayPlot {
    /// Units of the picture that one column of the whole trace takes.
    private static let columnWidth = 2.0

    private var right: Double { Self.left + Self.plotWidth }

    /// A panel's place and scales.
    struct Frame {
        let top: Double
        let height: Double
        let epochs: Range<Int>
        let maximum: Double

        /// Left edge of an epoch.
        func x(_ epoch: Int) -> Double {
            ReplayPlot.left + Double(epoch - epochs.lowerBound) / Double(max(1, epochs.count)) * ReplayPlot.plotWidth
        }

        func y(_ value: Double) -> Double { top + height - min(max(0, value), maximum) / maximum * height }

        var bottom: Double { top + height }
    }

    /// Room for demand, oracle and most of the replicas: one wild decision shall not make everything else flat.
    private func frame(of epochs: Range<Int>, top: Double, height: Double) -> Frame {
        let series = report.series
        let needed = epochs.reduce(1.0) { max($0, series.demand[$1], Double(series.oracle[$1])) }
        let asked = epochs.reduce(1.0) { max($0, Double(series.replicas[0][$1])) }
        return Frame(top: top, height: height, epochs: epochs, maximum: max(needed, min(asked, 1.35 * needed)) * 1.05)
    }

    func drawOverview(_ svg: inout SVG, top: Double, height: Double) {
        let frame = frame(of: 0..<count, top: top, height: height)
        heading(&svg, "Nodes over the whole trace", y: top - 22)
        legend(&svg, y: top - 22, [("area", "demand"), ("oracle", "oracle"), ("own", report.rows[0].policy)])
        grid(&svg, frame)
        svg.rectangle(
            "zoom", x: frame.x(zoom.lowerBound), y: top, width: frame.x(zoom.upperBound) - frame.x(zoom.lowerBound),
            height: height)
        let columns = columns(of: frame.epochs)
        svg.path(
            "area",
            area(columns.map { column in column.map { report.series.demand[$0] }.max() ?? 0 }, frame, Self.columnWidth))
        svg.path("oracle", envelope(columns, report.series.oracle, frame))
        svg.path("own", envelope(columns, report.series.replicas[0], frame))
        svg.line("axis", Self.left, frame.bottom, right, frame.bottom)
    }

    func drawVerdicts(_ svg: inout SVG, top: Double) {
        heading(&svg, "Where each policy was wrong", y: top - 16)
        legend(
            &svg, y: top - 16,
            [("over", "more than 10 % too many"), ("under", "more than 2 % too few"), ("overload", "overloaded")])
        svg.text("tick end", "SDA-1", x: Self.width - 32, y: top - 16)
        let columns = columns(of: 0..<count)
        let frame = Frame(top: top, height: 1, epochs: 0..<count, maximum: 1)
        for (index, policy) in verdicts.enumerated() {
            let y = top + Double(index) * 20
            svg.rectangle("strip", x: Self.left, y: y, width: Self.plotWidth, height: 14)
            let name = report.rows[index].policy
            svg.text(
                index == 0 ? "tick end strong" : "tick end", name.count > 16 ? name.prefix(15) + "…" : name,
                x: Self.left - 10, y: y + 11.5)
            svg.text(
                index == 0 ? "tick end strong" : "tick end", ScalingText.percent(report.rows[index].sda),
                x: Self.width - 32,
                y: y + 11.5)
            // The height is the share of the column that was wrong: too many from above, too few and overload from below.
            for (verdict, style) in [
                (PolicyVerdicts.Verdict.over, "over"), (.under, "under"), (.overloaded, "overload"),
            ] {
                svg.path(style, bars(columns, policy.verdicts, verdict, frame, top: y, height: 14))
            }
        }
    }

    func drawZoom(_ svg: inout SVG, top: Double, height: Double) {
        let frame = frame(of: zoom, top: top, height: height)
        heading(&svg, zoomTitle, y: top - 22)
        var entries = [("area", "demand"), ("oracle", "oracle"), ("own", report.rows[0].policy)]
        if let rival { entries.append(("rival", report.rows[rival].policy)) }
        entries += [("under", "too few"), ("overload", "overloaded")]
        legend(&svg, y: top - 22, entries)
        grid(&svg, frame)
        let width = Self.plotWidth / Double(max(1, zoom.count))
        let shaded: [(PolicyVerdicts.Verdict, String)] = [(.under, "underband"), (.overloaded, "overloadband")]
        for (verdict, style) in shaded {
            svg.path(style, spans(verdicts[0].verdicts, verdict, frame))
        }
        svg.path("area", area(zoom.map { report.series.demand[$0] }, frame, width))
        if let rival { svg.path("rival", steps(report.series.replicas[rival], frame)) }
        svg.path("oracle", steps(report.series.oracle, frame))
        svg.path("own", steps(report.series.replicas[0], frame))
        svg.line("axis", Self.left, frame.bottom, right, frame.bottom)
    }

    private var zoomTitle: String {
        let hours = Units.fixed(
            (report.series.time[zoom.upperBound - 1] - report.series.time[zoom.lowerBound] + 60) / 3600, 0)
        let first = report.series.time[zoom.lowerBound]
        guard let start, let offset = Int64(exactly: (first * 1000).rounded()) else {
            return "The hardest \(hours) hours, enlarged"
        }
        return "The hardest \(hours) hours, enlarged: \(PlotAxis.date(start + offset))"
    }

    // MARK: Furniture

    private func heading(_ svg: inout SVG, _ text: String, y: Double) { svg.text("h2", text, x: 32, y: y) }

    /// Entries from the right edge to the left.
    private func legend(_ svg: inout SVG, y: Double, _ entries: [(style: String, label: String)]) {
        var x = right
        for entry in entries.reversed() {
            let label = entry.label.count > 24 ? entry.label.prefix(23) + "…" : entry.label
            x -= Double(label.count) * 6.5
            svg.text("tick", label, x: x, y: y)
            x -= 26
            switch entry.style {
            case "area", "over", "under", "overload":
                svg.rectangle("\(entry.style) swatch", x: x, y: y - 9, width: 18, height: 10, radius: 2)
            default: svg.line(entry.style, x, y - 4, x + 18, y - 4)
            }
            x -= 20
        }
    }

    private func grid(_ svg: inout SVG, _ frame: Frame) {
        let marks = PlotAxis.values(upTo: frame.maximum, count: 6)
        for mark in marks {
            let y = frame.y(mark)
            svg.line("grid", Self.left, y, right, y)
            let decimals = (marks.dropFirst().first ?? 1) < 1 ? 1 : 0
            svg.text("tick end", Units.fixed(mark, decimals), x: Self.left - 10, y: y + 4)
        }
        let first = report.series.time[frame.epochs.lowerBound]
        let last = report.series.time[frame.epochs.upperBound - 1] + 60
        for mark in PlotAxis.instants(from: first, to: last, start: start, count: 10) {
            let x = Self.left + (mark.time - first) / max(1e-9, last - first) * Self.plotWidth
            svg.line("grid", x, frame.top, x, frame.bottom + 5)
            // A date at the very edge would run into the axis's name.
            guard x > Self.left + 24 || mark.label == "0" else { continue }
            svg.text("tick middle", mark.label, x: x, y: frame.bottom + 20)
        }
        svg.text("tick end", start == nil ? "since start" : "UTC", x: Self.left - 10, y: frame.bottom + 20)
    }

    // MARK: Paths

    /// The epochs of each column, left to right; none is empty.
    private func columns(of epochs: Range<Int>) -> [Range<Int>] {
        let wanted = Self.plotWidth / Self.columnWidth
        let columns = min(epochs.count, Int(exactly: wanted.rounded()) ?? 1)
        return (0..<columns).map { column in
            let first = epochs.lowerBound + column * epochs.count / columns
            return first..<max(first + 1, epochs.lowerBound + (column + 1) * epochs.count / columns)
        }
    }

    private func area(_ values: [Double], _ frame: Frame, _ step: Double) -> String {
        guard !values.isEmpty else { return "" }
        let width = Self.plotWidth / Double(values.count)
        var data = "M\(SVG.number(Self.left)) \(SVG.number(frame.bottom))"
        for (index, value) in values.enumerated() {
            data += "L\(SVG.number(Self.left + (Double(index) + 0.5) * width)) \(SVG.number(frame.y(value)))"
        }
        return data + "L\(SVG.number(right)) \(SVG.number(frame.y(values.last ?? 0)))V\(SVG.number(frame.bottom))Z"
    }

    /// A line through the lowest, the highest and the last value of each column, so that no peak is lost.
    private func envelope(_ columns: [Range<Int>], _ values: [Int], _ frame: Frame) -> String {
        var data = ""
        var current = ""
        for column in columns {
            guard let low = values[column].min(), let high = values[column].max(), let last = values[column].last else {
                continue
            }
            let end = SVG.number(frame.y(Double(last)))
            let x = SVG.number(frame.x(column.lowerBound))
            if data.isEmpty {
                data = "M\(x) \(SVG.number(frame.y(Double(values[column.lowerBound]))))"
            } else {
                data += "H\(x)"
            }
            let lowY = SVG.number(frame.y(Double(low)))
            let highY = SVG.number(frame.y(Double(high)))
            // Nothing moves in most columns.
            if low != high || current != end {
                if lowY != current { data += "V\(lowY)" }
                if highY != lowY { data += "V\(highY)" }
                if end != highY { data += "V\(end)" }
            }
            current = end
        }
        return data.isEmpty ? "" : data + "H\(SVG.number(right))"
    }

    /// Every epoch as a step.
    private func steps(_ values: [Int], _ frame: Frame) -> String {
        var data = ""
        var current: Int?
        for epoch in frame.epochs where values[epoch] != current {
            let (x, y) = (SVG.number(frame.x(epoch)), SVG.number(frame.y(Double(values[epoch]))))
            data += current == nil ? "M\(x) \(y)" : "H\(x)V\(y)"
            current = values[epoch]
        }
        return data.isEmpty ? "" : data + "H\(SVG.number(right))"
    }

    /// Bars of one verdict: as high as its share of the column, and never too low to be seen.
    private func bars(
        _ columns: [Range<Int>], _ verdicts: [PolicyVerdicts.Verdict], _ verdict: PolicyVerdicts.Verdict,
        _ frame: Frame,
        top: Double, height: Double
    ) -> String {
        var data = ""
        for column in columns {
            var hits = 0
            var below = 0
            for found in verdicts[column] {
                if found == verdict { hits += 1 }
                if found == .overloaded { below += 1 }
            }
            guard hits > 0 else { continue }
            let scale = height / Double(column.count)
            let size = max(4, Double(hits) * scale)
            let x = frame.x(column.lowerBound)
            let width = max(Self.columnWidth, frame.x(column.upperBound) - x)
            // Too few stands on overload.
            let lift = verdict == .under && below > 0 ? max(4, Double(below) * scale) : 0
            let base = verdict == .over ? top : max(top, top + height - size - lift)
            data +=
                "M\(SVG.number(x)) \(SVG.number(base))h\(SVG.number(width))v\(SVG.number(size))h\(SVG.number(-width))z"
        }
        return data
    }

    /// Bands as high as the panel where a verdict holds.
    private func spans(_ verdicts: [PolicyVerdicts.Verdict], _ verdict: PolicyVerdicts.Verdict, _ frame: Frame)
        -> String
    {
        var data = ""
        var first: Int?
        for epoch in frame.epochs.lowerBound...frame.epochs.upperBound {
            let holds = epoch < frame.epochs.upperBound && verdicts[epoch] == verdict
            if holds, first == nil { first = epoch }
            guard !holds, let begin = first else { continue }
            let (x, end) = (frame.x(begin), frame.x(epoch))
            data +=
                "M\(SVG.number(x)) \(SVG.number(frame.top))H\(SVG.number(end))V\(SVG.number(frame.bottom))H\(SVG.number(x))z"
            first = nil
        }
        return data
    }

    /// Light unless the reader's mode is dark. Hues stay apart for colour-blind eyes: blue, violet, amber, vermilion.
    static let style = """

        text{fill:#1f2937}
        .bg{fill:#ffffff}
        .h1{font-size:21px;font-weight:600}
        .h2{font-size:14px;font-weight:600}
        .sub{font-size:13px;fill:#5b6673}
        .note{font-size:11.5px;fill:#5b6673}
        .tick{font-size:12px;fill:#5b6673}
        .end{text-anchor:end}
        .middle{text-anchor:middle}
        .strong{font-weight:600;fill:#1f2937}
        path{fill:none}
        .grid{stroke:#e5e8ec;stroke-width:1}
        .axis{stroke:#9aa5b1;stroke-width:1}
        .area{fill:#d5dee9;stroke:none}
        .oracle{stroke:#334155;stroke-width:1.4;stroke-opacity:.8}
        .own{stroke:#1d6fe0;stroke-width:1.4;stroke-linejoin:round}
        .rival{stroke:#9b4dca;stroke-width:1.3;stroke-dasharray:5 3}
        .zoom{fill:#1d6fe0;fill-opacity:.10;stroke:#1d6fe0;stroke-opacity:.45}
        .strip{fill:#eef1f5}
        .over{fill:#7fb2e5;stroke:none}
        .under{fill:#f0a202;stroke:none}
        .overload{fill:#d7263d;stroke:none}
        .underband{fill:#f0a202;fill-opacity:.28}
        .overloadband{fill:#d7263d;fill-opacity:.5}
        @media (prefers-color-scheme:dark){
        text{fill:#e6ebf2}
        .bg{fill:#12171f}
        .sub,.note,.tick{fill:#9aa7b8}
        .strong{fill:#e6ebf2}
        .grid{stroke:#2a323e}
        .axis{stroke:#5b6673}
        .area{fill:#2f3b4b}
        .oracle{stroke:#dbe3ee}
        .own{stroke:#5ea2ff}
        .rival{stroke:#c38bf0}
        .zoom{fill:#5ea2ff;stroke:#5ea2ff}
        .strip{fill:#1d2530}
        .over{fill:#3b6ea5}
        .under{fill:#f2b134}
        .overload{fill:#ff5c6c}
        .underband{fill:#f2b134}
        .overloadband{fill:#ff5c6c}
        }

        """
}
