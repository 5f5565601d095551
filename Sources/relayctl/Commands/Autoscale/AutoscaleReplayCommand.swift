import ArgumentParser
import FoundationEssentials
import Glibc
import RelayScaling

struct AutoscaleReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "How the autoscaler and others would have done on a recorded demand.",
        discussion: """
            No node is asked. The file has lines of seconds,demand in any unit, times rising; demand between two lines is a \
            straight line. SDA-1 is the share of minutes in which the replicas asked for were at most 2 % below and 10 % \
            above the fewest that keep the planned utilisation while the decision binds (from lead to lead + hold later). \
            HARD counts only minutes where that differs by 2 % or more from the need of that minute.
            """)

    @Option(help: ArgumentHelp("The file; - for standard input.", valueName: "file"))
    var trace: String

    @Option(help: ArgumentHelp("From asking for a node until it serves.", valueName: "seconds"))
    var lead = 120.0

    @Option(help: ArgumentHelp("How long a decision binds.", valueName: "seconds"))
    var hold = 300.0

    @Option(help: ArgumentHelp("Nodes that the trace's peak (99.9th percentile) needs at 75 %.", valueName: "nodes"))
    var peak = 100.0

    @Option(help: "Planned share of a node's capacity.")
    var utilisation = 0.75

    @Option(help: ArgumentHelp("Draw it as SVG into this file.", valueName: "file"))
    var plot: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("When the trace began, so that the plot shows times of day.", valueName: "time"))
    var start: Moment?

    @Flag(help: "With -o json, every minute of every policy, too.")
    var series = false

    @Option(name: [.customShort("o"), .customLong("format")], help: "How the result is shown.")
    var format = OutputFormat.table

    @Flag(name: .customLong("no-color"), help: "No colours; also NO_COLOR.")
    var noColour = false

    func validate() throws {
        guard (0...3600).contains(lead) else { throw ValidationError("--lead takes 0 to 3600 seconds.") }
        guard (0...7200).contains(hold) else { throw ValidationError("--hold takes 0 to 7200 seconds.") }
        guard (1...100_000).contains(peak) else { throw ValidationError("--peak takes 1 to 100000 nodes.") }
        guard (0.05...1).contains(utilisation) else { throw ValidationError("--utilisation takes 0.05 to 1.") }
        guard !series || format == .json else { throw ValidationError("--series goes with -o json.") }
    }

    func run() async throws {
        let name = trace == "-" ? "standard input" : Self.name(of: trace)
        var text = String(decoding: try SmallFile.read(trace, limit: DemandTrace.maximumBytes), as: UTF8.self)
        // Spreadsheets begin a file with it.
        if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
        let recorded: DemandTrace
        do throws(DemandTraceError) { recorded = try DemandTrace.parse(csv: text, name: name) } catch {
            throw Failure.usage("\(Escape.forTerminal(trace)): \(error.description).")
        }
        var settings = ReplaySettings()
        settings.lead = lead
        settings.hold = hold
        settings.replicasAtPeak = peak
        settings.utilisation = utilisation
        let began = start?.milliseconds(now: WallClock.now(), .past)
        let report = Replay.run(recorded, settings: settings) { perNode in
            let own = AutoscalerPolicy(
                perNode: perNode, utilisation: settings.utilisation, lead: settings.lead, hold: settings.hold,
                metricDelay: settings.metricDelay, start: Double(began ?? 0) / 1000)
            return [own] + Replay.baselines(perNode: perNode)
        }
        guard !report.series.oracle.isEmpty else {
            throw Failure.usage("\(Escape.forTerminal(trace)): the trace is shorter than lead and hold together.")
        }
        if let plot { try SmallFile.write(ReplayPlot(report: report, start: began).svg, to: plot) }
        let console = Console.current
        guard format == .table else {
            return try console.print(
                series ? AdminOptions.json(report) : AdminOptions.json(ReplayFigures(report)))
        }
        try console.print(
            ReplayTable(report: report, width: console.width, hasColour: console.hasColour && !noColour).text)
        if let plot { try console.print("Plot: \(Escape.forTerminal(plot))") }
    }

    /// The file's name without its folders and its ending.
    private static func name(of path: String) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        return file.hasSuffix(".csv") ? String(file.dropLast(4)) : file
    }
}

/// A report without its series.
struct ReplayFigures: Encodable {
    let trace: String
    let epochs: Int
    let settings: ReplaySettings
    let rows: [ReplayRow]

    init(_ report: ReplayReport) {
        trace = report.trace
        epochs = report.series.oracle.count
        settings = report.settings
        rows = report.rows
    }
}

/// A report for people.
struct ReplayTable {
    let report: ReplayReport
    let width: Int?
    let hasColour: Bool

    var text: String {
        let settings = report.settings
        let minutes = report.series.oracle.count
        let days = Units.fixed(Double(minutes) / 1440, 1)
        let head = prose(
            "\(report.trace): \(minutes) minutes (\(days) days), lead \(Units.fixed(settings.lead, 0)) s + hold "
                + "\(Units.fixed(settings.hold, 0)) s, \(Units.percent(settings.utilisation)) utilisation, "
                + "\(Units.fixed(settings.replicasAtPeak, 0)) nodes at the peak")
        return [head, table, comparison].filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    private func prose(_ text: String) -> String { Prose.paragraph(text, width: width, hasColour: hasColour) }

    private var table: String {
        let titles = [
            "SDA-1", "HARD", "0..+10", "+-5", "SKILL", "UNDER", "OVER", "COST", "OVERLOAD/DAY", "UTIL", "SCALE-INS/DAY",
        ]
        var table = Table(
            [.init("POLICY", shrinks: true)] + titles.map { Table.Column($0, alignsRight: true) })
        for (index, row) in report.rows.enumerated() {
            table.add(
                [
                    row.policy, Units.fixed(row.sda, 1), Units.fixed(row.hardSDA, 1), Units.fixed(row.sdaZeroToTen, 1),
                    Units.fixed(row.sdaFive, 1), Units.fixed(row.skill, 2), Units.fixed(row.under, 1),
                    Units.fixed(row.overProvision, 1), Units.fixed(row.cost, 1),
                    "\(Units.fixed(row.overloadedMinutesPerDay, 2)) min", Units.fixed(row.utilisation, 1),
                    Units.fixed(row.scaleInsPerDay, 1),
                ],
                colours: [
                    1: index == 0 ? .good : .plain, 9: row.overloadedMinutesPerDay > 0 ? .warning : .plain,
                ])
        }
        table.leaveOut(
            ["SKILL", "+-5", "0..+10", "COST", "SCALE-INS/DAY", "UTIL", "UNDER", "HARD", "OVER"], toFit: width)
        return table.render(width: width, hasColour: hasColour)
    }

    /// `autoscaler, points of SDA-1: +23.4 against last value, …`
    private var comparison: String {
        guard let own = report.rows.first, report.rows.count > 1 else { return "" }
        let differences = report.rows.dropFirst().prefix(16).map { row in
            let points = own.sda - row.sda
            return "\(points >= 0 ? "+" : "")\(Units.fixed(points, 1)) against \(row.policy)"
        }
        return prose("\(own.policy), points of SDA-1: \(differences.joined(separator: ", ")).")
    }
}
