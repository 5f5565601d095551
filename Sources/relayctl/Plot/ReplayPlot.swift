package import RelayScaling

/// A replay as a picture: the whole trace, where each policy was wrong, and the hardest hours enlarged.
///
/// Pure, and bounded whatever the trace's length: the whole trace is drawn by columns of two units, each with the highest and
/// the lowest of what falls into it. Colours follow the reader's light or dark mode; both have a background of their own.
package struct ReplayPlot {
    /// Seconds of the enlarged part, at most.
    static let zoomSeconds = 6 * 3600.0
    /// Policies that get a strip.
    static let maximumPolicies = 8

    let report: ReplayReport
    /// When the trace began, ms since 1970, UTC; nil = unknown.
    let start: Int64?
    let verdicts: [PolicyVerdicts]
    /// Epochs of the enlarged part.
    package let zoom: Range<Int>
    /// The policy that the autoscaler is compared with in the enlarged part.
    let rival: Int?
    /// Epochs that every series has.
    let count: Int

    static let width = 1200.0
    static let left = 138.0
    static let plotWidth = 970.0

    package init(report: ReplayReport, start: Int64?) {
        self.report = report
        self.start = start
        let series = report.series
        let policies = min(report.rows.count, series.replicas.count, Self.maximumPolicies)
        count =
            ([series.time.count, series.demand.count, series.oracle.count] + series.replicas.map(\.count)).min() ?? 0
        let epoch = count > 1 ? max(1e-3, series.time[1] - series.time[0]) : 60
        let lead = Int(exactly: (report.settings.lead / epoch).rounded(.up)) ?? 0
        let count = count
        verdicts = (0..<policies).map {
            PolicyVerdicts(
                replicas: series.replicas[$0].prefix(count), oracle: series.oracle.prefix(count),
                demand: series.demand.prefix(count), lead: lead, utilisation: report.settings.utilisation)
        }
        let wanted = Int(exactly: (Self.zoomSeconds / epoch).rounded()) ?? count
        zoom = Self.hardest(series, count: count, length: min(count, max(wanted, 2)))
        rival = report.rows.prefix(policies).indices.dropFirst().first { report.rows[$0].policy.contains("HPA") }
    }

    /// The document.
    package var svg: String {
        let strips = Double(verdicts.count) * 20
        let height = 782 + strips
        let own = report.rows.first
        let figure = own.map { "\(ScalingText.percent($0.sda)) of decisions right (SDA-1)" } ?? "no policy"
        var svg = SVG(width: Self.width, height: height, title: "\(shownName): \(figure)", style: Self.style)
        svg.rectangle("bg", x: 0, y: 0, width: Self.width, height: height)
        svg.text("h1", "\(shownName): \(figure)", x: 32, y: 42)
        svg.text("sub", subtitle, x: 32, y: 66)
        guard count >= 2, !verdicts.isEmpty else {
            svg.text("sub", "The trace is too short to be drawn.", x: 32, y: 110)
            return svg.text
        }
        drawOverview(&svg, top: 122, height: 230)
        drawVerdicts(&svg, top: 432)
        drawZoom(&svg, top: 494 + strips, height: 210)
        svg.text(
            "note",
            "Demand and replicas in nodes at the planned utilisation. Oracle: the smallest fleet that meets it for as long as the "
                + "decision binds. Replicas: those asked for, starting ones included.", x: 32, y: height - 22)
        return svg.text
    }

    private var shownName: String { report.trace.count > 48 ? report.trace.prefix(47) + "…" : report.trace }

    private var subtitle: String {
        let settings = report.settings
        var parts: [String] = []
        if let own = report.rows.first {
            parts.append("\(own.policy)")
            parts.append("hard epochs \(ScalingText.percent(own.hardSDA))")
            parts.append("overloaded \(Units.fixed(own.overloadedMinutesPerDay, 2)) min/day")
            parts.append("over-provision \(ScalingText.percent(own.overProvision))")
        }
        parts.append("lead \(Units.fixed(settings.lead, 0)) s, hold \(Units.fixed(settings.hold, 0)) s")
        parts.append("\(Units.percent(settings.utilisation)) utilisation")
        parts.append("\(Units.fixed(settings.replicasAtPeak, 0)) replicas at the peak")
        return parts.joined(separator: "  ·  ")
    }

    /// The stretch where what will be needed differs most from what is needed now.
    private static func hardest(_ series: ReplaySeries, count: Int, length: Int) -> Range<Int> {
        guard count > length else { return 0..<count }
        func difficulty(_ index: Int) -> Double {
            abs(Double(series.oracle[index]) - series.demand[index].rounded(.up))
        }
        var sum = (0..<length).reduce(0) { $0 + difficulty($1) }
        var best = (sum: sum, first: 0)
        for first in 1...(count - length) {
            sum += difficulty(first + length - 1) - difficulty(first - 1)
            if sum > best.sum { best = (sum, first) }
        }
        return best.first..<(best.first + length)
    }
}

/// What was wrong with one policy's replicas, epoch by epoch.
package struct PolicyVerdicts {
    package enum Verdict: UInt8 {
        case right
        case over
        case under
        /// More demand than what is ready carries at 100 %.
        case overloaded
    }

    package let verdicts: [Verdict]

    /// - Parameters:
    ///   - lead: epochs until a replica that was asked for is ready.
    ///   - utilisation: demand is in nodes at this share of their capacity.
    package init(
        replicas: ArraySlice<Int>, oracle: ArraySlice<Int>, demand: ArraySlice<Double>, lead: Int, utilisation: Double
    ) {
        var verdicts: [Verdict] = []
        verdicts.reserveCapacity(replicas.count)
        // What was asked for all through the last lead time is ready.
        var ready = SlidingMinimum(length: max(0, lead) + 1)
        for ((replicas, oracle), demand) in zip(zip(replicas, oracle), demand) {
            let carried = Double(ready.add(replicas)) / max(0.01, utilisation)
            let isOverloaded = demand > carried * (1 + 1e-9)
            let isRight = SDA1.isRight(replicas, oracle: oracle)
            verdicts.append(isOverloaded ? .overloaded : isRight ? .right : replicas < oracle ? .under : .over)
        }
        self.verdicts = verdicts
    }
}

/// The least of the newest values.
private struct SlidingMinimum {
    private let length: Int
    private var index = 0
    /// Rising values; those that can no longer be the least are gone.
    private var queue: [(index: Int, value: Int)] = []
    private var head = 0

    init(length: Int) { self.length = length }

    mutating func add(_ value: Int) -> Int {
        while queue.count > head, let last = queue.last, last.value >= value { queue.removeLast() }
        queue.append((index, value))
        while head < queue.count - 1, queue[head].index <= index - length { head += 1 }
        index += 1
        return queue[head].value
    }
}
