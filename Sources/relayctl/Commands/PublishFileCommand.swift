import ArgumentParser
import NIOCore
import RelayClient
package import RelayCore
import RelayFLV
import RelayRTMP

struct PublishFileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Send an FLV file as a live stream, at the speed of its timestamps.",
        discussion: """
            A file is not tried again when the connection is lost. With --verifiable there is no file: all arguments are \
            URLs, and a stream is made that relayctl verify can check; when its connection is lost, the next URL is tried.
            """)

    @Argument(help: ArgumentHelp("The FLV file; - for standard input.", valueName: "file"))
    var file: String

    @Argument(help: ArgumentHelp("rtmp://host/app/name; several with --verifiable.", valueName: "url"))
    var urls: [String] = []

    @Flag(help: "Start over at the end of the file, with timestamps that go on.")
    var loop = false

    @Option(help: "Stop after so many seconds.")
    var seconds: Double?

    @OptionGroup(title: "Verifiable stream") var pattern: PatternOptions

    func validate() throws {
        guard pattern.isVerifiable || urls.count == 1 else {
            throw ValidationError("A file is published to one URL: relayctl publish <file> <url>.")
        }
        guard !pattern.isVerifiable || !loop else { throw ValidationError("--loop is for files.") }
        if let seconds, !(0.1...1_000_000).contains(seconds) {
            throw ValidationError("--seconds takes 0.1 to 1000000.")
        }
    }

    func run() async throws {
        let console = Console.current
        if pattern.isVerifiable {
            return try await pattern.publish(to: [file] + urls, seconds: seconds.map { .seconds($0) })
        }
        guard let url = urls.first, let target = RTMPURL(url), !target.isSecure, !target.name.isEmpty else {
            throw Failure.usage("The URL has to be one such as rtmp://host/app/name.")
        }
        var source = try FLVFile(path: file)
        guard let first = try source.next() else { throw Failure.usage("\(Escape.forTerminal(file)) has no tags.") }
        let publisher: StreamPublisher
        do throws(ClientError) { publisher = try await StreamPublisher.connect(to: target) } catch {
            throw Failure(error)
        }
        var pacer = PublishPacer(startedAt: .now())
        var sent = (tags: 0, bytes: 0)
        var tag: (kind: MediaKind, timestamp: UInt32, body: ByteBuffer)? = first
        let deadline = seconds.map { MonotonicTime.now() + .seconds($0) }
        sending: while let next = tag {
            let due = pacer.due(next.timestamp, isMedia: next.kind != .data)
            let until = deadline.map { min($0, due.at) } ?? due.at
            let wait = until - .now()
            if wait > .zero {
                do { try await Task.sleep(for: wait, tolerance: .zero) } catch { break sending }
            }
            if let deadline, due.at >= deadline { break }
            do throws(ClientError) {
                try await publisher.send(kind: next.kind, timestamp: due.timestamp, payload: next.body)
            } catch {
                throw Failure(error)
            }
            sent = (sent.tags + 1, sent.bytes + next.body.readableBytes)
            tag = try source.next()
            if tag == nil, loop, source.rewind() {
                pacer.startOver()
                tag = try source.next()
            }
        }
        await publisher.finish()
        let text =
            "Sent \(sent.tags) tags, \(Units.bytes(sent.bytes)), in \(Units.duration(seconds: (MonotonicTime.now() - pacer.startedAt) / .seconds(1)))."
        try console.print(text)
        if Task.isCancelled { throw Failure.interrupted("") }
    }
}

/// When each tag of a file is due, and which timestamp it gets, over any number of rounds through the file.
package struct PublishPacer {
    /// When the first tag was due.
    package let startedAt: MonotonicTime
    private var clock = TimestampUnwrapper()
    /// Added to the file's timestamps so that they start at 0 and go on over rounds and jumps, ms.
    private var offset: Int64?
    private var last: Int64 = 0
    private var step: Int64 = 33

    /// A jump of timestamps that is taken for a cut instead of waited for, ms.
    static let cut: Int64 = 10_000

    package init(startedAt: MonotonicTime) { self.startedAt = startedAt }

    /// When a tag is due, and its timestamp on the wire. Script data is due at once, where it stands.
    package mutating func due(_ timestamp: UInt32, isMedia: Bool) -> (at: MonotonicTime, timestamp: UInt32) {
        guard isMedia else { return (startedAt + .milliseconds(last), UInt32(truncatingIfNeeded: last)) }
        let value = clock.unwrap(timestamp)
        var time = value &+ (offset ?? -value)
        if offset == nil || time - last > Self.cut || time - last < -Self.cut {
            offset = (last == 0 ? 0 : last + step) &- value
            time = last == 0 ? 0 : last + step
        }
        if time > last, time - last < 200 { step = time - last }
        last = max(last, time)
        return (startedAt + .milliseconds(time), UInt32(truncatingIfNeeded: time))
    }

    /// The file starts again; its first tag follows the last one at the usual distance.
    package mutating func startOver() {
        clock = TimestampUnwrapper()
        offset = nil
    }
}
