import ArgumentParser
import Glibc
import RelayClient
import RelayCore
import RelayVerify

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Play a verifiable stream and check every frame of it.",
        discussion: """
            The stream has to come from relayctl publish --verifiable. Counts what is lost, late, double, damaged, of another \
            stream or not decodable, pauses, switches between publishers, and the delay (on one machine). Runs for \
            --seconds, until the stream ends, or until Ctrl-C.
            Exit codes: 0 clean, 1 something is not as it should be, 3 no viewer could connect.
            """)

    @Argument(
        help: ArgumentHelp(
            "rtmp://host/app/name, http://host/app/name.flv or ws://host/app/name.flv; viewers take them in turn.",
            valueName: "url"))
    var urls: [String]

    @Option(help: "Stop after so many seconds.")
    var seconds: Double?

    @Option(help: "Play with so many viewers, up to 10000.")
    var viewers = 1

    @Flag(help: "Connect again at once when a connection ends; it is counted.")
    var reconnect = false

    @Flag(help: "Take the next URL each time; implies --reconnect.")
    var failover = false

    @Option(help: ArgumentHelp("A longer time without a video frame is a violation.", valueName: "ms"))
    var maxGap: Double?

    @Option(help: ArgumentHelp("More missing frames at one viewer are a violation.", valueName: "count"))
    var maxLost: UInt64 = 0

    @Option(help: ArgumentHelp("More ended connections of one viewer are a violation.", valueName: "count"))
    var maxDisconnects: UInt64 = 0

    @Option(
        help: ArgumentHelp(
            "Do not judge a rule: \(VerifyRule.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "rule"))
    var ignore: [String] = []

    @Option(help: ArgumentHelp("Give up on a connection after so many seconds.", valueName: "seconds"))
    var timeout = 5.0

    @Option(name: [.customShort("o"), .customLong("format")], help: "How the result is shown.")
    var format = OutputFormat.table

    @Flag(name: .customLong("no-color"), help: "No colours; also NO_COLOR.")
    var noColour = false

    func validate() throws {
        if let seconds, !(0.1...1_000_000).contains(seconds) {
            throw ValidationError("--seconds takes 0.1 to 1000000.")
        }
        guard (1...10_000).contains(viewers) else { throw ValidationError("--viewers takes 1 to 10000.") }
        guard (0.1...3600).contains(timeout) else { throw ValidationError("--timeout takes 0.1 to 3600 seconds.") }
        if let maxGap, !(1...3_600_000).contains(maxGap) { throw ValidationError("--max-gap takes 1 to 3600000 ms.") }
        for rule in ignore where VerifyRule(rawValue: rule) == nil {
            throw ValidationError("There is no rule \(rule); see --help.")
        }
    }

    func run() async throws {
        let console = Console.current
        var settings = VerifyRun.Settings(sources: [])
        for url in urls {
            do throws(ClientError) { settings.sources.append(.init(url: url, target: try PlayTarget(url))) } catch {
                throw Failure(error)
            }
        }
        settings.viewers = viewers
        settings.duration = seconds.map { .seconds($0) }
        settings.behaviour.reconnects = reconnect || failover
        settings.behaviour.hasFailover = failover
        settings.behaviour.connectTimeout = .seconds(timeout)
        settings.allowed = VerifyAllowance(
            lost: maxLost, gapMs: maxGap, disconnects: maxDisconnects,
            ignored: Set(ignore.compactMap { VerifyRule(rawValue: $0) }))
        settings.showsProgress = isatty(STDERR_FILENO) == 1 && (console.isTerminal || format == .json)
        let result = try await VerifyRun(settings).run()
        if format == .json {
            try console.print(AdminOptions.json(result))
        } else {
            try console.print(result.table(width: console.width, hasColour: console.hasColour && !noColour))
        }
        guard result.isClean else {
            let bad = result.sums.viewers - result.sums.cleanViewers
            throw Failure.refused(
                "\(bad) of \(result.sums.viewers) viewers saw what they should not: "
                    + result.violations.map { $0.rule.rawValue }.joined(separator: ", ") + ".")
        }
    }
}
