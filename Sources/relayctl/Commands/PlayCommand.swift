import ArgumentParser
import RelayClient
import RelayCore

struct PlayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "play", abstract: "Play a stream without a screen and tell how it is.",
        discussion: """
            Measures codecs, frame rate, bit rate, join time, gaps and timestamps, and the delay when the frames carry a \
            clock of this machine. Runs until the stream ends, --seconds are over, or Ctrl-C; each of them is a success \
            when media came.
            """)

    @Argument(
        help: ArgumentHelp("rtmp://host/app/name, http://host/app/name.flv or ws://host/app/name.flv", valueName: "url")
    )
    var url: String

    @Option(help: "Stop after so many seconds of media.")
    var seconds: Double?

    @Option(help: ArgumentHelp("Also write what comes to this FLV file.", valueName: "file"))
    var output: String?

    @Option(help: ArgumentHelp("Give up when no media came after so many seconds.", valueName: "seconds"))
    var timeout = 10.0

    @Option(name: [.customShort("o"), .customLong("format")], help: "How the result is shown.")
    var format = OutputFormat.table

    @Flag(name: .customLong("json"), help: "The same as -o json.")
    var json = false

    @Flag(name: .customLong("no-color"), help: "No colours; also NO_COLOR.")
    var noColour = false

    func validate() throws {
        if let seconds, !(0.1...1_000_000).contains(seconds) {
            throw ValidationError("--seconds takes 0.1 to 1000000.")
        }
        guard (0.1...3600).contains(timeout) else { throw ValidationError("--timeout takes 0.1 to 3600 seconds.") }
    }

    func run() async throws {
        let console = Console.current
        let target: PlayTarget
        do throws(ClientError) { target = try PlayTarget(url) } catch { throw Failure(error) }
        let recorder = try output.map { path throws(Failure) in try FLVRecorder(path: path) }
        var run = PlayRun(
            probe: PlayProbe(url: url, transport: target.transport, startedAt: .now()), recorder: recorder,
            seconds: seconds.map { .seconds($0) }, firstMediaTimeout: .seconds(timeout),
            showsProgress: console.isTerminal && !json && format == .table)
        let outcome = await run.play(target)
        try recorder?.flush()
        let report = run.probe.summary()
        if run.probe.hasMedia {
            if json || format == .json {
                try console.print(AdminOptions.json(report))
            } else {
                try console.print(report.table(width: console.width, hasColour: console.hasColour && !noColour))
            }
        }
        if let outcome { throw outcome }
    }
}

/// One play from connecting to its end.
struct PlayRun {
    var probe: PlayProbe
    let recorder: FLVRecorder?
    let seconds: Duration?
    let firstMediaTimeout: Duration
    let showsProgress: Bool

    private enum Input: Sendable {
        case event(PlayerEvent)
        case tick
    }

    /// Plays; nil when it ended as it should, with media.
    mutating func play(_ target: PlayTarget) async -> Failure? {
        let startedAt = MonotonicTime.now()
        var options = StreamPlayer.Options()
        options.connectTimeout = firstMediaTimeout
        let (inputs, continuation) = AsyncStream.makeStream(of: Input.self)
        let player: StreamPlayer
        do throws(ClientError) {
            player = try await StreamPlayer.connect(to: target, options: options) { event in
                continuation.yield(.event(event))
                if case .closed = event { continuation.finish() }
            }
        } catch {
            return Failure(error)
        }
        let clock = Task {
            while !Task.isCancelled {
                // Its only failure is the end of this task.
                try? await Task.sleep(for: .milliseconds(100))
                continuation.yield(.tick)
            }
        }
        defer { clock.cancel() }
        let failure = await withTaskCancellationHandler {
            await consume(inputs, player: player, startedAt: startedAt)
        } onCancel: {
            Task { await player.close() }
        }
        clock.cancel()
        await player.close()
        if showsProgress { _ = Console.current.out("\r\u{1B}[K") }
        if failure == nil, !probe.hasMedia {
            return Task.isCancelled ? .interrupted("") : .interrupted("The stream ended without media.")
        }
        return failure
    }

    private mutating func consume(_ inputs: AsyncStream<Input>, player: StreamPlayer, startedAt: MonotonicTime) async
        -> Failure?
    {
        var firstMediaAt: MonotonicTime?
        var lastProgress = startedAt
        for await input in inputs {
            switch input {
            case .event(.ready(let at)): probe.ready(at: at)
            case .event(.media(let media)):
                probe.receive(media)
                firstMediaAt = firstMediaAt ?? media.receivedAt
                do throws(Failure) { try recorder?.write(media) } catch { return error }
                if let seconds, let firstMediaAt, media.receivedAt - firstMediaAt >= seconds { return nil }
            case .event(.ended): return nil
            case .event(.reconnectRequested): break
            case .event(.closed(let error)):
                // Ctrl-C closes, and so does the end of a stream over HTTP.
                return error.map { Failure($0) }
            case .tick:
                let now = MonotonicTime.now()
                guard let firstMediaAt else {
                    guard now - startedAt < firstMediaTimeout else { return .interrupted("No media came in time.") }
                    continue
                }
                if let seconds, now - firstMediaAt >= seconds { return nil }
                if showsProgress, now - lastProgress >= .seconds(1) {
                    lastProgress = now
                    progress(now - firstMediaAt, now)
                }
            }
        }
        return nil
    }

    private mutating func progress(_ elapsed: Duration, _ now: MonotonicTime) {
        let recent = probe.takeRecent(now: now)
        let line = [
            Units.duration(seconds: elapsed / .seconds(1)), "\(Units.fixed(recent.framesPerSecond, 1)) fps",
            Units.bitrate(recent.bitrate), "longest gap \(Units.milliseconds(recent.longestGapMs))",
        ].joined(separator: "  ")
        _ = Console.current.out("\r\(line.prefix(max(10, (Console.current.width ?? 80) - 1)))\u{1B}[K")
    }
}
