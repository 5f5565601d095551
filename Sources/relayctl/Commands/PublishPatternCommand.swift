import ArgumentParser
import RelayCore
import RelayRTMP
import RelayVerify

/// What `relayctl publish --verifiable` takes.
struct PatternOptions: ParsableArguments {
    @Flag(name: .customLong("verifiable"), help: "Make a stream whose every frame relayctl verify can check.")
    var isVerifiable = false

    @Option(name: .customLong("fps"), help: "Video frames per second, 1 to 240.")
    var framesPerSecond: UInt32 = 30

    @Option(help: ArgumentHelp("Video frames from keyframe to keyframe.", valueName: "frames"))
    var keyInterval: UInt32 = 60

    @Option(help: ArgumentHelp("Bits per second, up to 50000000.", valueName: "bits"))
    var bitrate: UInt32 = 1_000_000

    @Option(help: ArgumentHelp("Share of video frames that no other needs, 0 to 0.5.", valueName: "share"))
    var disposable = 0.0

    @Flag(help: "Number frames by the clock, so that a primary and a backup publisher send the same ones.")
    var aligned = false

    @Flag(name: .customLong("no-audio"), help: "Video only.")
    var hasNoAudio = false

    @Option(help: ArgumentHelp("Number of the first connection; each further one has the next.", valueName: "number"))
    var session: UInt32 = 1

    @Option(help: ArgumentHelp("Time before the next URL is tried, such as 1s or 200ms.", valueName: "time"))
    var retry = TypedDuration(.seconds(1))

    @Option(name: [.customShort("o"), .customLong("format")], help: "How changes are told; json is one object a line.")
    var format = OutputFormat.table

    func validate() throws {
        guard (1...240).contains(framesPerSecond) else { throw ValidationError("--fps takes 1 to 240.") }
        guard (1...65_535).contains(keyInterval) else { throw ValidationError("--key-interval takes 1 to 65535.") }
        guard bitrate <= 50_000_000 else { throw ValidationError("--bitrate takes up to 50000000.") }
        guard (0...0.5).contains(disposable) else { throw ValidationError("--disposable takes 0 to 0.5.") }
    }

    /// Publishes until the time is over or Ctrl-C.
    ///
    /// - Throws: ``Failure/usage(_:)`` for a URL that is none; ``Failure/unreachable(_:)`` when nothing ever took the stream.
    func publish(to urls: [String], seconds: Duration?) async throws(Failure) {
        var targets: [RTMPURL] = []
        for url in urls {
            guard let target = RTMPURL(url), !target.isSecure, !target.name.isEmpty else {
                throw .usage("\(Escape.forTerminal(url)) is not a URL such as rtmp://host/app/name.")
            }
            targets.append(target)
        }
        guard let first = targets.first else { throw .usage("There is no URL to publish to.") }
        let name = (try? StreamName(app: first.app, name: first.name).description) ?? "\(first.app)/\(first.name)"
        // The publishers of an aligned stream are one source; other streams have runs that no other run has.
        var configuration = VerifiableSource.Configuration(
            streamName: name, run: aligned ? 0 : UInt32.random(in: 1...UInt32.max))
        configuration.framesPerSecond = framesPerSecond
        configuration.keyInterval = keyInterval
        configuration.bitrate = bitrate
        configuration.disposableShare = disposable
        configuration.isAligned = aligned
        configuration.hasAudio = !hasNoAudio
        var run = PatternRun(
            targets: targets, source: VerifiableSource(configuration: configuration), session: session,
            retry: retry.duration, duration: seconds, format: format)
        try await run.publish()
    }
}

extension TypedDuration: ExpressibleByArgument, CustomStringConvertible {
    var description: String { Units.fixed(duration / .seconds(1), 1) + "s" }
}
