import Foundation
import RelayScaling

/// What a run cost on this machine: measured, all else is modelled.
struct FleetSpeed: Codable {
    var seconds: Double
    var cpuSeconds: Double
    var setupSeconds: Double
    var ticks: Int
    var decisionSeconds: Double
    var slowestDecisionMilliseconds: Double
}

struct FleetFigures: Codable {
    var outcome: FleetOutcome
    var speed: FleetSpeed
}

/// Time spent in the decisions of all regions, tick by tick.
final class FleetStopwatch {
    private(set) var seconds = 0.0
    private(set) var slowest = 0.0
    private var began = ContinuousClock.now

    func start() { began = .now }

    func stop() {
        let taken = (ContinuousClock.now - began) / .seconds(1)
        seconds += taken
        slowest = max(slowest, taken)
    }
}

/// Wall and processor time, and a line on standard error for whoever waits for more than two seconds.
struct FleetClock {
    private(set) var seconds = 0.0
    private(set) var cpuSeconds = 0.0
    private(set) var setupSeconds = 0.0
    private let made = ContinuousClock.now
    private var began = ContinuousClock.now
    private var beganCPU = 0.0
    private var told = ContinuousClock.now
    private var hasTold = false
    private let isTerminal = isatty(2) != 0

    private static func cpu() -> Double {
        var usage = rusage()
        // RUSAGE_SELF, whose type differs between systems.
        getrusage(0, &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }

    mutating func started() {
        began = .now
        beganCPU = Self.cpu()
        setupSeconds = (began - made) / .seconds(1)
    }

    mutating func ended() {
        seconds = (ContinuousClock.now - began) / .seconds(1)
        cpuSeconds = Self.cpu() - beganCPU
        if hasTold, isTerminal { FileHandle.standardError.write(Data("\r\u{1b}[K".utf8)) }
    }

    mutating func progress(_ share: Double, _ text: String) {
        let now = ContinuousClock.now
        let wait: Duration = isTerminal ? .seconds(1) : .seconds(15)
        guard now - told > (hasTold ? wait : .seconds(2)) else { return }
        told = now
        hasTold = true
        let passed = (now - began) / .seconds(1)
        let left = share > 0.001 ? String(format: ", %.0f s to go", passed / share - passed) : ""
        let line = String(format: "%3.0f %%  ", min(1, max(0, share)) * 100) + text + left
        FileHandle.standardError.write(Data((isTerminal ? "\r\u{1b}[K" + line : line + "\n").utf8))
    }
}

enum FleetPrinting {
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    static func table(_ outcome: FleetOutcome, _ speed: FleetSpeed) {
        let totals = outcome.totals
        let settings = outcome.settings
        print(
            "fleet: \(number(settings.peakViewers)) viewers, \(settings.streams) streams, \(settings.regions) regions, "
                + "seed \(settings.seed), \(settings.hours) h at \(settings.step) s")
        row("highest viewers / edges", "\(number(Double(totals.highestViewers))) / \(totals.highestEdges)")
        row("sessions begun", number(Double(totals.joins)))
        row(
            "viewer-minutes overloaded",
            "\(number(totals.overloadedMinutes)) of \(number(totals.watchedMinutes)) "
                + String(format: "(%.4f %%)", outcome.overloadedPercent))
        row("viewer-minutes waiting", number(totals.waitedMinutes))
        row("region-minutes > 1 % overloaded", String(format: "%.1f", totals.regionOverloadedMinutes))
        row("gave up after refusals", number(Double(totals.gaveUp)))
        row(
            "ended by drains' deadlines",
            "\(number(Double(totals.endedByDrains))) in \(totals.drains) drains, \(totals.undrains) taken back")
        row(
            "cut by wrong victims",
            "\(number(Double(totals.cutByWrongVictims))) on \(totals.wrongVictims) pods of \(totals.deleted) deleted")
        if totals.cutByHand > 0 { row("cut by hand", number(Double(totals.cutByHand))) }
        if totals.lostEdges > 0 {
            row("cut by losses", "\(number(Double(totals.cutByLoss))) on \(totals.lostEdges) edges")
        }
        if let worst = outcome.totals.rehomeSeconds.max() {
            row(
                "99 % re-homed after a loss",
                String(format: "%.1f s at worst (%d losses)", worst, totals.rehomeSeconds.count))
        }
        row("pulls per edge p50 / p99", "\(outcome.pullsP50) / \(outcome.pullsP99)")
        row(
            "replica-hours requested / oracle",
            String(
                format: "%.0f / %.0f (%+.1f %%)", outcome.requestedHours, outcome.oracleHours,
                100 * (outcome.requestedHours / max(1, outcome.oracleHours) - 1)))
        row("pod-hours, drains included", String(format: "%.0f", totals.replicaHours))
        row(
            "SDA-1 (L=120, H=300)",
            String(format: "%.2f %%, under %.2f %%", outcome.sda, outcome.under)
                + " (" + outcome.sdaByRegion.map { String(format: "%.1f", $0) }.joined(separator: " ") + ")")
        row("utilisation of serving edges", String(format: "%.1f %%", outcome.utilisation))
        row(
            "new machines / scale calls",
            "\(totals.newMachines) (\(totals.refusedMachines) refused) / \(totals.scales), \(totals.conflicts) conflicts"
        )
        row("publishers lost / raids", "\(totals.cliffs) / \(totals.raids)")
        let reasons = outcome.reasons.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(6)
        row("reasons of actions", reasons.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        row(
            "measured here",
            String(
                format:
                    "%.1f s (%.1f s of one core), %.2f ms a tick, of which decisions %.2f ms (slowest %.1f ms); set up in %.1f s",
                speed.seconds, speed.cpuSeconds, speed.seconds * 1_000 / Double(max(1, speed.ticks)),
                speed.decisionSeconds * 1_000 / Double(max(1, speed.ticks)), speed.slowestDecisionMilliseconds,
                speed.setupSeconds))
    }

    static func table(_ growth: FleetGrowth, seconds: Double) {
        print(
            "grow: \(growth.from) → \(growth.to) edges, crowd over \(growth.rampSeconds) s, "
                + "cloud gives \(growth.machinesPerSecond) machines/s (\(Int(growth.boundSeconds)) s at least)")
        func time(_ value: Double?) -> String { value.map { String(format: "%.0f s", $0) } ?? "never" }
        row("first larger replica count after", time(growth.firstScaleSeconds))
        row("from there until all serve", time(growth.growSeconds))
        row("from the crowd's first viewer", time(growth.wholeSeconds))
        row(
            "viewer-minutes overloaded / waiting",
            "\(number(growth.overloadedMinutes)) / \(number(growth.waitedMinutes))")
        row("scale calls", "\(growth.scales)")
        row("measured here", String(format: "%.1f s", seconds))
    }

    private static func row(_ name: String, _ value: String) {
        print("  " + name.padding(toLength: 36, withPad: " ", startingAt: 0) + value)
    }

    /// With thin separators: 10 000 000.
    private static func number(_ value: Double) -> String {
        var digits = String(Int(value.rounded()))
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return ([digits] + groups).joined(separator: " ")
    }
}
